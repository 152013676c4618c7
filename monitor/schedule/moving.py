"""A schedule that somebody moved: the same times, all earlier or later by as much. Pure.

Knows starts and schedules. By how much is only said where the last runs agree; what cannot be moved in the
words of its schedule (a cron of several times, across midnight) is left to be learned.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta

from monitor.schedule.model import Schedule

LEAST = 2
STEADY = timedelta(minutes=5)
"""As far as the last runs may differ in how much they moved."""

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_SIMPLE = re.compile(r"(\d{1,2}) (\d{1,2}) (\S+) (\S+) (\S+)")


@dataclass(frozen=True, slots=True)
class Moved:
    """by: later where above zero. runs: the last ones that agree on it."""

    schedules: tuple[Schedule, ...]
    by: timedelta
    runs: int

    @property
    def text(self) -> str:
        return f"{abs(self.by) // _MINUTE} min {'later' if self.by > timedelta() else 'earlier'}"


def moved(schedules: Sequence[Schedule], starts: Sequence[datetime]) -> Moved | None:
    """None where the last two runs do not agree, or are at their slots."""
    if len(schedules) != 1:
        return None
    away = [*_agreeing(schedules[0], starts)]
    if len(away) < LEAST:
        return None
    by = min(away) // _MINUTE * _MINUTE
    schedule = None if abs(by) <= STEADY else _shifted(schedules[0], by)
    return None if schedule is None else Moved((schedule,), by, len(away))


def _agreeing(schedule: Schedule, starts: Sequence[datetime]) -> Iterator[timedelta]:
    """Of the last starts, newest first, how far each is from the slot that is nearest to it."""
    first: timedelta | None = None
    for at in reversed(starts):
        away = _away(schedule, at)
        if away is None or (first is not None and abs(away - first) > STEADY):
            return
        first = away if first is None else first
        yield away


def _away(schedule: Schedule, at: datetime) -> timedelta | None:
    near = [at - slot for slot in schedule.slots(at - _DAY / 2, at + _DAY / 2)]
    return min(near, key=abs, default=None)


def _shifted(schedule: Schedule, by: timedelta) -> Schedule | None:
    if schedule.every is not None:
        at = _moved_time(schedule.at or time(0), by, wraps=not schedule.weekdays and schedule.every <= _DAY)
        return None if at is None else replace(schedule, at=at)
    found = _SIMPLE.fullmatch(" ".join((schedule.cron or "").split()))
    if found is None:
        return None
    minute, hour, *days = found.groups()
    at = _moved_time(
        time(int(hour), int(minute)), by, wraps=days == ["*", "*", "*"] and not schedule.weekdays
    )
    return None if at is None else replace(schedule, cron=f"{at.minute} {at.hour} {' '.join(days)}")


def _moved_time(at: time, by: timedelta, *, wraps: bool) -> time | None:
    minutes = at.hour * 60 + at.minute + by // _MINUTE
    if not wraps and not 0 <= minutes < 1440:
        return None
    return time(*divmod(minutes % 1440, 60))
