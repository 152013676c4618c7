"""When an instance is polled next: a decision over what its last polls came to.

Knows seconds and reasons; reads no clock and asks nobody. Each cause names a pause of its own and the longest
holds, so that what asks for patience never has to know of what else does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from monitor.errors import Reason
from monitor.published import JobSnapshot

LONGEST_PAUSE = 300.0
"""Seconds between two polls that we choose ourselves, where the settings do not ask for more."""

LONGEST_ASKED = 3600.0
"""Seconds: a platform that asks for more is asked again after them, or one wrong header would blind us."""

OPENS_AFTER = 3
"""Failed polls in a row after which an instance is tried with growing pauses."""

LOADED, OVERLOADED = 80, 90
"""Percent of `sfdc_load` from which the platform warns, and sheds what it likes."""

DUE_FOR = timedelta(minutes=10)
"""After its slot a job is still awaited for so long."""

_MOST_DOUBLINGS = 10
_SPREAD = 0.2  # of a pause: instances that failed together are not to come back together
_AFTER_ASKED = 10.0  # seconds, at most, that we come later than asked for, for the same cause


class Why(StrEnum):
    """What decided."""

    BUSY = "a job runs or is due"
    IDLE = "no job runs or is due"
    LOAD = "the platform is loaded"
    ASKED = "the platform asked for a pause"
    FAILING = "polls failed in a row"


@dataclass(frozen=True, slots=True)
class Cadence:
    """Seconds between two polls while all is well."""

    busy: float
    idle: float


@dataclass(frozen=True, slots=True)
class Seen:
    """Of an instance, after a poll. failures: polls in a row that came to nothing; reason: of the last.

    load: percent, by the last answer. asked: seconds of a `Retry-After` that are still to pass.
    """

    is_busy: bool = True
    failures: int = 0
    reason: Reason | None = None
    load: int = 0
    asked: float = 0.0


@dataclass(frozen=True, slots=True)
class Next:
    seconds: float
    why: Why

    @property
    def is_steady(self) -> bool:
        """All is well: a poll in its slot of the interval. Else it is a pause to be kept from now on."""
        return self.why in {Why.BUSY, Why.IDLE}


def next_poll(seen: Seen, cadence: Cadence, jitter: float) -> Next:
    """`jitter`: from 0 to 1."""
    steady = Next(cadence.busy, Why.BUSY) if seen.is_busy else Next(cadence.idle, Why.IDLE)
    most = max(LONGEST_PAUSE, steady.seconds)
    load = max(seen.load, OVERLOADED) if seen.reason is Reason.THROTTLED else seen.load
    causes = [steady]
    if (times := slowdown(load)) > 1:
        causes.append(Next(min(steady.seconds * times, most), Why.LOAD))
    if is_open(seen.failures):
        doublings = min(seen.failures - OPENS_AFTER + 1, _MOST_DOUBLINGS)
        pause = min(steady.seconds * 2.0**doublings, most)
        causes.append(Next(pause * (1 - _SPREAD * jitter), Why.FAILING))
    if seen.asked > 0:
        asked = min(seen.asked, LONGEST_ASKED)
        causes.append(Next(asked + jitter * min(asked * _SPREAD, _AFTER_ASKED), Why.ASKED))
    return max(causes, key=lambda one: one.seconds)


def is_open(failures: int) -> bool:
    """Whether the circuit is: each poll is one cheap try then, and the first that succeeds closes it."""
    return failures >= OPENS_AFTER


def slowdown(load: int) -> int:
    """How many times slower everything goes under this load."""
    return 5 if load >= OVERLOADED else 2 if load >= LOADED else 1


def is_busy(jobs: Iterable[JobSnapshot], at: datetime, within: timedelta) -> bool:
    """Whether one of them runs, or is due within that time."""
    return any(
        job.active_since is not None or (job.next_due is not None and job.next_due - at <= within)
        for job in jobs
    )


def next_due(jobs: Iterable[JobSnapshot]) -> datetime | None:
    return min((job.next_due for job in jobs if job.next_due is not None), default=None)
