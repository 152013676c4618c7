"""Nights on which monitors of jobs are known to have alarmed for nothing, or to have said nothing.

Each is told as a story and judged as a whole: not what one condition makes of it, but all that would have
been said. Hourly where a schedule is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.model import Interval
from monitor.policy import JobPolicy, Policy
from monitor.replay.model import Past, lines_of
from monitor.replay.telling import facts_of, judged_by, told
from monitor.schedule import Schedule, Timetable
from tests.monitor.detect.conftest import NIGHT, clock, runs

MINUTE = timedelta(minutes=1)
HOURLY = {"feed": Timetable.of(Schedule(cron="0 * * * *"))}
GOOD = "feed 00:00-00:10, feed 01:00-01:10"


def said(
    night: str, until: str, policy: Policy | None = None, tables: Mapping[str, Timetable] | None = None
) -> list[str]:
    """`02:11 opened failed feed`."""
    rules = policy or Policy()
    past = Past("production", clock(until), runs(night), (Interval(NIGHT, clock(until)),))
    found = told(judged_by(facts_of(past), rules, tables or {}), rules, MINUTE)
    return [
        f"{line.at:%H:%M} {line.action} {line.alert.condition} {'+'.join(line.alert.jobs)}"
        for line in lines_of(found)
    ]


def opened(night: str, until: str, **rules: Mapping[str, Timetable] | Policy | None) -> list[str]:
    lines = said(night, until, **rules)  # type: ignore[arg-type] # the keywords of said
    return [" ".join(line.split()[2:]) for line in lines if " opened " in line]


def test_a_run_whose_retry_succeeded_has_not_failed() -> None:
    night = f"{GOOD}, feed 02:00-02:05 retried try:0/2, feed 02:06-02:15 try:1/2"
    assert said(night, "02:50", tables=HOURLY) == []


def test_a_failure_is_over_when_a_later_run_ends_well_and_only_then() -> None:
    night = f"{GOOD}, feed 02:00-02:10 failed, feed 03:00-03:10 failed, feed 04:00-04:10"
    assert said(night, "04:30", tables=HOURLY) == ["02:10 opened failed feed", "04:10 resolved failed feed"]


def test_a_failed_run_is_not_late_missed_or_stale_as_well() -> None:
    night = f"{GOOD}, feed 02:00-02:10 failed, feed 03:00-03:10 failed, feed 04:00-04:10 failed"
    assert opened(night, "04:59", tables=HOURLY) == ["failed feed"]


def test_a_start_two_seconds_before_the_hour_is_that_of_the_hour() -> None:
    night = "feed 00:00-00:10, feed 00:59:58-01:10, feed 01:59:58-02:10, feed 03:00-03:10"
    assert said(night, "03:50", tables=HOURLY) == []


def test_one_run_does_not_stand_for_two_expected_ones() -> None:
    night = "feed 00:00-00:10, feed 00:59:58-01:10, feed 03:00-03:10"
    assert opened(night, "03:50", tables=HOURLY) == ["late feed", "missed feed"]


def test_a_run_that_hangs_is_told_though_newer_runs_of_the_job_start_and_end_well() -> None:
    rules = Policy(job=lambda _: JobPolicy(max_duration=timedelta(hours=1)))
    night = f"{GOOD}, feed 02:00-?, feed 03:00-03:10, feed 04:00-04:10"
    assert [line for line in said(night, "04:30", policy=rules) if "slow" in line] == [
        "03:00 opened slow feed"
    ]


@pytest.mark.parametrize(
    ("night", "expected"),
    [
        pytest.param("feed 02:00-02:10 failed, feed 03:00-03:10 failed", [], id="fewer runs are known"),
        pytest.param(
            "feed 02:00-02:10 failed, feed 03:00-03:10 failed, feed 04:00-04:10",
            [],
            id="neither a failure nor a recovery",
        ),
        pytest.param(
            "feed 02:00-02:10 failed, feed 03:00-03:10 failed, feed 04:00-04:10 failed, feed 05:00-05:10",
            ["04:10 opened failed feed", "05:10 resolved failed feed"],
            id="exactly one of each",
        ),
        pytest.param(
            "feed 02:00-02:10 failed, feed 03:00-03:10, feed 04:00-04:10 failed, feed 05:00-05:10 failed",
            [],
            id="not in a row",
        ),
        pytest.param(
            "feed 03:00-03:10 failed, feed 04:00-04:10 failed, feed 02:00-02:10 failed",
            ["04:10 opened failed feed"],
            id="in the order of their times, however they arrive",
        ),
    ],
)
def test_three_failures_in_a_row_are_asked_for(night: str, expected: list[str]) -> None:
    three = Policy(job=lambda _: JobPolicy(failure_threshold=3))
    assert [line for line in said(night, "06:00", policy=three) if "failed" in line] == expected


def test_a_failure_and_a_success_of_two_runs_in_one_second_are_in_the_order_of_their_starts() -> None:
    night = f"{GOOD}, feed 02:00-02:10:30 failed, feed 02:10:30-02:10:30"
    assert said(night, "02:50") == ["02:11 opened failed feed", "02:11 resolved failed feed"]
    assert said(f"{GOOD}, feed 02:00-02:10:30, feed 02:10:30-02:10:30 failed", "02:50") == [
        "02:11 opened failed feed"
    ]


@pytest.mark.parametrize(
    ("night", "expected"),
    [
        pytest.param("feed 02:00-02:10 unknown", [], id="an ended run without an exit status"),
        pytest.param("feed", ["00:15 opened stuck feed"], id="a pending run without a start"),
        pytest.param("feed 02:00-? pending", ["02:15 opened stuck feed"], id="a pending run with a start"),
    ],
)
def test_what_is_not_said_of_a_run_is_neither_a_failure_nor_a_crash(night: str, expected: list[str]) -> None:
    assert said(night, "02:30") == expected


def test_a_word_nobody_knows_is_a_run_that_goes_on() -> None:
    (run,) = runs("feed 02:00-?")
    rules = Policy(job=lambda _: JobPolicy(max_duration=timedelta(hours=1)))
    odd = replace(run, execution_status="hibernating")
    past = Past("production", clock("04:00"), (odd,), (Interval(NIGHT, clock("04:00")),))
    found = told(judged_by(facts_of(past), rules, {}), rules, MINUTE)
    assert [(one.condition, one.over_at) for one in found] == [("slow", None)]


def test_a_genuine_change_of_how_long_a_job_takes_is_told_a_few_times_and_then_usual() -> None:
    minutes = [10] * 30 + [25] * 60
    night = ", ".join(f"feed {hour}:00-{hour}:{took:02}:{hour % 7:02}" for hour, took in enumerate(minutes))
    told_of = [line for line in said(night, "95:00") if "opened slow" in line]
    assert [line[:2] for line in told_of] == ["06", "07", "08", "09"], "thirty hours on, and no more"


def test_a_single_long_run_is_told_once() -> None:
    minutes = [10] * 30 + [59] + [10] * 30
    night = ", ".join(f"feed {hour}:00-{hour}:{took:02}:{hour % 7:02}" for hour, took in enumerate(minutes))
    assert [line.split()[2] for line in said(night, "62:00") if "opened" in line] == ["slow"]
