"""Episodes of trouble in a row of runs: opened by N bad ones, closed by M good ones.

Knows verdicts, not what made them. Counts in the order in which runs ended, never in which they
arrived, so a late page, a replay or another rhythm of polls leads to the same episodes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from monitor.model import Execution

END_OF_TIME = datetime.max.replace(tzinfo=UTC)
"""Where a run stands that ended at a time nobody knows: last, so that it still counts."""


class Verdict(StrEnum):
    BAD = "bad"
    GOOD = "good"


@dataclass(frozen=True, slots=True)
class Episode:
    """bad: every bad run of it, oldest first. opener: the one that reached the threshold.

    good: the good runs since the last bad one; when it is over, those that ended it.
    """

    bad: tuple[Execution, ...]
    opener: Execution
    good: tuple[Execution, ...] = ()
    is_over: bool = False

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


def streak(judged: Iterable[tuple[Execution, Verdict]], open_after: int, close_after: int) -> Streak:
    over: list[Episode] = []
    current: Episode | None = None
    bad: tuple[Execution, ...] = ()
    for run, verdict in sorted(judged, key=lambda item: by_end(item[0])):
        if current is not None:
            current = _continued(current, run, verdict, close_after)
            if current.is_over:
                over.append(current)
                current = None
        elif verdict is Verdict.GOOD:
            bad = ()
        else:
            bad = (*bad, run)
            if len(bad) >= open_after:
                current, bad = Episode(bad, opener=run), ()
    return Streak(tuple(over), current, bad)


def _continued(episode: Episode, run: Execution, verdict: Verdict, close_after: int) -> Episode:
    if verdict is Verdict.BAD:
        return Episode((*episode.bad, run), episode.opener)
    good = (*episode.good, run)
    return Episode(episode.bad, episode.opener, good, is_over=len(good) >= close_after)
