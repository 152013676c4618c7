"""Episodes of trouble in a row of runs: opened by N bad ones, closed by M good ones.

Knows verdicts, not what made them. Counts in the order in which runs ended, never in which they
arrived, so a late page, a replay or another rhythm of polls leads to the same episodes. Where a verdict
is known only later than the end of its run, it counts from then on: nobody could have counted it before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType

from monitor.model import Execution, RunId

END_OF_TIME = datetime.max.replace(tzinfo=UTC)
"""Where a run stands that ended at a time nobody knows: last, so that it still counts."""

_AT_ONCE: Mapping[RunId, datetime] = MappingProxyType({})


class Verdict(StrEnum):
    BAD = "bad"
    GOOD = "good"


@dataclass(frozen=True, slots=True)
class Episode:
    """bad: every bad run of it, in the order in which they ended. opener: the one that reached the threshold.

    good: the good runs since the last bad one; when it is over, those that ended it.
    opened: when it could be known that the threshold was reached, None where nobody knows when runs ended.
    """

    bad: tuple[Execution, ...]
    opener: Execution
    good: tuple[Execution, ...] = ()
    is_over: bool = False
    opened: datetime | None = None

    @property
    def newest(self) -> Execution:
        return self.bad[-1]

    @property
    def runs(self) -> tuple[Execution, ...]:
        return self.bad + self.good

    @property
    def is_backfilled(self) -> bool:
        return all(run.backfilled for run in self.bad)


@dataclass(frozen=True, slots=True)
class Streak:
    """over: episodes that ended, oldest first. bad: bad runs in a row that open nothing yet."""

    over: tuple[Episode, ...] = ()
    current: Episode | None = None
    bad: tuple[Execution, ...] = ()


def by_end(run: Execution) -> tuple[datetime, datetime, str]:
    return (run.ended or END_OF_TIME, run.began or END_OF_TIME, run.id)


def streak(
    judged: Iterable[tuple[Execution, Verdict]],
    open_after: int,
    close_after: int,
    known_at: Mapping[RunId, datetime] = _AT_ONCE,
) -> Streak:
    """known_at: of the runs whose verdict could only be known later than they ended, when."""
    over: list[Episode] = []
    row = _Row(open_after, close_after, known_at)
    for run, verdict in sorted(judged, key=lambda item: _by_knowledge(item[0], known_at)):
        if verdict is Verdict.BAD:
            row.take_bad(run)
        elif row.take_good(run):
            over.append(row.episode(is_over=True))
            row = _Row(open_after, close_after, known_at)
    if row.opener is None:
        return Streak(tuple(over), None, tuple(row.bad))
    return Streak(tuple(over), row.episode(is_over=False))


class _Row:
    """Runs since the last episode ended. Lists that grow, because a streak may be as long as a history."""

    __slots__ = ("_close_after", "_known_at", "_open_after", "bad", "good", "opener")

    def __init__(self, open_after: int, close_after: int, known_at: Mapping[RunId, datetime]) -> None:
        self._open_after = open_after
        self._close_after = close_after
        self._known_at = known_at
        self.bad: list[Execution] = []
        self.good: list[Execution] = []
        self.opener: Execution | None = None

    def take_bad(self, run: Execution) -> None:
        self.bad.append(run)
        self.good.clear()
        if self.opener is None and len(self.bad) >= self._open_after:
            self.opener = run

    def take_good(self, run: Execution) -> bool:
        """Whether that ends it."""
        if self.opener is None:
            self.bad.clear()
            return False
        self.good.append(run)
        return len(self.good) >= self._close_after

    def episode(self, *, is_over: bool) -> Episode:
        opener = self.opener or self.bad[-1]
        bad = sorted(self.bad, key=by_end) if self._known_at else self.bad
        opened = self._known_at.get(opener.run_id, opener.ended)
        return Episode(tuple(bad), opener, tuple(self.good), is_over, opened)


def _by_knowledge(
    run: Execution, known_at: Mapping[RunId, datetime]
) -> tuple[datetime, datetime, datetime, str]:
    ended, began, identity = by_end(run)
    later = known_at.get(run.run_id, ended) if known_at else ended
    return (max(later, ended), ended, began, identity)
