"""What a person reads for each refusal: its cause, and what to do about it, where, and with what."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
import requests

from monitor.errors import Reason, SfccError
from tests.monitor.answers import Answer, Client, always

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
SHOP = b"<html><head><title>Sites-RefArch-Site</title></head>"


def fault(status: int, kind: str, message: str = "", headers: Mapping[str, str] | None = None) -> Answer:
    doc = {"_v": "25.6", "fault": {"type": kind, "message": message, "arguments": {"path": "/x"}}}
    return status, json.dumps(doc).encode(), headers or {}


def problem(
    status: int, kind: str, title: str, detail: str = "", headers: Mapping[str, str] | None = None
) -> Answer:
    address = f"https://api.commercecloud.salesforce.com/documentation/error/v1/errors/{kind}"
    return status, json.dumps({"type": address, "title": title, "detail": detail}).encode(), headers or {}


def said_by(client: Client, backend: str) -> SfccError:
    jobs = client.jobs if backend == "ocapi" else client.scapi
    with pytest.raises(SfccError) as caught:
        list(jobs.recent(NOW, {}))
    return caught.value


OCAPI_PAGE = "in Business Manager > Administration > Site Development > Open Commerce API Settings, type Data"
ADD_SEARCH = (
    f"{OCAPI_PAGE}, add the resource /job_execution_search (POST) for it; changes take up to 3 minutes"
)
ROLE = (
    "in Account Manager > API Client give it the role Salesforce Commerce API with zzxy_prd in its filter, "
    "and add sfcc.jobs to its allowed scopes"
)
NOT_THE_SHOP = "check the server's name, which is the instance's own and not the shop's"
BAD_TOKEN = (
    'shop.example does not accept the token of the API client "id", not even a new one: '
    "check that account_manager_host is the one this instance belongs to"
)
NO_ORGANIZATION = (
    "check tenant_id and shortcode, which Business Manager shows under Administration > Site Development > "
    "Salesforce Commerce API Settings"
)
IF_IT_STAYS = "it is asked again; if this stays, look at Salesforce's status page, then open a case there"
LESS = "if this stays, lower requests_per_minute or raise poll_interval"
DEFECT = "if this stays, report it as a defect with this text"


@pytest.mark.parametrize(
    ("answer", "reason", "text"),
    [
        pytest.param(
            fault(400, "UnknownPropertyException", "Property 'x' is not known."),
            Reason.REFUSED,
            "shop.example refuses the request (400, UnknownPropertyException: Property 'x' is not known.): "
            + DEFECT,
            id="a request that is not understood",
        ),
        pytest.param(
            fault(401, "InvalidAccessTokenException", "Unauthorized request!"),
            Reason.CREDENTIALS,
            BAD_TOKEN,
            id="a token of another host",
        ),
        pytest.param(
            fault(401, "InvalidAuthorizationHeaderException"),
            Reason.CREDENTIALS,
            BAD_TOKEN,
            id="a header it cannot read",
        ),
        pytest.param(
            (401, b'{"error":"invalid_token","error_description":"eyJhbGciOiJSUzI1NiJ9.x.y"}', {}),
            Reason.CREDENTIALS,
            BAD_TOKEN,
            id="a token refused in Account Manager's words",
        ),
        pytest.param(
            (401, b"", {}),
            Reason.PERMISSION,
            f'the API client "id" may not use /job_execution_search on shop.example (401): {ADD_SEARCH}',
            id="a missing right as documented",
        ),
        pytest.param(
            fault(403, "ClientAccessForbiddenException", "Access forbidden."),
            Reason.PERMISSION,
            f'the API client "id" may not use /job_execution_search on shop.example (403): {ADD_SEARCH}',
            id="a missing right as seen",
        ),
        pytest.param(
            (403, b"<title>Access Denied</title>", {}),
            Reason.PERMISSION,
            'something in front of shop.example refuses this machine (403, page "Access Denied"): '
            "check its allow-list",
            id="a firewall",
        ),
        pytest.param(
            fault(404, "ResourcePathNotFoundException", "Unknown path."),
            Reason.NOT_FOUND,
            "shop.example has no Data API v25_6 at this address (404, ResourcePathNotFoundException: Unknown "
            f"path.): {NOT_THE_SHOP}, and the API's version",
            id="no such version",
        ),
        pytest.param(
            (404, SHOP, {}),
            Reason.NOT_FOUND,
            'shop.example has no Data API v25_6 at this address (404, page "Sites-RefArch-Site"): '
            f"{NOT_THE_SHOP}, and the API's version",
            id="a storefront's 404",
        ),
        pytest.param(
            (200, SHOP, {}),
            Reason.PROTOCOL,
            'shop.example sent a page "Sites-RefArch-Site" where JSON was due: if this stays, '
            + NOT_THE_SHOP,
            id="a storefront's page",
        ),
        pytest.param(
            fault(405, "MethodNotAllowedException"),
            Reason.REFUSED,
            f"shop.example refuses the request (405, MethodNotAllowedException): {DEFECT}",
            id="a method it does not take",
        ),
        pytest.param(
            (413, b"", {}),
            Reason.REFUSED,
            "shop.example refuses the request as too large (413): check the proxy on the way to it",
            id="too large a request",
        ),
        pytest.param(
            fault(500, "InternalServerException", "An internal error occurred."),
            Reason.SERVER,
            "shop.example has trouble of its own (500, InternalServerException: An internal error "
            f"occurred.): {IF_IT_STAYS}",
            id="an internal error",
        ),
        pytest.param(
            (521, b"<title>Web Server Is Down</title>", {}),
            Reason.SERVER,
            f'shop.example has trouble of its own (521, page "Web Server Is Down"): {IF_IT_STAYS}',
            id="nothing behind the network in front",
        ),
        pytest.param(
            (503, b"<title>Maintenance</title>", {}),
            Reason.MAINTENANCE,
            'shop.example is down for maintenance (503, page "Maintenance"): '
            "it is asked again until it is back",
            id="a page of maintenance",
        ),
        pytest.param(
            (302, b"", {"Location": "https://login.example/sso"}),
            Reason.PROTOCOL,
            "shop.example redirects to login.example instead of answering: check the server's name in the "
            "settings",
            id="a redirect",
        ),
    ],
)
def test_ocapi_names_cause_and_remedy(answer: Answer, reason: Reason, text: str) -> None:
    said = said_by(Client(always(answer), lambda: NOW), "ocapi")
    assert (said.reason, str(said)) == (reason, text)


@pytest.mark.parametrize(
    ("answer", "reason", "text"),
    [
        pytest.param(
            problem(400, "invalid-query", "Bad Request", "Unknown operator."),
            Reason.REFUSED,
            f"shop.example refuses the request (400, invalid-query: Unknown operator.): {DEFECT}",
            id="a request that is not understood",
        ),
        pytest.param(
            problem(400, "bad-request", "Bad Request", "Invalid organizationId."),
            Reason.NOT_FOUND,
            "shop.example knows no jobs of f_ecom_zzxy_prd (400, bad-request: Invalid organizationId.): "
            + NO_ORGANIZATION,
            id="no such organization",
        ),
        pytest.param(
            problem(401, "unauthorized", "Unauthorized", "Your access token is invalid or expired."),
            Reason.CREDENTIALS,
            'shop.example does not accept the token of the API client "id", not even a new one (401, '
            "unauthorized: Your access token is invalid or expired.): check that account_manager_host is the "
            "one f_ecom_zzxy_prd belongs to",
            id="a token of another host",
        ),
        pytest.param(
            problem(401, "unauthorized", "Unauthorized", "Missing scope sfcc.jobs"),
            Reason.PERMISSION,
            'the API client "id" may not read the jobs of f_ecom_zzxy_prd (401, unauthorized: Missing scope '
            f"sfcc.jobs): {ROLE}",
            id="a missing scope as 401",
        ),
        pytest.param(
            problem(403, "forbidden", "Forbidden", "Access denied. Missing required scope: sfcc.jobs"),
            Reason.PERMISSION,
            'the API client "id" may not read the jobs of f_ecom_zzxy_prd (403, forbidden: Access denied. '
            f"Missing required scope: sfcc.jobs): {ROLE}",
            id="a missing scope",
        ),
        pytest.param(
            problem(403, "forbidden", "Forbidden", "Access denied for organization f_ecom_zzxy_prd"),
            Reason.PERMISSION,
            'the API client "id" may not read the jobs of f_ecom_zzxy_prd (403, forbidden: Access denied for '
            f"organization f_ecom_zzxy_prd): {ROLE}",
            id="a tenant that is not in the filter",
        ),
        pytest.param(
            (403, b"<title>Access Denied</title>", {}),
            Reason.PERMISSION,
            'something in front of shop.example refuses this machine (403, page "Access Denied"): '
            "check its allow-list",
            id="a firewall",
        ),
        pytest.param(
            problem(404, "not-found", "Not Found", "No realm for this short code."),
            Reason.NOT_FOUND,
            "shop.example knows no jobs of f_ecom_zzxy_prd (404, not-found: No realm for this short code.): "
            + NO_ORGANIZATION,
            id="the short code of another realm",
        ),
        pytest.param(
            (404, b'{"title":"Not Found"}', {}),
            Reason.NOT_FOUND,
            f"shop.example knows no jobs of f_ecom_zzxy_prd (404, not-found: Not Found): {NO_ORGANIZATION}",
            id="a problem without a type",
        ),
        pytest.param(
            (200, SHOP, {}),
            Reason.PROTOCOL,
            'shop.example sent a page "Sites-RefArch-Site" where JSON was due: if this stays, '
            + NOT_THE_SHOP,
            id="a storefront's page",
        ),
        pytest.param(
            problem(413, "payload-too-large", "Payload Too Large"),
            Reason.REFUSED,
            "shop.example refuses the request as too large (413, payload-too-large: Payload Too Large): "
            "check the proxy on the way to it",
            id="too large a request",
        ),
        pytest.param(
            problem(500, "internal-server-error", "Internal Server Error", "Something failed."),
            Reason.SERVER,
            "shop.example has trouble of its own (500, internal-server-error: Something failed.): "
            + IF_IT_STAYS,
            id="an internal error",
        ),
        pytest.param(
            problem(
                503,
                "system-under-maintenance",
                "System Under Maintenance",
                "The request could not be processed.",
                {"sfdc_maintenance": "system"},
            ),
            Reason.MAINTENANCE,
            "shop.example is down for maintenance (503, system-under-maintenance: The request could not be "
            "processed.): it is asked again until it is back",
            id="maintenance",
        ),
    ],
)
def test_scapi_names_cause_and_remedy(answer: Answer, reason: Reason, text: str) -> None:
    said = said_by(Client(always(answer), lambda: NOW), "scapi")
    assert (said.reason, str(said)) == (reason, text)


@pytest.mark.parametrize("backend", ["ocapi", "scapi"])
@pytest.mark.parametrize(
    ("answer", "reason", "text"),
    [
        pytest.param(
            (429, b"", {}),
            Reason.THROTTLED,
            f"shop.example asks for fewer requests (429): {LESS}",
            id="too many requests",
        ),
        pytest.param(
            (429, b"", {"Retry-After": "90"}),
            Reason.THROTTLED,
            f"shop.example asks for fewer requests (429), and to come back in 90 s: {LESS}",
            id="too many requests, and when to come back",
        ),
        pytest.param(
            (503, b"", {"sfdc_load": "93", "sfdc_load_status": "THROTTLE"}),
            Reason.THROTTLED,
            f"shop.example asks for fewer requests (503): {LESS}",
            id="shed load",
        ),
        pytest.param(
            (503, b"", {"sfdc_maintenance": "site"}),
            Reason.MAINTENANCE,
            "shop.example is down for maintenance (503): it is asked again until it is back",
            id="maintenance by its header",
        ),
        pytest.param(
            (503, b"", {}),
            Reason.SERVER,
            f"shop.example has trouble of its own (503): {IF_IT_STAYS}",
            id="unavailable",
        ),
        pytest.param(
            (504, b"", {}),
            Reason.SERVER,
            f"shop.example waited too long for the instance behind it (504): {IF_IT_STAYS}",
            id="a gateway that gave up",
        ),
        pytest.param(
            (408, b"", {}),
            Reason.TIMEOUT,
            "shop.example waited too long for the request (408): check the network and the proxy on the way",
            id="a request that came too slowly",
        ),
        pytest.param(
            (204, b"", {}),
            Reason.PROTOCOL,
            "shop.example gives an answer that is none (204): check the server's name",
            id="an answer without content",
        ),
        pytest.param(
            (200, b"{}", {}),
            Reason.PROTOCOL,
            "the job search answered without a list of hits: check server and api version",
            id="an answer of another kind",
        ),
    ],
)
def test_both_say_alike_what_is_not_theirs(answer: Answer, reason: Reason, text: str, backend: str) -> None:
    said = said_by(Client(always(answer), lambda: NOW), backend)
    assert (said.reason, str(said)) == (reason, text)


def test_a_right_to_look_up_that_is_missing_is_named_by_itself() -> None:
    client = Client(always(fault(403, "ClientAccessForbiddenException")), lambda: NOW)
    with pytest.raises(SfccError) as caught:
        client.jobs.execution("import", "1")
    assert str(caught.value) == (
        'the API client "id" may not use /jobs/*/executions/* on shop.example (403): '
        f"{OCAPI_PAGE}, add the resource /jobs/*/executions/* (GET) for it; changes take up to 3 minutes"
    )


def test_a_scope_that_account_manager_does_not_give_is_said_with_role_and_scope() -> None:
    def script(_request: requests.PreparedRequest) -> Answer:
        return 400, b'{"error":"invalid_scope","error_description":"sfcc.jobs"}', {}

    said = said_by(Client(script, lambda: NOW), "scapi")
    assert (said.reason, said.fault_type) == (Reason.PERMISSION, "invalid_scope")
    assert str(said) == (
        'Account Manager gives the API client "id" no token for the jobs of f_ecom_zzxy_prd (invalid_scope): '
        + ROLE
    )


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "PropertyConstraintViolationException"),
        (400, "EnumConstraintViolationException"),
        (400, "UnknownPropertyException"),
        (400, "MalformedDocumentException"),
        (405, "MethodNotAllowedException"),
        (409, "ConflictException"),
        (412, "PreconditionFailedException"),
        (415, "UnsupportedMediaTypeException"),
    ],
)
def test_a_request_that_is_refused_is_a_defect_of_ours(status: int, kind: str) -> None:
    said = said_by(Client(always(fault(status, kind)), lambda: NOW), "ocapi")
    assert (said.reason, str(said)) == (
        Reason.REFUSED,
        f"shop.example refuses the request ({status}, {kind}): {DEFECT}",
    )


@pytest.mark.parametrize("kind", ["JobExecutionNotFoundException", "JobNotFoundException"])
def test_a_run_that_is_gone_is_an_answer_and_no_fault(kind: str) -> None:
    client = Client(always(fault(404, kind, "No such thing.")), lambda: NOW)
    assert client.jobs.execution("import", "1") is None
