"""Runs that ended in some way they usually do not, up to the one that ended as it should.

Knows verdicts and habits, no condition. A habit opens nothing, but it goes on with what is open: a job
that began to end badly has not been repaired by doing so often.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from monitor.model import Execution

HABIT_RUNS = 30
HABIT_AT_LEAST = 5
HABIT_ONE_IN = 5


class Habit:
    """What a series did in at least 5 and at least 20 % of its last 30 final runs."""

    __slots__ = ("_last", "count")

    def __init__(self) -> None:
        self._last: deque[bool] = deque(maxlen=HABIT_RUNS)
        self.count = 0

    def __bool__(self) -> bool:
        return self.count >= HABIT_AT_LEAST and self.count * HABIT_ONE_IN >= len(self._last)

    @property
    def may_be(self) -> bool:
        """Whether it would be one if the few runs that are known were told five times over."""
        return len(self) < HABIT_AT_LEAST * HABIT_ONE_IN and self.count * HABIT_ONE_IN >= len(self)

    def __len__(self) -> int:
        """How many runs it stands on."""
        return len(self._last)

    def __str__(self) -> str:
        return f"{self.count} of the last {len(self)} runs"

    def take(self, *, did: bool) -> None:
        if len(self._last) == HABIT_RUNS:
            self.count -= self._last[0]
        self._last.append(did)
        self.count += did


@dataclass(frozen=True, slots=True)
class Spell:
    """bad: oldest first. news: those of them that were no habit by then. ended_by: None while it holds."""

    bad: tuple[Execution, ...]
    news: tuple[Execution, ...]
    ended_by: Execution | None = None


class Spells:
    """Takes the final runs of a series one by one, in the order in which they ended."""

    __slots__ = ("_bad", "_is_cut", "_news", "habit", "over")

    def __init__(self, *, is_cut: bool) -> None:
        """is_cut: there were runs before the first, which nobody knows here."""
        self._is_cut = is_cut
        self._bad: list[Execution] = []
        self._news: list[Execution] = []
        self.habit = Habit()
        self.over: list[Spell] = []

    @property
    def is_open(self) -> bool:
        return bool(self._bad)

    @property
    def current(self) -> Spell | None:
        return Spell(tuple(self._bad), tuple(self._news)) if self._bad else None

    def bad(self, run: Execution, *, whatever_the_habit: bool = False) -> None:
        opens = whatever_the_habit or not self.habit
        if opens or self._bad:
            self._bad.append(run)
            # What a habit was before the runs that are known is unknown: it goes on, but is no news.
            if opens and (whatever_the_habit or not self._is_cut or len(self.habit) == HABIT_RUNS):
                self._news.append(run)
        self.habit.take(did=True)

    def unclear(self) -> None:
        """A bad one of which too little is known to say that it is news."""
        self.habit.take(did=True)

    def good(self, run: Execution) -> None:
        if self._bad:
            self.over.append(Spell(tuple(self._bad), tuple(self._news), run))
            self._bad, self._news = [], []
        self.habit.take(did=False)

    def other(self) -> None:
        """A run that neither begins nor ends it."""
        self.habit.take(did=False)
