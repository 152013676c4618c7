"""From one API to the other: by the same ids or not at all."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from monitor.clock import ManualClock
from monitor.errors import Reason, SfccError
from monitor.history import cursor as cursors
from monitor.history import executions as history
from monitor.history import stats
from monitor.history.engine import reading
from monitor.model import Execution, RunId
from monitor.policy import Policy
from monitor.polling.poll import Poller, PollResult
from monitor.polling.switching import Named, Verdict, same_runs
from monitor.sfcc import JobsApi, Page
from monitor.sfcc.runs.backends import Backends
from tests.monitor.conftest import Night

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def named(text: str) -> list[Named]:
    """`import:1@02:00 export:2@02:10` as runs."""
    runs = []
    for part in text.split():
        name, _, clock = part.partition("@")
        job, _, run = name.partition(":")
        hour, _, minute = clock.partition(":")
        began = NOW.replace(hour=int(hour), minute=int(minute)) if clock else None
        runs.append(Named(RunId(job, run), began))
    return runs


@pytest.mark.parametrize(
    ("known", "found", "verdict"),
    [
        pytest.param("", "", Verdict.NOTHING_KNOWN, id="neither knows any"),
        pytest.param("", "a:1@1:00", Verdict.NOTHING_KNOWN, id="only the new one knows any"),
        pytest.param("a:1@1:00", "a:1@1:00", Verdict.SAME, id="the same run"),
        pytest.param("a:1@1:00", "a:1@1:00 b:2@1:10", Verdict.SAME, id="the new one knows one more"),
        pytest.param("a:1@1:00", "a:9@1:00", Verdict.OTHER_IDS, id="the same run by another id"),
        pytest.param("a:1@1:00", "", Verdict.MISSING, id="the new one knows none"),
        pytest.param("a:1@1:00", "b:1@1:00", Verdict.MISSING, id="an id is that of a job"),
        pytest.param("a:1@1:00", "a:9@1:10", Verdict.MISSING, id="another run of the same job"),
        pytest.param("a:1@1:00 a:2@1:10", "a:1@1:00", Verdict.MISSING, id="one of two"),
        pytest.param("a:1@1:00 a:2@1:10", "a:2@1:10 a:9@1:00", Verdict.OTHER_IDS, id="one by another id"),
        pytest.param("a:1@1:00 a:2@1:00", "a:2@1:00", Verdict.MISSING, id="two sites, of which one is there"),
        pytest.param("a:1", "a:9", Verdict.MISSING, id="runs without a start are not taken for one another"),
    ],
)
def test_what_two_apis_name(known: str, found: str, verdict: Verdict) -> None:
    assert same_runs(named(known), named(found)).verdict is verdict


runs = st.lists(
    st.builds(
        lambda job, run, minute: Named(RunId(job, str(run)), NOW + minute * MINUTE),
        *(st.sampled_from("ab"), st.integers(0, 9), st.integers(0, 9)),
    ),
    max_size=8,
    unique_by=lambda one: one.run,
)


@given(known=runs, found=runs, order=st.randoms())
def test_the_verdict_is_the_same_in_any_order_and_same_means_that_none_is_missing(
    known: list[Named], found: list[Named], order: Random
) -> None:
    verdict = same_runs(known, found).verdict
    for each in (known, found):
        order.shuffle(each)
    assert same_runs(known, found).verdict is verdict
    are_there = {one.run for one in known} <= {one.run for one in found}
    assert (verdict is Verdict.SAME) == (bool(known) and are_there)


@dataclass
class Told:
    """An API that tells the runs it is given, three to a page; or raises `trouble`.

    meanwhile: what happens while a window of the past is read, after its last page; look-ups included.
    """

    backend: str
    runs: list[Execution] = field(default_factory=list)
    trouble: SfccError | None = None
    asked: int = 0
    clock_offset: timedelta | None = timedelta()
    meanwhile: Callable[[], object] = lambda: None

    def recent(self, since: datetime, known: Mapping[RunId, str]) -> Iterator[Page]:
        return self._pages([run for run in self.runs if (run.ended or NOW) >= since], known)

    def between(
        self,
        since: datetime,
        until: datetime,
        known: Mapping[RunId, str],
        *,
        started_since: datetime | None = None,
    ) -> Iterator[Page]:
        low = max(since, started_since or since)
        found = [run for run in self.runs if run.start_time and low <= run.start_time < until]
        yield from self._pages(found, known)
        self.meanwhile()

    def execution(self, job_id: str, execution_id: str) -> Execution | None:
        self.meanwhile()
        return next((run for run in self.runs if run.run_id == RunId(job_id, execution_id)), None)

    def _pages(self, found: list[Execution], known: Mapping[RunId, str]) -> Iterator[Page]:
        self.asked += 1
        if self.trouble is not None:
            raise self.trouble
        for start in range(0, len(found), 3):
            part = found[start : start + 3]
            new = tuple(run for run in part if known.get(run.run_id) != run.version)
            yield Page(new, frozenset(run.run_id for run in part), frozenset(), reached=part[-1].start_time)


def ended_runs(count: int, first: int = 1) -> list[Execution]:
    """One each ten minutes, the last one an hour ago."""
    starts = [NOW - timedelta(hours=1) - 10 * number * MINUTE for number in range(count)][::-1]
    return [
        Execution(
            "production",
            "import",
            str(first + number),
            execution_status="finished",
            status="OK",
            start_time=start,
            end_time=start + MINUTE,
            steps=(),
            version="1",
        )
        for number, start in enumerate(starts)
    ]


class Story:
    """One instance, of which the history was read through OCAPI."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.clock = ManualClock(NOW)
        self.ocapi, self.scapi = Told("ocapi", ended_runs(12)), Told("scapi", ended_runs(12))
        assert self.poll(self.ocapi).complete

    def both(self) -> Backends:
        apis: dict[str, JobsApi] = {"scapi": self.scapi, "ocapi": self.ocapi}
        return Backends("production", apis, now=self.clock.now)

    def poller(self, api: JobsApi) -> Poller:
        return Poller(
            "production",
            self.engine,
            api,
            Policy(),
            self.clock,
            max_age=timedelta(hours=6),
            mask=lambda text: (text, 0),
            fence=lambda _connection: None,
        )

    def poll(self, api: JobsApi) -> PollResult:
        self.clock.advance(MINUTE)
        return self.poller(api).poll()

    @property
    def read_by(self) -> str | None:
        with reading(self.engine) as connection:
            return cursors.load(connection, "production").backend

    @property
    def ids(self) -> list[str]:
        with reading(self.engine) as connection:
            found = history.search(connection, limit=1000)
        return sorted((one.execution.id for one in found), key=int)


@pytest.fixture
def story(engine: Engine) -> Story:
    return Story(engine)


def test_an_api_that_names_the_same_runs_is_read_from_then_on_and_doubles_none(
    story: Story, caplog: pytest.LogCaptureFixture
) -> None:
    both = story.poller(story.both())
    news = ended_runs(13)[-1]
    story.scapi.runs.append(replace(news, start_time=NOW, end_time=NOW + MINUTE))
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            story.clock.advance(MINUTE)
            assert both.poll().complete
    assert story.read_by == "scapi"
    assert story.ids == [str(number) for number in range(1, 14)]
    said = (
        "production: read through SCAPI from now on, no longer through OCAPI; "
        "both name the same runs (12 compared)"
    )
    assert [one for one in caplog.messages if "SCAPI" in one] == [said]


@pytest.mark.parametrize(
    ("there", "said"),
    [
        pytest.param(
            ended_runs(12, first=101),
            "SCAPI names the runs of production by other ids than OCAPI (run 12 of import is 112 there), "
            "so that each would be counted twice",
            id="other ids",
        ),
        pytest.param(
            ended_runs(12)[3:],
            "SCAPI does not show 3 of 12 runs of production that OCAPI showed (run 3 of import), "
            "so that runs would be lost",
            id="missing ones",
        ),
    ],
)
def test_an_api_that_differs_is_left_alone_for_an_hour(
    story: Story, caplog: pytest.LogCaptureFixture, there: list[Execution], said: str
) -> None:
    story.scapi.runs = there
    both = story.poller(story.both())
    for _ in range(3):
        story.clock.advance(MINUTE)
        assert both.poll().complete
    assert (story.read_by, story.scapi.asked) == ("ocapi", 1)
    assert story.ids == [str(number) for number in range(1, 13)]
    assert caplog.messages == [f"production: {said}; going on with OCAPI for an hour"]
    story.clock.advance(timedelta(hours=1))
    story.scapi.runs = story.ocapi.runs
    assert both.poll().complete
    assert story.read_by == "scapi"


def test_who_chose_the_api_that_differs_is_told_what_to_do(story: Story) -> None:
    story.scapi.runs = ended_runs(12, first=101)
    result = story.poll(story.scapi)
    assert result.reason is Reason.PROTOCOL
    assert result.message == (
        "SCAPI names the runs of production by other ids than OCAPI (run 12 of import is 112 there), so that "
        'each would be counted twice; set api_backend = "ocapi" for this instance, or give it another name, '
        "by which a new history begins"
    )
    story.scapi.runs = ended_runs(12)[3:]
    assert story.poll(story.scapi).message.endswith(
        "check that its tenant_id and shortcode belong to the same instance, or "
        'set api_backend = "ocapi" for this instance'
    )
    assert story.ids == [str(number) for number in range(1, 13)]
    assert story.poll(story.ocapi).complete


def test_who_chose_the_other_api_gets_it_where_the_runs_are_the_same(story: Story) -> None:
    assert story.poll(story.scapi).complete
    assert story.read_by == "scapi"


def test_a_run_that_neither_knows_any_more_does_not_hold_up_the_switch(story: Story) -> None:
    del story.ocapi.runs[5], story.scapi.runs[5]
    assert story.poll(story.both()).complete
    assert story.read_by == "scapi"


def test_where_the_history_knows_nothing_of_the_last_days_there_is_nothing_to_compare(story: Story) -> None:
    story.clock.advance(timedelta(days=9))
    story.ocapi.runs, story.scapi.runs = [], []
    assert story.poll(story.both()).complete
    assert story.read_by == "scapi"


def test_where_the_history_knows_nothing_of_the_last_days_the_apis_are_compared(story: Story) -> None:
    story.clock.advance(timedelta(days=9))
    for api, first in ((story.ocapi, 51), (story.scapi, 61)):
        at = timedelta(days=9)
        api.runs = [
            Execution(
                *("production", "import", str(first)),
                execution_status="finished",
                start_time=NOW + at - timedelta(hours=1),
                end_time=NOW + at - timedelta(minutes=50),
                steps=(),
            )
        ]
    assert story.poll(story.both()).complete
    assert story.read_by == "ocapi"


def test_an_api_that_is_merely_down_is_no_reason_to_fail_a_poll_of_the_other(story: Story) -> None:
    story.scapi.trouble = SfccError(Reason.SERVER, "down", retryable=True)
    assert story.poll(story.both()).complete
    assert story.read_by == "ocapi"


def test_an_api_that_is_refused_amid_a_poll_gives_way_to_the_other_in_the_same_poll(story: Story) -> None:
    both = story.poller(story.both())
    story.clock.advance(MINUTE)
    assert both.poll().complete
    assert story.read_by == "scapi"
    story.scapi.trouble = SfccError(Reason.PERMISSION, "no right")
    story.clock.advance(MINUTE)
    assert both.poll().complete
    assert story.read_by == "ocapi"


def test_an_api_that_gives_way_to_one_that_differs_is_blind_and_says_why(story: Story) -> None:
    both = story.poller(story.both())
    story.clock.advance(MINUTE)
    assert both.poll().complete
    story.scapi.trouble = SfccError(Reason.PERMISSION, "no right")
    story.ocapi.runs = ended_runs(12, first=101)
    story.clock.advance(MINUTE)
    result = both.poll()
    assert (result.reason, result.message) == (Reason.PERMISSION, "no right")
    assert story.ids == [str(number) for number in range(1, 13)]


def test_a_window_in_which_an_api_that_was_left_alone_finds_nothing_is_read_by_the_other(
    story: Story,
) -> None:
    story.scapi.runs = ended_runs(12, first=101)
    news = replace(ended_runs(1)[0], id="13", start_time=NOW + timedelta(hours=30))
    news = replace(news, end_time=NOW + timedelta(hours=30, minutes=1))
    story.ocapi.runs.append(news)
    hours = iter([2])  # the hour of rest ends amid the first window
    story.ocapi.meanwhile = lambda: story.clock.advance(timedelta(hours=next(hours, 0)))
    story.clock.advance(timedelta(days=3))
    assert story.poll(story.both()).complete
    assert story.ids == [str(number) for number in range(1, 14)]
    assert story.read_by == "ocapi"


def test_a_run_of_which_an_api_that_was_left_alone_knows_nothing_is_not_gone(story: Story) -> None:
    story.scapi.runs = ended_runs(12, first=101)
    active = replace(ended_runs(1)[0], execution_status="running", status=None, end_time=None)
    story.ocapi.runs += [replace(active, id="13"), replace(active, id="14")]
    both = story.poller(story.both())
    for _ in range(2):
        story.clock.advance(10 * MINUTE)
        assert both.poll().complete
    story.clock.advance(10 * MINUTE)  # by now the search does not show them any more
    minutes = iter([40])  # the hour of rest ends with the first look-up
    story.ocapi.meanwhile = lambda: story.clock.advance(next(minutes, 0) * MINUTE)
    assert both.poll().complete
    with reading(story.engine) as connection:
        assert [run.missing for run in history.active(connection, "production")] == [0, 0]
    assert story.read_by == "ocapi"


# On a simulated instance, which speaks both.


def scapi_access(night: Night) -> dict[str, object]:
    return {"scapi_server": night.simulator.url, "tenant_id": night.world.tenant}


def test_from_one_api_to_the_other_and_back_each_run_is_told_once(night: Night) -> None:
    """As an operator does it: the short code is set, a scope is withdrawn, and granted again."""
    app = night.agent()
    for number in range(6):
        night.world.start("import").finish(code="ERROR" if number == 5 else "OK")
        assert night.turn(app, minutes=10).complete
    night.access = scapi_access(night)
    app = night.agent()
    for api, allowed in (("scapi", True), ("ocapi", False), ("scapi", True)):
        night.world.permissions.scapi = allowed
        for _ in range(3):
            night.world.start("import").finish(code="ERROR")
            assert night.turn(app, minutes=25).complete
        with reading(app.engine) as connection:
            assert cursors.load(connection, "production").backend == api
    with reading(app.engine) as connection:
        runs = [one.execution.run_id for one in history.search(connection, limit=100)]
        counted = sum(one.count for one in stats.outcomes(connection))
    assert (len(runs), len(set(runs)), counted) == (15, 15, 15)
    assert night.titles == ["failed: import on production"]
    assert [one.count for one in app.open_incidents()] == [10]


def test_an_instance_whose_apis_count_differently_stays_with_the_one_it_was_read_by(night: Night) -> None:
    night.world.quirks.scapi_ids = "other"
    app = night.agent()
    for _ in range(3):
        night.world.start("import").finish()
        night.turn(app, minutes=10)
    night.access = scapi_access(night)
    app = night.agent()
    for _ in range(3):
        night.world.start("import").finish()
        assert night.turn(app, minutes=10).complete
    with reading(app.engine) as connection:
        assert cursors.load(connection, "production").backend == "ocapi"
        assert len(history.search(connection, limit=100)) == 6
    night.access |= {"api_backend": "scapi"}
    result = night.turn(night.agent())
    assert result.reason is Reason.PROTOCOL
    assert 'set api_backend = "ocapi"' in result.message
