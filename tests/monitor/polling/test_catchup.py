"""What an agent does with a gap of hours or days: each run once, in order, going on where it was ended."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from math import ceil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.app import App
from monitor.errors import Reason
from monitor.history import cursor as cursors
from monitor.history import executions as history
from monitor.history import stats
from monitor.history.cursor import Cursor
from monitor.history.engine import reading
from monitor.model import Interval, Outcome, RunId
from monitor.polling.progress import Progress
from monitor.simulator import JobSpec, Run
from monitor.simulator.instant import to_ms
from tests.monitor.conftest import NOW, Night

MINUTE = timedelta(minutes=1)
NEVER_STARTED = "never started"
PAGE, LAID_OVER = 200, 10
"""Rows of an answer, and of those the rows at its beginning that were read before."""


class KilledError(BaseException):
    """The process ends here: nothing of ours may catch it."""


def stored(app: App) -> dict[RunId, Outcome]:
    with reading(app.engine) as connection:
        return {one.execution.run_id: one.outcome for one in history.search(connection, limit=1_000_000)}


def ended(app: App) -> int:
    return sum(outcome is not Outcome.ACTIVE for outcome in stored(app).values())


def counted(app: App) -> int:
    with reading(app.engine) as connection:
        return sum(one.count for one in stats.outcomes(connection))


def position(app: App) -> tuple[Cursor, tuple[Interval, ...]]:
    with reading(app.engine) as connection:
        return cursors.load(connection, "production"), cursors.coverage(connection, "production")


def there(night: Night) -> dict[RunId, datetime | None]:
    """What the instance has of jobs that are none of the system's, and when it began."""
    found = {}
    for job in {spec.job_id for spec in night.world.jobs()} | {NEVER_STARTED}:
        for one in night.world.documents(job):
            start = one.get("start_time")
            found[RunId(job, one["id"])] = None if start is None else datetime.fromisoformat(start)
    return found


def busy(night: Night, hours: int, every: timedelta = MINUTE, jobs: int = 1) -> None:
    """Time passes in which jobs run one after the other."""
    night.world.since = to_ms(night.world.now())  # when their schedules begin
    for number in range(jobs):
        night.world.add_job(JobSpec(f"job-{number}", every=every, duration=timedelta(seconds=20), log=False))
    night.pass_time(hours=hours)


def never_started(night: Night, name: str, at: datetime) -> None:
    night.world.put(
        {
            "id": name,
            "job_id": NEVER_STARTED,
            "execution_status": "aborted",
            "status": "ABORTED",
            "end_time": f"{at:%Y-%m-%dT%H:%M:%S.000Z}",
        }
    )


def killed(night: Night, commits: int) -> App:
    """An agent that polls, and ends before it has committed so often; it may come to the end before that."""
    left = itertools.count(1)

    def crossed(what: str) -> None:
        if what == "before a commit" and next(left) > commits:
            raise KilledError

    app = night.agent(crossing=crossed)
    with contextlib.suppress(KilledError):
        app.poll("production")
    return app


@pytest.fixture
def alone(nights: Callable[[], AbstractContextManager[Night]]) -> Iterator[Night]:
    """One night on SQLite: what is tested here stands above the database."""
    with nights() as night:
        yield night


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_day_of_fifty_thousand_runs_is_read_page_by_page_each_once(alone: Night) -> None:
    alone.turn(alone.agent())
    busy(alone, 24, jobs=35)
    before = alone.searches()
    app = alone.agent()
    assert app.poll("production").complete
    searches = alone.searches() - before
    assert set(stored(app)) == set(there(alone))
    assert counted(app) == ended(app) > 50_000
    assert len(stored(app)) == 50_400
    # The first page of each search has 200 new rows, the next ones 190; each 50th begins another search.
    assert searches == 266
    assert searches <= 2 + ceil((50_400 - PAGE) / (PAGE - LAID_OVER))


@pytest.mark.parametrize("page", [200, 3], ids=["full pages", "short pages"])
def test_a_process_that_is_killed_at_any_page_leaves_the_rest_to_the_next(alone: Night, page: int) -> None:
    alone.world.quirks.short_pages = page
    alone.turn(alone.agent())
    busy(alone, 10, every=timedelta(minutes=10))
    alone.pass_time(minutes=1)
    before = alone.searches()
    for kill in range(12):
        app = killed(alone, kill)
        cursor, covered = position(app)
        known = stored(app)
        for run, began in there(alone).items():
            in_sight = any(began is not None and one.start <= began < one.end for one in covered)
            assert run in known or not in_sight
        assert counted(app) == ended(app)
    assert cursor.read_until is not None
    app = alone.agent()
    assert app.poll("production").complete
    assert set(stored(app)) == set(there(alone))
    assert counted(app) == ended(app)
    if page == 3:
        pages = len(stored(app)) / (page - 1)
        assert alone.searches() - before < pages + 3 * 12, "and nobody begins at the beginning again"


def test_the_next_process_goes_on_at_the_page_and_not_at_the_day(alone: Night) -> None:
    alone.world.quirks.short_pages = 10
    alone.turn(alone.agent())
    busy(alone, 20, every=timedelta(minutes=5))
    alone.pass_time(minutes=1)
    before = alone.searches()
    first = killed(alone, 20)
    half = alone.searches() - before
    cursor, covered = position(first)
    assert cursor.read_until == covered[-1].end
    assert cursor.read_until > NOW + timedelta(hours=10)
    assert alone.agent().poll("production").complete
    rows = 20 * 12
    assert half <= 20
    assert alone.searches() - before <= ceil(rows / 9) + 4


@pytest.mark.parametrize("noisy", [False, True], ids=["its own runs", "noise of system jobs"])
def test_how_far_was_read_is_kept_also_where_pages_hold_nothing_to_store(
    alone: Night, *, noisy: bool
) -> None:
    alone.world.quirks.short_pages = 5
    alone.turn(alone.agent())
    if noisy:
        alone.world.noise(jobs=1, every=timedelta(minutes=10))
        alone.pass_time(hours=10)
    else:
        busy(alone, 10, every=timedelta(minutes=10))
    app = killed(alone, 8)
    cursor, _ = position(app)
    assert cursor.read_until is not None
    assert cursor.seen_until is not None
    assert cursor.read_until - cursor.seen_until > timedelta(hours=3)


def test_a_run_that_never_started_is_found_although_the_search_went_on_amid_a_day(alone: Night) -> None:
    alone.world.quirks.short_pages = 10
    alone.turn(alone.agent())
    alone.pass_time(hours=1)
    never_started(alone, "77", alone.world.now())
    busy(alone, 10, every=timedelta(minutes=5))
    killed(alone, 8)
    app = alone.agent()
    assert app.poll("production").complete
    assert stored(app)[RunId(NEVER_STARTED, "77")] is Outcome.ABORTED


def test_a_stop_ends_the_catching_up_after_the_page_that_is_being_read(alone: Night) -> None:
    alone.world.quirks.short_pages = 10
    alone.turn(alone.agent())
    busy(alone, 10, every=timedelta(minutes=5))
    app = alone.agent()
    before = alone.searches()

    def stop() -> None:
        if alone.searches() - before == 5:
            app.stopping.set()

    alone.world.quirks.after_search = stop
    assert app.poll("production").reason is Reason.STOPPING
    assert alone.searches() - before == 5
    cursor, covered = position(app)
    assert cursor.read_until == covered[-1].end
    assert len(stored(app)) == 10 + 4 * 9


def test_a_gap_of_days_says_how_far_it_was_read(alone: Night) -> None:
    alone.world.quirks.short_pages = 50
    alone.turn(alone.agent())
    busy(alone, 50, every=timedelta(minutes=10))
    told: list[Progress] = []
    app = alone.agent(report=told.append)
    assert app.poll("production").complete
    assert [one.read_to for one in told] == sorted(one.read_to for one in told)
    assert [one.share for one in told] == sorted(one.share for one in told)
    assert told[0].share < 0.2
    assert told[-1].share > 0.99
    assert told[-1].runs == len(stored(app)) - 1, "the last one is found by the search of every poll"


def test_after_months_nothing_is_asked_of_what_is_deleted_long_ago(alone: Night) -> None:
    alone.turn(alone.agent())
    alone.pass_time(days=200)
    before = alone.searches()
    app = alone.agent()
    assert app.poll("production").complete
    assert alone.searches() - before <= 28


def test_nothing_is_judged_before_the_gap_is_closed(alone: Night) -> None:
    app = alone.agent()
    alone.turn(app)
    for _ in range(20):
        alone.world.start("import").finish(code="ERROR")
        alone.pass_time(minutes=30)
    alone.world.quirks.short_pages = 5
    assert killed(alone, 3).open_incidents() == []
    app = alone.agent()
    alone.turn(app)
    assert [one.condition for one in app.open_incidents()] == ["failed"]


# A world that changes with every answer.

DEEDS = ("nothing", "start", "finish", "forget old", "forget", "never started", "time")
deeds = st.lists(st.sampled_from(DEEDS), max_size=60)


class Restless:
    """Does the next of its deeds after each answer."""

    def __init__(self, night: Night, script: list[str]) -> None:
        self._night = night
        self._script = iter(script)
        self._active: list[Run] = []
        self._number = 0

    def begin(self, minutes: list[tuple[int, int]]) -> None:
        """Runs in the past: how many minutes ago each began, and took; longer than that, it still runs."""
        now = self._night.world.now()
        for ago, took in minutes:
            start = now - ago * MINUTE
            run = self._night.world.start(self._job(), at=start)
            if took > ago:
                self._active.append(run)
            else:
                run.finish(at=start + took * MINUTE)

    def do(self) -> None:
        world = self._night.world
        match next(self._script, "nothing"):
            case "start":
                self._active.append(world.start(self._job()))
            case "finish" if self._active:
                self._active.pop(0).finish(code="ERROR")
            case "forget old" | "forget" as deed:
                self._forget(oldest=deed == "forget old")
            case "never started":
                self._number += 1
                never_started(self._night, f"n{self._number}", world.now() - self._number * 20 * MINUTE)
            case "time":
                self._night.pass_time(seconds=40)

    def _forget(self, *, oldest: bool) -> None:
        """What has ended, as the platform does it."""
        over = sorted(
            (began, run.id)
            for run, began in there(self._night).items()
            if began is not None and run.id not in {one.id for one in self._active}
        )
        if over:
            self._night.world.forget(over[0 if oldest else len(over) // 2][1])

    def _job(self) -> str:
        self._number += 1
        return f"job-{self._number % 3}"


@settings(max_examples=20, suppress_health_check=list(HealthCheck), deadline=None)
@given(
    minutes=st.lists(st.tuples(st.integers(7, 1500), st.integers(0, 1600)), max_size=40),
    script=deeds,
    page=st.integers(2, 6),
    kills=st.lists(st.integers(1, 12), max_size=3),
)
def test_whatever_comes_and_goes_between_two_pages_nothing_is_skipped_and_nothing_doubled(
    nights: Callable[[], AbstractContextManager[Night]],
    minutes: list[tuple[int, int]],
    script: list[str],
    page: int,
    kills: list[int],
) -> None:
    with nights() as night:
        night.agent().poll("production")
        night.pass_time(hours=26)
        restless = Restless(night, script)
        restless.begin(minutes)
        night.world.quirks.short_pages = page
        night.world.quirks.after_search = restless.do
        for kill in kills:
            check(night, killed(night, kill))
        app = night.agent()
        assert app.poll("production").complete
        check(night, app)
        night.world.quirks.after_search = None
        night.pass_time(minutes=1)
        assert app.poll("production").complete
        check(night, app)
        late = {run for run in there(night) if run.job_id == NEVER_STARTED}
        assert set(there(night)) - late <= set(stored(app))


def check(night: Night, app: App) -> None:
    """What is covered is known, and each end is counted once."""
    known, (_, covered) = stored(app), position(app)
    for run, began in there(night).items():
        assert run in known or not any(began is not None and one.start <= began < one.end for one in covered)
    assert counted(app) == ended(app)
