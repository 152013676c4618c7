"""When schedules are due: intervals, weekdays, first and last days, and the days that clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from monitor.schedule import Schedule

BERLIN = "Europe/Berlin"
HOWE = "Australia/Lord_Howe"
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def every(words: str, **fields: Any) -> Schedule:
    """`30m`, or `30m at 00:10`."""
    length, _, at = words.partition(" at ")
    unit = {"m": MINUTE, "h": 60 * MINUTE, "d": DAY}[length[-1]]
    return Schedule(every=int(length[:-1]) * unit, at=time.fromisoformat(at) if at else None, **fields)


def wall(clock: str) -> datetime:
    """Of the second of November, in the schedule's zone."""
    return datetime.fromisoformat(f"2026-11-02T{clock}")


def local(schedule: Schedule, day: str, days: int = 1) -> list[str]:
    """Slots of the calendar's days from 00:00 to 24:00, with the offset from UTC in force."""
    zone = ZoneInfo(schedule.timezone)
    start = datetime.fromisoformat(day).replace(tzinfo=zone)
    end = (datetime.fromisoformat(day) + days * DAY).replace(tzinfo=zone)
    form = "%H:%M %z" if days == 1 else "%d %H:%M"
    return [f"{at.astimezone(zone):{form}}" for at in schedule.slots(start, end)]


# -- daylight saving -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cron", "timezone", "day", "expected"),
    [
        pytest.param("30 2 * * *", BERLIN, "2026-03-29", ["03:00 +0200"], id="skipped: the instant after"),
        pytest.param("0 3 * * *", BERLIN, "2026-03-29", ["03:00 +0200"], id="right after the gap"),
        pytest.param("0,30 2,3 * * *", BERLIN, "2026-03-29", ["03:00 +0200", "03:30 +0200"], id="moved, one"),
        pytest.param(
            "0 */2 * * *",
            BERLIN,
            "2026-03-29",
            ["00:00 +0100", "03:00 +0200", *(f"{hour:02}:00 +0200" for hour in range(4, 24, 2))],
            id="two-hourly is times of day: moved",
        ),
        pytest.param("30 2 * * *", BERLIN, "2026-10-25", ["02:30 +0200"], id="repeated: once, the first"),
        pytest.param(
            "0 0-4/2 * * *",
            BERLIN,
            "2026-10-25",
            ["00:00 +0200", "02:00 +0200", "04:00 +0100"],
            id="two-hourly is times of day: once",
        ),
        pytest.param(
            "*/30 2 * * *", BERLIN, "2026-10-25", ["02:00 +0200", "02:30 +0200"], id="one hour only"
        ),
        pytest.param(
            "15 1-3 * * *",
            BERLIN,
            "2026-10-25",
            ["01:15 +0200", "02:15 +0200", "02:15 +0100", "03:15 +0100"],
            id="hourly around it: both hours",
        ),
        pytest.param(
            "15 1-3 * * *",
            BERLIN,
            "2026-03-29",
            ["01:15 +0100", "03:15 +0200"],
            id="hourly around it: goes on",
        ),
        pytest.param("15 2 * * *", HOWE, "2026-10-04", ["02:30 +1100"], id="half an hour is skipped"),
        pytest.param(
            "30 2 * * *", HOWE, "2026-10-04", ["02:30 +1100"], id="the first instant after half an hour"
        ),
        pytest.param("45 1 * * *", HOWE, "2026-04-05", ["01:45 +1100"], id="half an hour is repeated"),
        pytest.param("0 2 * * *", HOWE, "2026-04-05", ["02:00 +1030"], id="the half hour is over"),
        pytest.param("0 0 * * *", "America/Havana", "2026-03-08", ["01:00 -0400"], id="midnight is skipped"),
        pytest.param(
            "30 0 * * *", "America/Havana", "2026-11-01", ["00:30 -0400"], id="midnight is repeated"
        ),
        pytest.param("30 23 * * *", "America/Santiago", "2026-04-04", ["23:30 -0300"], id="before midnight"),
        pytest.param("30 2 * * *", "UTC", "2026-03-29", ["02:30 +0000"], id="nothing changes"),
    ],
)
def test_a_time_of_day_on_the_day_of_a_change(
    cron: str, timezone: str, day: str, expected: list[str]
) -> None:
    assert local(Schedule(timezone, cron), day) == expected


CHANGES = [
    pytest.param(BERLIN, "2026-03-29", 23, id="an hour is skipped"),
    pytest.param(BERLIN, "2026-10-25", 25, id="an hour is repeated"),
    pytest.param("America/Havana", "2026-03-08", 23, id="skipped at midnight"),
    pytest.param("America/Havana", "2026-11-01", 25, id="repeated at midnight"),
    pytest.param(HOWE, "2026-10-04", 23.5, id="half an hour is skipped"),
    pytest.param(HOWE, "2026-04-05", 24.5, id="half an hour is repeated"),
]


@pytest.mark.parametrize(("timezone", "day", "hours"), CHANGES)
@pytest.mark.parametrize(
    "schedule",
    [
        pytest.param({"cron": "*/15 * * * *"}, id="cron"),
        pytest.param({"cron": "0,15,30,45 0-23 * * *"}, id="cron in other words"),
        pytest.param({"every": 15 * MINUTE}, id="interval"),
    ],
)
def test_what_is_finer_than_hourly_goes_on_in_elapsed_time(
    timezone: str, day: str, hours: float, schedule: dict[str, Any]
) -> None:
    zone = ZoneInfo(timezone)
    start = (datetime.fromisoformat(day) - 6 * 60 * MINUTE).replace(tzinfo=zone).astimezone(UTC)
    slots = list(Schedule(timezone, **schedule).slots(start, start + DAY))
    assert [later - at for at, later in pairwise(slots)] == [15 * MINUTE] * 95
    assert len(local(Schedule(timezone, **schedule), day)) == hours * 4


@pytest.mark.parametrize(("timezone", "day", "hours"), CHANGES[:4])
def test_what_is_hourly_goes_on_in_elapsed_time(timezone: str, day: str, hours: float) -> None:
    assert len(local(Schedule(timezone, "10 * * * *"), day)) == hours
    assert local(Schedule(timezone, "10 * * * *"), day) == local(every("1h at 05:10", timezone=timezone), day)


def test_within_the_repeated_hour_the_second_showing_comes_next() -> None:
    schedule = Schedule(BERLIN, "0 * * * *")
    first = datetime(2026, 10, 25, 0, 40, tzinfo=UTC)  # 02:40, to be shown again
    assert schedule.next_slot(first) == datetime(2026, 10, 25, 1, 0, tzinfo=UTC)
    assert Schedule(BERLIN, "0 2 * * *").next_slot(first) == datetime(2026, 10, 26, 1, 0, tzinfo=UTC)


def test_a_slot_that_was_moved_is_in_the_interval_that_begins_with_it() -> None:
    moved = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    schedule = Schedule(BERLIN, "30 2 * * *")
    assert list(schedule.slots(moved, moved + MINUTE)) == [moved]
    assert list(schedule.slots(moved - MINUTE, moved)) == []
    assert schedule.next_slot(moved) == datetime(2026, 3, 30, 0, 30, tzinfo=UTC)


# -- intervals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "fields", "expected"),
    [
        pytest.param("12h", {}, ["01 00:00", "01 12:00", "02 00:00", "02 12:00"], id="from midnight"),
        pytest.param("12h at 14:10", {}, ["01 02:10", "01 14:10", "02 02:10", "02 14:10"], id="as at says"),
        pytest.param("1d at 02:00", {}, ["01 02:00", "02 02:00"], id="daily"),
        pytest.param("90m at 23:00", {"weekdays": ("mon",)}, 16, id="divides a day"),
        pytest.param("2d at 02:00", {"valid_from": date(2026, 10, 30)}, ["01 02:00"], id="every other day"),
        pytest.param("2d at 02:00", {"valid_from": date(2026, 10, 31)}, ["02 02:00"], id="the other one"),
        pytest.param("7d at 02:00", {"weekdays": ("mon",)}, ["02 02:00"], id="weekly, by the weekday"),
        pytest.param(
            "7d",
            {"valid_from": date(2026, 10, 22), "weekdays": ("sun",)},
            ["01 00:00"],
            id="its first Sunday",
        ),
        pytest.param("14d", {"valid_from": date(2026, 10, 14), "weekdays": ("wed",)}, [], id="in between"),
        pytest.param("18h", {"valid_from": date(2026, 10, 31)}, ["01 12:00", "02 06:00"], id="elapsed time"),
        pytest.param(
            "18h", {"valid_from": date(2026, 11, 2)}, ["02 00:00", "02 18:00"], id="from its day on"
        ),
    ],
)
def test_an_interval_is_due(words: str, fields: dict[str, Any], expected: list[str] | int) -> None:
    found = local(every(words, **fields), "2026-11-01", 2)
    assert (len(found) if isinstance(expected, int) else found) == expected


def test_an_interval_that_divides_no_day_goes_on_in_elapsed_time() -> None:
    schedule = every("7h at 01:00", timezone=BERLIN, valid_from=date(2026, 10, 20))
    slots = list(schedule.slots(datetime(2026, 10, 20, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC)))
    assert {later - at for at, later in pairwise(slots)} == {7 * 60 * MINUTE}


# -- which days ------------------------------------------------------------------------------------


def test_weekdays_are_those_of_the_wall_clock() -> None:
    schedule = Schedule("Asia/Tokyo", "0 2 * * *", weekdays=("mon",))
    assert schedule.next_slot(datetime(2026, 11, 1, tzinfo=UTC)) == datetime(2026, 11, 1, 17, tzinfo=UTC)
    steps = every("7h", timezone="Asia/Tokyo", weekdays=("mon",), valid_from=date(2026, 11, 1))
    assert local(steps, "2026-11-02") == ["04:00 +0900", "11:00 +0900", "18:00 +0900"]
    assert local(steps, "2026-11-03") == []


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        pytest.param({"valid_from": date(2026, 11, 2)}, ["02 02:00", "03 02:00"], id="from a day"),
        pytest.param({"valid_until": date(2026, 11, 2)}, ["01 02:00", "02 02:00"], id="a last day"),
        pytest.param({"valid_from": wall("02:00")}, ["02 02:00", "03 02:00"], id="from its slot"),
        pytest.param({"valid_from": wall("02:01")}, ["03 02:00"], id="from a minute after"),
        pytest.param({"valid_until": wall("02:00")}, ["01 02:00"], id="until its slot"),
        pytest.param({"valid_until": wall("02:01")}, ["01 02:00", "02 02:00"], id="a minute on"),
        pytest.param(
            {"valid_from": datetime(2026, 11, 2, 1, tzinfo=UTC)}, ["02 02:00", "03 02:00"], id="an instant"
        ),
        pytest.param(
            {"valid_until": date(9999, 12, 31)}, ["01 02:00", "02 02:00", "03 02:00"], id="for ever"
        ),
        pytest.param({"valid_from": date(2026, 11, 3), "valid_until": date(2026, 11, 2)}, [], id="never"),
    ],
)
def test_a_schedule_is_due_from_its_first_to_its_last_day(
    bounds: dict[str, Any], expected: list[str]
) -> None:
    assert local(Schedule(BERLIN, "0 2 * * *", **bounds), "2026-11-01", 3) == expected


def test_there_is_no_next_slot_after_the_last_day() -> None:
    over = Schedule(cron="0 2 * * *", valid_until=date(2026, 11, 1))
    assert over.next_slot(datetime(2026, 11, 1, 2, tzinfo=UTC)) is None
    contradiction = Schedule(cron="0 2 * * mon", weekdays=("tue",))
    assert contradiction.next_slot(datetime(2026, 11, 1, tzinfo=UTC)) is None


# -- as values -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "text"),
    [
        pytest.param(Schedule(cron="0 2 * * *"), "0 2 * * *", id="a cron"),
        pytest.param(every("30m at 00:10"), "every 30m at 00:10", id="an interval"),
        pytest.param(every("30m"), "every 30m", id="from midnight"),
        pytest.param(every("90m"), "every 90m", id="no whole hours"),
        pytest.param(every("120m"), "every 2h", id="the largest unit"),
        pytest.param(
            Schedule(cron="0 2 * * *", weekdays=("mon", "tue")), "0 2 * * * on mon, tue", id="some weekdays"
        ),
    ],
)
def test_a_schedule_says_itself_in_words(schedule: Schedule, text: str) -> None:
    assert schedule.text == text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        pytest.param({}, "give either cron or every", id="neither"),
        pytest.param({"cron": "0 2 * * *", "every": DAY}, "give either cron or every", id="both"),
        pytest.param({"every": timedelta(seconds=90)}, "every is in whole minutes", id="seconds"),
        pytest.param({"every": timedelta()}, "every is in whole minutes", id="nothing"),
        pytest.param(
            {"every": 45 * 7 * MINUTE}, "every 315m does not come to the same times", id="no anchor"
        ),
        pytest.param({"every": 2 * DAY}, "give valid_from, the day it counts from", id="no first day"),
        pytest.param(
            {"every": 7 * DAY, "weekdays": ("mon", "tue")}, "give valid_from", id="weekly on two days"
        ),
        pytest.param(
            {"cron": "0 2 * * *", "valid_from": date(1, 1, 1)}, "year 1 is out of range", id="long ago"
        ),
    ],
)
def test_what_makes_no_schedule_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Schedule(**fields)


def test_schedules_that_say_the_same_are_equal() -> None:
    assert Schedule(BERLIN, "0 2 * * *") == Schedule(BERLIN, "0 2 * * *")
    assert hash(Schedule(BERLIN, "0 2 * * *")) == hash(Schedule(BERLIN, "0 2 * * *"))
    assert Schedule(BERLIN, "0 2 * * *") != Schedule("UTC", "0 2 * * *")
