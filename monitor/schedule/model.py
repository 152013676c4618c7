"""A schedule as a value, and its slots: the instants at which a run of the job is expected. Pure.

Daylight saving: a time of day that is skipped comes at the first instant after; one that is shown
twice comes once. What is hourly or finer goes on in elapsed time, in both of the repeated hours.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import takewhile
from zoneinfo import ZoneInfo

from monitor.schedule.calendar import DAY, SEARCHED, Calendar, Days, every_part_of_a_day
from monitor.schedule.cron import parse_cron
from monitor.schedule.walltime import moment, moments, to_repeat, wall_of

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_MIDNIGHT = time(0)
_MINUTE = timedelta(minutes=1)
_WEEK = timedelta(days=7)
_EPOCH = date(1970, 1, 1)
_FOREVER = 9998
"""The year from which a last day is none: calendars end a year later."""

_LEAST = timedelta(microseconds=1)
_UNITS = {"d": DAY, "h": timedelta(hours=1), "m": _MINUTE}


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a job is due: by `cron`, or `every` so long, one of its times of day being `at`.

    weekdays: those of the times on the wall clock; none for all. valid_from, valid_until: a date is the
    whole day, first and last included; a datetime without a zone is in `timezone`; until it, not at it.
    Raises ValueError where it makes no sense.
    """

    timezone: str = "UTC"
    cron: str | None = None
    every: timedelta | None = None
    at: time | None = None
    weekdays: tuple[str, ...] = ()
    valid_from: date | datetime | None = None
    valid_until: date | datetime | None = None
    _zone: tzinfo = field(init=False, repr=False, compare=False)
    _plan: Calendar | _Steps = field(init=False, repr=False, compare=False)
    _begin: datetime | None = field(init=False, repr=False, compare=False)
    _end: datetime | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        zone = ZoneInfo(self.timezone)
        begin = None if self.valid_from is None else _instant(self.valid_from, zone)
        until = self.valid_until
        if until is not None and until.year >= _FOREVER:
            until = None
        elif until is not None and not isinstance(until, datetime):
            until += DAY
        object.__setattr__(self, "_zone", zone)
        object.__setattr__(self, "_begin", begin)
        object.__setattr__(self, "_end", None if until is None else _instant(until, zone))
        object.__setattr__(self, "_plan", self._planned(zone, begin))

    @property
    def text(self) -> str:
        """As a person would say it: `0 2 * * *`, `every 30m at 00:10 on mon, tue`."""
        if self._begin is not None and self._end is not None and self._end - self._begin <= _MINUTE:
            return f"once at {wall_of(self._begin, self._zone):%Y-%m-%d %H:%M}"
        words = self.cron or f"every {_duration(self.every or DAY)}"
        if self.at is not None:
            words += f" at {self.at:%H:%M}"
        return f"{words} on {', '.join(self.weekdays)}" if self.weekdays else words

    def next_slot(self, after: datetime) -> datetime | None:
        """The first slot after an instant, in UTC; None when there is none for forty years."""
        return next(self._after(after), None)

    def slots(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Those in [start, end), in UTC and in order."""
        return takewhile(lambda at: at < end, self._after(start - _LEAST))

    def other_reading(self, slot: datetime) -> datetime | None:
        """Where a slot on a day of a change of clocks would be by the offset of the day's other part.

        None on all other days, and for what goes on in elapsed time. The platform's own rule for these two
        days a year is not known.
        """
        wall = wall_of(slot, self._zone)
        if isinstance(self._plan, _Steps) or self._plan.flows(wall):
            return None
        midnight = datetime.combine(wall.date(), _MIDNIGHT)
        first, last = (
            # Just before: some clocks are changed at midnight.
            (moment(day, self._zone) - _LEAST).astimezone(self._zone).utcoffset()
            for day in (midnight, midnight + DAY)
        )
        if first is None or last is None or first == last:
            return None
        here = slot.astimezone(self._zone).utcoffset()
        return slot + (first - last if here == first else last - first)

    def _after(self, after: datetime) -> Iterator[datetime]:
        if self._begin is not None:
            after = max(after, self._begin - _LEAST)
        for at in self._all_after(after.astimezone(UTC)):
            if self._end is not None and at >= self._end:
                return
            yield at

    def _all_after(self, after: datetime) -> Iterator[datetime]:
        if isinstance(self._plan, _Steps):
            return (at for at in self._plan.after(after) if self._is_weekday(wall_of(at, self._zone)))
        return _in_real_time(self._plan, after, self._zone)

    def _is_weekday(self, day: date) -> bool:
        return not self.weekdays or WEEKDAYS[day.weekday()] in self.weekdays

    def _planned(self, zone: tzinfo, begin: datetime | None) -> Calendar | _Steps:
        if (self.cron is None) == (self.every is None):
            raise ValueError("give either cron or every")
        if self.every is None:
            return _on(parse_cron(self.cron or ""), self._is_weekday)
        every, at = self.every, self.at or _MIDNIGHT
        if every < _MINUTE or every % _MINUTE:
            raise ValueError("every is in whole minutes, such as 30m, 2h or 1d")
        if not DAY % every:
            return every_part_of_a_day(every, at, self._is_weekday)
        is_weekly = every == _WEEK and len(self.weekdays) == 1
        if begin is None and not is_weekly:
            raise ValueError(
                f"every {_duration(every)} does not come to the same times each day: "
                "give valid_from, the day it counts from"
            )
        first = _EPOCH if begin is None else wall_of(begin, zone).date()
        if every % DAY:
            return _Steps(moment(datetime.combine(first, at), zone), every)
        if is_weekly:
            first += next(number * DAY for number in range(7) if self._is_weekday(first + number * DAY))
        days = every_part_of_a_day(DAY, at, lambda day: not (day - first) % every)
        return _on(days, self._is_weekday)


@dataclass(frozen=True, slots=True)
class _Steps:
    """In elapsed time from a first instant on, with no regard to clocks."""

    first: datetime
    every: timedelta

    def after(self, after: datetime) -> Iterator[datetime]:
        at = self.first + max((after - self.first) // self.every + 1, 0) * self.every
        for number in range(SEARCHED * DAY // self.every):
            yield at + number * self.every


def _in_real_time(calendar: Calendar, after: datetime, zone: tzinfo) -> Iterator[datetime]:
    """Second showings of a time wait until those of later times that come before them are through."""
    second: list[datetime] = []
    last = after
    for wall in calendar.since(wall_of(after, zone) - to_repeat(after, zone)):
        for number, at in enumerate(moments(wall, zone, flows=calendar.flows(wall))):
            if number:
                heapq.heappush(second, at)
                continue
            while second and second[0] <= at:
                if (earlier := heapq.heappop(second)) > last:
                    yield (last := earlier)
            if at > last:
                yield (last := at)
    yield from sorted(at for at in second if at > last)


def _on(calendar: Calendar, more: Days) -> Calendar:
    is_day = calendar.is_day
    return Calendar(calendar.times, lambda day: is_day(day) and more(day), calendar.flowing)


def _instant(value: date | datetime, zone: tzinfo) -> datetime:
    if not _EPOCH.year <= value.year <= _FOREVER:
        raise ValueError(f"the year {value.year} is out of range: {_EPOCH.year} to {_FOREVER}")
    if isinstance(value, datetime):
        return moment(value, zone) if value.tzinfo is None else value.astimezone(UTC)
    return moment(datetime.combine(value, _MIDNIGHT), zone)


def _duration(value: timedelta) -> str:
    """One number and the largest unit that leaves no rest."""
    unit, size = next(((unit, size) for unit, size in _UNITS.items() if not value % size), ("m", _MINUTE))
    return f"{value // size}{unit}"
