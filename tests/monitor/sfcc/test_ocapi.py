from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from itertools import chain
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.errors import Reason, SfccError
from monitor.model import Execution, RunId
from monitor.sfcc import Page
from monitor.sfcc.connect import Connection
from monitor.simulator import JobSpec, Run, Simulator, World

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


def test_a_poll_finds_what_began_what_ended_and_what_is_active(
    world: World, connection: Connection, everything: dict[str, Run]
) -> None:
    pages = list(connection.jobs.recent(world.now() - HOUR, {}))
    expected = {run.id for name, run in everything.items() if name != "over long ago"}
    assert set(ids(pages)) == expected
    assert {run.id for page in pages for run in page.seen} == expected
    running = {everything["running since days"].id, everything["pending without start"].id}
    assert {run.id for page in pages for run in page.running} == running


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


def test_the_bound_of_the_search_is_the_same_for_five_minutes(world: World, connection: Connection) -> None:
    for _ in range(6):
        list(connection.jobs.recent(world.now(), {}))
        advance(world, MINUTE)
    assert len({json.dumps(asked["query"]) for asked in searches(world)}) == 2


def test_a_page_is_a_faithful_reading(world: World, connection: Connection) -> None:
    run = world.start("3-1-1 Akeneo", scope=("B", "A"), user_login="jdoe", steps=["prepare", "import"])
    advance(world, 3 * MINUTE)
    run.finish(code="ERROR", message="No feed.", failed_step="import")
    (execution,) = found(connection.jobs.recent(world.now() - HOUR, {}))
    assert execution.instance == "production"
    assert execution.run_id == RunId("3-1-1 Akeneo", run.id)
    assert execution.scope == "A, B"
    assert execution.user_login == "jdoe"
    assert execution.exit_status is not None
    assert execution.exit_status.status == "error"
    assert execution.duration == 3 * MINUTE
    assert execution.log_file_path == run.log_path
    assert execution.steps is not None
    assert [step.step_id for step in execution.steps][-1] == "import"


@pytest.mark.parametrize("short", [1, 2, 3, 7])
def test_short_pages_give_each_run_once(world: World, connection: Connection, short: int) -> None:
    runs = [ran(world, ago=minutes * MINUTE) for minutes in range(30, 10, -1)]
    world.quirks.short_pages = short
    assert ids(connection.jobs.recent(world.now() - HOUR, {})) == [run.id for run in runs]


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(page=st.integers(1, 5), arrivals=st.lists(st.integers(0, 3), max_size=6), gone=st.integers(0, 11))
def test_runs_that_come_and_go_between_pages_hide_no_other(
    world: World, connection: Connection, page: int, arrivals: list[int], gone: int
) -> None:
    advance(world, 3 * HOUR)
    runs = [ran(world, ago=minutes * MINUTE) for minutes in range(50, 38, -1)]
    world.quirks.short_pages = page
    left = list(arrivals)

    def between() -> None:
        for _ in range(left.pop(0) if left else 0):
            ran(world, ago=MINUTE)
        if page > 1:
            world.forget(runs[gone])

    world.quirks.after_search = between
    read = ids(connection.jobs.recent(world.now() - HOUR, {}))
    world.quirks.after_search = None
    assert len(read) == len(set(read))
    assert {run.id for run in runs} - {runs[gone].id} <= set(read)


def test_system_jobs_of_every_minute_cost_two_searches_at_most(world: World, connection: Connection) -> None:
    world.noise(20)
    advance(world, 3 * HOUR)
    run = ran(world, ago=5 * MINUTE)
    pages = list(connection.jobs.recent(world.now() - 12 * MINUTE, {}))
    assert ids(pages) == [run.id]
    assert {seen.job_id for page in pages for seen in page.seen} == {"import"}
    assert len(searches(world)) == 2


def test_active_system_jobs_count_as_running_and_are_not_reported(
    world: World, connection: Connection
) -> None:
    system = world.start("sfcc-reindex")
    (page,) = connection.jobs.recent(world.now() - HOUR, {})
    assert page.executions == ()
    assert page.seen == frozenset()
    assert page.running == {RunId("sfcc-reindex", system.id)}


def test_system_jobs_named_in_the_settings_are_wanted(world: World, connect_with: Connect) -> None:
    wanted = world.start("sfcc-reindex")
    world.start("sfcc-other")
    jobs = connect_with(include_system_jobs=("sfcc-re*",)).jobs
    assert ids(jobs.recent(world.now() - HOUR, {})) == [wanted.id]


def test_what_is_known_is_named_and_not_read_again(world: World, connection: Connection) -> None:
    ran(world, ago=20 * MINUTE)
    (known,) = found(connection.jobs.recent(world.now() - HOUR, {}))
    (page,) = connection.jobs.recent(world.now() - HOUR, {known.run_id: known.version})
    assert page.executions == ()
    assert page.seen == {known.run_id}


def test_what_is_known_in_another_version_is_read_again(world: World, connection: Connection) -> None:
    run = ran(world, ago=20 * MINUTE)
    (known,) = found(connection.jobs.recent(world.now() - HOUR, {}))
    run.mark("retried")
    (again,) = found(connection.jobs.recent(world.now() - HOUR, {known.run_id: known.version}))
    assert again.execution_status == "retried"
    assert again.version != known.version


def test_one_odd_hit_does_not_cost_the_page(world: World, connection: Connection) -> None:
    good = ran(world, ago=20 * MINUTE)
    start = "2026-11-22T01:50:00.000Z"
    world.put({"id": "77", "start_time": start, "execution_status": "running", "status": "RUNNING"})
    (page,) = connection.jobs.recent(world.now() - HOUR, {})
    assert ids([page]) == [good.id]
    assert [one.text for one in page.unreadable] == [
        "a hit of the job search (execution 77) was left out: it has no usable job_id"
    ]


def test_an_unknown_word_is_kept_and_counts_as_running(world: World, connection: Connection) -> None:
    start = "2026-11-22T01:50:00.000Z"
    world.put({"id": "77", "job_id": "import", "start_time": start, "execution_status": "Hibernating"})
    (page,) = connection.jobs.recent(world.now() - HOUR, {})
    assert page.executions[0].execution_status == "hibernating"
    assert page.running == {RunId("import", "77")}


def test_an_instance_that_refuses_the_combined_search_is_asked_in_two(
    world: World, connection: Connection, everything: dict[str, Run], counted: Counted
) -> None:
    world.quirks.refuse_combined = True
    expected = {run.id for name, run in everything.items() if name != "over long ago"}
    pages = list(connection.jobs.recent(world.now() - HOUR, {}))
    assert set(ids(pages)) == expected
    assert len(ids(pages)) == len(expected)
    assert counted["ocapi", "refused"] == 1
    assert set(ids(connection.jobs.recent(world.now() - HOUR, {}))) == expected
    assert counted["ocapi", "refused"] == 1


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


def test_catching_up_reads_a_half_open_span_oldest_first(world: World, connection: Connection) -> None:
    runs = {minutes: ran(world, ago=minutes * MINUTE) for minutes in (50, 40, 30, 20)}
    since, until = world.now() - 40 * MINUTE, world.now() - 20 * MINUTE
    assert ids(connection.jobs.between(since, until, {})) == [runs[40].id, runs[30].id]


def test_nothing_found_may_come_without_a_list(world: World, connection: Connection) -> None:
    world.quirks.omit_empty_hits = True
    assert list(connection.jobs.recent(world.now(), {})) == []


@pytest.mark.parametrize(
    "doc",
    [
        pytest.param({"total": 3}, id="a total and no list"),
        pytest.param({}, id="an empty document"),
        pytest.param({"hits": {"id": "1"}, "total": 1}, id="a document instead of a list"),
    ],
)
def test_an_answer_without_hits_is_no_empty_answer(
    doc: dict[str, Any], connect_with: Connect, scripted: Callable[..., str], world: World
) -> None:
    server = scripted(lambda _asked: (200, json.dumps(doc).encode(), {}))
    with pytest.raises(SfccError, match="without a list of hits") as caught:
        list(connect_with(server=server).jobs.recent(world.now(), {}))
    assert caught.value.reason is Reason.PROTOCOL


def test_steps_left_out_of_hits_are_unknown_and_come_with_the_run(
    world: World, connection: Connection
) -> None:
    run = world.start("import", steps=["prepare", "import"]).finish(code="ERROR")
    world.quirks.steps_in_hits = False
    (hit,) = found(connection.jobs.recent(world.now() - HOUR, {}))
    assert hit.steps is None
    whole = connection.jobs.execution("import", run.id)
    assert whole is not None
    assert whole.steps
    assert whole.version == hit.version


@pytest.mark.parametrize(
    "job_id", ["import", "3-1-1 Akeneo-…", "a/b?c=d#e", "100%", "..%2f", "a&b;c", "1. x"]
)
def test_one_run_is_asked_for_by_any_name(job_id: str, world: World, connection: Connection) -> None:
    run = world.start(job_id)
    execution = connection.jobs.execution(job_id, run.id)
    assert execution is not None
    assert execution.run_id == RunId(job_id, run.id)


@pytest.mark.parametrize("job_id", [".", ".."])
def test_a_name_that_would_climb_is_not_sent(job_id: str, world: World, connection: Connection) -> None:
    with pytest.raises(SfccError, match="cannot be asked for"):
        connection.jobs.execution(job_id, "1")
    assert not [record for record in world.requests if record.api != "token"]


def test_a_run_the_platform_forgot_is_none(world: World, connection: Connection) -> None:
    run = ran(world, ago=MINUTE)
    world.forget(run)
    assert connection.jobs.execution("import", run.id) is None
    assert connection.jobs.execution("no such job", "1") is None


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


@pytest.mark.parametrize("doc", [{"id": "2", "job_id": "import"}, {"id": "1"}, []])
def test_an_answer_about_something_else_is_an_error(
    doc: Any, connect_with: Connect, scripted: Callable[..., str]
) -> None:
    jobs = connect_with(server=scripted(lambda _asked: (200, json.dumps(doc).encode(), {}))).jobs
    with pytest.raises(SfccError) as caught:
        jobs.execution("import", "1")
    assert caught.value.reason is Reason.PROTOCOL


def test_the_instance_may_be_ahead_of_us(world: World, connection: Connection) -> None:
    assert connection.jobs.clock_offset is None
    world.quirks.clock_skew = timedelta(minutes=7)
    list(connection.jobs.recent(world.now() - HOUR, {}))
    assert connection.jobs.clock_offset == timedelta(minutes=7)


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
    assert len(asked) == (2 if answer[0] == 401 else 1)


def test_a_revoked_token_is_replaced_once(
    world: World, connection: Connection, counted: Counted, simulator: Simulator
) -> None:
    list(connection.jobs.recent(world.now(), {}))
    simulator.world.account_manager.revoke_all()
    list(connection.jobs.recent(world.now(), {}))
    assert counted["token", "ok"] == 2
    assert counted["ocapi", "credentials"] == 1


def test_a_night_of_polling_only_reads(world: World, connection: Connection) -> None:
    world.add_job(JobSpec("import", every=5 * MINUTE, duration=2 * MINUTE))
    for _ in range(10):
        advance(world, MINUTE)
        for run in found(connection.jobs.recent(world.now() - 5 * MINUTE, {})):
            connection.jobs.execution(run.job_id, run.id)
    sent = {(record.api, record.method) for record in world.requests}
    assert sent == {("token", "POST"), ("search", "POST"), ("execution", "GET")}
