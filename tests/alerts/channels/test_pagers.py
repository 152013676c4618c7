"""PagerDuty and Opsgenie: what is opened, updated and closed, as their published interfaces want it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import jsonschema
import pytest

from alerts.channels.building import TargetType, build
from alerts.channels.opsgenie import OpsgenieNotifier
from alerts.channels.pagerduty import PagerDutyNotifier
from alerts.model import DeliveryError, DeliveryReason, Incident, Message, NotificationKind, Severity
from alerts.testing import incident
from tests.alerts.channels.conftest import NOON, Service, Telling

K = NotificationKind
KEY = "R0UT1NGKEY0123456789abcdef012345"
A = replace(incident("import-prices"), attachments=("log",))
B = incident("export orders")
MANY = [incident(f"job-{number}", severity=Severity.WARNING) for number in range(30)]

# By developer.pagerduty.com/docs/send-alert-event: fields, words and lengths.
_TEXT = {"type": "string"}
PAGERDUTY = {
    "type": "object",
    "required": ["routing_key", "event_action"],
    "additionalProperties": False,
    "properties": {
        "routing_key": {"type": "string", "minLength": 32, "maxLength": 32},
        "event_action": {"enum": ["trigger", "acknowledge", "resolve"]},
        "dedup_key": {"type": "string", "minLength": 1, "maxLength": 255},
        "client": _TEXT,
        "client_url": _TEXT,
        "links": {
            "type": "array",
            "items": {"type": "object", "required": ["href"], "properties": {"href": _TEXT, "text": _TEXT}},
        },
        "payload": {
            "type": "object",
            "required": ["summary", "source", "severity"],
            "additionalProperties": False,
            "properties": {
                "summary": {"type": "string", "minLength": 1, "maxLength": 1024},
                "source": {"type": "string", "minLength": 1},
                "severity": {"enum": ["critical", "warning", "error", "info"]},
                "timestamp": {"type": "string", "format": "date-time"},
                "component": _TEXT,
                "group": _TEXT,
                "class": _TEXT,
                "custom_details": {"type": "object"},
            },
        },
    },
    "if": {"properties": {"event_action": {"const": "trigger"}}},
    "then": {"required": ["payload"]},
    "else": {"required": ["dedup_key"]},
}

# By docs.opsgenie.com/docs/alert-api.
OPSGENIE_ALERT = {
    "type": "object",
    "required": ["message"],
    "additionalProperties": False,
    "properties": {
        "message": {"type": "string", "minLength": 1, "maxLength": 130},
        "alias": {"type": "string", "maxLength": 512},
        "description": {"type": "string", "maxLength": 15_000},
        "tags": {"type": "array", "maxItems": 20, "items": {"type": "string", "maxLength": 50}},
        "details": {"type": "object", "additionalProperties": _TEXT},
        "entity": {"type": "string", "maxLength": 512},
        "source": {"type": "string", "maxLength": 100},
        "priority": {"enum": ["P1", "P2", "P3", "P4", "P5"]},
    },
}
OPSGENIE_ACTION = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "user": {"type": "string", "maxLength": 100},
        "source": {"type": "string", "maxLength": 100},
        "note": {"type": "string", "maxLength": 25_000},
    },
}


def over(one: Incident) -> Incident:
    return replace(one, ends_at=NOON + timedelta(minutes=30), resolution="run 2 ended ok")


@pytest.fixture
def pagerduty(service: Service) -> PagerDutyNotifier:
    return PagerDutyNotifier("pager", KEY, f"{service.url}/v2/enqueue")


@pytest.fixture
def opsgenie(service: Service) -> OpsgenieNotifier:
    return OpsgenieNotifier("pager", KEY, service.url)


def events(service: Service) -> list[tuple[str, str]]:
    """What PagerDuty was told, checked against what it takes."""
    for one in service.taken:
        assert one.path == "/v2/enqueue"
        jsonschema.validate(one.document, PAGERDUTY)
    return [(one["event_action"], one["dedup_key"]) for one in service.documents]


def calls(service: Service) -> list[tuple[str, str]]:
    """What Opsgenie was told, checked likewise."""
    found = []
    for one in service.taken:
        assert one.headers["Authorization"] == f"GenieKey {KEY}"
        path, _, query = one.path.partition("?")
        is_new = path == "/v2/alerts"
        jsonschema.validate(one.document, OPSGENIE_ALERT if is_new else OPSGENIE_ACTION)
        assert query == ("" if is_new else "identifierType=alias")
        action = "create" if is_new else path.rpartition("/")[2]
        found.append((action, one.document["alias"] if is_new else path.split("/")[3]))
    return found


def send_all(target: PagerDutyNotifier | OpsgenieNotifier, messages: Sequence[Message]) -> None:
    for one in messages:
        target.send(one)


def test_an_incident_is_opened_and_ended_under_its_own_id(
    pagerduty: PagerDutyNotifier, service: Service, telling: Telling
) -> None:
    can = pagerduty.capabilities
    send_all(pagerduty, [telling(can, A), telling(can, over(A), kind=K.RESOLVED)])
    (first, *rest) = service.documents
    assert events(service)[:2] == [("trigger", A.id), ("resolve", A.id)]
    assert first["payload"]["summary"] == "failed: import-prices on production"
    assert (first["payload"]["component"], first["payload"]["class"]) == ("import-prices", "failed")
    assert "the feed is broken at row 7" in first["payload"]["custom_details"]["text"]
    assert "sfcc-job-monitor log 1" in first["payload"]["custom_details"]["text"]
    assert "payload" not in rest[0]


def test_opsgenie_creates_it_and_closes_it_with_how_it_ended(
    opsgenie: OpsgenieNotifier, service: Service, telling: Telling
) -> None:
    can = opsgenie.capabilities
    send_all(opsgenie, [telling(can, A, customer="acme"), telling(can, over(A), kind=K.RESOLVED)])
    assert calls(service)[:2] == [("create", A.id), ("close", A.id)]
    created, closed = service.documents[:2]
    assert (created["priority"], created["source"], created["entity"]) == (
        "P1",
        "production",
        "import-prices",
    )
    assert created["details"]["customer"] == "acme"
    assert "the feed is broken at row 7" in created["description"]
    assert "run 2 ended ok" in closed["note"]


def test_opsgenie_gets_a_new_cause_as_a_note_of_the_same_alert(
    opsgenie: OpsgenieNotifier, service: Service, telling: Telling
) -> None:
    can = opsgenie.capabilities
    again = replace(A, causes=("step a", "step b"), summary="It fails in step b now.")
    send_all(opsgenie, [telling(can, A), telling(can, again, kind=K.NEW)])
    assert calls(service) == [("create", A.id), ("create", A.id), ("notes", A.id)]
    assert "It fails in step b now." in service.documents[-1]["note"]


@pytest.mark.parametrize("kind", [TargetType.PAGERDUTY, TargetType.OPSGENIE])
def test_thirty_jobs_at_once_wake_nobody_thirty_times(
    kind: TargetType, service: Service, telling: Telling
) -> None:
    target = build("pager", kind, f"{service.url}/v2/enqueue" * (kind == "pagerduty") or service.url, KEY)
    read = events if kind is TargetType.PAGERDUTY else calls
    begin, end = ("trigger", "resolve") if kind is TargetType.PAGERDUTY else ("create", "close")
    can = target.capabilities

    target.send(telling(can, *MANY, kind=K.SUMMARY, group_key="storm"))
    ((action, key),) = read(service)
    assert (action, key[:6]) == (begin, "group-")

    # The last of them is over: so is what stands for all.
    target.send(telling(can, *map(over, MANY[:3]), kind=K.RESOLVED, group_key="storm", counted=27))
    assert (end, key) not in read(service)
    target.send(telling(can, *map(over, MANY[3:]), kind=K.RESOLVED, group_key="storm"))
    assert read(service)[-1] == (end, key)


def test_of_a_list_the_text_names_each(
    pagerduty: PagerDutyNotifier, service: Service, telling: Telling
) -> None:
    pagerduty.send(telling(pagerduty.capabilities, *MANY, kind=K.SUMMARY))
    text = service.documents[0]["payload"]["custom_details"]["text"]
    assert all(one.name in text for one in MANY)
    assert service.documents[0]["payload"]["severity"] == "warning"


def test_a_repetition_is_left_to_the_pager(
    pagerduty: PagerDutyNotifier, service: Service, telling: Telling
) -> None:
    pagerduty.send(telling(pagerduty.capabilities, A, kind=K.REPEAT))
    assert service.tried == 0


def test_what_is_over_and_what_is_new_go_together(
    pagerduty: PagerDutyNotifier, service: Service, telling: Telling
) -> None:
    pagerduty.send(telling(pagerduty.capabilities, B, over(A), kind=K.NEW))
    assert events(service) == [("resolve", A.id), ("trigger", B.id)]


def test_links_are_links(pagerduty: PagerDutyNotifier, service: Service, telling: Telling) -> None:
    facts = (("Runbook", "https://wiki.example.com/prices"), ("Impact", "see https://example.com"))
    pagerduty.send(telling(pagerduty.capabilities, replace(A, facts=facts)))
    assert events(service)
    assert service.documents[0]["links"] == [{"href": "https://wiki.example.com/prices", "text": "Runbook"}]


def test_after_a_refusal_in_the_middle_the_rest_follows_and_nothing_comes_twice(
    pagerduty: PagerDutyNotifier, service: Service, telling: Telling
) -> None:
    message = telling(pagerduty.capabilities, A, B, incident("third"))
    service.answer = lambda number: 429 if number in {2, 3} else 202
    service.more = {"Retry-After": "7"}
    for _ in range(2):
        with pytest.raises(DeliveryError) as caught:
            pagerduty.send(message)
        assert (caught.value.reason, caught.value.retry_after) == (DeliveryReason.THROTTLED, 7.0)
    pagerduty.send(message)
    assert [key for _, key in events(service)] == [A.id, B.id, "id-failed-third"]


@pytest.mark.parametrize(
    "wild", ["a b/c?d#e", "<b>&amp;", "x" * 3000, "💥" * 900, "tab\tand\nline", "%2e%2e/", "🏳️‍🌈 ünï"]
)
def test_whatever_a_job_is_called_is_taken(wild: str, service: Service, telling: Telling) -> None:
    pager = PagerDutyNotifier("pager", KEY, f"{service.url}/v2/enqueue")
    genie = OpsgenieNotifier("genie", KEY, service.url)
    one = replace(incident(wild, place=wild), id="incident-1", condition=wild[:40], causes=("a", "b"))
    pager.send(telling(pager.capabilities, one, customer=wild))
    assert events(service) == [("trigger", "incident-1")]
    service.taken.clear()
    genie.send(telling(genie.capabilities, one, customer=wild))
    genie.send(telling(genie.capabilities, over(one), kind=K.RESOLVED))
    assert [action for action, _ in calls(service)] == ["create", "notes", "close", "close"]


REFUSED: list[tuple[int, bytes, DeliveryReason, str]] = [
    (
        400,
        b'{"status":"invalid event","message":"Event object is invalid","errors":["\'routing_key\' is bad"]}',
        DeliveryReason.REFUSED,
        "the target answered 400 (Bad Request): Event object is invalid: 'routing_key' is bad",
    ),
    (
        422,
        b'{"message":"Key format is not valid: %s","took":0.1}' % KEY.encode(),
        DeliveryReason.REFUSED,
        "the target answered 422 (Unprocessable Entity): Key format is not valid: ***",
    ),
    (
        401,
        b"<html><body>go away</body></html>",
        DeliveryReason.CREDENTIALS,
        "the target answered 401 (Unauthorized)",
    ),
    (500, b"", DeliveryReason.SERVER, "the target answered 500 (Internal Server Error)"),
    (
        302,
        b"",
        DeliveryReason.REFUSED,
        "the target answered 302 (Found): a redirect, which is not followed; the address has to be mended",
    ),
]


@pytest.mark.parametrize(("code", "says", "reason", "text"), REFUSED)
def test_a_refusal_says_why_and_never_the_key(
    code: int,
    says: bytes,
    reason: DeliveryReason,
    text: str,
    service: Service,
    pagerduty: PagerDutyNotifier,
    telling: Telling,
) -> None:
    service.answer, service.says = lambda _: code, says
    service.more = {"Location": "http://127.0.0.1:9/"} if code == 302 else {}
    with pytest.raises(DeliveryError) as caught:
        pagerduty.send(telling(pagerduty.capabilities, A))
    found: Any = caught.value
    assert (found.reason, found.permanent, str(found)) == (reason, reason is not DeliveryReason.SERVER, text)


@pytest.mark.parametrize(
    ("scheme", "kind"), [("pagerduty", "pagerduty"), ("opsgenie", "opsgenie"), ("jira", "opsgenie")]
)
def test_the_librarys_plug_ins_for_them_are_refused_with_the_reason(scheme: str, kind: str) -> None:
    with pytest.raises(ValueError, match="can neither update an alert nor end it") as caught:
        build("pager", TargetType.APPRISE, f"{scheme}://{KEY}@{KEY}")
    assert f'type = "{kind}"' in str(caught.value)
    assert KEY not in str(caught.value)


def test_a_key_that_cannot_be_one_is_refused_without_showing_it() -> None:
    with pytest.raises(ValueError, match="its key has a character that no key has") as caught:
        build("pager", TargetType.PAGERDUTY, "", f"{KEY}\nX-Other: 1")
    assert KEY not in str(caught.value)
