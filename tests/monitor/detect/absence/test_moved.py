"""Runs that are off: a daily job at 02:00, read from midnight on; the days are hours that count on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from monitor.detect.absence.moved import astray
from monitor.detect.model import State
from monitor.schedule import Revision, Schedule, Source, Timetable

DAILY: dict[str, Any] = {"covered": [("00:00", "")]}
LATER = "job 02:00-02:10, job 29:00-29:10, job 53:00-53:10"
EARLIER = "job 02:00-02:10, job 25:00-25:10, job 48:50-48:55, job 49:00-49:10"


@pytest.mark.parametrize(
    ("runs", "now", "expected"),
    [
        pytest.param(
            "job 02:00-02:10, job 29:00-29:10", "30:00", {"late 26:00 [27:00:30, 29:00)"}, id="once"
        ),
        pytest.param(
            LATER,
            "54:00",
            {
                "late 26:00 [27:00:30, 29:00)",
                "late 50:00 [51:00:30, 53:00)",
                "moved 29:00 [53:00, now)",
            },
            id="twice by three hours",
        ),
        pytest.param(
            LATER + ", job 77:00-77:10, job 101:00-101:10",
            "102:00",
            {
                "late 26:00 [27:00:30, 29:00)",
                "late 50:00 [51:00:30, 53:00)",
                "moved 29:00 [53:00, now)",
            },
            id="from then on it is neither late nor missed",
        ),
        pytest.param(
            LATER,
            "79:00",
            {
                "late 26:00 [27:00:30, 29:00)",
                "late 50:00 [51:00:30, 53:00)",
                "late 74:00 [78:00:30, now)",
                "moved 29:00 [53:00, now)",
            },
            id="but late when it does not come at its new time either",
        ),
        pytest.param(
            LATER + ", job 74:00-74:10",
            "75:00",
            {
                "late 26:00 [27:00:30, 29:00)",
                "late 50:00 [51:00:30, 53:00)",
                "moved 29:00 [53:00, 74:00)",
            },
            id="over when a run meets its slot",
        ),
        pytest.param(
            "job 02:00-02:10, job 25:00-25:10, job 49:00-49:10, job 73:00-73:10",
            "80:00",
            {
                "unexpected 25:00 [25:00, 49:00)",
                "late 26:00 [27:00:30, 49:00)",
                "moved 25:00 [49:00, now)",
            },
            id="an hour earlier: what was open of it ends",
        ),
        pytest.param(
            "job 25:00-25:10 failed, job 49:00-49:10 failed, job 73:00-73:10",
            "74:00",
            {
                "late 02:00 [03:00:30, 25:00)",
                "late 26:00 [27:00:30, 49:00)",
                "moved 25:00 [49:00, now)",
            },
            id="a slot that was late when it was found moved is not missed",
        ),
        pytest.param(
            "job 02:00-02:10, job 29:00-29:10, job 54:00-54:10",
            "55:00",
            {"late 26:00 [27:00:30, 29:00)", "late 50:00 [51:00:30, 54:00)"},
            id="an hour more the next time is no steady offset",
        ),
        pytest.param(
            "job 02:00-02:10, job 05:00-05:10, job 05:01-05:12",
            "06:00",
            {"unexpected 05:00 [05:00, now)"},
            id="two at one slot are not in a row",
        ),
    ],
)
def test_moved(look: Any, runs: str, now: str, expected: set[str]) -> None:
    assert look(runs, now, **DAILY).told() == expected


@pytest.mark.parametrize(
    ("second", "is_moved"),
    [
        pytest.param("01:38", True, id="two minutes from each other"),
        pytest.param("01:37:59", False, id="a second more"),
        pytest.param("01:42", True, id="two minutes the other way"),
        pytest.param("01:42:01", False, id="a second more that way"),
    ],
)
def test_how_steady_an_offset_has_to_be(look: Any, *, second: str, is_moved: bool) -> None:
    story = f"job 00:30-00:31, job 01:10-01:11, job {second}-01:50"

    assert bool(look(story, "01:55", cron="*/30 * * * *", **DAILY).told("moved")) is is_moved


def test_jobs_that_are_off_alike_are_one_finding(look: Any) -> None:
    names = [f"job{number}" for number in range(5)]
    story = ", ".join(
        f"{name} {start}:0{number}-{start}:30"
        for number, name in enumerate(names)
        for start in (("02", "29", "53") if number < 3 else ("02", "26", "50"))
    )
    one = look(story, "54:00", jobs=names, **DAILY)
    held = [found for found in one.decisions("moved") if found.state is State.HOLDS]

    assert [found.jobs for found in held] == [()]
    assert held[0].finding is not None
    assert "3 of 5 jobs start 3 h later" in held[0].finding.summary
    assert "job_id" not in held[0].finding.labels
    assert held[0].opens == one.at("53:02")
    assert astray(one.facts, one.policy) == {"job0", "job1", "job2"}


def test_two_jobs_are_told_one_by_one(look: Any) -> None:
    story = LATER + ", " + LATER.replace("job ", "other ")
    held = list(look(story, "54:00", jobs=("job", "other"), **DAILY).decisions("moved"))

    assert {found.jobs for found in held if found.state is State.HOLDS} == {("job",), ("other",)}


@pytest.mark.parametrize(
    ("runs", "now", "expected"),
    [
        pytest.param(
            "job 02:00-02:10, job 12:00-12:10", "13:00", {"unexpected 12:00 [12:00, now)"}, id="odd"
        ),
        pytest.param("job 02:00-02:10, job 12:00-12:10 by:jdoe", "13:00", set(), id="by hand"),
        pytest.param("job 02:00-02:10, job 12:00-12:10 api:erp", "13:00", set(), id="through the API"),
        pytest.param(
            "job 02:00-02:10 retried try:0/3, job 03:30-03:40 try:1/3", "13:00", set(), id="a retry"
        ),
        pytest.param("job 12:00-12:10", "13:00", set(), id="ten hours late, but it filled its slot"),
        pytest.param("job 02:00-02:10, job 03:00-03:10", "13:00", set(), id="a second one within the window"),
        pytest.param(
            "job 02:00-02:10, job 03:00:01-03:10",
            "13:00",
            {"unexpected 03:00:01 [03:00:01, now)"},
            id="after",
        ),
        pytest.param(
            "job 02:00-02:10, job 12:00-12:10, job 26:00-26:10",
            "27:00",
            {"unexpected 12:00 [12:00, 26:00)"},
            id="over when the next one meets its slot",
        ),
    ],
)
def test_unexpected(look: Any, runs: str, now: str, expected: set[str]) -> None:
    assert look(runs, now, **DAILY).told("unexpected") == expected


def test_runs_before_a_schedule_was_learned_say_nothing_about_it(
    look: Any, facts: Callable[..., Any], at: Callable[[str], Any]
) -> None:
    learned = Timetable(Source.LEARNED, (Revision((Schedule(cron="0 2 * * *"),), at("20:00")),))
    one = look("job 05:00-05:10, job 21:00-21:10, job 26:00-26:10", "27:00", **DAILY)
    fields = {"coverage": one.facts.coverage, "timetables": {"job": learned}, "is_hindsight": True}
    story = facts("job 05:00-05:10, job 21:00-21:10, job 26:00-26:10", "27:00", **fields)

    assert type(one)(story, one.policy, at).told() == set()
