"""When a job of the fleet is due, by the generator's own reckoning: it shares no code with what it tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

ZONE = "Europe/Berlin"
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)

_BERLIN = ZoneInfo(ZONE)


@dataclass(frozen=True, slots=True)
class Cadence:
    """every: in elapsed time, a part of an hour; else times of day on the days that fit.

    cron: the same as the settings of the monitor have it.
    """

    cron: str
    every: timedelta | None = None
    minute: int = 0
    times: tuple[time, ...] = ()
    is_day: Callable[[date], bool] = lambda _day: True

    def slots(self, start: datetime, end: datetime) -> list[datetime]:
        return [at for at in self._instants(start, end) if start <= at < end]

    def _instants(self, start: datetime, end: datetime) -> Iterator[datetime]:
        if self.every is not None:
            at = start.replace(minute=0, second=0, microsecond=0) + self.minute * MINUTE
            while at < end:
                yield at
                at += self.every
            return
        day = start.astimezone(_BERLIN).date() - DAY
        while day <= end.astimezone(_BERLIN).date():
            if self.is_day(day):
                yield from (instant(day, at) for at in self.times)
            day += DAY


def instant(day: date, at: time) -> datetime:
    """A time of day in the zone of the fleet; a skipped one is the first instant after."""
    found = datetime.combine(day, at, _BERLIN).astimezone(UTC)
    skipped = found.astimezone(_BERLIN).time() != at
    return found.replace(minute=0) if skipped else found


def local_day(at: datetime) -> date:
    return at.astimezone(_BERLIN).date()


def is_change(day: date) -> bool:
    """Whether clocks change on that day."""
    return _offset(day) != _offset(day + DAY)


def by_other_offset(at: datetime) -> datetime:
    """The same time of day on a day of a change, by the offset of the day's other part."""
    day = local_day(at)
    here = at.astimezone(_BERLIN).utcoffset()
    first, last = _offset(day), _offset(day + DAY)
    assert here is not None
    return at + here - (last if here == first else first)


def _offset(day: date) -> timedelta:
    offset = datetime.combine(day, time(), _BERLIN).utcoffset()
    assert offset is not None
    return offset


def minutely(every: int, random: Random) -> Cadence:
    first = random.randrange(every)
    return Cadence(f"{first}-59/{every} * * * *", every * MINUTE, first)


def hourly(random: Random) -> Cadence:
    minute = random.randrange(60)
    return Cadence(f"{minute} * * * *", HOUR, minute)


def hours(every: int, random: Random) -> Cadence:
    minute = random.randrange(60)
    return Cadence(
        f"{minute} */{every} * * *", times=tuple(time(hour, minute) for hour in range(0, 24, every))
    )


def daily(at: time) -> Cadence:
    return Cadence(f"{at.minute} {at.hour} * * *", times=(at,))


def weekdays(at: time) -> Cadence:
    return Cadence(f"{at.minute} {at.hour} * * 1-5", times=(at,), is_day=lambda day: day.weekday() < 5)


def weekly(at: time, weekday: int) -> Cadence:
    """weekday: 0 is Monday."""
    cron = f"{at.minute} {at.hour} * * {(weekday + 1) % 7}"
    return Cadence(cron, times=(at,), is_day=lambda day: day.weekday() == weekday)


def monthly(at: time, day_of_month: int) -> Cadence:
    cron = f"{at.minute} {at.hour} {day_of_month} * *"
    return Cadence(cron, times=(at,), is_day=lambda day: day.day == day_of_month)


def any_time(random: Random) -> time:
    """Half of the jobs run at night, none around the change of clocks at 02:00 to 03:00 alone."""
    hour = random.choice((random.randrange(7), random.randrange(24)))
    return time(hour, random.randrange(60))
