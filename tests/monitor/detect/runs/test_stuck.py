from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from alerts.model import Severity
from monitor.detect import findings
from monitor.detect.model import Decision, Facts, State
from monitor.detect.runs.stuck import stuck
from monitor.model import Execution, Step
from monitor.policy import JobPolicy, Policy

Tell = Callable[..., Facts]
Story = Callable[[str], tuple[Execution, ...]]
At = Callable[[str], datetime]

USUAL = ", ".join(f"a {hour:02}:00-{hour:02}:10" for hour in range(5))
"""Five runs of ten minutes: at most 15 are expected, so that an hour is what counts."""

LONG = ", ".join(f"a {hour:02}:00-{hour:02}:40" for hour in range(5))
"""Of forty minutes: at most 60 are expected, so that three hours count."""

TEN_MINUTES = timedelta(minutes=10)


def judge(facts: Facts, **job: Any) -> tuple[Decision, ...]:
    policy = JobPolicy(**job)
    return tuple(stuck(facts, Policy(job=lambda _: policy)))


def told(facts: Facts, **job: Any) -> list[str]:
    return [
        ", ".join(one.occurrences) + (f" until {one.ends_at:%H:%M}" if one.ends_at else "")
        for one in findings(judge(facts, **job))
    ]


@pytest.mark.parametrize(
    ("story", "at", "job", "expected"),
    [
        pytest.param(f"{USUAL}, a 06:00-?", "06:59:59", {}, [], id="less than an hour"),
        pytest.param(f"{USUAL}, a 06:00-?", "07:00", {}, ["6"], id="an hour"),
        pytest.param(f"{LONG}, a 06:00-?", "08:59:59", {}, [], id="less than three times the slow limit"),
        pytest.param(f"{LONG}, a 06:00-?", "09:00", {}, ["6"], id="three times the slow limit"),
        pytest.param("a 06:00-?", "17:59:59", {}, [], id="without a baseline less than 12 h"),
        pytest.param("a 06:00-?", "18:00", {}, ["1"], id="without a baseline 12 h"),
        pytest.param("a 06:00-?", "06:10", {"stuck_after": TEN_MINUTES}, ["1"], id="as is set"),
        pytest.param("a 06:00-?", "06:09", {"stuck_after": TEN_MINUTES}, [], id="less than is set"),
        pytest.param(
            "a 06:00-?", "09:00", {"max_duration": timedelta(hours=1)}, ["1"], id="three times max_duration"
        ),
        pytest.param(f"{USUAL}, a 06:00-07:00", "09:00", {}, [], id="ended after an hour"),
        pytest.param(f"{USUAL}, a 06:00-07:01", "09:00", {}, ["6 until 07:01"], id="ended later: over"),
        pytest.param(f"{USUAL}, a 06:00-07:01 vanished", "20:00", {}, ["6 until 07:01"], id="vanished"),
        pytest.param(f"{USUAL}, a 06:00-06:10 failed", "20:00", {}, [], id="a failed run is finished"),
        pytest.param(
            f"{USUAL}, a 06:00-?, a 07:00-07:10, a 08:00-08:10",
            "09:00",
            {},
            ["6"],
            id="newer runs hide nothing",
        ),
        pytest.param(f"{USUAL}, a 06:00-?, a 06:30-?", "09:00", {}, ["6, 7"], id="two are one trouble"),
        pytest.param(f"{USUAL}, a@A 06:00-?", "09:00", {}, [], id="of another site nothing is known"),
    ],
)
def test_stuck(facts: Tell, story: str, at: str, job: dict[str, Any], expected: list[str]) -> None:
    assert told(facts(story, at=at), **job) == expected


@pytest.mark.parametrize(
    ("steps", "at", "expected"),
    [
        pytest.param(["06:00-06:50"], "07:49", [], id="a step ended less than an hour ago"),
        pytest.param(["06:00-06:50"], "07:50", ["6"], id="a step ended an hour ago"),
        pytest.param(["06:00-06:50", "07:10-?"], "08:09", [], id="a step began less than an hour ago"),
        pytest.param(["06:00-06:50", "07:10-?"], "08:10", ["6"], id="a step began an hour ago"),
        pytest.param(["06:00-07:30", "07:30-?"], "08:00", ["6 until 07:30"], id="it moved again: over"),
        pytest.param(
            ["06:00-07:30", "07:30-?"],
            "08:30",
            ["6 until 07:30", "6#2"],
            id="stuck once more is another time",
        ),
    ],
)
def test_progress(facts: Tell, story: Story, at: str, steps: list[str], expected: list[str]) -> None:
    *usual, run = story(f"{USUAL}, a 06:00-?")
    moving = replace(run, steps=tuple(_step(one) for one in steps))
    assert told(facts([*usual, moving], at=at)) == expected


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param((), ["6 until 08:00"], id="without steps its whole length counts"),
        pytest.param(("06:00-06:50", "06:50-07:40"), [], id="steps moved all the time"),
        pytest.param(("06:00-06:50", "06:50-07:55"), ["6 until 07:55"], id="one did not for too long"),
    ],
)
def test_a_run_that_ended_was_stuck_for_as_long_as_its_steps_show(
    facts: Tell, story: Story, steps: tuple[str, ...], expected: list[str]
) -> None:
    *usual, run = story(f"{USUAL}, a 06:00-08:00")
    assert told(facts([*usual, replace(run, steps=tuple(_step(one) for one in steps))])) == expected


@pytest.mark.parametrize(
    ("modified", "expected"),
    [
        pytest.param("06:00", ["6"], id="never changed since it started"),
        pytest.param("07:01", [], id="changed within the hour"),
        pytest.param("07:00", ["6"], id="changed an hour ago"),
    ],
)
def test_a_change_that_the_platform_notes_is_progress_while_it_runs(
    facts: Tell, story: Story, at: At, modified: str, expected: list[str]
) -> None:
    *usual, run = story(f"{USUAL}, a 06:00-?")
    assert told(facts([*usual, replace(run, last_modified=at(modified))], at="08:00")) == expected


@pytest.mark.parametrize(
    ("at", "expected"),
    [pytest.param("00:14:59", [], id="not yet"), pytest.param("00:15", ["1 pending"], id="for 15 min")],
)
def test_pending(facts: Tell, at: str, expected: list[str]) -> None:
    assert told(facts("a pending", at=at)) == expected


@pytest.mark.parametrize(
    ("started", "expected"),
    [
        pytest.param("02:15", [], id="started after 15 min"),
        pytest.param("02:16", ["1 pending until 02:16"], id="started later: over"),
    ],
)
def test_a_run_that_was_pending_for_too_long_is_told_when_it_has_started(
    facts: Tell, story: Story, at: At, started: str, expected: list[str]
) -> None:
    for ending in ("?", "03:00"):
        (run,) = story(f"a {started}-{ending}")
        assert told(facts([replace(run, creation_date=at("02:00"))], at="04:00")) == expected


def test_a_restart_was_not_created_when_it_began_to_wait(facts: Tell, story: Story, at: At) -> None:
    (run,) = story("a 08:00-08:10")
    for again in ({"is_restart": True}, {"current_retry_attempt": 1}):
        assert told(facts([replace(run, creation_date=at("02:00"), **again)])) == []
    (waiting,) = story("a pending")
    waiting = replace(waiting, is_restart=True, last_modified=at("08:00"))
    assert told(facts([waiting], at="08:14")) == []
    assert told(facts([waiting], at="08:15")) == ["1 pending"]


def test_a_pending_run_of_which_nothing_else_is_known_breaks_nothing(facts: Tell) -> None:
    bare = [
        Execution("production", "a", str(number), execution_status=word)
        for number, word in enumerate(("pending", "running", "finished", "never-heard-of", ""))
    ]
    (decision,) = judge(facts(bare))
    assert decision.state is State.UNKNOWN


@pytest.mark.parametrize(
    ("story", "at", "job", "severity"),
    [
        pytest.param(f"{USUAL}, a 06:00-?", "07:00", {}, Severity.CRITICAL, id="by its baseline"),
        pytest.param("a 06:00-?", "18:00", {}, Severity.WARNING, id="by nothing but time"),
        pytest.param("a 06:00-?", "18:00", {"stuck_after": TEN_MINUTES}, Severity.CRITICAL, id="as is set"),
        pytest.param("a pending", "18:00", {}, Severity.CRITICAL, id="pending"),
    ],
)
def test_severity(facts: Tell, story: str, at: str, job: dict[str, Any], severity: Severity) -> None:
    (finding,) = findings(judge(facts(story, at=at), **job))
    assert finding.severity is severity


def test_what_will_be_stuck_says_when(facts: Tell, at: At) -> None:
    (decision,) = judge(facts(f"{USUAL}, a 06:00-?", at="06:30"))
    assert decision.state is State.WAITING
    assert (decision.opens, decision.look_again) == (at("07:00"), at("07:00"))
    assert decision.reason == (
        "run 6 started at 06:00 UTC, and no step of it began or ended, "
        "stuck from 07:00 UTC on if nothing moves"
    )


def test_a_message_says_since_when_and_nothing_that_grows(facts: Tell, at: At) -> None:
    early, late = (findings(judge(facts(f"{USUAL}, a 06:00-?", at=time))) for time in ("08:00", "09:00"))
    assert early == late
    (finding,) = early
    assert finding.since == at("07:00")
    assert finding.summary == "Run 6 started at 06:00 UTC, and no step of it began or ended."
    assert finding.facts[0] == ("Limit", "1 h")
    (over,) = findings(judge(facts(f"{USUAL}, a 06:00-09:00")))
    assert over.resolution == "run 6 ended at 09:00 UTC"


def test_nothing_active_is_nothing_stuck(facts: Tell) -> None:
    (decision,) = judge(facts(USUAL))
    assert (decision.state, decision.reason) == (State.CLEAR, "no run is active")


def _step(times: str) -> Step:
    start, _, end = times.partition("-")
    return Step("s", start_time=_clock(start), end_time=None if end == "?" else _clock(end))


def _clock(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-23T{text}:00+00:00")
