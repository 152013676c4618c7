from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from monitor.detect import findings
from monitor.detect.model import Decision, Facts, State
from monitor.detect.runs.fast import fast
from monitor.model import Execution, ExitStatus
from monitor.policy import JobPolicy, Policy

Tell = Callable[..., Facts]


def judge(facts: Facts, **job: Any) -> tuple[Decision, ...]:
    policy = JobPolicy(**job)
    return tuple(fast(facts, Policy(job=lambda _: policy)))


def told(facts: Facts) -> list[str]:
    return [
        " ".join(one.occurrences) + (f" until {one.ends_at:%H:%M}" if one.ends_at else "")
        for one in findings(judge(facts))
    ]


def hourly(*lengths: str) -> str:
    """Each `10:00` in minutes and seconds, or with words after it."""
    return ", ".join(
        f"a {hour:02}:00-{hour:02}:{length.split()[0]} {' '.join(length.split()[1:])}"
        for hour, length in enumerate(lengths)
    )


USUAL = ["10:00"] * 6


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        pytest.param([*USUAL, "02:00"], [], id="a fifth of the usual is in range"),
        pytest.param([*USUAL, "01:59"], ["7"], id="less than a fifth is not"),
        pytest.param([*USUAL, "00:00"], ["7"], id="no time at all"),
        pytest.param([*USUAL, "00:10 warn"], ["7"], id="with a warning"),
        pytest.param([*USUAL, "00:10 failed"], [], id="a failed run is no quick success"),
        pytest.param([*USUAL, "00:10", "00:10"], ["7 8"], id="twice in a row are one"),
        pytest.param([*USUAL, "00:10", "10:00"], ["7 until 07:10"], id="the next run in range ends it"),
        pytest.param([*USUAL, "00:10", "30:00"], ["7 until 07:30"], id="a slow one as well"),
        pytest.param([*USUAL, "00:10", "10:00 failed"], ["7"], id="a failed run ends nothing"),
        pytest.param(["10:00"] * 4 + ["00:10"], [], id="four runs are no baseline"),
        pytest.param(["10:00"] * 5 + ["00:10"], ["6"], id="five are"),
        pytest.param(["01:00"] * 6 + ["00:05"], ["7"], id="a usual minute is long enough"),
        pytest.param(["00:59"] * 6 + ["00:05"], [], id="a job of less than a minute is not"),
    ],
)
def test_fast(facts: Tell, lengths: list[str], expected: list[str]) -> None:
    assert told(facts(hourly(*lengths))) == expected


@pytest.mark.parametrize(
    ("times", "holds"),
    [pytest.param(4, True, id="four times before"), pytest.param(5, False, id="five times before")],
)
def test_a_habit_is_not_an_event(facts: Tell, times: int, *, holds: bool) -> None:
    """Each shorter than the last by so much that the baseline has not taken them for a kind of runs."""
    lengths = ["10:00"] * 14
    for length in ("01:40", "00:33", "00:11", "00:04", "00:01")[:times]:
        lengths += [length, "10:00"]
    decision = judge(facts(hourly(*lengths, "00:00"), at="60:00", fresh=""))[-1]
    assert (decision.state is State.HOLDS) is holds
    assert holds or decision.reason.endswith(f"as fast as {times + 1} of the last 25 runs were: a habit")


def test_a_run_that_says_it_had_no_data_is_told_by_another_condition(
    facts: Tell, story: Callable[[str], tuple[Execution, ...]]
) -> None:
    *usual, last = story(hourly(*USUAL, "00:10"))
    empty = replace(last, exit_status=ExitStatus("NO_FILES_FOUND", None, "ok"))
    assert told(facts([*usual, empty])) == []


def test_a_message_says_what_was_expected(facts: Tell, at: Callable[[str], datetime]) -> None:
    (finding,) = findings(judge(facts(hourly(*USUAL, "00:10", "10:00"))))
    assert finding.summary == "Run 7 ended ok after 10 s, at least 2 min expected."
    assert ("Duration", "10 s; usually 10 min, at least 2 min") in finding.facts
    assert (finding.since, finding.resolution) == (at("06:00:10"), "run 8 took 10 min and ended at 07:10 UTC")
    assert finding.evidence["lower_limit_seconds"] == 120


@pytest.mark.parametrize(
    ("lengths", "state", "reason"),
    [
        pytest.param(["10:00 failed"], State.UNKNOWN, "no run known that ended ok", id="only failed"),
        pytest.param(["10:00"], State.UNKNOWN, "run 1 took 10 min, 0 of 5 runs known", id="too few runs"),
        pytest.param(
            [*USUAL, "09:00"],
            State.CLEAR,
            "run 7 took 9 min, at least 2 min expected (usually 10 min)",
            id="in range",
        ),
        pytest.param(
            ["00:40"] * 6,
            State.CLEAR,
            "run 6 took 40 s, at least 8 s expected (usually 40 s); "
            "nothing is concluded of jobs that take less than a minute",
            id="a short job",
        ),
    ],
)
def test_every_look_gives_its_reason(facts: Tell, lengths: list[str], state: State, reason: str) -> None:
    decision = judge(facts(hourly(*lengths)))[-1]
    assert (decision.state, decision.reason) == (state, reason)
