"""What a wall clock shows, found on the line of real time. Pure.

A clock that is put forward skips times of day, one that is put back shows some twice. Python tells
both by `fold`: the offset from UTC before such a change (fold 0) and after it (fold 1) differ.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

_SECOND = timedelta(seconds=1)


def moments(wall: datetime, zone: tzinfo, *, flows: bool) -> tuple[datetime, ...]:
    """The instants, in UTC and in order, at which a time without a zone comes.

    A time of day comes once: the first time where it is shown twice, and at the first instant after
    where it is skipped. One that flows (hourly or finer) comes as often as the clock shows it.
    """
    before, after = _offsets(wall, zone)
    first, second = _utc(wall, before), _utc(wall, after)
    if before == after:
        return (first,)
    if before > after:
        return (first, second) if flows else (first,)
    return () if flows else (_change(second, first, zone),)


def moment(wall: datetime, zone: tzinfo) -> datetime:
    """The one instant of a fixed time of day."""
    return moments(wall, zone, flows=False)[0]


def to_repeat(at: datetime, zone: tzinfo) -> timedelta:
    """By how much the clock will be put back where `at` is the first showing of a repeated time, else 0."""
    local = at.astimezone(zone)
    before, after = _offsets(local.replace(tzinfo=None), zone)
    return max(before - after, timedelta()) if local.fold == 0 else timedelta()


def wall_of(at: datetime, zone: tzinfo) -> datetime:
    """What the clock shows, without a zone."""
    return at.astimezone(zone).replace(tzinfo=None, fold=0)


def _offsets(wall: datetime, zone: tzinfo) -> tuple[timedelta, timedelta]:
    before, after = (wall.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    return before or timedelta(), after or timedelta()


def _utc(wall: datetime, offset: timedelta) -> datetime:
    return (wall - offset).replace(tzinfo=UTC, fold=0)


def _change(before: datetime, after: datetime, zone: tzinfo) -> datetime:
    """The first instant after the clock was changed, which is in (before, after]; a whole second."""
    offset = before.astimezone(zone).utcoffset()
    low, high = 0, (after - before) // _SECOND
    while high - low > 1:
        middle = (low + high) // 2
        if (before + middle * _SECOND).astimezone(zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return before + high * _SECOND
