"""Paging, what hits contain, the lagging index, and the speed of a large history."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.simulator import Caller, JobSpec, ManualClock, Outcome, World
from monitor.simulator.caller import EVERYTHING

START = datetime(2026, 11, 22, 2, tzinfo=UTC)
LATEST_FIRST = [{"field": "start_time", "sort_order": "desc"}]


def still_world(runs: int) -> World:
    world = World(ManualClock(START))
    for number in range(runs):
        at = START - timedelta(minutes=number // 3)  # several start at the same instant
        world.start(f"job-{number % 4}", at=at, outcome=Outcome(duration=timedelta(seconds=30)))
    world.start("waiting", pending=True)
    return world


def read_all(caller: Caller, count: int, sorts: Any) -> list[str]:
    ids: list[str] = []
    while True:
        page = caller.search(count=count, start=len(ids), sorts=sorts).json()
        ids += [hit["id"] for hit in page["hits"]]
        if not page["hits"] or len(ids) >= page["total"]:
            return ids


@given(
    runs=st.integers(0, 60),
    count=st.integers(1, 70),
    short=st.none() | st.integers(1, 20),
    sorts=st.sampled_from(
        [
            [],
            LATEST_FIRST,
            [{"field": "status"}],
            [{"field": "job_id"}, {"field": "end_time", "sort_order": "desc"}],
        ]
    ),
)
@settings(max_examples=60, deadline=None)
def test_paging_a_still_world_gives_each_row_once(
    runs: int, count: int, short: int | None, sorts: Any
) -> None:
    world = still_world(runs)
    world.quirks.short_pages = short
    ids = read_all(Caller(world), count, sorts)
    assert len(ids) == len(set(ids)) == runs + 1


@pytest.mark.parametrize(
    ("start", "count", "following", "preceding"),
    [
        pytest.param(0, 4, (4, 4), None, id="first page"),
        pytest.param(4, 4, (8, 4), (0, 4), id="a page between"),
        pytest.param(8, 4, None, (4, 4), id="last page"),
        pytest.param(2, 4, (6, 4), (0, 4), id="the page before begins at 0 at the earliest"),
        pytest.param(40, 4, None, (36, 4), id="past the end"),
    ],
)
def test_pages_name_their_neighbours(
    start: int, count: int, following: tuple[int, int] | None, preceding: tuple[int, int] | None
) -> None:
    page = Caller(still_world(9)).search(start=start, count=count).json()
    found = [page.get(name) and (page[name]["start"], page[name]["count"]) for name in ("next", "previous")]
    assert found == [following, preceding]


def test_a_page_has_25_hits_unless_asked_otherwise() -> None:
    caller = Caller(still_world(250))
    assert caller.search().json()["count"] == 25
    assert caller.search(count=200).json()["count"] == 200


def test_a_short_page_says_where_the_next_one_starts() -> None:
    world = still_world(9)
    world.quirks.short_pages = 3
    page = Caller(world).search(count=200).json()
    assert (page["count"], page["total"], page["next"]["start"]) == (3, 10, 3)


def test_rows_may_arrive_between_pages(world: World, caller: Caller) -> None:
    world.quirks.after_search = lambda: world.start("late")
    assert [caller.search().json()["total"] for _ in range(3)] == [0, 1, 2]
    caller.execution("j", "1")
    assert len(world.runs("late")) == 3


def test_the_result_repeats_the_request(caller: Caller) -> None:
    page = caller.search(EVERYTHING, select="(**)", sorts=LATEST_FIRST).json()
    assert page["query"] == {"match_all_query": {"_type": "match_all_query"}}
    assert (page["select"], page["start"], page["_v"]) == ("(**)", 0, "25.6")
    assert page["sorts"] == [{"_type": "sort", "field": "start_time", "sort_order": "desc"}]


def test_hits_may_lack_steps_and_log_while_the_execution_has_them(world: World, caller: Caller) -> None:
    run = world.start("j")
    names = {"step_executions", "log_file_path"}
    assert names <= set(caller.search().json()["hits"][0])
    world.quirks.steps_in_hits = world.quirks.log_path_in_hits = False
    assert not names & set(caller.search().json()["hits"][0])
    assert names <= set(caller.execution("j", run.id).json())


def test_empty_hits_may_be_left_out(world: World, caller: Caller) -> None:
    assert caller.search().json()["hits"] == []
    world.quirks.omit_empty_hits = True
    assert "hits" not in caller.search().json()


def test_old_instances_give_a_log_name_in_place_of_a_path(world: World, caller: Caller) -> None:
    world.quirks.legacy_log_name = True
    world.start("j")
    (hit,) = caller.search().json()["hits"]
    assert "log_file_path" not in hit
    assert hit["log_file_name"] == "Job-j-20261122020000000.log"


def test_a_lagging_index_is_late_while_the_execution_itself_is_not(
    world: World, clock: ManualClock, caller: Caller
) -> None:
    world.quirks.index_lag = timedelta(seconds=10)

    def found() -> list[str]:
        return [hit["status"] for hit in caller.search(sorts=LATEST_FIRST).json()["hits"]]

    run = world.start("j", at=clock.now() - timedelta(minutes=5))
    clock.advance(9)
    assert (found(), caller.execution("j", run.id).json()["status"]) == ([], "RUNNING")
    clock.advance(1)
    assert found() == ["RUNNING"]
    run.finish(at=clock.now() - timedelta(minutes=1))
    clock.advance(9)
    assert (found(), caller.execution("j", run.id).json()["status"]) == (["RUNNING"], "OK")
    clock.advance(1)
    assert found() == ["OK"]


def test_a_run_found_as_active_is_not_found_so_after_its_end(
    world: World, clock: ManualClock, caller: Caller
) -> None:
    active = {"term_query": {"fields": ["status"], "operator": "one_of", "values": ["RUNNING", "PENDING"]}}
    aborted = {"term_query": {"fields": ["status"], "operator": "is", "values": ["ABORTED"]}}
    run = world.start("j", outcome=Outcome(duration=timedelta(seconds=10)))
    assert caller.search(active).json()["total"] == 1
    clock.advance(10)
    assert caller.search(active).json()["total"] == 0
    run.abort()
    assert caller.search(aborted).json()["total"] == 1


def test_a_skewed_instance_tells_its_own_time(world: World, caller: Caller) -> None:
    world.quirks.clock_skew = timedelta(minutes=3)
    world.start("j")
    response = caller.search()
    assert response.headers["Date"] == "Sun, 22 Nov 2026 02:03:00 GMT"
    assert response.json()["hits"][0]["start_time"] == "2026-11-22T02:03:00.000Z"


def test_a_page_of_a_hundred_thousand_rows_is_quick() -> None:
    world = World(ManualClock(START), history=timedelta(days=25))
    world.add_job(JobSpec("mine", every=timedelta(minutes=15)))
    world.noise(jobs=14)
    caller = Caller(world)
    since = {"range_filter": {"field": "start_time", "from": "2026-11-17T12:00:00.000Z"}}
    queries = [
        EVERYTHING,
        {"filtered_query": {"query": EVERYTHING, "filter": since}},
        {"term_query": {"fields": ["job_id"], "operator": "one_of", "values": ["mine"]}},
        {"term_query": {"fields": ["status"], "operator": "one_of", "values": ["RUNNING", "PENDING"]}},
    ]
    assert caller.search().json()["total"] > 100_000
    for query in queries:
        took = []
        for start in (0, 200, 400):
            begun = time.perf_counter()
            caller.search(query, count=200, start=start, sorts=LATEST_FIRST, select="(**)")
            took.append(time.perf_counter() - begun)
        assert min(took) < 0.05  # 5 ms on an idle machine; the bound is for a busy one


@given(
    st.lists(
        st.tuples(st.integers(0, 600), st.integers(1, 300), st.sampled_from(["OK", "ERROR", "running"])),
        max_size=12,
    ),
    st.integers(0, 700),
)
@settings(max_examples=60, deadline=None)
def test_the_question_of_every_poll_finds_what_began_what_ended_and_what_is_active(
    runs: list[tuple[int, int, str]], since: int
) -> None:
    """Runs as (minutes until the start, minutes they take, how they end), asked for since a minute."""
    clock = ManualClock(START)
    world = World(clock)
    clock.set(START + timedelta(minutes=1000))
    for number, (start, length, ends) in enumerate(runs):
        run = world.start(f"{number}", at=START + timedelta(minutes=start), execution_id=f"{number}")
        if ends != "running":
            run.finish(at=START + timedelta(minutes=start + length), code=ends)
    low = {"from": f"{START + timedelta(minutes=since):%Y-%m-%dT%H:%M:%S}.000Z"}
    ways = [
        {"filtered_query": {"query": EVERYTHING, "filter": {"range_filter": {"field": field, **low}}}}
        for field in ("start_time", "end_time")
    ]
    active = {"term_query": {"fields": ["status"], "operator": "one_of", "values": ["RUNNING", "PENDING"]}}
    found = Caller(world).search({"bool_query": {"should": [*ways, active]}}, count=200).json()["hits"]
    expected = [
        f"{number}"
        for number, (start, length, ends) in enumerate(runs)
        if start >= since or ends == "running" or start + length >= since
    ]
    assert sorted(hit["id"] for hit in found) == sorted(expected)
    assert [hit["start_time"] for hit in found] == sorted(hit["start_time"] for hit in found)
