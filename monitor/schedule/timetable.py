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

    def next_slot(self, after: datetime) -> datetime | None:
        found = (one.next_slot(after) for one in self.current.schedules)
        return min((at for at in found if at is not None), default=None)

    def slots(self, start: datetime, end: datetime) -> Iterator[Slot]:
        """Those in [start, end), in order."""
        instants = [*self._instants(start, end)]
        following = self.next_slot(max(end - _LEAST, instants[-1] if instants else start))
        for at, after in pairwise([*instants, following]):
            if at is not None:
                yield Slot(at, after, self._other_reading(at))

    def _instants(self, start: datetime, end: datetime) -> Iterator[datetime]:
        last: datetime | None = None
        for revision, until in _in_force(self.revisions, start, end):
            for at in merge(*(one.slots(max(start, revision.since), until) for one in revision.schedules)):
                if at != last:
                    yield at
                last = at

    def _other_reading(self, at: datetime) -> datetime | None:
        index = bisect_right(self.revisions, at, key=lambda one: one.since) - 1
        readings = (one.other_reading(at) for one in self.revisions[max(index, 0)].schedules)
        return next((other for other in readings if other is not None), None)


NO_TIMETABLE = Timetable()

_LEAST = timedelta(microseconds=1)


def _in_force(
    revisions: Sequence[Revision], start: datetime, end: datetime
) -> Iterator[tuple[Revision, datetime]]:
    """Each with the instant up to which it is."""
    for number, revision in enumerate(revisions):
        until = revisions[number + 1].since if number + 1 < len(revisions) else end
        if revision.since < end and until > start:
            yield revision, min(until, end)
