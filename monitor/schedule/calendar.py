"""Times of day on certain days, as a wall clock and a calendar show them. Pure; knows no time zone."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

DAY = timedelta(days=1)
Days = Callable[[date], bool]
_HOURS = frozenset(range(24))
_LONGEST_FLOW = timedelta(hours=1)
_MINUTE = timedelta(minutes=1)

SEARCHED = 41 * 366
"""Days: the 29th of February falls on a given weekday at least every forty years."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """times: ascending, at whole minutes. is_day: whether they come on a day.

    flowing: the hours in which it is hourly or finer, because the hours around have times as well.
    """

    times: tuple[time, ...]
    is_day: Days
    flowing: AbstractSet[int] = frozenset()

    def since(self, wall: datetime) -> Iterator[datetime]:
        """All from `wall` on, in order; ends where nothing comes for SEARCHED days."""
        day, first = wall.date(), bisect_left(self.times, wall.time())
        while (found := self._next_day(day)) is not None:
            for at in self.times[first if found == wall.date() else 0 :]:
                yield datetime.combine(found, at)
            day = found + DAY

    def flows(self, wall: datetime) -> bool:
        return wall.hour in self.flowing

    def _next_day(self, day: date) -> date | None:
        first = day.toordinal()
        last = min(first + SEARCHED, date.max.toordinal() - 1)  # a day of room for time zones
        days = (date.fromordinal(number) for number in range(first, last))
        return next((one for one in days if self.is_day(one)), None)


def at_times(hours: AbstractSet[int], minutes: AbstractSet[int], is_day: Days) -> Calendar:
    """Every one of these minutes in every one of these hours."""
    times = tuple(time(hour, minute) for hour in sorted(hours) for minute in sorted(minutes))
    inner = frozenset(hour for hour in hours if {(hour - 1) % 24, (hour + 1) % 24} <= hours)
    return Calendar(times, is_day, inner)


def every_part_of_a_day(every: timedelta, at: time, is_day: Days) -> Calendar:
    """`every` divides a day, and one of its times is `at`."""
    step = every // _MINUTE
    minute = (at.hour * 60 + at.minute) % step
    times = tuple(time(*divmod(number, 60)) for number in range(minute, DAY // _MINUTE, step))
    return Calendar(times, is_day, _HOURS if every <= _LONGEST_FLOW else frozenset())
