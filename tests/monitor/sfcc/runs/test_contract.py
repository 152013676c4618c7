"""What both APIs promise to whoever reads runs: each test on OCAPI and on SCAPI, in the same world."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.errors import Reason, SfccError
from monitor.model import Execution, RunId
from monitor.sfcc import JobsApi, Page
from monitor.sfcc.connect import Connection
from monitor.simulator import JobSpec, ManualClock, Run, Simulator, World

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

Connect = Callable[..., Connection]
Counted = Counter[tuple[str, str]]
Answer = tuple[int, bytes, Mapping[str, str]]
Scripted = Callable[[Callable[[Any], Answer]], JobsApi]


def found(pages: Iterable[Page]) -> list[Execution]:
    return list(chain.from_iterable(page.executions for page in pages))


def ids(pages: Iterable[Page]) -> list[str]:
    return [run.id for run in found(pages)]


def searches(world: World) -> list[dict[str, Any]]:
    return [json.loads(record.body) for record in world.requests if record.api == "search"]


def advance(world: World, by: timedelta) -> None:
    assert isinstance(world.clock, ManualClock)
    world.clock.advance(by)


def ran(world: World, job_id: str = "import", *, ago: timedelta, lasted: timedelta = MINUTE) -> Run:
    start = world.now() - ago
    return world.start(job_id, at=start).finish(at=start + lasted)


@pytest.fixture(params=["ocapi", "scapi"])
def backend(request: pytest.FixtureRequest) -> str:
    assert isinstance(request.param, str)
    return request.param


@pytest.fixture
def jobs(backend: str, connect_with: Connect) -> JobsApi:
    return connect_with(api_backend=backend).jobs


@pytest.fixture
def answering(backend: str, connect_with: Connect, scripted: Callable[..., str]) -> Scripted:
    """The API of an instance that answers by a script."""

    def make(script: Callable[[Any], Answer]) -> JobsApi:
        server = scripted(script)
        return connect_with(api_backend=backend, server=server, scapi_server=server).jobs

    return make


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


QUIRKS: dict[str, dict[str, Any]] = {
    "none": {},
    "short pages": {"short_pages": 2},
    "no steps in hits": {"steps_in_hits": False, "scapi_steps_in_hits": False},
    "no log paths in hits": {"log_path_in_hits": False},
    "no empty lists": {"omit_empty_hits": True},
    "no combined searches": {"refuse_combined": True},
    "old names of logs": {"legacy_log_name": True},
    "another clock": {"clock_skew": 7 * MINUTE},
    "only camel case": {"search_fields": "camel"},
    "only snake case": {"search_fields": "snake"},
    "camel case or nothing": {"search_fields": "camel", "unknown_fields": "match_nothing"},
    "snake case or nothing": {"search_fields": "snake", "unknown_fields": "match_nothing"},
    "a limit that counts rows": {"scapi_limit_means": "returned"},
    "pending without a start": {"pending_without_start": True},
    "small answers only": {"max_answer_bytes": 12_000},
    "under load": {"load": 85},
}


@pytest.fixture(params=["http", "https"])
def place(
    request: pytest.FixtureRequest, world: World, tmp_path: Path, closer: ThreadPoolExecutor
) -> Iterator[dict[str, Any]]:
    """Where the world is served: fields of `Access`."""
    if request.param == "http":
        yield {}
        return
    secure = Simulator(world, https_port=0)
    secure.start()
    (tmp_path / "ca.pem").write_bytes(secure.ca_pem)
    servers = ("server", "scapi_server", "account_manager_host")
    yield {**dict.fromkeys(servers, secure.https_url), "ca_file": str(tmp_path / "ca.pem")}
    closer.submit(secure.stop)


@pytest.mark.parametrize("quirk", QUIRKS)
def test_everything_is_found_and_read_alike_with_any_quirk_of_an_instance(
    quirk: str,
    backend: str,
    place: dict[str, Any],
    world: World,
    everything: dict[str, Run],
    connect_with: Connect,
) -> None:
    for name, value in QUIRKS[quirk].items():
        setattr(world.quirks, name, value)
    jobs = connect_with(api_backend=backend, **place).jobs
    assert jobs.backend == backend
    recent = list(jobs.recent(world.now() - HOUR, {}))
    assert sorted(ids(recent)) == sorted(
        run.id for name, run in everything.items() if name != "over long ago"
    )
    past = ids(jobs.between(world.now() - 4 * HOUR, world.now() - HOUR, {}))
    assert past == [everything["over long ago"].id, everything["began before, ended since"].id]
    for run in found(recent):
        whole = jobs.execution(run.job_id, run.id)
        assert whole is not None
        assert whole.version == run.version


def test_the_same_run_is_the_same_by_either_api(
    world: World, everything: dict[str, Run], connect_with: Connect
) -> None:
    both = {name: connect_with(api_backend=name).jobs for name in ("ocapi", "scapi")}
    one, other = (
        {run.run_id: run for run in found(jobs.recent(world.now() - HOUR, {}))} for jobs in both.values()
    )
    assert one == other
    known = {run_id: run.version for run_id, run in one.items()}
    assert found(both["scapi"].recent(world.now() - HOUR, known)) == []
    assert len(one) == len(everything) - 1


def test_a_poll_finds_what_began_what_ended_and_what_is_active(
    world: World, jobs: JobsApi, everything: dict[str, Run]
) -> None:
    pages = list(jobs.recent(world.now() - HOUR, {}))
    expected = {run.id for name, run in everything.items() if name != "over long ago"}
    assert set(ids(pages)) == expected
    assert {run.id for page in pages for run in page.seen} == expected
    running = {everything["running since days"].id, everything["pending without start"].id}
    assert {run.id for page in pages for run in page.running} == running


def test_the_bound_of_the_search_is_the_same_for_five_minutes(world: World, jobs: JobsApi) -> None:
    world.start("endless")
    list(jobs.recent(world.now(), {}))
    for _ in range(6):
        list(jobs.recent(world.now(), {}))
        advance(world, MINUTE)
    assert len({json.dumps(asked["query"]) for asked in searches(world)[-6:]}) == 2


def test_a_page_is_a_faithful_reading(world: World, jobs: JobsApi) -> None:
    run = world.start("3-1-1 Akeneo", scope=("B", "A"), user_login="jdoe", steps=["prepare", "import"])
    advance(world, 3 * MINUTE)
    run.finish(code="ERROR", message="No feed.", failed_step="import")
    (execution,) = found(jobs.recent(world.now() - HOUR, {}))
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
def test_short_pages_give_each_run_once(world: World, jobs: JobsApi, short: int) -> None:
    runs = [ran(world, ago=minutes * MINUTE) for minutes in range(30, 10, -1)]
    world.quirks.short_pages = short
    assert ids(jobs.recent(world.now() - HOUR, {})) == [run.id for run in runs]


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(page=st.integers(1, 5), arrivals=st.lists(st.integers(0, 3), max_size=6), gone=st.integers(0, 11))
def test_runs_that_come_and_go_between_pages_hide_no_other(
    world: World, jobs: JobsApi, page: int, arrivals: list[int], gone: int
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
    read = ids(jobs.recent(world.now() - HOUR, {}))
    world.quirks.after_search = None
    assert len(read) == len(set(read))
    assert {run.id for run in runs} - {runs[gone].id} <= set(read)


def test_system_jobs_of_every_minute_cost_two_searches_at_most(world: World, jobs: JobsApi) -> None:
    world.noise(20)
    advance(world, 3 * HOUR)
    run = ran(world, ago=5 * MINUTE)
    list(jobs.recent(world.now() - 12 * MINUTE, {}))
    before = len(searches(world))
    pages = list(jobs.recent(world.now() - 12 * MINUTE, {}))
    assert ids(pages) == [run.id]
    assert {seen.job_id for page in pages for seen in page.seen} == {"import"}
    assert len(searches(world)) - before == 2


def test_active_system_jobs_count_as_running_and_are_not_reported(world: World, jobs: JobsApi) -> None:
    system = world.start("sfcc-reindex")
    (page,) = jobs.recent(world.now() - HOUR, {})
    assert page.executions == ()
    assert page.seen == frozenset()
    assert page.running == {RunId("sfcc-reindex", system.id)}


def test_system_jobs_named_in_the_settings_are_wanted(
    world: World, backend: str, connect_with: Connect
) -> None:
    wanted = world.start("sfcc-reindex")
    world.start("sfcc-other")
    jobs = connect_with(api_backend=backend, include_system_jobs=("sfcc-re*",)).jobs
    assert ids(jobs.recent(world.now() - HOUR, {})) == [wanted.id]


def test_what_is_known_is_named_and_not_read_again(world: World, jobs: JobsApi) -> None:
    ran(world, ago=20 * MINUTE)
    (known,) = found(jobs.recent(world.now() - HOUR, {}))
    (page,) = jobs.recent(world.now() - HOUR, {known.run_id: known.version})
    assert page.executions == ()
    assert page.seen == {known.run_id}


def test_what_is_known_in_another_version_is_read_again(world: World, jobs: JobsApi) -> None:
    run = ran(world, ago=20 * MINUTE)
    (known,) = found(jobs.recent(world.now() - HOUR, {}))
    run.mark("retried")
    (again,) = found(jobs.recent(world.now() - HOUR, {known.run_id: known.version}))
    assert again.execution_status == "retried"
    assert again.version != known.version


def test_one_odd_hit_does_not_cost_the_page(world: World, jobs: JobsApi) -> None:
    good = ran(world, ago=20 * MINUTE)
    start = "2026-11-22T01:50:00.000Z"
    world.put({"id": "77", "start_time": start, "execution_status": "running", "status": "RUNNING"})
    (page,) = jobs.recent(world.now() - HOUR, {})
    assert ids([page]) == [good.id]
    assert [one.text for one in page.unreadable] == [
        "a hit of the job search (execution 77) was left out: it has no usable job_id"
    ]


def test_an_unknown_word_is_kept_and_counts_as_running(world: World, jobs: JobsApi) -> None:
    start = "2026-11-22T01:50:00.000Z"
    world.put({"id": "77", "job_id": "import", "start_time": start, "execution_status": "Hibernating"})
    (page,) = jobs.recent(world.now() - HOUR, {})
    assert page.executions[0].execution_status == "hibernating"
    assert page.running == {RunId("import", "77")}


def test_an_instance_that_refuses_the_combined_search_is_asked_in_two(
    world: World, jobs: JobsApi, everything: dict[str, Run], counted: Counted, backend: str
) -> None:
    world.quirks.refuse_combined = True
    expected = {run.id for name, run in everything.items() if name != "over long ago"}
    pages = list(jobs.recent(world.now() - HOUR, {}))
    assert set(ids(pages)) == expected
    assert len(ids(pages)) == len(expected)
    assert counted[backend, "refused"] == 1
    assert set(ids(jobs.recent(world.now() - HOUR, {}))) == expected
    assert counted[backend, "refused"] == 1


def test_catching_up_reads_a_half_open_span_oldest_first(world: World, jobs: JobsApi) -> None:
    runs = {minutes: ran(world, ago=minutes * MINUTE) for minutes in (50, 40, 30, 20)}
    since, until = world.now() - 40 * MINUTE, world.now() - 20 * MINUTE
    assert ids(jobs.between(since, until, {})) == [runs[40].id, runs[30].id]


def test_nothing_found_may_come_without_a_list(world: World, jobs: JobsApi) -> None:
    world.quirks.omit_empty_hits = True
    assert list(jobs.recent(world.now(), {})) == []


@pytest.mark.parametrize(
    "doc",
    [
        pytest.param({"total": 3}, id="a total and no list"),
        pytest.param({}, id="an empty document"),
        pytest.param({"hits": {"id": "1"}, "total": 1}, id="a document instead of a list"),
    ],
)
def test_an_answer_without_hits_is_no_empty_answer(
    doc: dict[str, Any], answering: Scripted, world: World
) -> None:
    jobs = answering(lambda _asked: (200, json.dumps(doc).encode(), {}))
    with pytest.raises(SfccError, match="without a list of hits") as caught:
        list(jobs.recent(world.now(), {}))
    assert caught.value.reason is Reason.PROTOCOL


def test_steps_left_out_of_hits_are_unknown_and_come_with_the_run(world: World, jobs: JobsApi) -> None:
    run = world.start("import", steps=["prepare", "import"]).finish(code="ERROR")
    world.quirks.steps_in_hits = world.quirks.scapi_steps_in_hits = False
    (hit,) = found(jobs.recent(world.now() - HOUR, {}))
    assert hit.steps is None
    whole = jobs.execution("import", run.id)
    assert whole is not None
    assert whole.steps
    assert whole.version == hit.version


@pytest.mark.parametrize(
    "job_id", ["import", "3-1-1 Akeneo-…", "a/b?c=d#e", "100%", "..%2f", "a&b;c", "1. x"]
)
def test_one_run_is_asked_for_by_any_name(job_id: str, world: World, jobs: JobsApi) -> None:
    run = world.start(job_id)
    execution = jobs.execution(job_id, run.id)
    assert execution is not None
    assert execution.run_id == RunId(job_id, run.id)


@pytest.mark.parametrize("job_id", [".", ".."])
def test_a_name_that_would_climb_is_not_sent(job_id: str, world: World, jobs: JobsApi) -> None:
    with pytest.raises(SfccError, match="cannot be asked for"):
        jobs.execution(job_id, "1")
    assert not [record for record in world.requests if record.api != "token"]


def test_a_run_the_platform_forgot_is_none(world: World, jobs: JobsApi) -> None:
    run = ran(world, ago=MINUTE)
    world.forget(run)
    assert jobs.execution("import", run.id) is None
    assert jobs.execution("no such job", "1") is None


@pytest.mark.parametrize(
    "doc", [{"id": "2", "job_id": "import"}, {"id": "2", "jobId": "import"}, {"id": "1"}, []]
)
def test_an_answer_about_something_else_is_an_error(doc: Any, answering: Scripted) -> None:
    jobs = answering(lambda _asked: (200, json.dumps(doc).encode(), {}))
    with pytest.raises(SfccError) as caught:
        jobs.execution("import", "1")
    assert caught.value.reason is Reason.PROTOCOL


def test_the_instance_may_be_ahead_of_us(world: World, jobs: JobsApi) -> None:
    assert jobs.clock_offset is None
    world.quirks.clock_skew = timedelta(minutes=7)
    list(jobs.recent(world.now() - HOUR, {}))
    assert jobs.clock_offset == timedelta(minutes=7)


def test_a_revoked_token_is_replaced_once(
    world: World, jobs: JobsApi, counted: Counted, backend: str
) -> None:
    list(jobs.recent(world.now(), {}))
    world.account_manager.revoke_all()
    list(jobs.recent(world.now(), {}))
    assert counted["token", "ok"] == 2
    assert counted[backend, "credentials"] == 1


def test_a_night_of_polling_only_reads(world: World, jobs: JobsApi) -> None:
    world.add_job(JobSpec("import", every=5 * MINUTE, duration=2 * MINUTE))
    for _ in range(10):
        advance(world, MINUTE)
        for run in found(jobs.recent(world.now() - 5 * MINUTE, {})):
            jobs.execution(run.job_id, run.id)
    sent = {(record.api, record.method) for record in world.requests}
    assert sent == {("token", "POST"), ("search", "POST"), ("execution", "GET")}
