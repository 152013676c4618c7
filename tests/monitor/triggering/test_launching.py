"""What runs at the moment of a start, a run found again, waiting for its end: on a scripted platform."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from monitor.clock import ManualClock
from monitor.errors import Reason, SfccError
from monitor.history import executions as history
from monitor.history import stats
from monitor.history.engine import reading
from monitor.history.stats import ExpectedDuration
from monitor.judgement import judge_for
from monitor.model import Execution, ExitStatus, Outcome, RunId, RunKey
from monitor.policy import GroupPolicy, Policy
from monitor.sfcc import Page
from monitor.triggering.launching import (
    GIVEN_UP_AFTER,
    UNSEEN_LOOKS,
    Known,
    find_again,
    known_of,
    look,
    until_the_end,
)

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
KEY = RunKey("production", "a", "1")
POLICY = Policy(groups=(GroupPolicy("group", ("a", "b")),))


def a_run(job: str = "a", number: str = "1", status: str = "running", *, at: datetime = NOW) -> Execution:
    return Execution("production", job, number, execution_status=status, start_time=at)


def ended(run: Execution, code: str = "OK") -> Execution:
    return replace(
        run,
        execution_status="finished",
        exit_status=ExitStatus(code, None, code.lower()),
        end_time=run.start_time and run.start_time + MINUTE,
    )


Answer = Execution | SfccError | None


@dataclass
class Platform:
    """What searches show, one after the other and then the last for good; and runs by id alike."""

    searches: Sequence[Sequence[Execution] | SfccError] = ((),)
    by_id: Mapping[str, Sequence[Answer]] = field(default_factory=dict)
    noise: frozenset[RunId] = frozenset()
    backend: str = "ocapi"
    clock_offset: timedelta | None = None
    looks: int = 0
    asked: dict[str, int] = field(default_factory=dict)

    def recent(self, since: datetime, known: Mapping[RunId, str]) -> Iterator[Page]:
        del since, known
        found = self.searches[min(self.looks, len(self.searches) - 1)]
        self.looks += 1
        if isinstance(found, SfccError):
            raise found
        running = frozenset(run.run_id for run in found if not run.is_final) | self.noise
        yield Page(tuple(found), frozenset(run.run_id for run in found), running)

    def between(
        self,
        since: datetime,
        until: datetime,
        known: Mapping[RunId, str],
        *,
        started_since: datetime | None = None,
    ) -> Iterator[Page]:
        raise NotImplementedError

    def execution(self, job_id: str, execution_id: str) -> Execution | None:
        del job_id
        number = self.asked.get(execution_id, 0)
        self.asked[execution_id] = number + 1
        answers = self.by_id.get(execution_id, (None,))
        answer = answers[min(number, len(answers) - 1)]
        if isinstance(answer, SfccError):
            raise answer
        return answer


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


def test_what_the_platform_says_now_counts_and_the_history_adds_to_it(clock: ManualClock) -> None:
    lagging, over = a_run("b", "2"), a_run("b", "3")
    platform = Platform([[ended(a_run("c", "4"))]], {"2": [lagging], "3": [None]})
    known = Known(active=(lagging, over, a_run("export", "5")), usual=MINUTE)
    found = look(platform, known, "a", POLICY, clock)
    assert {run.id for run in found.runs} == {"2", "4"}
    assert platform.asked == {"2": 1, "3": 1}, "only what concerns the job is asked for"
    assert (found.usual, found.last["c"].outcome) == (MINUTE, Outcome.OK)


def test_a_system_job_that_runs_is_seen_where_it_is_asked_for(clock: ManualClock) -> None:
    run = a_run("sfcc-import", "9")
    platform = Platform(by_id={"9": [run]}, noise=frozenset({run.run_id}))
    assert look(platform, Known(), "sfcc-import", POLICY, clock).runs == (run,)
    assert look(platform, Known(), "a", POLICY, clock).runs == ()


def test_the_moment_is_the_instances_own(clock: ManualClock) -> None:
    assert look(Platform(clock_offset=5 * MINUTE), Known(), "a", POLICY, clock).now == NOW + 5 * MINUTE
    near = Platform(clock_offset=timedelta(seconds=2))
    assert look(near, Known(), "a", POLICY, clock).now == NOW


def test_a_missing_right_to_look_is_said_and_any_other_trouble_ends_it(clock: ManualClock) -> None:
    refused = Platform([SfccError(Reason.PERMISSION, "no right")])
    assert look(refused, Known(), "a", POLICY, clock).unseen == "what is running cannot be asked: no right"
    with pytest.raises(SfccError, match="no way"):
        look(Platform([SfccError(Reason.NETWORK, "no way")]), Known(), "a", POLICY, clock)


def test_the_history_knows_how_jobs_ended_and_how_long_they_take(engine: Engine) -> None:
    with engine.begin() as connection:
        runs = [ended(a_run("b", "1"), "ERROR"), ended(a_run("b", "2", at=NOW + MINUTE)), a_run("a", "3")]
        history.store(connection, "production", runs, seen_at=NOW, backfill=False, judge=judge_for(Policy()))
        usual = [
            ExpectedDuration("production", "a", site, MINUTE, length, 9 * MINUTE)
            for site, length in (("DE", 2 * MINUTE), ("FR", 3 * MINUTE))
        ]
        stats.expect(connection, usual)
    with reading(engine) as connection:
        known = known_of(connection, "production", "a", Policy())
        assert known_of(connection, "elsewhere", "a", Policy()) == Known()
    assert (known.last["b"].outcome, known.last["b"].ended) == (Outcome.OK, NOW + 2 * MINUTE)
    assert [run.id for run in known.active] == ["3"]
    assert known.usual == 3 * MINUTE


def waited(platform: Platform, clock: ManualClock, stop: threading.Event | None = None) -> list[Execution]:
    troubles: list[SfccError] = []
    return list(until_the_end(platform, KEY, clock, stop or threading.Event(), troubles.append))


def test_a_run_is_looked_at_until_it_has_ended(clock: ManualClock) -> None:
    running = a_run()
    found = waited(Platform(by_id={"1": [running] * 30 + [ended(running)]}), clock)
    assert len(found) == 31
    assert found[-1].is_final
    assert clock.monotonic() == 20 * 3 + 10 * 5, "every three seconds for a minute, then every five"


@pytest.mark.parametrize(
    ("answers", "looks"),
    [
        pytest.param([a_run(), None, None], 2, id="seen before: twice"),
        pytest.param(
            [a_run(), None, a_run(), None, ended(a_run())], 3, id="once, and once more, is no proof"
        ),
        pytest.param([None] * UNSEEN_LOOKS, 1, id="never seen: for longer, servers hear of it late"),
        pytest.param([*[None] * (UNSEEN_LOOKS - 1), ended(a_run())], 1, id="seen late, and ended"),
    ],
)
def test_a_run_that_is_gone_has_vanished(
    clock: ManualClock, answers: list[Execution | None], looks: int
) -> None:
    found = waited(Platform(by_id={"1": answers}), clock)
    assert len(found) == looks
    assert found[-1].is_final
    assert found[-1].is_vanished == (answers[-1] is None)
    assert found[-1].key == KEY


def test_trouble_is_waited_out_and_told(clock: ManualClock) -> None:
    trouble = SfccError(Reason.THROTTLED, "slower")
    platform = Platform(by_id={"1": [a_run(), trouble, trouble, ended(a_run())]})
    told: list[SfccError] = []
    found = list(until_the_end(platform, KEY, clock, threading.Event(), told.append))
    assert (len(found), told) == (2, [trouble, trouble])


@pytest.mark.parametrize(
    ("reason", "seconds"), [(Reason.PERMISSION, 0), (Reason.CREDENTIALS, 0), (Reason.NETWORK, GIVEN_UP_AFTER)]
)
def test_trouble_that_does_not_pass_ends_the_waiting(
    clock: ManualClock, reason: Reason, seconds: float
) -> None:
    platform = Platform(by_id={"1": [a_run(), SfccError(reason, "no")]})
    with pytest.raises(SfccError):
        waited(platform, clock)
    assert seconds <= clock.monotonic() <= seconds + 10


def test_after_a_retry_the_attempt_that_took_over_is_waited_for(clock: ManualClock) -> None:
    first = a_run(status="retried")
    second = a_run("a", "2", at=NOW + 10 * MINUTE)
    platform = Platform([[], [a_run("b", "7"), first, second]], {"1": [first], "2": [second, ended(second)]})
    assert [run.id for run in waited(platform, clock)] == ["1", "2", "2"]


def test_an_attempt_without_a_successor_is_the_end(clock: ManualClock) -> None:
    first = a_run(status="retried")
    assert waited(Platform(by_id={"1": [first]}), clock) == [first]


def test_waiting_ends_when_told(clock: ManualClock) -> None:
    stop = threading.Event()
    stop.set()
    assert len(waited(Platform(by_id={"1": [a_run()]}), clock, stop)) == 1


FOUND = {
    "ours": (replace(a_run("a", "2"), client_id="me"), True),
    "of nobody who is named": (a_run("a", "2"), True),
    "another client's": (replace(a_run("a", "2"), client_id="other"), False),
    "a user's": (replace(a_run("a", "2"), user_login="jdoe"), False),
    "one that was there before": (replace(a_run("a", "1"), client_id="me"), False),
    "another job's": (replace(a_run("b", "2"), client_id="me"), False),
}


@pytest.mark.parametrize(("run", "is_it"), FOUND.values(), ids=FOUND.keys())
def test_a_start_without_an_answer_is_found_by_who_began_it(
    clock: ManualClock, run: Execution, *, is_it: bool
) -> None:
    before = look(Platform([[a_run("a", "1")]]), Known(), "a", POLICY, clock)
    platform = Platform([[], [], [run]])
    found = find_again(platform, "a", before, "me", clock, threading.Event())
    assert found == (run if is_it else None)
    assert clock.monotonic() == (10 if is_it else 30), "looked for until searches find every run there is"
