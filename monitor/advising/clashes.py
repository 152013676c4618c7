"""How likely the planned runs of a group get into each other's way. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.advising.model import Job, Week
from monitor.detect.together.groups import Membership
from monitor.policy import GroupPolicy

SLOTS_LOOKED_AT = 700
"""Of each job: a week of one that runs every quarter of an hour; what is finer repeats itself."""


@dataclass(frozen=True, slots=True)
class Clash:
    """A planned run of `later` and one of `earlier` before it.

    overlaps: how likely the earlier one still runs at its slot; tight: or ended less than the buffer before.
    """

    earlier: str
    later: str
    slot: datetime
    overlaps: float
    tight: float


@dataclass(frozen=True)
class Neighbours:
    """A job among the others that it must keep a distance to, and which distance to each."""

    job: Job
    others: Sequence[tuple[Job, timedelta]]

    def clashes(self, by: timedelta = timedelta()) -> Iterator[Clash]:
        """With this job moved by so much: those in which it is the later one, then those as the earlier."""
        for slot in self.job.slots[:SLOTS_LOOKED_AT]:
            at = slot + by
            for other, buffer in self.others:
                yield from _before(other, self.job, at, slot, buffer)
                yield from _after(self.job, other, at, buffer)

    def trouble(self, by: timedelta) -> float:
        """How likely the worst of its runs is in the way of another, or another in its."""
        return max((one.tight for one in self.clashes(by)), default=0.0)


def neighbours(job: Job, week: Week) -> Neighbours:
    members = Membership(week.policy.groups, frozenset(week.jobs))
    others = []
    for other in week.jobs.values():
        if other.job_id != job.job_id:
            place = members.telling(job.job_id, other.job_id)
            if place is not None:
                others.append((other, buffer_of(week.policy.groups[place], week)))
    return Neighbours(job, others)


def buffer_of(group: GroupPolicy, week: Week) -> timedelta:
    return group.buffer if group.buffer is not None else week.policy.buffer


def _before(earlier: Job, later: Job, at: datetime, slot: datetime, buffer: timedelta) -> Iterator[Clash]:
    """The other's runs that may still be there; of two at the same instant the first by name is earlier."""
    first = bisect_left(earlier.slots, at - earlier.upper - buffer)
    last = bisect_left(earlier.slots, at)
    for start in earlier.slots[first:last]:
        yield _clash(earlier, later, start, at, slot, buffer)
    if last < len(earlier.slots) and earlier.slots[last] == at and earlier.job_id < later.job_id:
        yield Clash(earlier.job_id, later.job_id, slot, 1.0, 1.0)


def _after(earlier: Job, later: Job, at: datetime, buffer: timedelta) -> Iterator[Clash]:
    first = bisect_left(later.slots, at)
    for start in later.slots[first:]:
        if start - at > earlier.upper + buffer:
            return
        if start == at and later.job_id < earlier.job_id:
            continue
        yield _clash(earlier, later, at, start, start, buffer)


def _clash(
    earlier: Job, later: Job, start: datetime, at: datetime, slot: datetime, buffer: timedelta
) -> Clash:
    distance = at - start
    return Clash(
        earlier.job_id, later.job_id, slot, earlier.exceeds(distance), earlier.exceeds(distance - buffer)
    )
