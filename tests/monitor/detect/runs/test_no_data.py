from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from monitor.detect import findings
from monitor.detect.model import Decision, Facts, State
from monitor.detect.runs.no_data import no_data
from monitor.model import Execution, ExitStatus
from monitor.policy import JobPolicy, Policy

Tell = Callable[..., Facts]
Story = Callable[[str], tuple[Execution, ...]]
Night = Callable[..., list[Execution]]


@pytest.fixture(scope="session")
def hourly(story: Story) -> Night:
    """A run each hour: `d` with data, `e` without, `f` failed, `.` none."""

    def told(kinds: str) -> list[Execution]:
        runs = story(
            ", ".join(
                f"a {hour:02}:00-{hour:02}:10{' failed' * (kind == 'f')}" for hour, kind in enumerate(kinds)
            )
        )
        return [_emptied(run, kind) for run, kind in zip(runs, kinds, strict=True) if kind != "."]

    return told


def judge(facts: Facts, **job: Any) -> tuple[Decision, ...]:
    policy = JobPolicy(**job)
    return tuple(no_data(facts, Policy(job=lambda _: policy)))


def told(facts: Facts, **job: Any) -> list[str]:
    return [
        " ".join(one.occurrences) + (f" until {one.ends_at:%H:%M}" if one.ends_at else "")
        for one in findings(judge(facts, **job))
    ]


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        pytest.param("", [], id="no history, no alert"),
        pytest.param("dddd", [], id="data each time"),
        pytest.param("dde", ["3"], id="none for once"),
        pytest.param("ddee", ["3 4"], id="none twice in a row are one"),
        pytest.param("dded", ["3 until 03:10"], id="data again"),
        pytest.param("ddef", ["3"], id="a failed run carries no data"),
        pytest.param("ddf", [], id="a failed run is not empty"),
    ],
)
def test_no_data(facts: Tell, hourly: Night, kinds: str, expected: list[str]) -> None:
    assert told(facts(hourly(kinds), at="40:00")) == expected


@pytest.mark.parametrize(
    ("kinds", "after", "holds"),
    [
        pytest.param("dddde", None, True, id="never before"),
        pytest.param("e", None, False, id="the first run there is"),
        pytest.param("dedededee", None, False, id="four times, but in few runs: too early to say"),
        pytest.param(f"dededede{'d' * 17}e", None, True, id="four times in many runs: no habit"),
        pytest.param("dededededede", None, False, id="a habit, and data not long ago"),
        pytest.param("dedededededeeeee", None, False, id="a habit, less than three usual gaps ago"),
        pytest.param("dedededededeeeeee", None, True, id="a habit, and three usual gaps ago"),
        pytest.param("dedededededeeeeee", timedelta(hours=7), False, id="not as long ago as is set"),
        pytest.param("dedededededeeeeeee", timedelta(hours=7), True, id="as long ago as is set"),
    ],
)
def test_an_empty_delta_is_normal_until_it_is_not(
    facts: Tell, hourly: Night, kinds: str, after: timedelta | None, *, holds: bool
) -> None:
    look = facts(hourly(kinds), at="40:00")
    assert (judge(look, no_data_after=after)[-1].state is State.HOLDS) is holds


def test_what_opened_before_it_was_a_habit_goes_on_until_there_is_data(facts: Tell, hourly: Night) -> None:
    assert told(facts(hourly("dddddeeeeeeedee"), at="40:00")) == ["6 7 8 9 10 11 12 until 12:10"]


def test_it_opens_when_a_run_without_data_ends(
    facts: Tell, hourly: Night, at: Callable[[str], datetime]
) -> None:
    """Not at the limit itself: had a run carried data by then, nothing would be wrong."""
    runs = hourly("dededededede.....e")
    decision = judge(facts(runs, at="40:00"))[-1]
    assert (decision.state, decision.opens) == (State.HOLDS, at("17:10"))
    assert judge(facts(runs[:-1], at="40:00"))[-1].state is State.CLEAR


def test_which_codes_mean_no_data_is_a_setting(facts: Tell, story: Story) -> None:
    before, run = story("a 01:00-01:10, a 02:00-02:10")
    runs = [before, replace(run, exit_status=ExitStatus("EMPTY_DELTA", None, "ok"))]
    assert told(facts(runs)) == []
    assert told(facts(runs), no_data_codes=("EMPTY_*",)) == ["2"]


def test_a_message_says_when_the_last_data_came(facts: Tell, hourly: Night) -> None:
    (finding,) = findings(judge(facts(hourly("ddee"))))
    assert finding.summary == "Run 4 ended with NO_FILES_FOUND: the last data came at 01:10 UTC."
    assert ("Runs", "2 runs without data") in finding.facts
    assert finding.cause == "NO_FILES_FOUND"


@pytest.mark.parametrize(
    ("kinds", "state", "reason"),
    [
        pytest.param("f", State.UNKNOWN, "no run known that ended ok", id="only failed"),
        pytest.param("d", State.CLEAR, "the last run that ended ok carried data (run 1, OK)", id="data"),
        pytest.param(
            "dededededede",
            State.CLEAR,
            "run 12 ended with NO_FILES_FOUND, as 6 of the last 12 runs did: a habit; "
            "the last data came at 10:10 UTC, 6 h without are too long",
            id="a habit",
        ),
    ],
)
def test_every_look_gives_its_reason(
    facts: Tell, hourly: Night, kinds: str, state: State, reason: str
) -> None:
    decision = judge(facts(hourly(kinds), at="20:00", fresh=""))[-1]
    assert (decision.state, decision.reason) == (state, reason)


def _emptied(run: Execution, kind: str) -> Execution:
    return replace(run, exit_status=ExitStatus("NO_FILES_FOUND", None, "ok")) if kind == "e" else run
