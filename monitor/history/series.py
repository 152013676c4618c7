"""What is known of a series beyond its stored runs: pure facts, moved on by each run that ends.

Runs may arrive in any order. One that ended after all others moves the facts by itself; after any
other, `advance` says that the streak has to be counted again from the stored runs.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from monitor.model import Execution, Outcome

SUCCESSES: Collection[Outcome] = (Outcome.OK, Outcome.DEGRADED)
FAILURES: Collection[Outcome] = (Outcome.FAILED, Outcome.ABORTED)


@dataclass(frozen=True, slots=True)
class SeriesFacts:
    """Times are the latest known, pruned runs included.

    last_outcome, last_duration: of the run that ended last by time, not by arrival.
    consecutive_failures: failed and aborted runs that ended after `last_success`.
    """

    instance: str
    job_id: str
    scope: str
    first_seen: datetime
    last_start: datetime | None = None
    last_end: datetime | None = None
    last_success: datetime | None = None
    last_failure: datetime | None = None
    last_duration: timedelta | None = None
    last_outcome: Outcome | None = None
    consecutive_failures: int = 0


class Mark(NamedTuple):
    """What one run contributes to its series; a superseded attempt nothing at all."""

    started: datetime | None = None
    ended: datetime | None = None
    outcome: Outcome | None = None
    duration: timedelta | None = None


def mark(execution: Execution, outcome: Outcome) -> Mark:
    if outcome is Outcome.SUPERSEDED:
        return Mark()
    started = None if execution.is_pending else execution.start_time
    if execution.ended is None:
        return Mark(started)
    return Mark(started, execution.ended, outcome, run_time(execution))


def run_time(execution: Execution) -> timedelta | None:
    """How long a final run took; unknown for a vanished one, whose end nobody saw."""
    if execution.is_vanished:
        return None
    if execution.duration is not None:
        return execution.duration
    if execution.start_time is None or execution.end_time is None:
        return None
    return max(execution.end_time - execution.start_time, timedelta())


def advance(facts: SeriesFacts, run: Mark) -> tuple[SeriesFacts, bool]:
    """The facts with this run, and whether it came in order; if not, the streak is wrong."""
    start = latest(facts.last_start, run.started)
    if run.ended is None:
        return replace(facts, last_start=start), True
    in_order = facts.last_end is None or run.ended > facts.last_end
    moved = replace(
        facts,
        last_start=start,
        last_end=latest(facts.last_end, run.ended),
        last_success=latest(facts.last_success, run.ended if run.outcome in SUCCESSES else None),
        last_failure=latest(facts.last_failure, run.ended if run.outcome in FAILURES else None),
        last_outcome=run.outcome if in_order else facts.last_outcome,
        last_duration=run.duration if in_order else facts.last_duration,
        consecutive_failures=_streak(facts.consecutive_failures, run.outcome),
    )
    return moved, in_order


def withdraw(facts: SeriesFacts, run: Mark) -> SeriesFacts:
    """The facts without what this run may have given them, to be found again in the stored runs."""
    return replace(
        facts,
        last_start=_without(facts.last_start, run.started),
        last_end=_without(facts.last_end, run.ended),
        last_success=_without(facts.last_success, run.ended),
        last_failure=_without(facts.last_failure, run.ended),
    )


def is_withdrawn(before: Mark, after: Mark) -> bool:
    """Whether a run no longer contributes what it did."""
    started = before.started is not None and before.started != after.started
    return started or (before.ended is not None and before != after)


def latest(*times: datetime | None) -> datetime | None:
    return max((at for at in times if at is not None), default=None)


def _streak(length: int, outcome: Outcome | None) -> int:
    if outcome in SUCCESSES:
        return 0
    return length + 1 if outcome in FAILURES else length


def _without(fact: datetime | None, given: datetime | None) -> datetime | None:
    return None if fact == given else fact
