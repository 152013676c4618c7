"""The schedule that a job's starts show, and what was in force from when on. Pure.

What is learned must be right rather than early: a schedule that is none raises alerts for ever. And it is a
function of the history, not of when somebody looked: it is learned once a day, at an instant of the job's
own, from what began before. One that still fits stays, so that a slot does not move by a minute each day.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zlib import crc32
from zoneinfo import ZoneInfo

from monitor.schedule.interval import EARLY, late, regular
from monitor.schedule.model import Schedule
from monitor.schedule.starts import LAST, known_at
from monitor.schedule.timetable import Revision
from monitor.schedule.walltime import wall_of
from monitor.schedule.weekly import LEAST, weekly

_DAY = timedelta(days=1)
_EARLY = timedelta(seconds=EARLY)
_LATEST = timedelta(hours=1)
_MINUTES = 1440
_AGAINST = 5
"""Starts in a row that are at no slot: then it is given up, though no other schedule is known."""

_TELLING = 3
"""Starts at no slot, of the last: so many are worth another look, and so many fewer another schedule."""

_RECENT = 20
_KEPT = 0.75
"""Of the last starts and their slots: what must still meet."""


@dataclass(frozen=True, slots=True)
class Learned:
    """schedules: of one job, all of them together; none where nothing was learned. reason: for people."""

    schedules: tuple[Schedule, ...]
    reason: str


def learn(starts: Sequence[datetime], timezone: str) -> Learned:
    """starts: of a job's scheduled runs, oldest first; the last 60, and all of the last days of what runs
    often."""
    if len(starts) < LEAST:
        return Learned((), f"{_count(len(starts), 'scheduled run')} known: too few to learn from")
    by_interval = regular(starts, timezone)
    if isinstance(by_interval, Schedule):
        return Learned((by_interval,), f"learned from the last {_count(min(len(starts), LAST), 'start')}")
    zone = ZoneInfo(timezone)
    walls = [wall_of(at, zone) for at in starts[-LAST:]]
    by_week = weekly(walls, timezone)
    if isinstance(by_week, str):
        return Learned((), f"no interval: {by_interval}; no days: {by_week}")
    return Learned(by_week, f"learned from the last {_count(len(walls), 'start')}")


def checkpoints(job_id: str, start: datetime, end: datetime) -> Iterator[datetime]:
    """Those in (start, end]: once a day each, at a minute that differs from job to job."""
    at = next_checkpoint(job_id, start)
    while at <= end:
        yield at
        at += _DAY


def next_checkpoint(job_id: str, after: datetime) -> datetime:
    midnight = after.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    at = midnight + timedelta(minutes=crc32(job_id.encode()) % _MINUTES)
    return at if at > after else at + _DAY


def revised(
    before: Revision | None, starts: Sequence[datetime], timezone: str, at: datetime
) -> Revision | None:
    """What is in force from this checkpoint on; None where that is what was before.

    starts: those that count at it (`known_at`).
    """
    current = before.schedules if before is not None else ()
    stays = bool(current) and (not starts or fits(current, starts))
    last = starts[-LAST:]
    if stays and _strange(current, last) < _TELLING:
        return None
    learned = learn(starts, timezone)
    if stays and _strange(current, last) - _strange(learned.schedules, last) < _TELLING:
        return None
    if learned.schedules:
        return None if learned.schedules == current else Revision(learned.schedules, at, learned.reason)
    if current and len(starts) >= _AGAINST and not fits(current, starts[-_AGAINST:]):
        return Revision((), at, f"its starts fit what was learned no more; {learned.reason}")
    return None


def revisions(
    starts: Sequence[datetime],
    coverage: Sequence[tuple[datetime, datetime]],
    timezone: str,
    job_id: str,
    until: datetime,
) -> tuple[Revision, ...]:
    """All there were up to an instant. starts: as `first_starts` gives them, all there are."""
    found: list[Revision] = []
    if not coverage:
        return ()
    for at in checkpoints(job_id, coverage[0][0], until):
        known = known_at(starts, coverage, at)
        revision = revised(found[-1] if found else None, known, timezone, at)
        if revision is not None:
            found.append(revision)
    return tuple(found)


def fits(schedules: Sequence[Schedule], starts: Sequence[datetime]) -> bool:
    """Whether the last starts are still as these schedules have them: at slots, and at nearly all of them."""
    recent = starts[-_RECENT:]
    if not schedules or not recent:
        return bool(schedules)
    filled, slots = _filled(schedules, recent)
    return filled >= _KEPT * max(len(recent), slots)


def _strange(schedules: Sequence[Schedule], starts: Sequence[datetime]) -> int:
    """How many of them are at no slot, or at one that another was at."""
    return len(starts) - (_filled(schedules, starts)[0] if schedules else 0)


def _filled(schedules: Sequence[Schedule], starts: Sequence[datetime]) -> tuple[int, int]:
    """How many slots were met by these starts, and how many there were."""
    since, until = starts[0] - _LATEST, starts[-1] + _EARLY
    slots = sorted({at for one in schedules for at in one.slots(since, until)})
    begun = [number for number, at in enumerate(slots) if at <= starts[0] + _EARLY]
    slots = slots[begun[-1] :] if begun else slots
    filled, number = set[int](), 0
    for at in starts:
        while number + 1 < len(slots) and slots[number + 1] <= at + _EARLY:
            number += 1
        if slots and -_EARLY <= at - slots[number] <= _tolerance(slots, number):
            filled.add(number)
    return len(filled), len(slots)


def _tolerance(slots: Sequence[datetime], number: int) -> timedelta:
    near = slots[max(number - 1, 0) : number + 2]
    interval = min((after - before for before, after in pairwise(near)), default=_DAY)
    return timedelta(seconds=late(interval.total_seconds()))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
