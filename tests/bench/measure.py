"""Two ways of doing the same, measured in turns: A B, B A, A B, …, so that a slower minute slows both.

CPU time of this process, all its threads included, unless said otherwise. What is held against the aim is
made of the two figures of one turn; what counts is the median of the turns.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

Work = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Figures:
    """Of several repeats: seconds, bytes, or shares of one."""

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


class Unit(StrEnum):
    SECONDS = "seconds"
    BYTES = "bytes"
    SHARE = "share"


class Held(StrEnum):
    """What is held against the aim."""

    RATIO = "ratio"  # ours as a multiple of the bare
    MORE = "more"  # what ours has over the bare
    ITSELF = "itself"  # ours; the bare is there for comparison only


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the page.

    parts: figures beside it that have no aim, each with the unit of its own. why: what remains where the aim
    is missed, said only then. failed: what went wrong beside the figures; the aim is missed with it.
    """

    title: str
    work: str
    against: str
    ours: Figures
    bare: Figures | None
    aim: float | None
    held: Held = Held.RATIO
    unit: Unit = Unit.SECONDS
    parts: tuple[tuple[str, Figures, Unit], ...] = ()
    note: str = ""
    why: str = ""
    failed: str = ""

    @property
    def held_figures(self) -> Figures:
        if self.held is Held.ITSELF or self.bare is None:
            return self.ours
        pairs = zip(self.ours.values, self.bare.values, strict=True)
        ratio = self.held is Held.RATIO
        return Figures(tuple(ours / bare if ratio else ours - bare for ours, bare in pairs))

    @property
    def is_met(self) -> bool:
        return not self.failed and (self.aim is None or self.held_figures.middle <= self.aim)


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
