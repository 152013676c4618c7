"""Timetables of jobs as users write them: what is taken, what is refused and in which words."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

import pytest

from monitor.settings import Loaded
from monitor.settings.model import JobSettings

Read = Callable[..., Loaded]
Refused = Callable[..., list[str]]

JOB = '[[jobs]]\nmatch = "*"\n'
TIME = "a time of day is written HH:MM, such as 00:10"
BOUND = "write a date or an instant, such as 2026-11-01 or 2026-11-01T06:00:00Z"
MINUTES = "is in whole minutes, such as 30m, 2h or 1d"
NEVER = "these times are never due: no day has them within weekdays, valid_from and valid_until"
DIVIDES = "does not come to the same times each day: give valid_from, the day it counts from"


def only_job(loaded: Loaded) -> JobSettings:
    (job,) = loaded.settings.jobs
    return job


def test_a_timetable_is_read_as_it_is_written(read: Read) -> None:
    job = only_job(read(f'{JOB}every = "30m"\nat = "00:10"\nweekdays = ["mon", "fri"]'))
    assert (job.every, job.at, job.weekdays) == (timedelta(minutes=30), time(0, 10), ["mon", "fri"])
    assert only_job(read(f'{JOB}cron = " 0  2 * * MON "')).cron == "0 2 * * MON"
    assert only_job(read(f'{JOB}every = "1d"\nat = 02:00:00')).at == time(2, 0)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param('"2026-11-01"', date(2026, 11, 1), id="a day"),
        pytest.param("2026-11-01", date(2026, 11, 1), id="a day of TOML"),
        pytest.param('"2026-11-01T06:00:00Z"', datetime(2026, 11, 1, 6, tzinfo=UTC), id="an instant"),
        pytest.param("2026-11-01T06:00:00Z", datetime(2026, 11, 1, 6, tzinfo=UTC), id="an instant of TOML"),
        pytest.param(
            "2026-11-01T06:00:00",
            datetime.fromisoformat("2026-11-01T06:00:00"),
            id="in the instance's time zone",
        ),
    ],
)
def test_days_and_instants_bound_a_schedule(read: Read, written: str, expected: date) -> None:
    job = only_job(read(f'{JOB}cron = "0 2 * * *"\nvalid_from = {written}'))
    assert job.valid_from == expected
    assert isinstance(job.valid_from, datetime) == isinstance(expected, datetime)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param(
            'cron = "0 0 2 * * *"',
            "jobs[0].cron = '0 0 2 * * *': a cron expression has five fields "
            "(minute, hour, day-of-month, month, day-of-week), such as '0 2 * * *'; this has 6",
            id="seconds in a cron",
        ),
        pytest.param(
            'cron = "0 25 * * *"',
            "jobs[0].cron = '0 25 * * *': the hour '25' is not understood; "
            "write 0-23, *, a list (1,2), a range (1-5) or a step (*/2)",
            id="an hour there is not",
        ),
        pytest.param(
            'cron = "0 2 30 2 *"',
            "jobs[0].cron = '0 2 30 2 *': this is never due: there is no such day",
            id="a day there is not",
        ),
        pytest.param("cron = 5", "jobs[0].cron = 5: Input should be a valid string", id="a number"),
        pytest.param(
            'cron = "0 2 * * *"\nevery = "1d"', "jobs[0]: give cron or every, not both", id="said twice"
        ),
        pytest.param(
            'at = "02:00"',
            'jobs[0]: at goes with every: for once a day write every = "1d"',
            id="at without every",
        ),
        pytest.param(
            'cron = "0 2 * * *"\nat = "02:00"',
            'jobs[0]: at goes with every: for once a day write every = "1d"',
            id="at with a cron",
        ),
        pytest.param('every = "90s"', f"jobs[0].every = '90s': {MINUTES}", id="no whole minutes"),
        pytest.param('every = "0s"', "jobs[0].every = '0s': must be longer than 0s", id="no time at all"),
        pytest.param('every = "45m"\nat = "24:00"', f"jobs[0].at = '24:00': {TIME}", id="no time of day"),
        pytest.param('every = "1h"\nat = "2:00"', f"jobs[0].at = '2:00': {TIME}", id="an hour of one digit"),
        pytest.param('every = "7h"', f"jobs[0]: every 7h {DIVIDES}", id="an interval without a beginning"),
        pytest.param('every = "2d"', f"jobs[0]: every 2d {DIVIDES}", id="days without a first one"),
        pytest.param(
            'weekdays = ["monday"]',
            "jobs[0].weekdays[0] = 'monday': "
            "Input should be 'mon', 'tue', 'wed', 'thu', 'fri', 'sat' or 'sun'",
            id="an unknown weekday",
        ),
        pytest.param("weekdays = []", "jobs[0].weekdays: must not be empty", id="no weekday"),
        pytest.param('weekdays = "mon"', "jobs[0].weekdays = 'mon': a list is wanted here", id="no list"),
        pytest.param('valid_from = "soon"', f"jobs[0].valid_from = 'soon': {BOUND}", id="no day"),
        pytest.param("valid_until = 2026", f"jobs[0].valid_until = 2026: {BOUND}", id="a number for a day"),
        pytest.param(
            'valid_until = "1926-11-01"', f"jobs[0].valid_until = '1926-11-01': {BOUND}", id="long ago"
        ),
        pytest.param('cron = "0 2 * * mon"\nweekdays = ["tue"]', f"jobs[0]: {NEVER}", id="no such weekday"),
        pytest.param(
            'every = "1d"\nvalid_from = 2026-11-02\nvalid_until = 2026-11-01',
            f"jobs[0]: {NEVER}",
            id="no days",
        ),
    ],
)
def test_a_timetable_that_cannot_be_is_refused(refused: Refused, text: str, line: str) -> None:
    assert refused(JOB + text) == [f"settings.toml: {line}"]


def test_all_that_is_wrong_with_a_timetable_is_said_at_once(refused: Refused) -> None:
    found = refused(f'{JOB}cron = "x"\nevery = "soon"\nat = "noon"\nweekdays = ["day"]\nvalid_from = "x"')
    assert [line.partition(" = ")[0].partition(": ")[2] for line in found] == [
        "jobs[0].cron",
        "jobs[0].every",
        "jobs[0].at",
        "jobs[0].weekdays[0]",
        "jobs[0].valid_from",
        "jobs[0]: give cron or every, not both",
    ]


def test_a_day_within_one_day_is_enough(read: Read) -> None:
    job = only_job(read(f'{JOB}every = "1d"\nvalid_from = 2026-11-01\nvalid_until = 2026-11-01'))
    assert job.valid_until == date(2026, 11, 1)


def test_what_is_shown_can_be_read_again(read: Read) -> None:
    first = read(
        f'{JOB}every = "1d"\nat = "02:00"\nweekdays = ["mon"]\n'
        "valid_from = 2026-11-01\nvalid_until = 2026-11-30T06:00:00Z"
    ).settings
    shown = first.model_dump(mode="json")["jobs"]
    assert shown[0] | {"every": "1d", "at": "02:00", "valid_from": "2026-11-01"} == shown[0]
    again = read(
        "", {"SFCC_MONITOR_JOBS": json.dumps([{k: v for k, v in shown[0].items() if v is not None}])}
    )
    assert again.settings.jobs == first.jobs


def test_a_weekly_job_counts_from_its_weekday(read: Read) -> None:
    assert only_job(read(f'{JOB}every = "7d"\nweekdays = ["mon"]')).every == timedelta(days=7)
