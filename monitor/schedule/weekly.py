"""Times of day that come back day after day, or on the same days of the week. Pure.

Knows wall clocks only. A time counts from its last gap on: what a job did before its schedule was changed
says nothing about what it will do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise

from monitor.schedule.model import WEEKDAYS, Schedule

LEAST = 3
"""Starts below which nothing can be said."""

WEEKS = 3
DAYS = 5
AWAY = 10 * 60
"""Seconds: as far as starts of one time of day may lie from its middle."""

_DAY = 86400
_ONE = timedelta(days=1)
_WEEK = timedelta(days=7)
_WEEKEND = frozenset({5, 6})
_MISSED = 0.15
_STALE = 2
_EVERY_DAY = frozenset(range(7))


@dataclass(frozen=True, slots=True)
class _Time:
    """A time of day that recurs. low: second of the day of its earliest starts. since: when that began."""

    low: int
    weekdays: AbstractSet[int]
    since: date


def weekly(walls: Sequence[datetime], timezone: str) -> tuple[Schedule, ...] | str:
    """walls: what the clock showed at each start, in order. Or why there is none."""
    clusters = [*_clusters(walls)]
    times: list[_Time] = []
    explained: set[datetime] = set()
    others: list[Mapping[datetime, date]] = []
    other_days: list[Mapping[datetime, date]] = []
    for low, members in clusters:
        found = _recurring(low, members, walls[-1])
        if found is None:
            others.append(members)
        else:
            times.append(found)
            explained |= {at for at, day in members.items() if day.weekday() in found.weekdays}
            other_days += _other_days(members, found.weekdays)
    if not times:
        return f"no time of day was kept on {DAYS} days with a weekend, or in {WEEKS} weeks running"
    since = max(one.since for one in times)
    after = [at for at in walls if at.date() > since]
    strange = [at for at in after if at not in explained]
    if len(strange) > len(after) // 10:
        return f"{len(strange)} of the last {len(after)} starts are at other times"
    is_back = any(sum(at.date() > since for at in some) > 1 for some in others)
    if is_back or any(len(some) > 1 and max(some).date() > since for some in other_days):
        return "more times are coming back, and not often enough yet"
    return tuple(_schedules(times, timezone))


def _clusters(walls: Iterable[datetime]) -> Iterator[tuple[int, Mapping[datetime, date]]]:
    """Starts at one time of day: the second of its earliest, and each start with the day it was for."""
    seconds = sorted((_second(at), at) for at in walls)
    around = [one for one, _ in seconds] + [seconds[0][0] + _DAY]
    breaks = [number for number, (one, other) in enumerate(pairwise(around), start=1) if other - one > AWAY]
    if not breaks:  # all around the clock
        return
    for begin, end in pairwise([*breaks, breaks[0] + len(seconds)]):
        some = [seconds[number % len(seconds)] for number in range(begin, end)]
        first = some[0][0]
        away = sorted((one - first) % _DAY for one, _ in some)
        if away[-1] > 2 * AWAY:
            continue
        low = (first + away[len(away) // 10]) % _DAY // 60 * 60
        yield low, {at: (at - timedelta(seconds=(one - first) % _DAY)).date() for one, at in some}


def _recurring(low: int, members: Mapping[datetime, date], last: datetime) -> _Time | None:
    days = sorted(set(members.values()))
    expected_until = last.date() if _second(last) >= low else last.date() - _ONE
    daily = _streak(days, _ONE)
    is_daily = len(daily) >= 7 or (len(daily) >= DAYS and {day.weekday() for day in daily} >= _WEEKEND)
    if is_daily and _is_usual(days, _ONE):
        is_current = (expected_until - days[-1]).days < _STALE
        return _Time(low, _EVERY_DAY, daily[0]) if is_current else None
    weekdays: dict[int, date] = {}
    by_weekday: defaultdict[int, list[date]] = defaultdict(list)
    for day in days:
        by_weekday[day.weekday()].append(day)
    for weekday, some in by_weekday.items():
        weeks = _streak(some, _WEEK)
        is_current = (expected_until - some[-1]) // _WEEK < _STALE
        if len(weeks) >= WEEKS and is_current and _is_usual(some, _WEEK):
            weekdays[weekday] = weeks[0]
    return _Time(low, frozenset(weekdays), max(weekdays.values())) if weekdays else None


def _other_days(
    members: Mapping[datetime, date], weekdays: AbstractSet[int]
) -> Iterator[Mapping[datetime, date]]:
    """Starts at the same time of day on each of the weekdays that are not among these."""
    for weekday in {day.weekday() for day in members.values()} - weekdays:
        yield {at: day for at, day in members.items() if day.weekday() == weekday}


def _streak(days: Sequence[date], step: timedelta) -> Sequence[date]:
    """The last of them, each one step after the one before."""
    first = len(days) - 1
    while first and days[first] - days[first - 1] == step:
        first -= 1
    return days[first:]


def _is_usual(days: Sequence[date], step: timedelta) -> bool:
    """Whether few are missing: a job that runs on most days has five in a row now and then."""
    span = (days[-1] - days[0]) // step + 1
    return span - len(days) <= max(1, _MISSED * span)


def _schedules(times: Iterable[_Time], timezone: str) -> Iterator[Schedule]:
    """One for each time, or for times of equal days and minute one that says them all."""
    groups: defaultdict[tuple[AbstractSet[int], int], list[int]] = defaultdict(list)
    for one in times:
        groups[one.weekdays, one.low // 60 % 60].append(one.low // 3600)
    for (days, minute), hours in sorted(groups.items(), key=lambda item: (min(item[1]), item[0][1])):
        names = () if len(days) == len(WEEKDAYS) else tuple(WEEKDAYS[number] for number in sorted(days))
        if len(hours) == 1:
            yield Schedule(timezone, every=_ONE, at=time(hours[0], minute), weekdays=names)
        else:
            listed = ",".join(str(hour) for hour in sorted(hours))
            yield Schedule(timezone, cron=f"{minute} {listed} * * *", weekdays=names)


def _second(at: datetime) -> int:
    return at.hour * 3600 + at.minute * 60 + at.second
