"""When a job was under way, when it began and when it went well, over all its sites, whoever started it.

Knows runs and instants, no slots. Each question costs a search, so that a whole history can be asked slot
by slot; and each is about an instant, so that a later look gets the same answer.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import accumulate

from monitor.detect.classify import outcome
from monitor.detect.streak import END_OF_TIME
from monitor.model import Execution, Outcome
from monitor.policy import JobPolicy

GOOD = frozenset({Outcome.OK, Outcome.DEGRADED})


@dataclass(frozen=True)
class Presence:
    """The runs of one job: what was under way, what began, what went well."""

    began: tuple[Execution, ...]
    job: JobPolicy

    @classmethod
    def of(cls, runs: Sequence[Execution], job: JobPolicy) -> Presence:
        """runs: oldest first. What is pending has not begun."""
        return cls(tuple(run for run in runs if run.began is not None and not run.is_pending), job)

    @cached_property
    def starts(self) -> list[datetime]:
        return [run.began or END_OF_TIME for run in self.began]

    @cached_property
    def _longest(self) -> list[tuple[datetime, int]]:
        """After each start: until when something will be under way, and what."""
        ends = ((run.ended or END_OF_TIME, number) for number, run in enumerate(self.began))
        return list(accumulate(ends, max))

    @cached_property
    def _good(self) -> tuple[list[datetime], list[Execution]]:
        good = [run for run in self.began if run.ended and outcome(run, self.job) in GOOD]
        good.sort(key=lambda run: (run.ended or END_OF_TIME, run.id))
        return [run.ended or END_OF_TIME for run in good], good

    @cached_property
    def _ended(self) -> tuple[list[datetime], list[Execution]]:
        ended = sorted(
            (run for run in self.began if run.ended and not run.is_superseded),
            key=lambda run: (run.ended or END_OF_TIME, run.id),
        )
        return [run.ended or END_OF_TIME for run in ended], ended

    def under_way(self, at: datetime) -> Execution | None:
        """One that began before that instant and had not ended."""
        index = bisect_left(self.starts, at) - 1
        if index < 0:
            return None
        end, number = self._longest[index]
        return self.began[number] if end > at else None

    def first_after(self, at: datetime) -> Execution | None:
        index = bisect_right(self.starts, at)
        return self.began[index] if index < len(self.began) else None

    def last_before(self, at: datetime) -> Execution | None:
        """The last that had ended by then."""
        ends, runs = self._ended
        index = bisect_right(ends, at) - 1
        return runs[index] if index >= 0 else None

    def first_good(self, since: datetime) -> Execution | None:
        """The first to end well of those that began no earlier."""
        ends, runs = self._good
        for number in range(bisect_left(ends, since), len(runs)):
            run = runs[number]
            if run.began is not None and run.began >= since:
                return run
        return None
