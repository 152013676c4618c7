from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.model import Severity
from monitor.detect import Detect
from monitor.detect.model import Facts, State
from monitor.detect.together.too_often import too_often
from monitor.model import Interval
from monitor.policy import JobPolicy, Policy
from monitor.schedule import Schedule

Tell = Callable[..., Facts]
At = Callable[[str], datetime]
Same = Callable[[Detect, Facts, Policy, datetime], None]

TEN = Policy(job=lambda _: JobPolicy(min_gap=timedelta(minutes=10)))
HOURLY = Policy(job=lambda _: JobPolicy(schedule=Schedule(every=timedelta(hours=1), at=time(0))))
NOTHING = Policy()


def told(facts: Facts, policy: Policy) -> list[str]:
    return [
        f"{one.labels['job_id']}: {' '.join(one.occurrences)}"
        + (f" until {one.ends_at:%H:%M}" if one.ends_at else "")
        for decision in too_often(facts, policy)
        if (one := decision.finding)
    ]


@pytest.mark.parametrize(
    ("policy", "story", "expected"),
    [
        pytest.param(TEN, "", [], id="no history, no alert"),
        pytest.param(TEN, "one 02:00-02:01, one 02:10-02:11", [], id="the gap that is set"),
        pytest.param(TEN, "one 02:00-02:01, one 02:09:59-02:11", ["one: 1+2"], id="a second less"),
        pytest.param(
            TEN,
            "one 02:00-02:01, one 02:05-02:06, one 02:15-02:16",
            ["one: 1+2 until 02:15"],
            id="the next gap in order ends it",
        ),
        pytest.param(
            TEN,
            "one 02:00-02:01, one 02:05-02:06, one 02:14-02:16, one 02:30-?",
            ["one: 1+2 2+3 until 02:30"],
            id="until then it goes on",
        ),
        pytest.param(TEN, "one 02:00-02:01, one 02:05-02:06 by:jdoe", [], id="a run by hand aside"),
        pytest.param(TEN, "one 02:00-02:01, one 02:05-02:06 api:ci", [], id="one through the API aside"),
        pytest.param(
            TEN,
            "one 02:00-02:01 failed try:0/2, one 02:03-02:04 failed try:1/2, one 02:06-02:07 try:2/2",
            [],
            id="attempts of a retry aside",
        ),
        pytest.param(TEN, "one 02:00-02:01, one 02:05-? pending", [], id="pending has not started"),
        pytest.param(TEN, "one@A 02:00-02:01, one@B 02:02-02:03", [], id="two sites"),
        pytest.param(TEN, "one@A 02:00-02:01, one@A 02:02-02:03", ["one: 1+2"], id="one site twice"),
        pytest.param(TEN, "one 02:00-02:01, two 02:02-02:03", [], id="two jobs"),
        pytest.param(NOTHING, "one 02:00-02:01, one 02:00:01-02:03", [], id="off without a schedule"),
        pytest.param(HOURLY, "one 02:00-02:01, one 03:00-03:01", [], id="each at its slot"),
        pytest.param(HOURLY, "one 02:20-02:21, one 02:58-03:01", [], id="late, more than half an hour apart"),
        pytest.param(
            HOURLY,
            "one 02:00-02:01, one 02:40-02:41, one 03:00-03:01",
            [],
            id="one that filled no slot says nothing",
        ),
        pytest.param(
            HOURLY,
            "one 01:00-01:01, one 02:31-02:32, one 03:00-03:01, one 04:00-04:01",
            ["one: 2+3 until 04:00"],
            id="late, less than half an hour apart",
        ),
    ],
)
def test_too_often(facts: Tell, at: At, policy: Policy, story: str, expected: list[str]) -> None:
    assert told(facts(story, coverage=(Interval(at("00:00"), at("12:00")),)), policy) == expected


def test_a_schedule_says_half_the_distance_of_its_slots(facts: Tell, at: At) -> None:
    story = facts(
        "one 02:31-02:32, one 03:00-03:01", at="03:30", coverage=(Interval(at("00:00"), at("03:30")),)
    )
    (decision,) = too_often(story, HOURLY)
    finding = decision.finding
    assert finding is not None
    assert finding.severity is Severity.WARNING
    assert (decision.state, decision.opens, finding.since) == (State.HOLDS, at("03:00"), at("03:00"))
    assert finding.evidence == {"gap_seconds": 1740, "min_gap_seconds": 1800, "executions": ["1", "2"]}
    assert finding.summary == (
        "one started at 03:00 UTC, only 29 min after its run before; at least 30 min is half the distance of "
        "its slots."
    )


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        pytest.param(NOTHING, "no smallest gap is set, and no schedule is known", id="nothing to judge by"),
        pytest.param(TEN, "its scheduled runs started far enough from each other", id="well"),
    ],
)
def test_what_is_well_is_said(facts: Tell, policy: Policy, reason: str) -> None:
    (decision,) = too_often(facts("one 02:00-02:01, one 03:00-03:01"), policy)
    assert (decision.state, decision.reason) == (State.CLEAR, reason)


RUNS = st.lists(
    st.tuples(
        st.sampled_from(("one@A", "one@B", "two")),
        st.integers(0, 59),
        st.sampled_from(("", " by:jdoe", " failed try:0/1", " try:1/1", " vanished")),
    ),
    max_size=12,
)


@settings(max_examples=100)
@given(told_runs=RUNS, hour=st.integers(0, 13), policy=st.sampled_from((TEN, HOURLY)))
def test_it_was_found_then_as_it_is_found_later(
    facts: Tell,
    same_at_any_time: Same,
    at: At,
    told_runs: list[tuple[str, int, str]],
    hour: int,
    policy: Policy,
) -> None:
    """Starts ten minutes apart at the least, or four: a quarter of the hourly runs comes late."""
    starts = (
        f"{start // 6:02}:{start % 6 * 9:02}-{start // 6:02}:{start % 6 * 9 + 4:02}"
        for _, start, _ in told_runs
    )
    told_story = ", ".join(
        f"{job} {times}{how}" for (job, _, how), times in zip(told_runs, starts, strict=True)
    )
    story = facts(told_story, coverage=(Interval(at("00:00"), at("12:00")),))
    same_at_any_time(too_often, story, policy, at(f"{hour:02}:31"))
