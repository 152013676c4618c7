"""The slots of one job: instants at which a run is expected, where they come from, and how far they reach.

Knows schedules, not runs. What was learned changes from time to time: each slot is one of the schedule that
was in force at its instant, so that a later look finds the same slots as an earlier one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from heapq import merge
from itertools import pairwise

from monitor.schedule.model import Schedule

_BEGINNING = datetime.min.replace(tzinfo=UTC)


class Source(StrEnum):
    """Where slots come from, best first; the value of `schedule_source`."""

    CONFIGURED = "configured"
    IMPORTED = "imported"
    LEARNED = "learned"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Slot:
    """next: the slot after it, None where there is none.

    also: the other reading of it on a day on which clocks change; nobody knows which of them the platform
    takes, so that a run at either is in time.
    """

    at: datetime
    next: datetime | None = None
    also: datetime | None = None

    @property
    def interval(self) -> timedelta | None:
        return None if self.next is None else self.next - self.at

    @property
    def first_reading(self) -> datetime:
        return self.at if self.also is None else min(self.at, self.also)

    @property
    def last_reading(self) -> datetime:
        return self.at if self.also is None else max(self.at, self.also)


@dataclass(frozen=True, slots=True)
class Revision:
    """What is in force from an instant on; no schedule at all is one as well. reason: for people."""

    schedules: tuple[Schedule, ...] = ()
    since: datetime = _BEGINNING
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Timetable:
    """revisions: oldest first. Several schedules of one revision are triggers of the same job."""

    source: Source = Source.NONE
    revisions: tuple[Revision, ...] = ()

    @classmethod
    def of(cls, schedule: Schedule | None, source: Source = Source.CONFIGURED) -> Timetable:
        return NO_TIMETABLE if schedule is None else cls(source, (Revision((schedule,)),))

    @property
    def current(self) -> Revision:
        return self.revisions[-1] if self.revisions else Revision()

    @property
    def text(self) -> str:
        """As a person would say it; empty where nothing is scheduled."""
        return "; ".join(one.text for one in self.current.schedules)

    def in_force(self, at: datetime) -> Revision:
        """One without schedules before the first of them."""
        index = bisect_right(self.revisions, at, key=lambda one: one.since) - 1
        return self.revisions[index] if index >= 0 else Revision()

    def next_slot(self, after: datetime) -> datetime | None:
        return _next(self.current.schedules, after)

    def slots(self, start: datetime, end: datetime) -> Iterator[Slot]:
        """Those in [start, end), in order; the next of each by the schedule in force at its instant."""
        for revision, until in _in_force(self.revisions, start, end):
            instants = [*_instants(revision.schedules, max(start, revision.since), until)]
            following = _next(revision.schedules, instants[-1]) if instants else None
            for at, after in pairwise([*instants, following]):
                if at is not None:
                    yield Slot(at, after, _other_reading(revision.schedules, at))


NO_TIMETABLE = Timetable()


def _instants(schedules: Sequence[Schedule], start: datetime, end: datetime) -> Iterator[datetime]:
    """Each once, though several triggers come at it."""
    last: datetime | None = None
    for at in merge(*(one.slots(start, end) for one in schedules)):
        if at != last:
            yield at
        last = at


def _next(schedules: Sequence[Schedule], after: datetime) -> datetime | None:
    found = (one.next_slot(after) for one in schedules)
    return min((at for at in found if at is not None), default=None)


def _other_reading(schedules: Sequence[Schedule], at: datetime) -> datetime | None:
    readings = (one.other_reading(at) for one in schedules)
    return next((other for other in readings if other is not None), None)


def _in_force(
    revisions: Sequence[Revision], start: datetime, end: datetime
) -> Iterator[tuple[Revision, datetime]]:
    """Each with the instant up to which it is."""
    for number, revision in enumerate(revisions):
        until = revisions[number + 1].since if number + 1 < len(revisions) else end
        if revision.since < end and until > start:
            yield revision, min(until, end)
