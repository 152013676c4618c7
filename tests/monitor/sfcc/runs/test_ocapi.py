from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from itertools import chain
from typing import Any

import pytest

from monitor.errors import Reason, SfccError
from monitor.model import Execution
from monitor.sfcc import Page
from monitor.sfcc.connect import Connection
from monitor.simulator import Run, World

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

Connect = Callable[..., Connection]
Counted = Counter[tuple[str, str]]


def found(pages: Iterable[Page]) -> list[Execution]:
    return list(chain.from_iterable(page.executions for page in pages))


def ids(pages: Iterable[Page]) -> list[str]:
    return [run.id for run in found(pages)]


def searches(world: World) -> list[dict[str, Any]]:
    return [json.loads(record.body) for record in world.requests if record.api == "search"]


def advance(world: World, by: timedelta) -> None:
    world.clock.advance(by)  # type: ignore[attr-defined] # the fixture's clock is one moved by hand


def ran(world: World, job_id: str = "import", *, ago: timedelta, lasted: timedelta = MINUTE) -> Run:
    start = world.now() - ago
    return world.start(job_id, at=start).finish(at=start + lasted)


@pytest.fixture
def everything(world: World) -> dict[str, Run]:
    """Runs as a poll that looks an hour back may find them."""
    return {
        "over long ago": ran(world, ago=3 * HOUR),
        "began and ended": ran(world, ago=30 * MINUTE),
        "began before, ended since": ran(world, "long", ago=2 * HOUR, lasted=110 * MINUTE),
        "running since days": world.start("endless", at=world.now() - 2 * DAY),
        "pending without start": world.start("waiting", pending=True),
        "failed": world.start("feed", at=world.now() - 10 * MINUTE, steps=["export"]).finish(code="ERROR"),
    }


def test_a_poll_is_one_search_by_start(world: World, connection: Connection) -> None:
    list(connection.jobs.recent(world.now() - 7 * MINUTE, {}))
    (asked,) = searches(world)
    assert asked["sorts"] == [{"field": "start_time", "sort_order": "asc"}]
    assert (asked["count"], asked["start"], asked["select"]) == (200, 0, "(**)")
    began, ended, active = asked["query"]["bool_query"]["should"]
    since = "2026-11-22T01:50:00.000Z"
    assert began["filtered_query"]["filter"] == {"range_filter": {"field": "start_time", "from": since}}
    assert ended["filtered_query"]["filter"] == {"range_filter": {"field": "end_time", "from": since}}
    assert active["term_query"]["operator"] == "one_of"
    assert {"RUNNING", "PENDING", "RETRYING"} <= set(active["term_query"]["values"])


def fault(status: int, kind: str, message: str = "") -> tuple[int, bytes, Mapping[str, str]]:
    return status, json.dumps({"_v": "25.6", "fault": {"type": kind, "message": message}}).encode(), {}


def page_of(*hits: Mapping[str, Any], **more: Any) -> tuple[int, bytes, Mapping[str, str]]:
    return 200, json.dumps({"hits": hits, "total": len(hits), "start": 0} | more).encode(), {}


def test_an_instance_that_knows_only_plain_searches_is_asked_in_those(
    connect_with: Connect, scripted: Callable[..., str], world: World
) -> None:
    forms: list[str] = []

    def script(asked: Any) -> tuple[int, bytes, Mapping[str, str]]:
        text = asked.body.decode()
        forms.append("bool" if "bool_" in text else "range" if "range_filter" in text else "term")
        return (
            fault(400, "UnsupportedQueryException")
            if "bool_" in text
            else page_of({"id": "1", "job_id": "a"})
        )

    jobs = connect_with(server=scripted(script)).jobs
    assert ids(jobs.recent(world.now(), {})) == ["1"]
    assert forms == ["bool", "bool", "range", "term"]
    list(jobs.recent(world.now(), {}))
    assert forms[4:] == ["range", "term"]


def test_an_instance_that_refuses_every_search_is_asked_in_the_best_way_again(
    connect_with: Connect, scripted: Callable[..., str], world: World
) -> None:
    forms: list[bool] = []

    def script(asked: Any) -> tuple[int, bytes, Mapping[str, str]]:
        forms.append(b"bool_query" in asked.body)
        return fault(400, "UnknownPropertyException", "Property 'select' is not known.")

    jobs = connect_with(server=scripted(script)).jobs
    for _ in range(2):
        with pytest.raises(SfccError, match="UnknownPropertyException: Property 'select'") as caught:
            list(jobs.recent(world.now(), {}))
    assert caught.value.reason is Reason.REFUSED
    assert forms == [True, False, False] * 2


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param((404, b"<html><title>Not Found</title></html>", {}), id="a page"),
        pytest.param(fault(404, "ResourcePathNotFoundException", "Unknown path"), id="another fault"),
        pytest.param((404, b"", {}), id="nothing"),
    ],
)
def test_a_404_that_is_not_about_the_run_is_an_error(
    answer: Any, connect_with: Connect, scripted: Callable[..., str]
) -> None:
    jobs = connect_with(server=scripted(lambda _asked: answer)).jobs
    with pytest.raises(SfccError, match="no Data API v25_6 at this address") as caught:
        jobs.execution("import", "1")
    assert caught.value.reason is Reason.NOT_FOUND


@pytest.mark.parametrize("status", [401, 403])
def test_a_missing_right_is_said_with_the_remedy(
    status: int, world: World, connection: Connection, counted: Counted
) -> None:
    world.permissions.search = False
    world.permissions.denied_status = status
    with pytest.raises(SfccError) as caught:
        list(connection.jobs.recent(world.now(), {}))
    assert caught.value.reason is Reason.PERMISSION
    assert not caught.value.retryable
    text = str(caught.value)
    assert "add the resource /job_execution_search (POST) for it" in text
    assert "Administration > Site Development > Open Commerce API Settings, type Data" in text
    assert "5fcc0000-1111-4222-8333-444455556666" in text
    assert counted["ocapi", "permission"] == 1
    assert counted["token", "ok"] == 1


def test_a_missing_right_to_look_up_names_that_one(world: World, connection: Connection) -> None:
    run = ran(world, ago=MINUTE)
    world.permissions.execution = False
    with pytest.raises(SfccError, match=r"add the resource /jobs/\*/executions/\* \(GET\)"):
        connection.jobs.execution("import", run.id)


@pytest.mark.parametrize(
    ("answer", "reason", "text"),
    [
        pytest.param((401, b"", {}), Reason.PERMISSION, "may not use /job_execution_search", id="bare 401"),
        pytest.param(
            fault(401, "InvalidAccessTokenException"),
            Reason.CREDENTIALS,
            "not even a new one",
            id="bad token",
        ),
        pytest.param(
            (401, b'{"error":"invalid_token","error_description":"eyJsecret.token.x"}', {}),
            Reason.CREDENTIALS,
            "not even a new one",
            id="Account Manager's words",
        ),
        pytest.param(
            (403, b"<html><title>Access Denied</title></html>", {}),
            Reason.PERMISSION,
            'refuses this machine (403, page "Access Denied")',
            id="a firewall",
        ),
    ],
)
def test_whom_to_blame_for_a_refusal(
    answer: Any, reason: Reason, text: str, connect_with: Connect, scripted: Callable[..., str], world: World
) -> None:
    asked = []

    def script(request: Any) -> Any:
        asked.append(request)
        return answer

    with pytest.raises(SfccError) as caught:
        list(connect_with(server=scripted(script)).jobs.recent(world.now(), {}))
    assert caught.value.reason is reason
    assert text in str(caught.value)
    assert "eyJ" not in str(caught.value)
    assert len(asked) == 1
