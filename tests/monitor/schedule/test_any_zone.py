"""The rules of daylight saving in any zone and year, against a clock that is read minute by minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import assume, example, given
from hypothesis import strategies as st

from monitor.schedule import Schedule

MINUTE = timedelta(minutes=1)
HOUR = 60 * MINUTE
DAY = 24 * HOUR
ZONES = [
    "Europe/Berlin",
    "Europe/London",
    "America/New_York",
    "America/St_Johns",  # at 00:01 until 2011
    "America/Havana",  # at midnight
    "America/Sao_Paulo",  # at midnight, until 2019
    "America/Santiago",  # at midnight, back into the day before
    "America/Asuncion",
    "Asia/Beirut",
    "Africa/Cairo",
    "Africa/Casablanca",  # four changes a year
    "Australia/Lord_Howe",  # half an hour
    "Antarctica/Troll",  # two hours
    "Pacific/Apia",  # a day that was not
    "Asia/Pyongyang",
    "Asia/Kathmandu",
    "UTC",
]
SINCE, UNTIL = datetime(1972, 1, 1, tzinfo=UTC), datetime(2045, 1, 1, tzinfo=UTC)


@cache
def changes(name: str) -> tuple[datetime, ...]:
    """The days, in UTC, on which the zone's offset changes."""
    zone = ZoneInfo(name)
    days = [SINCE + number * DAY for number in range((UNTIL - SINCE) // DAY)]
    offsets = [(day, day.astimezone(zone).utcoffset()) for day in days]
    return tuple(day for (day, before), (_, after) in pairwise(offsets) if before != after)


@st.composite
def places(draw: st.DrawFn) -> tuple[str, datetime]:
    """A zone and an instant, most of them within a day of a change of its offset."""
    name = draw(st.sampled_from(ZONES))
    minutes = timedelta(minutes=draw(st.integers(-1440, 1440)))
    days, is_near = changes(name), draw(st.integers(0, 4)) > 0
    if days and is_near:
        return name, days[draw(st.integers(0, len(days) - 1))] + minutes
    return name, SINCE + timedelta(days=draw(st.integers(1, (UNTIL - SINCE) // DAY))) + minutes


hours = st.sets(st.integers(0, 23), min_size=1, max_size=3) | st.integers(1, 6).map(
    lambda step: set(range(0, 24, step))
)
minutes = st.sets(st.integers(0, 59), min_size=1, max_size=3) | st.sampled_from([{0}, {0, 30}, {5, 35}])
weekdays = st.none() | st.sets(st.integers(0, 6), min_size=1)


def cron_of(minutes: set[int], hours: set[int], days: set[int] | None) -> str:
    """Monday is 0 here, and 1 in a cron."""
    weekday = "*" if days is None else ",".join(str(day + 1) for day in sorted(days))
    return f"{','.join(map(str, sorted(minutes)))} {','.join(map(str, sorted(hours)))} * * {weekday}"


def expected(
    name: str, start: datetime, end: datetime, due: set[int], hours: set[int], days: set[int] | None
) -> list[datetime]:
    """By reading the clock at each minute: what it shows, and what it left out, or shows again."""
    zone = ZoneInfo(name)
    found: set[datetime] = set()
    shown: set[datetime] = set()
    at = start - 3 * DAY
    wall = at.astimezone(zone).replace(tzinfo=None)
    newest = wall
    while at < end:
        shows = at.astimezone(zone).replace(tzinfo=None, fold=0)
        while wall < shows:  # one step, or all that is skipped
            if is_due(wall, due, hours, days) and not is_hourly(wall, hours) and wall not in shown:
                found.add(at)
            wall += MINUTE
        if is_due(shows, due, hours, days) and (is_hourly(shows, hours) or shows not in shown):
            found.add(at)
        shown.add(shows)
        wall = max(newest, shows + MINUTE)
        newest = wall
        at += MINUTE
    return sorted(one for one in found if start <= one < end)


def is_due(wall: datetime, minutes: set[int], hours: set[int], days: set[int] | None) -> bool:
    return wall.minute in minutes and wall.hour in hours and (days is None or wall.weekday() in days)


def is_hourly(wall: datetime, hours: set[int]) -> bool:
    return {(wall.hour - 1) % 24, wall.hour, (wall.hour + 1) % 24} <= hours


@given(places(), minutes, hours, weekdays)
@example(("America/St_Johns", datetime(2006, 10, 29, tzinfo=UTC)), {0, 30}, set(range(24)), None)
@example(("Pacific/Apia", datetime(2011, 12, 30, 0, 0, tzinfo=UTC)), {30}, {2}, None)
@example(("Pacific/Apia", datetime(2011, 12, 30, 0, 0, tzinfo=UTC)), {30}, {2}, {4})
def test_slots_are_what_a_clock_shows(
    place: tuple[str, datetime], due: set[int], hours: set[int], days: set[int] | None
) -> None:
    name, start = place
    end = start + DAY + 7 * HOUR
    schedule = Schedule(name, cron_of(due, hours, days))
    assert list(schedule.slots(start, end)) == expected(name, start, end, due, hours, days)


@given(places(), minutes, hours, weekdays)
def test_one_slot_after_the_other_is_all_of_them(
    place: tuple[str, datetime], due: set[int], hours: set[int], days: set[int] | None
) -> None:
    name, start = place
    end = start + 2 * DAY
    schedule = Schedule(name, cron_of(due, hours, days))
    slots = list(schedule.slots(start, end))
    assert slots == sorted(set(slots))
    middle = start + DAY
    assert slots == [*schedule.slots(start, middle), *schedule.slots(middle, end)]
    at, one_by_one = start - timedelta(microseconds=1), []
    while (following := schedule.next_slot(at)) is not None and following < end:
        assert following > at
        one_by_one.append(at := following)
    assert one_by_one == slots


@given(places(), st.integers(0, 23), st.integers(0, 59))
def test_a_time_of_day_comes_once_on_every_day(place: tuple[str, datetime], hour: int, minute: int) -> None:
    name, start = place
    zone = ZoneInfo(name)
    slots = Schedule(name, f"{minute} {hour} * * *").slots(start - 3 * DAY, start + 4 * DAY)
    days = [at.astimezone(zone).date() for at in slots]
    if date(2011, 12, 31) in days and name == "Pacific/Apia":  # the day before was left out as a whole
        return
    assert days == [days[0] + number * DAY for number in range(len(days))]
    assert len(days) in {6, 7, 8}  # a week, and a change at either end


@given(places(), st.sampled_from([1, 5, 10, 15, 30]), st.integers(0, 1439))
def test_an_interval_that_divides_the_change_is_kept_in_elapsed_time(
    place: tuple[str, datetime], length: int, at: int
) -> None:
    name, start = place
    every = length * MINUTE
    zone = ZoneInfo(name)
    offsets = [
        (start + number * HOUR).astimezone(zone).utcoffset() or timedelta() for number in range(-24, 49)
    ]
    assume(len({offset % every for offset in offsets}) == 1)
    slots = list(Schedule(name, every=every, at=time(*divmod(at, 60))).slots(start, start + DAY))
    assert {later - one for one, later in pairwise(slots)} == {every}
