"""Which refusal is a missing right, of what, and what gives it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.checkup.model import Outcome, Step, What, exit_code, remedies, worst_first
from monitor.checkup.permissions import Document, ocapi_entry, webdav_entry
from monitor.checkup.subject import Subject, is_platform_host
from monitor.checkup.verdict import (
    eased,
    failed,
    one_client_for_both,
    passed,
    skipped,
    untried,
    without_token,
)
from monitor.errors import LogError, Reason, SfccError

CLIENT = "11111111-2222-3333-4444-555555555555"
HOST = "production-realm-customer.demandware.net"
SUBJECT = Subject(
    "production",
    "production",
    servers={
        "ocapi": f"https://{HOST}",
        "webdav": f"https://{HOST}",
        "scapi": "https://kv7kzm78.api.commercecloud.salesforce.com",
    },
    clients={"ocapi": CLIENT, "scapi": "scapi-client", "webdav": CLIENT},
    tenant="zzxy_prd",
)
SHOP = replace(SUBJECT, servers={**SUBJECT.servers, "ocapi": "https://www.shop.example"})
BY_USER = replace(SUBJECT, clients={"ocapi": CLIENT}, webdav_user="reader@example.com")
SANDBOX = replace(SUBJECT, type="sandbox")


def error(
    reason: Reason, status: int | None = None, fault: str | None = None, text: str = "said"
) -> SfccError:
    return SfccError(reason, text, status=status, fault_type=fault)


FORBIDDEN = error(Reason.PERMISSION, 403, "ClientAccessForbiddenException")


@pytest.mark.parametrize(
    ("subject", "what", "api", "given", "page", "entry"),
    [
        pytest.param(
            SUBJECT,
            What.SEARCH,
            "ocapi",
            FORBIDDEN,
            Document.OCAPI.page,
            ocapi_entry(CLIENT),
            id="search, 403",
        ),
        pytest.param(
            SUBJECT,
            What.EXECUTION,
            "ocapi",
            error(Reason.PERMISSION, 401),
            Document.OCAPI.page,
            ocapi_entry(CLIENT),
            id="single run, 401 without a fault",
        ),
        pytest.param(
            SUBJECT, What.SEARCH, "ocapi", error(Reason.PERMISSION, 403), None, None, id="a wall in front"
        ),
        pytest.param(
            SUBJECT,
            What.LOG,
            "webdav",
            error(Reason.PERMISSION, 401),
            Document.WEBDAV.page,
            webdav_entry(CLIENT),
            id="log, by a client",
        ),
        pytest.param(
            BY_USER,
            What.LOG,
            "webdav",
            error(Reason.PERMISSION, 403),
            "Business Manager > Administration > Organization > Roles & Permissions > WebDAV Permissions",
            None,
            id="log, by a user",
        ),
        pytest.param(
            SUBJECT,
            What.TOKEN,
            "scapi",
            error(Reason.PERMISSION, 400, "invalid_scope"),
            "Account Manager > API Client",
            None,
            id="a scope the client lacks",
        ),
        pytest.param(
            SUBJECT,
            What.TOKEN,
            "ocapi",
            error(Reason.CREDENTIALS, 401, "invalid_client"),
            "Account Manager > API Client",
            None,
            id="a client that is not accepted",
        ),
        pytest.param(
            SUBJECT, What.TOKEN, "ocapi", error(Reason.CREDENTIALS), None, None, id="a secret's file is gone"
        ),
        pytest.param(
            SUBJECT,
            What.SEARCH,
            "scapi",
            error(Reason.PERMISSION, 403),
            "Account Manager > API Client",
            None,
            id="a role without the tenant",
        ),
        pytest.param(
            SUBJECT, What.SEARCH, "ocapi", error(Reason.SERVER, 500), None, None, id="trouble of its own"
        ),
    ],
)
def test_what_gives_the_right(
    subject: Subject, what: What, api: str, given: SfccError, page: str | None, entry: object
) -> None:
    step = failed(subject, what, api, given)
    assert step.outcome is Outcome.FAILED
    assert step.reason == given.reason
    assert (step.remedy and step.remedy.page, step.remedy and step.remedy.entry) == (page, entry)


def test_the_row_is_short_where_the_remedy_says_it_all() -> None:
    assert failed(SUBJECT, What.SEARCH, "ocapi", FORBIDDEN).detail == (
        f'the API client "{CLIENT}" may not use /job_execution_search on {HOST} (403)'
    )
    log = LogError(Reason.PERMISSION, "no log: a long sentence", status=403)
    assert failed(SUBJECT, What.LOG, "webdav", log).detail == (
        f'the API client "{CLIENT}" may not read /logs on {HOST} (403)'
    )


def test_the_scope_and_the_tenant_are_named() -> None:
    remedy = failed(SUBJECT, What.TOKEN, "scapi", error(Reason.PERMISSION, 400, "invalid_scope")).remedy
    assert remedy is not None
    assert remedy.how == (
        'give the client "scapi-client" the scope sfcc.jobs (Allowed Scopes) and the role Salesforce '
        "Commerce API with the tenant zzxy_prd in its filter"
    )


@pytest.mark.parametrize(
    ("subject", "given", "said"),
    [
        pytest.param(
            SHOP, error(Reason.NOT_FOUND, 404), "so it may be a storefront's domain", id="a storefront's 404"
        ),
        pytest.param(
            SHOP, error(Reason.PROTOCOL, 200), "so it may be a storefront's domain", id="a storefront's page"
        ),
        pytest.param(
            SHOP, error(Reason.PROTOCOL, 301), "so it may be a storefront's domain", id="a redirect"
        ),
        pytest.param(
            SUBJECT, error(Reason.NOT_FOUND, 404), "no permission is missing: check the server", id="a path"
        ),
        pytest.param(
            SHOP,
            error(Reason.NOT_FOUND, 404, "ResourcePathNotFoundException"),
            "no permission is missing: check the server",
            id="a version the platform itself does not know",
        ),
    ],
)
def test_an_answer_that_is_none_of_the_api_is_no_missing_permission(
    subject: Subject, given: SfccError, said: str
) -> None:
    remedy = failed(subject, What.SEARCH, "ocapi", given).remedy
    assert remedy is not None
    assert remedy.how.startswith("no permission is missing")
    assert said in remedy.how
    assert remedy.entry is None


@pytest.mark.parametrize(
    ("kind", "may_vanish"),
    [("production", True), ("development", True), ("staging", False), ("sandbox", False)],
)
def test_replication_may_remove_what_was_added_to_its_target(kind: str, may_vanish: bool) -> None:  # noqa: FBT001 - a column
    remedy = failed(replace(SUBJECT, type=kind), What.SEARCH, "ocapi", FORBIDDEN).remedy
    assert remedy is not None
    assert bool(remedy.also) is may_vanish
    assert ("replicates" in remedy.also) is may_vanish


def test_import_logs_are_no_need() -> None:
    step = failed(SUBJECT, What.IMPORT_LOG, "webdav", error(Reason.PERMISSION, 403))
    assert step.outcome is Outcome.SKIPPED
    assert step.remedy is not None
    assert step.remedy.entry == webdav_entry(CLIENT, ("/logs", "/impex/log"))
    assert remedies([step]) == []


def whole(api: str) -> list[Step]:
    return [passed(SUBJECT, what, api, "") for what in (What.SEARCH, What.EXECUTION)]


NO_SCAPI = failed(SUBJECT, What.TOKEN, "scapi", error(Reason.PERMISSION, 400, "invalid_scope"))


def test_one_of_two_apis_is_enough() -> None:
    (step, *_) = eased([NO_SCAPI, *whole("ocapi")])
    assert step.outcome is Outcome.WARNING
    assert step.detail == "said (not needed while OCAPI answers)"
    assert exit_code([step]) == 0


def test_half_an_api_is_not_enough() -> None:
    steps = [NO_SCAPI, whole("ocapi")[0], failed(SUBJECT, What.EXECUTION, "ocapi", FORBIDDEN)]
    assert eased(steps) == steps


@pytest.mark.parametrize(
    ("search", "outcome"),
    [
        pytest.param(error(Reason.CREDENTIALS, 401), Outcome.SKIPPED, id="the token itself is refused"),
        pytest.param(FORBIDDEN, Outcome.FAILED, id="another right is missing too"),
    ],
)
def test_a_log_says_nothing_of_rights_where_no_token_is_taken(search: SfccError, outcome: Outcome) -> None:
    steps = [
        failed(SUBJECT, What.SEARCH, "ocapi", search),
        failed(SUBJECT, What.LOG, "webdav", LogError(Reason.PERMISSION, "no log", status=401)),
    ]
    log = without_token(steps)[1]
    assert log.outcome is outcome
    assert (log.remedy is None) is (outcome is Outcome.SKIPPED)


def test_a_missing_log_right_is_not_eased_by_an_api_that_works() -> None:
    step = failed(SUBJECT, What.LOG, "webdav", error(Reason.PERMISSION, 403))
    assert eased([step, *whole("ocapi")])[0].outcome is Outcome.FAILED


def test_a_client_with_the_rights_of_both_apis_is_warned_of() -> None:
    same = replace(SUBJECT, clients={"ocapi": CLIENT, "scapi": CLIENT})
    step = one_client_for_both(same, [*whole("ocapi"), *whole("scapi")])
    assert step is not None
    assert step.outcome is Outcome.WARNING
    assert one_client_for_both(same, whole("ocapi")) is None
    assert one_client_for_both(SUBJECT, [*whole("ocapi"), *whole("scapi")]) is None


def test_what_lies_behind_a_closed_door_is_asked_for_with_it() -> None:
    steps = [
        skipped(SUBJECT, What.SEARCH, "ocapi", "no token"),
        skipped(SUBJECT, What.EXECUTION, "ocapi", "no token"),
        skipped(SUBJECT, What.LOG, "webdav", "no token"),
    ]
    assert [remedy.entry for remedy in untried(SUBJECT, steps)] == [ocapi_entry(CLIENT), webdav_entry(CLIENT)]


DOWN = failed(SUBJECT, What.SEARCH, "ocapi", error(Reason.NETWORK))
NO_NAME = failed(SUBJECT, What.NAME, HOST, error(Reason.NETWORK))
ASLEEP = failed(SANDBOX, What.SEARCH, "ocapi", error(Reason.ASLEEP, 503))
DENIED = failed(SUBJECT, What.SEARCH, "ocapi", FORBIDDEN)
SILENT = Step("", What.TARGET, "chat", Outcome.FAILED, "down", "network")


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        pytest.param([], 0, id="nothing tried"),
        pytest.param(whole("ocapi"), 0, id="all is well"),
        pytest.param([*whole("ocapi"), DENIED], 1, id="a right is missing"),
        pytest.param([DENIED], 1, id="a refusal is an answer"),
        pytest.param([DOWN], 3, id="no connection"),
        pytest.param([NO_NAME, skipped(SUBJECT, What.SEARCH, "ocapi", "")], 3, id="no name"),
        pytest.param([ASLEEP], 3, id="asleep"),
        pytest.param([passed(SUBJECT, What.NAME, HOST, ""), DOWN], 3, id="a name is no answer"),
        pytest.param([DOWN, *whole("ocapi")], 1, id="one of two instances answers"),
        pytest.param([*whole("ocapi"), SILENT], 1, id="a target takes nothing"),
        pytest.param([SILENT], 1, id="only a target fails"),
        pytest.param([Step("x", What.SETTINGS, "", Outcome.FAILED, "")], 1, id="settings are wrong"),
    ],
)
def test_exit_codes(steps: list[Step], code: int) -> None:
    assert exit_code(steps) == code


def test_a_remedy_is_given_once_for_all_it_mends() -> None:
    second = failed(SUBJECT, What.EXECUTION, "ocapi", FORBIDDEN)
    elsewhere = failed(replace(SUBJECT, instance="staging"), What.SEARCH, "ocapi", FORBIDDEN)
    found = remedies([DENIED, second, elsewhere])
    assert [[step.what for step in steps] for _, steps in found] == [
        [What.SEARCH, What.EXECUTION],
        [What.SEARCH],
    ]


def test_what_is_worst_stands_first() -> None:
    steps = [*whole("ocapi"), skipped(SUBJECT, What.LOG, "webdav", ""), DENIED]
    assert [step.outcome for step in worst_first(steps)] == ["failed", "skipped", "ok", "ok"]


@pytest.mark.parametrize(
    ("host", "is_it"),
    [
        ("production-realm-customer.demandware.net", True),
        ("ABCD-001.dx.commercecloud.salesforce.com:443", True),
        ("www.shop.example", False),
        ("demandware.net.shop.example", False),
        ("", False),
    ],
)
def test_hosts_of_instances_are_known_by_their_names(host: str, is_it: bool) -> None:  # noqa: FBT001 - a column
    assert is_platform_host(host) is is_it
