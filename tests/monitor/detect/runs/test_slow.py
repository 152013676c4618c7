from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from alerts.model import Severity
from monitor.detect import findings
from monitor.detect.model import Decision, Facts, State
from monitor.detect.runs.slow import slow
from monitor.model import Execution
from monitor.policy import JobPolicy, Policy

Tell = Callable[..., Facts]
Story = Callable[[str], tuple[Execution, ...]]
At = Callable[[str], datetime]

USUAL = ", ".join(f"a {hour:02}:00-{hour:02}:10" for hour in range(5))
"""Five runs of ten minutes: at most 15 are expected."""


def judge(facts: Facts, **job: Any) -> tuple[Decision, ...]:
    policy = JobPolicy(**job)
    return tuple(slow(facts, Policy(job=lambda _: policy)))


def told(facts: Facts, **job: Any) -> list[str]:
    return [
        " ".join(one.occurrences) + (f" until {one.ends_at:%H:%M}" if one.ends_at else "")
        for one in findings(judge(facts, **job))
    ]


@pytest.mark.parametrize(
    ("story", "at", "expected"),
    [
        pytest.param("a 06:00-?", "06:14:59", [], id="not yet over the upper limit"),
        pytest.param("a 06:00-?", "06:15", ["6"], id="at the limit, while it runs"),
        pytest.param("a 06:00-06:15", "07:00", [], id="ended at the limit"),
        pytest.param("a 06:00-06:16", "07:00", ["6 until 06:16"], id="ended over it, told once, as over"),
        pytest.param("a 06:00-06:16 failed", "07:00", ["6 until 06:16"], id="however it ended"),
        pytest.param("a 06:00-06:10 failed", "07:00", [], id="a failed run is not also unfinished"),
        pytest.param("a 06:00-06:16 vanished", "07:00", ["6 until 06:16"], id="vanished: last seen over it"),
        pytest.param(
            "a 06:00-06:16 retried", "07:00", ["6 until 06:16"], id="an attempt that was taken over"
        ),
        pytest.param("a pending", "20:00", [], id="pending is not running"),
        pytest.param("a@A 06:00-?", "20:00", [], id="of another site nothing is known"),
        pytest.param("a 06:00-?, a 06:30-06:40", "07:00", ["6"], id="a newer run hides nothing"),
        pytest.param("a 06:00-06:30, a 06:10-?", "07:00", ["6 7"], id="two at once are one trouble"),
        pytest.param(
            "a 06:00-06:30, a 06:30-?", "07:00", ["6 until 06:30", "7"], id="one after another are two"
        ),
        pytest.param("sfcc-x 00:00-?", "23:00", [], id="system jobs are context"),
    ],
)
def test_slow(facts: Tell, story: str, at: str, expected: list[str]) -> None:
    assert told(facts(f"{USUAL}, {story}", at=at)) == expected


@pytest.mark.parametrize(
    ("known", "state"),
    [
        pytest.param(4, State.UNKNOWN, id="four runs are no baseline"),
        pytest.param(5, State.HOLDS, id="five are"),
    ],
)
def test_without_a_limit_nothing_is_slow(facts: Tell, known: int, state: State) -> None:
    usual = ", ".join(f"a {hour:02}:00-{hour:02}:10" for hour in range(known))
    decision = judge(facts(f"{usual}, a 06:00-?", at="20:00"))[-1]
    assert decision.state is state
    if state is State.UNKNOWN:
        assert decision.reason == "run 5 is running, 4 of 5 runs known"


@pytest.mark.parametrize(
    ("at", "holds"),
    [pytest.param("06:29:59", False, id="before it"), pytest.param("06:30", True, id="at it")],
)
def test_a_limit_that_is_set_comes_before_the_baseline(facts: Tell, at: str, *, holds: bool) -> None:
    limit = timedelta(minutes=30)
    for story in (f"{USUAL}, a 06:00-?", "a 06:00-?"):
        assert bool(told(facts(story, at=at), max_duration=limit)) is holds


def test_the_same_facts_may_be_judged_by_other_settings(facts: Tell) -> None:
    """What one detector worked out serves the next one, but not another policy."""
    look = facts("a 06:00-?", at="06:30")
    short, long = timedelta(minutes=30), timedelta(minutes=31)
    assert [bool(told(look, max_duration=limit)) for limit in (short, long, short)] == [True, False, True]


def test_what_will_be_slow_says_when(facts: Tell, at: At) -> None:
    decision = judge(facts(f"{USUAL}, a 06:00-?", at="06:05"))[-1]
    assert decision.state is State.WAITING
    assert (decision.opens, decision.look_again) == (at("06:15"), at("06:15"))
    assert decision.reason == (
        "run 6 is running, slow from 06:15 UTC on (at most 15 min expected (usually 10 min))"
    )


def test_while_one_is_slow_the_next_is_awaited(facts: Tell, at: At) -> None:
    decision = judge(facts(f"{USUAL}, a 06:00-?, a 06:20-?", at="06:30"))[-1]
    assert (decision.state, decision.look_again) == (State.HOLDS, at("06:35"))


def test_a_run_is_measured_by_what_was_known_before_it_began(facts: Tell) -> None:
    later = ", ".join(f"a {hour:02}:00-{hour:02}:40" for hour in range(8, 20))
    look = facts(f"{USUAL}, a 06:00-06:40, {later}", at="23:00")
    assert told(look)[0] == "6 until 06:40"


def test_after_a_genuine_change_nobody_is_told_for_weeks(facts: Tell) -> None:
    """What is alike becomes usual; a single outlier is told once and moves nothing."""
    changed = ", ".join(f"a {hour:02}:00-{hour:02}:40" for hour in range(6, 20))
    ends = [line.split()[-1] for line in told(facts(f"{USUAL}, {changed}", at="23:00"))]
    assert ends == ["06:40", "07:40"]
    back = ", ".join(f"a {hour:02}:00-{hour:02}:10" for hour in range(7, 20))
    assert told(facts(f"{USUAL}, a 06:00-06:40, {back}", at="23:00")) == ["6 until 06:40"]


def test_an_attempt_that_waits_for_its_retry_does_not_run_any_more(facts: Tell, story: Story, at: At) -> None:
    *usual, last = story(f"{USUAL}, a 06:00-?")
    waiting = replace(last, execution_status="retrying", end_time=at("06:10"))
    assert told(facts([*usual, waiting], at="20:00")) == []


def test_what_goes_on_at_the_first_read_is_told_and_what_was_over_is_not(facts: Tell) -> None:
    old = ", ".join(f"{one.strip()} old" for one in USUAL.split(","))
    (running,) = findings(judge(facts(f"{old}, a 06:00-?", at="20:00")))
    (over,) = findings(judge(facts(f"{old}, a 06:00-07:00 old", at="20:00")))
    assert (running.quiet, over.quiet) == (None, "first_read")


def test_a_message_says_what_was_expected_and_nothing_that_grows(facts: Tell, at: At) -> None:
    early, late = (findings(judge(facts(f"{USUAL}, a 06:00-?", at=time))) for time in ("07:00", "08:00"))
    assert early == late
    (finding,) = early
    assert finding.severity is Severity.WARNING
    assert finding.since == at("06:15")
    assert finding.summary == (
        "Run 6 has been running since 06:00 UTC, at most 15 min expected (usually 10 min)."
    )
    assert finding.evidence == {"executions": ["6"], "limit_seconds": 900.0, "usual_seconds": 600.0}
    (over,) = findings(judge(facts(f"{USUAL}, a 06:00-06:40", at="08:00")))
    assert over.summary == "Run 6 took 40 min, at most 15 min expected (usually 10 min)."
    assert over.resolution == "run 6 ended after 40 min at 06:40 UTC"


@pytest.mark.parametrize(
    ("story", "state", "reason"),
    [
        pytest.param("a pending", State.UNKNOWN, "no run known that started", id="nothing started"),
        pytest.param("a 00:00-00:10", State.UNKNOWN, "run 1 took 10 min, 0 of 5 runs known", id="too few"),
        pytest.param(
            f"{USUAL}, a 06:00-06:12",
            State.CLEAR,
            "run 6 took 12 min, at most 15 min expected (usually 10 min)",
            id="within",
        ),
    ],
)
def test_every_look_gives_its_reason(facts: Tell, story: str, state: State, reason: str) -> None:
    decision = judge(facts(story))[-1]
    assert (decision.state, decision.reason) == (state, reason)
