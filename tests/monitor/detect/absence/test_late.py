"""A daily job at 02:00 with its default tolerance of 1 h; others as said."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from alerts.model import Severity
from monitor.detect.model import State
from monitor.policy import JobPolicy, Policy
from monitor.schedule import Source

TIGHT = JobPolicy(start_tolerance=timedelta(minutes=5))


@pytest.mark.parametrize(
    ("runs", "now", "expected"),
    [
        pytest.param("", "02:05:29", set(), id="nothing before the tolerance and the index's lag"),
        pytest.param("", "02:05:30", {"late 02:00 [02:05:30, now)"}, id="and at it late"),
        pytest.param("job 02:05-02:06", "02:30", set(), id="a start at the end of the tolerance is in time"),
        pytest.param("job 02:05:20-02:06", "02:30", set(), id="one that came before anybody could know"),
        pytest.param("job 02:20-02:30", "02:40", {"late 02:00 [02:05:30, 02:20)"}, id="a start ends it"),
        pytest.param("job 02:20-?", "02:20", {"late 02:00 [02:05:30, 02:20)"}, id="though it still runs"),
        pytest.param("job 01:30-?", "02:30", set(), id="the run before it is active: swallowed, not late"),
        pytest.param("job 01:30-02:01", "02:30", set(), id="it was at the slot, which is what matters"),
        pytest.param("job 01:30-01:59", "02:30", {"late 02:00 [02:05:30, now)"}, id="it had ended before"),
        pytest.param("job 02:02-02:40 by:jdoe", "02:30", set(), id="nor while somebody runs it by hand"),
        pytest.param("job 02:02-02:04 by:jdoe", "02:30", set(), id="made up by hand at once"),
        pytest.param(
            "job 02:02-02:04 failed by:jdoe",
            "02:30",
            {"late 02:00 [02:05:30, now)"},
            id="a failed try by hand does not make up",
        ),
        pytest.param(
            "job 02:10-02:14 by:jdoe", "02:30", {"late 02:00 [02:05:30, 02:10)"}, id="ended by hand"
        ),
        pytest.param("job pending", "02:30", {"late 02:00 [02:05:30, now)"}, id="pending has not started"),
        pytest.param("job 02:00-02:01 vanished", "02:30", set(), id="a vanished run filled its slot"),
        pytest.param("job 02:00-02:01 retried try:0/3", "02:30", set(), id="so did a superseded attempt"),
        pytest.param("job 01:59:58-02:01", "02:30", set(), id="two seconds early is for this slot"),
        pytest.param("job 01:58-02:01", "02:30", set(), id="two minutes early still is"),
        pytest.param("job@A 02:00-02:01, job@B 02:01-02:02", "02:30", set(), id="sites are one run"),
        pytest.param("", "26:10", {"late 02:00 [02:05:30, 26:00:30)"}, id="then it is missed"),
    ],
)
def test_late(look: Any, runs: str, now: str, expected: set[str]) -> None:
    assert look(runs, now, job=TIGHT).told("late") == expected


def test_the_first_slot_after_a_gap_that_is_told_is_not_late_as_well(look: Any) -> None:
    told = look("job 00:00-00:01", "05:00", cron="0 * * * *", covered=[("-00:03", "")]).told("late")

    assert told == {"late 01:00 [01:06:30, 02:00:30)"}


@pytest.mark.parametrize(
    ("covered", "expected"),
    [
        pytest.param([("00:00", "")], {"late 02:00 [02:05:30, now)"}, id="all of it"),
        pytest.param([("01:59", "")], set(), id="not the minutes in which it may start early"),
        pytest.param([("00:00", "02:04"), ("02:06", "")], set(), id="not the end of its tolerance"),
        pytest.param([("00:00", "01:00"), ("03:00", "")], set(), id="none of it: a poll outage of 2 h"),
        pytest.param([], set(), id="nothing at all"),
    ],
)
def test_nothing_is_late_in_time_that_was_not_read(look: Any, covered: Any, expected: set[str]) -> None:
    assert look("", "04:00", job=TIGHT, covered=covered).told("late") == expected


@pytest.mark.parametrize(
    ("now", "state", "opens", "again"),
    [
        pytest.param("01:00", State.CLEAR, None, "02:05:30", id="looks again when the next may be late"),
        pytest.param("02:03", State.WAITING, "02:05:30", "02:05:30", id="waits while it may start"),
        pytest.param("02:30", State.HOLDS, "02:05:30", "26:00:30", id="until the next slot"),
    ],
)
def test_when_to_look_again(look: Any, now: str, state: State, opens: str | None, again: str) -> None:
    one = look("", now, job=TIGHT, covered=[("00:00", "")])
    (decision,) = one.decisions("late")

    assert decision.state is state
    assert decision.opens == (one.at(opens) if opens else None)
    assert decision.look_again == one.at(again)


@pytest.mark.parametrize(
    ("fields", "state", "words"),
    [
        pytest.param({"policy": Policy(is_sandbox=True)}, State.CLEAR, "sandbox", id="a sandbox"),
        pytest.param({"cron": None}, State.CLEAR, "no schedule known", id="no schedule"),
        pytest.param({"covered": []}, State.UNKNOWN, "no slot in the time", id="nothing was read"),
        pytest.param(
            {"covered": [("01:30", "01:50"), ("03:30", "")]}, State.UNKNOWN, "not all of the time", id="a gap"
        ),
    ],
)
def test_what_cannot_be_judged_says_so(look: Any, fields: Any, state: State, words: str) -> None:
    (decision,) = look("job 00:00-00:01 by:jdoe", "04:00", **fields).decisions("late")

    assert decision.state is state
    assert words in decision.reason


def test_a_job_that_never_ran_is_late(look: Any) -> None:
    assert look("", "04:00").told("late") == {"late 02:00 [03:00:30, now)"}


def test_a_system_job_is_not_judged(look: Any) -> None:
    assert not look("", "04:00", jobs=("sfcc-clean",)).decisions("late")


def test_what_was_late_before_the_first_read_is_not_announced(look: Any) -> None:
    story = look("", "04:00", job=TIGHT, watched_since=look.at("03:00"))

    assert story.only("late").finding.quiet == "first_read"


def test_it_is_over_as_news_when_a_fresh_run_ended_it_or_since_the_last_look(look: Any) -> None:
    def told(**fields: Any) -> set[str]:
        found: set[str] = look("job 02:20-02:30", "04:00", job=TIGHT, is_hindsight=False, **fields).told(
            "late"
        )
        return found

    assert told(fresh="1")
    assert told(fresh="", judged_until=look.at("02:19"))
    assert not told(fresh="", judged_until=look.at("02:20"))


def test_it_is_a_warning_unless_the_job_says_otherwise(look: Any) -> None:
    def loudness(**severity: str) -> Severity:
        said: Severity = look("", "04:00", job=JobPolicy(severity=severity)).only("late").finding.severity
        return said

    assert loudness() is Severity.WARNING
    assert loudness(late="critical") is Severity.CRITICAL
    assert look("", "04:00", source=Source.LEARNED).only("late").finding.severity is Severity.WARNING
