"""Stretches of time in which runs of one series went on for too long, and which of them are one trouble.

Knows times, not what makes them too long. Whether a stretch belongs to the one before it is decided when it
opens, so that it does not matter how the others end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.detect.baseline import Limits
from monitor.detect.streak import END_OF_TIME
from monitor.model import Execution


@dataclass(frozen=True, slots=True)
class Stretch:
    """[opens, closes) of one run; closes: None while it may go on.

    since: from when on `limit` counts. limits: of the series as they were then, where they were known.
    number: of this stretch among those of its run, from 1 on. is_pending: the run waited for its start.
    """

    run: Execution
    since: datetime
    limit: timedelta
    closes: datetime | None
    limits: Limits | None = None
    number: int = 1
    is_pending: bool = False

    @property
    def opens(self) -> datetime:
        return self.since + self.limit

    @property
    def occurrence(self) -> str:
        if self.is_pending:
            return f"{self.run.id} pending"
        return self.run.id if self.number == 1 else f"{self.run.id}#{self.number}"


@dataclass(frozen=True, slots=True)
class Together:
    """Stretches without a pause between them, in the order in which they opened."""

    stretches: tuple[Stretch, ...]

    @property
    def opens(self) -> datetime:
        return self.stretches[0].opens

    @property
    def closes(self) -> datetime | None:
        """None while one of them holds."""
        last = max(one.closes or END_OF_TIME for one in self.stretches)
        return None if last == END_OF_TIME else last

    @property
    def runs(self) -> tuple[Execution, ...]:
        return tuple(dict.fromkeys(one.run for one in self.stretches))

    @property
    def open(self) -> tuple[Stretch, ...]:
        """Those that hold; of what is over the one that lasted."""
        holding = tuple(one for one in self.stretches if one.closes is None)
        return holding or (max(self.stretches, key=lambda one: (one.closes or END_OF_TIME, one.opens)),)


def together(stretches: Iterable[Stretch], seen_until: datetime) -> Iterator[Together]:
    """Of those that have opened."""
    found: list[Stretch] = []
    until = END_OF_TIME
    for one in sorted(stretches, key=lambda one: (one.opens, one.run.id)):
        if one.closes is None and one.opens > seen_until:
            continue
        closes = one.closes or END_OF_TIME
        if found and one.opens >= until:
            yield Together(tuple(found))
            found = []
        until = max(until, closes) if found else closes
        found.append(one)
    if found:
        yield Together(tuple(found))


def next_to_open(stretches: Iterable[Stretch], seen_until: datetime) -> Stretch | None:
    """The one that opens first by time alone."""
    waiting = [one for one in stretches if one.closes is None and one.opens > seen_until]
    return min(waiting, key=lambda one: (one.opens, one.run.id), default=None)
