"""Two ways of doing the same, measured in turns: A B, B A, A B, …, so that a slower minute slows both.

CPU time of this process, all its threads included, unless said otherwise. A ratio is that of one turn;
what counts is the median of the turns.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

Work = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Figures:
    """Of several repeats."""

    values: tuple[float, ...]

    @property
    def least(self) -> float:
        return min(self.values)

    @property
    def middle(self) -> float:
        return median(self.values)

    @property
    def most(self) -> float:
        return max(self.values)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Seconds of CPU: `ours` against `bare`. `parts` are figures beside it that have no limit."""

    title: str
    work: str
    against: str
    ours: Figures
    bare: Figures
    limit: float
    parts: tuple[tuple[str, Figures], ...] = ()
    note: str = ""

    @property
    def ratios(self) -> Figures:
        pairs = zip(self.ours.values, self.bare.values, strict=True)
        return Figures(tuple(ours / bare for ours, bare in pairs))

    @property
    def is_met(self) -> bool:
        return self.ratios.middle <= self.limit


@dataclass(frozen=True, slots=True)
class WallTime:
    """Seconds by the wall clock, against a limit in seconds; `bare` for comparison only."""

    title: str
    work: str
    against: str
    ours: Figures
    bare: Figures
    limit: float

    @property
    def is_met(self) -> bool:
        return self.ours.middle <= self.limit


Result = Comparison | WallTime


def in_turns(
    ours: Work, bare: Work, repeats: int, *, clock: Callable[[], float] = time.process_time
) -> tuple[Figures, Figures]:
    """Figures of both, the first of a pair alternating."""
    found: tuple[list[float], list[float]] = ([], [])
    for number in range(repeats):
        order = (0, 1) if number % 2 == 0 else (1, 0)
        for which in order:
            found[which].append(once((ours, bare)[which], clock))
    return Figures(tuple(found[0])), Figures(tuple(found[1]))


def once(work: Work, clock: Callable[[], float] = time.process_time) -> float:
    """Rubbish of what ran before is not charged to this."""
    gc.collect()
    began = clock()
    work()
    return clock() - began


def steady_work() -> int:
    """The same every time: how much it varies is how noisy the machine is."""
    return sum(number * number for number in range(400_000))
