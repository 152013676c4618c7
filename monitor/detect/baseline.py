"""How long a series usually takes: median and spread of ln(duration), and the limits made of them.

Knows durations, not conditions. Robust numbers (median, MAD) because one night of trouble must not
move them, and a fresh start once the job has genuinely changed, because otherwise they would call
every run after a migration slow for weeks. Durations come one by one, in the order in which runs ended:
what a run is measured by is what was known before it began, also when a whole history is looked at.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from monitor.detect.classify import outcome
from monitor.detect.streak import END_OF_TIME, by_end
from monitor.model import Execution, Outcome
from monitor.policy import JobPolicy

RUNS = 30
RUNS_NEEDED = 5
CHANGE_RUNS = 5
"""So many runs outside on one side, one after another and alike, are a genuine change."""

CHANGE_SPREAD = 1.25
STEP_BACK = 8 * RUNS
"""What a run was measured by so many runs ago has left no trace."""

FLOOR = timedelta(minutes=2)
"""A job of seconds may take two minutes more without being called slow."""

_PLAIN = JobPolicy()
_BEGINNING = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Baseline:
    """sigma: spread of ln(seconds). upper, lower: beyond them a run is slow, or fast. n: runs behind it."""

    median: timedelta
    sigma: float
    upper: timedelta
    lower: timedelta
    n: int
    p90: timedelta


class Limits(NamedTuple):
    """In seconds: one is made for each run of a history."""

    usual: float
    sigma: float
    upper: float
    lower: float
    p90: float


class Pace:
    """The usual duration of a series, taken from one good run after another.

    Most runs are like the others: those are taken in at once, and limits, which are made of logarithms,
    are worked out when somebody asks for them.
    """

    __slots__ = ("_known", "_limits", "_ordered", "_outside")

    def __init__(self) -> None:
        self._known: deque[float] = deque(maxlen=RUNS)
        self._outside: deque[float] = deque(maxlen=RUNS)
        self._ordered: list[float] | None = []  # of all that is known, shortest first; None: to be sorted
        self._limits: Limits | None = None  # None also where they are not worked out yet

    def __len__(self) -> int:
        """How many runs it stands on."""
        return min(len(self._known) + len(self._outside), RUNS)

    def add(self, seconds: float) -> None:
        """seconds: of the next good run that ended; one of no time says nothing."""
        if seconds <= 0:
            return
        self._limits = None
        if not self._outside and self.is_surely_within(seconds):
            self._take(seconds)
        else:
            self._ordered = None
            self._measure(seconds)

    @property
    def limits(self) -> Limits | None:
        """None while fewer than five runs are known."""
        if self._limits is None:
            self._limits = _limits(self._sorted())
        return self._limits

    @property
    def baseline(self) -> Baseline | None:
        limits = self.limits
        if limits is None:
            return None
        return Baseline(
            median=timedelta(seconds=limits.usual),
            sigma=limits.sigma,
            upper=timedelta(seconds=limits.upper),
            lower=timedelta(seconds=limits.lower),
            n=len(self),
            p90=timedelta(seconds=limits.p90),
        )

    def is_surely_within(self, seconds: float) -> bool:
        """Whatever the limits: true only for what is neither slow nor fast, or where there are no limits."""
        known = self._sorted()
        count = len(known)
        return count < RUNS_NEEDED or _is_usual(seconds, known[(count - 1) // 2], known[count // 2])

    def _sorted(self) -> list[float]:
        if self._ordered is None:
            self._ordered = sorted([*self._known, *self._outside][-RUNS:])
        return self._ordered

    def _take(self, seconds: float) -> None:
        ordered = self._sorted()
        if len(self._known) == RUNS:
            del ordered[bisect_left(ordered, self._known[0])]
        insort(ordered, seconds)
        self._known.append(seconds)

    def _measure(self, seconds: float) -> None:
        """Runs outside are measured by those before them: a change must not bend the ruler."""
        known, outside = self._known, self._outside
        ruler = _limits(sorted(known))
        side = _side(seconds, ruler)
        if outside and side != _side(outside[-1], ruler):
            known.extend(outside)
            outside.clear()
            side = _side(seconds, _limits(sorted(known)))
        if not side:
            known.append(seconds)
            return
        outside.append(seconds)
        if _alike(tuple(outside)[-CHANGE_RUNS:]):
            known.clear()
            known.extend(tuple(outside)[-CHANGE_RUNS:])
            outside.clear()


class Ruler:
    """The pace of one series as it was at an instant.

    Cheap when instants are asked for in their order. For an earlier one it starts anew, some way before it.
    """

    __slots__ = ("_at", "_ended", "_next", "_pace")

    def __init__(self, ended: Sequence[tuple[datetime, float]]) -> None:
        """ended: when good runs ended and how many seconds they took, in the order in which they ended."""
        self._ended = ended
        self._at = _BEGINNING
        self._next = 0
        self._pace = Pace()

    def at(self, instant: datetime) -> Pace:
        """Of the runs that had ended by then; good until asked again."""
        if instant < self._at:
            before = bisect_right(self._ended, instant, key=_ended_at)
            self._next, self._pace = max(before - STEP_BACK, 0), Pace()
        self._at = instant
        ended, place, pace = self._ended, self._next, self._pace
        while place < len(ended) and ended[place][0] <= instant:
            pace.add(ended[place][1])
            place += 1
        self._next = place
        return pace


def _ended_at(one: tuple[datetime, float]) -> datetime:
    return one[0]


def baseline(runs: Iterable[Execution], job: JobPolicy = _PLAIN) -> Baseline | None:
    """Of the good runs of one series, in any order; None while fewer than five of them are known."""
    judged = ((run, outcome(run, job)) for run in sorted(runs, key=by_end))
    return _of_seconds(seconds for _, seconds in good_runs(judged))


def good_runs(runs: Iterable[tuple[Execution, Outcome]]) -> Iterator[tuple[datetime, float]]:
    """When each good run ended and how many seconds it took, in the order that is given."""
    for run, how in runs:
        if how is Outcome.OK or how is Outcome.DEGRADED:
            length = duration(run)
            if length is not None:
                yield run.ended or END_OF_TIME, length.total_seconds()


def duration(run: Execution) -> timedelta | None:
    if run.duration is not None:
        return run.duration
    if run.start_time is not None and run.end_time is not None:
        return run.end_time - run.start_time
    return None


def of_durations(durations: Sequence[timedelta]) -> Baseline | None:
    """durations: of good runs, oldest first."""
    return _of_seconds(length.total_seconds() for length in durations)


def _of_seconds(durations: Iterable[float]) -> Baseline | None:
    pace = Pace()
    for seconds in durations:
        pace.add(seconds)
    return pace.baseline


def _is_usual(seconds: float, below: float, above: float) -> bool:
    """below, above: between them is the median, half as much again or a fifth of which is inside at any rate.

    A little less than that, for rounding.
    """
    return 0.21 * above < seconds < max(1.49 * below, below + 119)


def _alike(latest: Sequence[float]) -> bool:
    return len(latest) == CHANGE_RUNS and max(latest) <= CHANGE_SPREAD * min(latest)


def _side(length: float, ruler: Limits | None) -> int:
    if ruler is None:
        return 0
    return (length > ruler.upper) - (length < ruler.lower)


def _limits(ordered: Sequence[float]) -> Limits | None:
    count = len(ordered)
    if count < RUNS_NEEDED:
        return None
    logs = [math.log(length) for length in ordered]
    middle = _middle(logs)
    sigma = 1.4826 * _middle(sorted([abs(log - middle) for log in logs])) * (1 + 6 / count)
    usual = math.exp(middle)
    floor = max(1.5 * usual, usual + FLOOR.total_seconds())
    ceiling = 3 * ordered[-1]
    p10, p90 = _quantile(ordered, 0.1), _quantile(ordered, 0.9)
    # The ceiling also stands inside: exp() of a wild spread would not be a number any more.
    wide = math.exp(min(middle + 5 * sigma, math.log(ceiling)))
    upper = max(min(max(wide, 1.5 * p90), ceiling), floor)
    return Limits(usual, sigma, upper, min(usual / 5, math.exp(middle - 5 * sigma), p10 / 2), p90)


def _middle(ordered: Sequence[float]) -> float:
    """Their median."""
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Linear between the two nearest."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)
