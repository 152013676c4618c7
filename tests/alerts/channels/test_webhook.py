"""The JSON for programs of the user's: always by the schema that is published, files and all."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from alerts.channels.building import TargetType, build
from alerts.channels.webhook import MAX_FILE_BYTES, WebhookNotifier, document
from alerts.model import BodyFormat, DeliveryError, DeliveryReason, MessageFile, NotificationKind
from alerts.testing import incident
from tests.alerts.channels.conftest import NOON, Service, Telling

A = replace(incident("import-prices"), attachments=("log",), facts=(("Impact", "shops show old prices"),))
_ROOT = Path(__file__).parents[3]
TOKEN = "T0kenT0kenT0ken"


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((_ROOT / "docs/webhook.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(found)
    return found


def strict(schema: Any) -> Any:
    """The same, and nothing that it does not name."""
    if isinstance(schema, dict):
        closed = {"additionalProperties": False} if "properties" in schema else {}
        return {**closed, **{name: strict(value) for name, value in schema.items()}}
    return [strict(one) for one in schema] if isinstance(schema, list) else schema


@pytest.mark.parametrize("kind", [*NotificationKind])
def test_each_kind_of_message_is_as_the_schema_says(
    kind: NotificationKind, schema: dict[str, Any], telling: Telling
) -> None:
    can = WebhookNotifier("hook", "http://127.0.0.1:1").capabilities
    over = replace(incident("b"), ends_at=NOON, resolution="run 2 ended ok")
    found = document(telling(can, A, over, kind=kind, counted=3, customer="acme"))
    jsonschema.validate(json.loads(json.dumps(found)), strict(schema))
    assert (found["kind"], found["status"], found["more_open"]) == (kind.value, "firing", 3)
    assert [one["status"] for one in found["incidents"]] == ["firing", "resolved"]
    assert found["incidents"][0]["labels"]["customer"] == "acme"


def test_the_schema_would_refuse_what_is_no_message(schema: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"version": 1}, schema)


def test_a_message_comes_with_its_log_and_the_key(service: Service, telling: Telling) -> None:
    target = build("hook", TargetType.WEBHOOK, f"{service.url}/hooks/sfcc?team=a%20b", TOKEN)
    target.send(telling(target.capabilities, A))
    (taken,) = service.taken
    assert taken.path == "/hooks/sfcc?team=a%20b"
    assert taken.headers["Authorization"] == f"Bearer {TOKEN}"
    (file,) = taken.document["files"]
    assert (file["name"], file["mimetype"]) == ("Job-1.log", "text/plain")
    assert b"the feed is broken at row 7" in base64.b64decode(file["content_base64"])
    assert taken.document["incidents"][0]["log"]["command"] == "sfcc-job-monitor log 1"


def test_a_login_in_the_address_is_used_and_not_sent_in_the_path(service: Service, telling: Telling) -> None:
    address = service.url.replace("http://", "http://user%40example.com:pass%3Aword@")
    target = build("hook", TargetType.WEBHOOK, address)
    target.send(telling(target.capabilities, A))
    (taken,) = service.taken
    login = base64.b64encode(b"user@example.com:pass:word").decode()
    assert taken.headers["Authorization"] == f"Basic {login}"


def test_the_same_id_comes_at_each_try(service: Service, telling: Telling) -> None:
    target = WebhookNotifier("hook", service.url)
    message = telling(target.capabilities, A)
    service.answer = lambda number: 503 if number == 1 else 200
    with pytest.raises(DeliveryError) as caught:
        target.send(message)
    assert caught.value.reason is DeliveryReason.SERVER
    target.send(message)
    assert [one["id"] for one in service.documents] == [message.notification and message.notification.id]


def test_what_it_takes() -> None:
    can = WebhookNotifier("hook", "https://example.com").capabilities
    assert (can.format, can.files, can.max_file_bytes) == (BodyFormat.TEXT, True, MAX_FILE_BYTES)


def test_bytes_that_are_no_text_survive() -> None:
    from alerts.model import Message, Severity

    content = bytes(range(256))
    (file,) = document(Message("t", "b", Severity.INFO, files=(MessageFile("a", content),)))["files"]
    assert base64.b64decode(file["content_base64"]) == content


@pytest.mark.parametrize(
    "address",
    [
        "",
        "example.com/hook",
        "ftp://example.com",
        "https://",
        "http://[::1",
        "https://example.com:port/s3cr3t",
        "https://user:s3cr3t/t@example.com",
        "https://user:s3cr3t\u2100@example.com",
    ],
)
def test_an_address_that_is_none_is_refused_without_showing_it(address: str) -> None:
    with pytest.raises(ValueError, match="target 'hook': ") as caught:
        build("hook", TargetType.WEBHOOK, address)
    assert "s3cr3t" not in str(caught.value)


def test_a_token_in_the_path_is_in_no_error(service: Service, telling: Telling) -> None:
    target = WebhookNotifier("hook", f"{service.url}/{TOKEN * 2}")
    service.answer, service.says = lambda _: 404, f'{{"error": "no hook {TOKEN * 2}"}}'.encode()
    with pytest.raises(DeliveryError) as caught:
        target.send(telling(target.capabilities, A))
    assert str(caught.value) == "the target answered 404 (Not Found): no hook ***"


def test_whoever_is_not_there_is_said_to_be_so(telling: Telling) -> None:
    target = WebhookNotifier("hook", "http://127.0.0.1:1/x")
    with pytest.raises(DeliveryError, match="could not be reached: the connection was refused") as caught:
        target.send(telling(target.capabilities, A))
    assert (caught.value.reason, caught.value.answered) == (DeliveryReason.NETWORK, False)
