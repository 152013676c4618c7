"""An hourly job, read since three minutes before the slot of midnight; others as said."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from alerts.model import Severity
from monitor.detect.model import State
from monitor.model import Interval
from monitor.policy import JobPolicy
from monitor.schedule import Source

HOURLY: dict[str, Any] = {"cron": "0 * * * *", "covered": [("-00:03", "")]}


@pytest.mark.parametrize(
    ("runs", "now", "expected"),
    [
        pytest.param("", "01:00:29", set(), id="not before the next slot and the lag"),
        pytest.param("", "01:00:30", {"missed 00:00 [01:00:30, now)"}, id="and then it is"),
        pytest.param(
            "job 01:00-01:10", "01:20", {"missed 00:00 [01:00:30, 01:00:30)"}, id="one slot, told as over"
        ),
        pytest.param("job 00:40-00:50", "01:50", set(), id="filled late, however late"),
        pytest.param(
            "job 02:00-02:10", "02:20", {"missed 00:00 [01:00:30, 02:00:30)"}, id="two slots are one gap"
        ),
        pytest.param(
            "job 01:30-01:40 by:jdoe", "01:50", {"missed 00:00 [01:00:30, 01:40)"}, id="made up by hand"
        ),
        pytest.param(
            "job 01:30-01:40 failed by:jdoe",
            "01:50",
            {"missed 00:00 [01:00:30, now)"},
            id="a failed try by hand makes up for nothing",
        ),
        pytest.param("job 00:30-00:40 by:jdoe", "01:50", set(), id="made up before anybody missed it"),
        pytest.param("job 00:30-00:40 api:erp", "01:50", set(), id="through the API as well"),
        pytest.param(
            "job 00:00-02:10, job 03:00-03:05",
            "03:10",
            {"missed 01:00 [02:00:30, 03:00:30)"},
            id="a long run swallows two slots and makes up for none",
        ),
        pytest.param(
            "job 00:00-00:10, job 02:00-02:10, job 04:00-04:10",
            "04:20",
            {"missed 01:00 [02:00:30, 02:00:30)", "missed 03:00 [04:00:30, 04:00:30)"},
            id="a filled slot parts two gaps",
        ),
        pytest.param(
            "job 00:50-01:20 by:jdoe, job 02:00-02:05",
            "02:10",
            {"missed 00:00 [01:00:30, 01:20)"},
            id="what makes up for a gap makes up for the slot it swallowed itself",
        ),
        pytest.param(
            "job 01:59-02:10", "01:59:30", {"missed 00:00 [01:00:30, now)"}, id="an early start ends no gap"
        ),
        pytest.param(
            "job 01:59-02:10", "02:01", {"missed 00:00 [01:00:30, 02:00:30)"}, id="before its slot has come"
        ),
        pytest.param(
            "job 00:00-00:10 retried try:0/3, job 00:50-00:55 try:1/3", "01:59", set(), id="a retry"
        ),
    ],
)
def test_missed(look: Any, runs: str, now: str, expected: set[str]) -> None:
    assert look(runs, now, **HOURLY).told("missed") == expected


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param("26:00:29", set(), id="a day later less the lag"),
        pytest.param("26:00:30", {"missed 02:00 [26:00:30, now)"}, id="a day later"),
    ],
)
def test_a_weekly_slot_is_missed_after_a_day(look: Any, now: str, expected: set[str]) -> None:
    assert look("", now, cron="0 2 * * tue,wed", covered=[("00:00", "")]).told("missed") == set()
    assert look("", now, cron="0 2 * * mon", covered=[("00:00", "")]).told("missed") == expected


@pytest.mark.parametrize(
    ("covered", "expected"),
    [
        pytest.param([("-00:03", "")], {"missed 00:00 [01:00:30, now)"}, id="all of it"),
        pytest.param([("-00:03", "00:30"), ("00:31", "01:40")], set(), id="a minute in between"),
        pytest.param([("00:00", "01:40")], set(), id="not the minutes in which it may start early"),
        pytest.param([], set(), id="none of it"),
    ],
)
def test_nothing_is_missed_in_time_that_was_not_read(look: Any, covered: Any, expected: set[str]) -> None:
    assert look("", "01:40", cron="0 * * * *", covered=covered).told("missed") == expected


def test_a_stop_over_an_expected_time_misses_it_once_and_as_of_that_time(look: Any) -> None:
    """Everything is read again after the stop, so that it does not matter when somebody looks."""
    decision = look("", "05:30", **HOURLY).only("missed")

    assert decision.finding.since.hour == 0
    assert decision.finding.evidence["slots"] == 5
    assert decision.look_again.hour == 6


def test_repeats_stop_after_the_third_slot(look: Any) -> None:
    found = look("", "08:30", **HOURLY).only("missed").finding

    assert [text[11:16] for text in found.occurrences] == ["00:00", "01:00", "02:00"]
    assert found.evidence["slots"] == 8
    assert "switched off?" in found.summary


@pytest.mark.parametrize(
    ("runs", "now", "cause", "severity"),
    [
        pytest.param("job 00:00-?", "02:30", "swallowed", Severity.INFO, id="one slot swallowed"),
        pytest.param("job 00:00-?", "03:30", "swallowed", Severity.INFO, id="two"),
        pytest.param("job 00:00-?", "04:30", "swallowed", Severity.WARNING, id="three in a row"),
        pytest.param("job 00:30-? by:jdoe", "01:30", "unknown", Severity.CRITICAL, id="begun after the slot"),
        pytest.param("job 00:00-00:10 failed", "02:30", "unknown", Severity.CRITICAL, id="failed, one slot"),
        pytest.param(
            "job 00:00-00:10 failed", "03:30", "disabled", Severity.CRITICAL, id="failed, two slots"
        ),
        pytest.param("job 00:00-00:10", "03:30", "unknown", Severity.CRITICAL, id="nobody knows"),
    ],
)
def test_causes(look: Any, runs: str, now: str, cause: str, severity: Severity) -> None:
    found = look(runs, now, **HOURLY).only("missed").finding

    assert (found.cause, found.severity) == (cause, severity)


@pytest.mark.parametrize(
    ("now", "rungs"),
    [
        pytest.param("03:30", [], id="two slots are told as they are"),
        pytest.param("04:30", [("02:00:30", "info"), ("04:00:30", "warning")], id="from the third on worse"),
        pytest.param("07:30", [("02:00:30", "info"), ("04:00:30", "warning")], id="and not worse again"),
    ],
)
def test_a_gap_that_grew_worse_was_told_as_it_was_then(look: Any, now: str, rungs: list[Any]) -> None:
    found = look("job 00:00-?", now, **HOURLY).only("missed")

    assert [(one.known, one.severity) for one in found.ladder] == [(look.at(at), name) for at, name in rungs]
    assert [one.summary for one in found.ladder[1:]] == [found.finding.summary for _ in rungs[1:]]


@pytest.mark.parametrize(
    ("others", "cause"),
    [pytest.param(14, "unknown", id="room for one"), pytest.param(15, "blocked", id="the instance is full")],
)
def test_a_full_instance_blocks(look: Any, at: Any, others: int, cause: str) -> None:
    full = (Interval(at("00:30"), at("01:30")),) * others

    assert look("job 00:00-00:10", "02:30", occupied=full, **HOURLY).only("missed").finding.cause == cause


def test_a_learned_slot_is_at_most_a_warning(look: Any) -> None:
    def loudness(**fields: Any) -> Severity:
        said: Severity = look("", "01:30", **HOURLY, **fields).only("missed").finding.severity
        return said

    assert loudness() is Severity.CRITICAL
    assert loudness(source=Source.LEARNED) is Severity.WARNING


def test_who_made_up_for_it_is_told(look: Any) -> None:
    found = look("job 01:30-01:40 by:jdoe", "01:50", **HOURLY).only("missed").finding

    assert "made up by hand by jdoe" in found.resolution


def test_quiet_until_a_slot_is_missed_after_the_first_read(look: Any) -> None:
    def quiet(now: str) -> str | None:
        said: str | None = (
            look("", now, watched_since=look.at("01:30"), **HOURLY).only("missed").finding.quiet
        )
        return said

    assert quiet("01:45") == "first_read"
    assert quiet("02:45") is None


@pytest.mark.parametrize(
    ("runs", "now", "state", "again"),
    [
        pytest.param("job 00:00-00:10", "00:30", State.CLEAR, "01:00:30", id="when the next slot comes"),
        pytest.param("", "00:30", State.WAITING, "01:00:30", id="when this one is missed"),
        pytest.param("", "01:30", State.HOLDS, "02:00:30", id="when the next is missed"),
        pytest.param("job 01:00-?", "01:00:10", State.WAITING, "01:00:30", id="when it can be known"),
    ],
)
def test_when_to_look_again(look: Any, runs: str, now: str, state: State, again: str) -> None:
    one = look(runs, now, **HOURLY)
    (decision,) = one.decisions("missed")

    assert decision.state is state
    assert decision.look_again == one.at(again)


def test_a_longer_patience_for_what_has_no_next_slot_soon(look: Any) -> None:
    patient = JobPolicy(missed_after=timedelta(hours=30))

    assert not look("", "27:00", cron="0 2 * * mon", covered=[("00:00", "")], job=patient).told("missed")
