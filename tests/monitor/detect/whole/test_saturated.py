"""An instance that runs as many executions as it can: both sides of each threshold, and short dips."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.model import Severity
from monitor.detect import Detect
from monitor.detect.model import Decision, Facts, State
from monitor.detect.streak import END_OF_TIME
from monitor.detect.whole.saturated import saturated
from monitor.model import Interval
from monitor.policy import Policy

Tell = Callable[..., Facts]
At = Callable[[str], datetime]

SMALL = Policy(saturated_at=2)


@pytest.fixture
def occupied(facts: Tell, at: At) -> Callable[..., Facts]:
    """`02:00-02:10 02:05-?`: when executions were under way."""

    def occupied(
        times: str, now: str = "12:00", judged_until: str | None = "00:00", **fields: object
    ) -> Facts:
        intervals = []
        for one in times.split():
            start, end = one.split("-")
            intervals.append(Interval(at(start), END_OF_TIME if end == "?" else at(end)))
        judged = None if judged_until is None else at(judged_until)
        return facts("", at=now, occupied=tuple(intervals), judged_until=judged, **fields)

    return occupied


def decide(facts: Facts, policy: Policy = SMALL) -> list[Decision]:
    return list(saturated(facts, policy))


@pytest.mark.parametrize(
    ("times", "now", "state"),
    [
        pytest.param("02:00-? 02:10-?", "02:11:59", "waiting", id="not for long enough"),
        pytest.param("02:00-? 02:10-?", "02:12", "holds", id="for two minutes"),
        pytest.param("02:00-? 02:10-02:12", "02:12", "holds", id="for exactly two minutes"),
        pytest.param("02:00-? 02:10-02:11:59", "02:30", "clear", id="for a second less"),
        pytest.param("02:00-02:10 02:10-?", "02:30", "clear", id="one after the other"),
        pytest.param("02:00-? 03:00-03:00 03:00-03:00", "03:10", "clear", id="what took no time"),
        pytest.param("02:10-? 02:00-?", "02:12", "holds", id="in whatever order they come"),
        pytest.param("02:00-? 02:10-02:20", "02:21:59", "holds", id="fewer, but not for long enough"),
        pytest.param("02:00-? 02:10-02:20", "02:22", "over", id="fewer for two minutes"),
        pytest.param("02:00-? 02:10-02:20 02:21:59-?", "02:30", "holds", id="a short dip does not end it"),
        pytest.param("02:00-? 02:10-02:20 02:22-?", "02:30", "over", id="a dip of two minutes does"),
        pytest.param("02:00-? 02:10-?", "02:09:59", "clear", id="what is to come is not known"),
        pytest.param("02:00-? 02:10-02:11 02:12-02:13", "02:30", "clear", id="short peaks do not add up"),
    ],
)
def test_full_for_two_minutes_until_not_full_for_two_minutes(
    occupied: Callable[..., Facts], times: str, now: str, state: str
) -> None:
    assert decide(occupied(times, now))[0].state == state


def test_it_is_known_when_it_lasted_and_over_when_that_did(occupied: Callable[..., Facts], at: At) -> None:
    over, after = decide(occupied("02:00-? 02:10-02:20 02:15-02:16"))
    assert over.finding is not None
    assert (over.finding.since, over.opens) == (at("02:10"), at("02:12"))
    assert (over.finding.ends_at, over.closes) == (at("02:20"), at("02:22"))
    assert over.finding.evidence == {"saturated_at": 2, "peak": 3}
    assert over.finding.resolution == "fewer than 2 for 2 min"
    assert (after.state, after.reason) == (State.CLEAR, "1 executions at once, 2 are many")


@pytest.mark.parametrize(
    ("times", "now", "look_again"),
    [
        pytest.param("02:00-? 02:10-?", "02:11", "02:12", id="when it may open"),
        pytest.param("02:00-? 02:10-?", "02:13", None, id="never, while it is full"),
        pytest.param("02:00-? 02:10-02:20", "02:21", "02:22", id="when it may be over"),
        pytest.param("02:00-? 02:10-02:20", "02:22", None, id="never, once it is over"),
    ],
)
def test_when_time_alone_may_change_it(
    occupied: Callable[..., Facts], at: At, times: str, now: str, look_again: str | None
) -> None:
    assert decide(occupied(times, now))[0].look_again == (look_again and at(look_again))


def test_the_number_and_the_time_are_settings(occupied: Callable[..., Facts]) -> None:
    twelve = " ".join(["02:00-?"] * 12)
    assert decide(occupied(twelve), Policy())[0].state is State.HOLDS
    assert decide(occupied(twelve), Policy(saturated_at=13))[0].state is State.CLEAR
    longer = Policy(saturated_at=2, saturated_for=timedelta(hours=10, seconds=1))
    assert decide(occupied("02:00-? 02:00-?"), longer)[0].state is State.WAITING


def test_what_was_over_at_the_last_look_is_no_news(occupied: Callable[..., Facts]) -> None:
    times = "02:00-? 02:10-02:20"
    assert [one.state for one in decide(occupied(times, judged_until="02:21"))] == ["over", "clear"]
    assert [one.state for one in decide(occupied(times, judged_until="02:22"))] == ["clear"]


@pytest.mark.parametrize(
    ("times", "quiet"),
    [
        pytest.param("02:00-? 02:10-02:20", "first_read", id="what was over before anybody watched"),
        pytest.param("02:00-? 02:10-02:21", None, id="what was over afterwards"),
        pytest.param("02:00-? 02:10-?", None, id="what goes on now"),
    ],
)
def test_what_the_first_read_finds_is_told_if_it_goes_on(
    occupied: Callable[..., Facts], at: At, times: str, quiet: str | None
) -> None:
    finding = decide(occupied(times, watched_since=at("02:22")))[0].finding
    assert finding is not None
    assert finding.quiet == quiet


@pytest.mark.parametrize(
    ("told", "state"),
    [
        pytest.param("a 02:00-?, sfcc-b 02:10-?", "holds", id="the platform's own jobs count"),
        pytest.param("a 02:00-?, b 02:10-? pending", "clear", id="what waits to start does not"),
        pytest.param(
            "a 02:00-?, b 02:10-02:12 vanished", "over", id="what vanished did, as long as it was seen"
        ),
    ],
)
def test_where_nobody_counted_the_runs_are_counted(facts: Tell, told: str, state: str) -> None:
    assert decide(replace(facts(told), is_hindsight=True))[0].state == state


def test_a_look_at_few_jobs_counts_none_of_them(facts: Tell, at: At) -> None:
    assert decide(facts("a 02:00-?, b 02:10-?", judged_until=at("11:00"))) == []


def test_how_loud_it_is(occupied: Callable[..., Facts]) -> None:
    loud = replace(SMALL, severity={"saturated": "critical"})
    for policy, expected in ((SMALL, Severity.WARNING), (loud, Severity.CRITICAL)):
        finding = decide(occupied("02:00-? 02:00-?"), policy)[0].finding
        assert finding is not None
        assert finding.severity is expected


SECONDS = st.integers(0, 1200)


@settings(max_examples=200)
@given(
    times=st.lists(st.tuples(SECONDS, SECONDS), max_size=14),
    seconds=st.integers(0, 2500),
    limit=st.integers(1, 4),
    hold=st.integers(0, 300),
    counted=st.booleans(),
)
def test_it_is_the_same_whenever_somebody_looks(
    facts: Tell,
    at: At,
    same_at_any_time: Callable[[Detect, Facts, Policy, datetime], None],
    times: list[tuple[int, int]],
    seconds: int,
    limit: int,
    hold: int,
    counted: bool,  # noqa: FBT001 - hypothesis gives it by name
) -> None:
    told = ", ".join(
        f"job-{start % 3} 0:{start // 60}:{start % 60}-0:{end // 60}:{end % 60}"
        for start, length in times
        for end in [start + length]
    )
    look = facts(told)
    intervals = tuple(
        Interval(run.start_time, run.end_time) for run in look.executions if run.start_time and run.end_time
    )
    policy = Policy(saturated_at=limit, saturated_for=timedelta(seconds=hold))
    now = at("00:00") + timedelta(seconds=seconds)
    same_at_any_time(saturated, replace(look, occupied=intervals) if counted else look, policy, now)
