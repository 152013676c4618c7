"""How long a series usually takes: median and spread of ln(duration), and the limits made of them.

Knows durations, not conditions. Robust numbers (median, MAD) because one night of trouble must not
move them, and a fresh start once the job has genuinely changed, because otherwise they would call
every run after a migration slow for weeks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from monitor.detect.classify import outcome
from monitor.detect.streak import by_end
from monitor.model import Execution, Outcome
from monitor.policy import JobPolicy

RUNS = 30
RUNS_NEEDED = 5
CHANGE_RUNS = 5
"""So many runs outside on one side, one after another and alike, are a genuine change."""

CHANGE_SPREAD = 1.25
FLOOR = timedelta(minutes=2)
"""A job of seconds may take two minutes more without being called slow."""

_PLAIN = JobPolicy()


@dataclass(frozen=True, slots=True)
class Baseline:
    """sigma: spread of ln(seconds). upper, lower: beyond them a run is slow, or fast. n: runs behind it."""

    median: timedelta
    sigma: float
    upper: timedelta
    lower: timedelta
    n: int
    p90: timedelta


class _Limits(NamedTuple):
    """In seconds: one is made for each run of a history."""

    usual: float
    sigma: float
    upper: float
    lower: float
    p90: float


def baseline(runs: Iterable[Execution], job: JobPolicy = _PLAIN) -> Baseline | None:
    """Of the good runs of one series, in any order; None while fewer than five of them are known."""
    return of_outcomes((run, outcome(run, job)) for run in sorted(runs, key=by_end))


def of_outcomes(runs: Iterable[tuple[Execution, Outcome]]) -> Baseline | None:
    """runs: of one series with how they ended, in the order in which they ended."""
    good = [run for run, how in runs if how in {Outcome.OK, Outcome.DEGRADED}]
    return of_durations([length for run in good if (length := duration(run)) is not None])


def duration(run: Execution) -> timedelta | None:
    if run.duration is not None:
        return run.duration
    if run.start_time is not None and run.end_time is not None:
        return run.end_time - run.start_time
    return None


def of_durations(durations: Sequence[timedelta]) -> Baseline | None:
    """durations: of good runs, oldest first."""
    seconds = [length.total_seconds() for length in durations if length > timedelta()]
    last = _since_last_change(seconds)[-RUNS:]
    limits = _limits(last)
    if limits is None:
        return None
    return Baseline(
        median=timedelta(seconds=limits.usual),
        sigma=limits.sigma,
        upper=timedelta(seconds=limits.upper),
        lower=timedelta(seconds=limits.lower),
        n=len(last),
        p90=timedelta(seconds=limits.p90),
    )


def _since_last_change(seconds: Sequence[float]) -> list[float]:
    """Runs outside are measured by those before them: a change must not bend the ruler."""
    known: list[float] = []
    outside: list[float] = []
    for length in seconds:
        if not outside and _is_surely_inside(length, known):
            known.append(length)
            continue
        ruler = _limits(known[-RUNS:])
        side = _side(length, ruler)
        if outside and side != _side(outside[-1], ruler):
            known, outside = known + outside, []
            side = _side(length, _limits(known[-RUNS:]))
        if not side:
            known.append(length)
            continue
        outside.append(length)
        if _alike(outside[-CHANGE_RUNS:]):
            known, outside = outside[-CHANGE_RUNS:], []
    return known + outside


def _is_surely_inside(length: float, known: Sequence[float]) -> bool:
    """Whatever the limits: half or two minutes more than the shortest, and a fifth of the longest are inside.

    Most runs are like the others, and limits are made of logarithms. A little less than that, for rounding.
    """
    if len(known) < RUNS_NEEDED:
        return True
    last = known[-RUNS:]
    shortest = min(last)
    return length < max(1.49 * shortest, shortest + 119) and length > 0.21 * max(last)


def _alike(latest: Sequence[float]) -> bool:
    return len(latest) == CHANGE_RUNS and max(latest) <= CHANGE_SPREAD * min(latest)


def _side(length: float, ruler: _Limits | None) -> int:
    if ruler is None:
        return 0
    return (length > ruler.upper) - (length < ruler.lower)


def _limits(seconds: Sequence[float]) -> _Limits | None:
    count = len(seconds)
    if count < RUNS_NEEDED:
        return None
    ordered = sorted(seconds)
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
    return _Limits(usual, sigma, upper, min(usual / 5, math.exp(middle - 5 * sigma), p10 / 2), p90)


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
