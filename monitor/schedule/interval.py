"""An interval that a job's starts keep to, by the clock. Pure.

A job that another one starts has regular gaps as well, but it drifts; one that pauses at night or on weekends
has them for hours and days. Neither is taken for an interval. The slot is put where the earliest starts are:
a run may be late, not early.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta
from itertools import pairwise
from statistics import median
from zoneinfo import ZoneInfo

from monitor.schedule.model import Schedule
from monitor.schedule.starts import LAST
from monitor.schedule.walltime import wall_of

LEAST_GAPS = 8
AGREE = 0.1
"""Of the usual gap: as far as gaps may differ."""

EARLY = 120.0
"""Seconds: so much earlier than its slot a run may start, as everywhere."""

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_LONGEST = 6 * _DAY
_SEEN = timedelta(days=7)
_PAUSE = 4 * _HOUR
_USUAL = 2 / 3
"""Of what a run may be late: within that nearly all of them have to begin."""

_DIVISORS = tuple(minutes for minutes in range(1, 721) if not 1440 % minutes)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - of the wall clock, in no zone


def regular(starts: Sequence[datetime], timezone: str) -> Schedule | str:
    """Or why there is none. starts: see `learn`."""
    zone = ZoneInfo(timezone)
    recent = starts[-LAST:]
    gaps = [(after - before).total_seconds() for before, after in pairwise(recent)]
    usual = median(gaps)
    agreeing = sum(abs(gap - usual) <= AGREE * usual for gap in gaps)
    if agreeing < LEAST_GAPS or median(abs(gap - usual) for gap in gaps) > AGREE * usual:
        return f"{agreeing} of {len(gaps)} gaps agree"
    if not _has_weekend(starts, zone):
        return "not seen over a weekend yet"
    why = "the starts keep to no clock"
    for period in _periods(usual):
        if _pauses(starts, period):
            why = "it pauses at times"
            continue
        grid = _on_grid(recent, period, zone)
        if grid is not None and _on_grid(starts, period, zone) is not None:
            return _schedule(period, grid, recent[0], zone, timezone)
    return why


def _periods(usual: float) -> Iterator[int]:
    """In seconds, nearest first; once a day and once a week are the other rule's."""
    near = {one * _MINUTE for one in (*_DIVISORS, round(usual / _MINUTE), round(usual / _HOUR) * 60)}
    near |= {days * _DAY for days in range(2, 7)}
    fitting = (one for one in near if one and abs(one - usual) <= AGREE * usual / 2)
    return (
        one
        for one in sorted(fitting, key=lambda one: (abs(one - usual), one))
        if one != _DAY and one <= _LONGEST
    )


def late(interval: float) -> float:
    """Seconds that a run may be late, as where nothing is set for the job."""
    return min(max(5 * _MINUTE, 0.1 * interval), _HOUR, interval / 2)


def _has_weekend(starts: Sequence[datetime], zone: ZoneInfo) -> bool:
    """Whether it lasts a week, or from before some Saturday until after its Sunday."""
    if starts[-1] - starts[0] >= _SEEN:
        return True
    first, last = wall_of(starts[0], zone).date(), wall_of(starts[-1], zone).date()
    days = (first + timedelta(days=number) for number in range(1, (last - first).days))
    return any(day.weekday() == 5 and (last - day).days >= 2 for day in days)


def _pauses(starts: Sequence[datetime], period: int) -> bool:
    span = (starts[-1] - starts[0]).total_seconds()
    longest = max((after - before).total_seconds() for before, after in pairwise(starts))
    return len(starts) - 1 < 0.9 * span / period or longest > max(3.1 * period, _PAUSE)


def _on_grid(starts: Sequence[datetime], period: int, zone: ZoneInfo) -> float | None:
    """A second since 1970 (of the wall clock, where the period keeps to it) at which a slot is."""
    times = [_second(at, period, zone) for at in starts]
    off = [_centred(one - times[-1], period) for one in times]
    middle = median(off)
    off = [_centred(one - middle, period) for one in off]
    lowest = sorted(off)[len(off) // 10]
    base = (times[-1] + middle + lowest) // _MINUTE * _MINUTE
    delays = [(one - base + EARLY) % period - EARLY for one in times]
    allowed = late(period)
    strange = sum(not -EARLY <= one <= allowed * _USUAL for one in delays)
    if strange > max(1, len(delays) // 20) or _drifts(off, allowed):
        return None
    slots = [round((one - delay - base) / period) for one, delay in zip(times, delays, strict=True)]
    filled, span = len(set(slots)), slots[-1] - slots[0] + 1
    if filled < 0.9 * span or len(slots) - filled > max(1, len(slots) // 20):
        return None
    return base


def _drifts(off: Sequence[float], allowed: float) -> bool:
    """Later and later, or wherever the start before left it: not by a clock."""
    third = max(len(off) // 3, 1)
    moved = abs(median(off[-third:]) - median(off[:third]))
    if moved > max(_MINUTE / 2, allowed / 5):
        return True
    mean = sum(off) / len(off)
    spread = sum((one - mean) ** 2 for one in off)
    if spread <= len(off) * _MINUTE**2:
        return False
    steps = sum((after - before) ** 2 for before, after in pairwise(off))
    return steps < 0.8 * spread


def _second(at: datetime, period: int, zone: ZoneInfo) -> float:
    if _DAY % period and period % _DAY:
        return at.timestamp()
    return (wall_of(at, zone) - _EPOCH).total_seconds()


def _centred(seconds: float, period: int) -> float:
    return (seconds + period / 2) % period - period / 2


def _schedule(period: int, base: float, first: datetime, zone: ZoneInfo, timezone: str) -> Schedule:
    every = timedelta(seconds=period)
    if not _DAY % period:
        at = int(base % period)
        return Schedule(timezone, every=every, at=_time(at) if at else None)
    earlier = base - max(base - _second(first, period, zone) + period, 0) // period * period
    if period % _DAY:
        since = wall_of(datetime.fromtimestamp(earlier, zone), zone)
    else:
        since = _EPOCH + timedelta(seconds=earlier)
    return Schedule(timezone, every=every, at=since.time(), valid_from=since.date())


def _time(seconds: int) -> time:
    return time(*divmod(seconds // _MINUTE, 60))
