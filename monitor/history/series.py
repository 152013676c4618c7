"""What is known of a series beyond its stored runs: pure facts, moved on by each run that ends.

Runs may arrive in any order. One that ended after all others moves the facts by itself; after any
other, `advance` says that the streak has to be counted again from the stored runs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
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


def advance(facts: SeriesFacts, runs: Iterable[Mark]) -> tuple[SeriesFacts, bool]:
    """The facts with these runs, and whether all came in order; if not, the streak is wrong."""
    start, end, streak = facts.last_start, facts.last_end, facts.consecutive_failures
    success, failure = facts.last_success, facts.last_failure
    outcome, duration = facts.last_outcome, facts.last_duration
    in_order = True
    for run in runs:
        if run.started is not None and (start is None or run.started > start):
            start = run.started
        if run.ended is None:
            continue
        if end is None or run.ended > end:
            end, outcome, duration = run.ended, run.outcome, run.duration
        else:
            in_order = False
        if run.outcome in SUCCESSES:
            success, streak = latest(success, run.ended), 0
        elif run.outcome in FAILURES:
            failure, streak = latest(failure, run.ended), streak + 1
    moved = replace(
        facts,
        last_start=start,
        last_end=end,
        last_success=success,
        last_failure=failure,
        last_duration=duration,
        last_outcome=outcome,
        consecutive_failures=streak,
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
    return max([at for at in times if at is not None], default=None)


def _without(fact: datetime | None, given: datetime | None) -> datetime | None:
    return None if fact == given else fact
