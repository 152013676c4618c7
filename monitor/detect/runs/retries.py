"""Which failed attempts do not count (yet), because the platform tries again by itself.

Knows the runs of one series. An attempt stands for itself only when nothing took its place in time:
the next attempt began within `retry_wait`, or, where the platform does not number the attempts, a good
run ended within it. All of it is decided from times, so it does not matter when a poll looked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from monitor.detect.streak import by_end
from monitor.model import Execution, Outcome


class Standing(StrEnum):
    COUNTS = "counts"
    WAITING = "waiting"  # the next attempt may still come
    REPLACED = "replaced"  # what came next tells how it went


@dataclass(frozen=True, slots=True)
class Retry:
    """by: the next attempt where one is known. until: when waiting for one ends."""

    standing: Standing
    until: datetime
    by: Execution | None = None


def is_attempt(run: Execution) -> bool:
    """Whether the platform will try again when this run fails."""
    return (
        run.current_retry_attempt is not None
        and run.max_retries is not None
        and run.current_retry_attempt < run.max_retries
    )


def retry(
    failed: Execution,
    others: Sequence[tuple[Execution, Outcome]],
    wait: timedelta,
    seen_until: datetime,
) -> Retry:
    """failed: an attempt that ended as failed. others: runs of its series, also active ones and itself."""
    until = (failed.ended or seen_until) + wait
    for run, outcome in others:
        if _is_next_attempt(run, outcome, failed, until) or _made_good(run, outcome, failed, until):
            return Retry(Standing.REPLACED, until, by=run)
    # A run that was seen to begin or end later proves that the wait is over, whatever the clocks say.
    known = max((at for run, _ in others for at in (run.began, run.ended) if at), default=seen_until)
    return Retry(Standing.WAITING if max(known, seen_until) < until else Standing.COUNTS, until)


def _is_next_attempt(run: Execution, outcome: Outcome, failed: Execution, until: datetime) -> bool:
    """A vanished attempt, or one that ended nobody knows how, tells nothing: the failed one still counts."""
    if outcome in {Outcome.VANISHED, Outcome.UNKNOWN} or run.current_retry_attempt is None:
        return False
    if run.began is None or run.current_retry_attempt <= (failed.current_retry_attempt or 0):
        return False
    return (failed.began is None or run.began > failed.began) and run.began <= until


def _made_good(run: Execution, outcome: Outcome, failed: Execution, until: datetime) -> bool:
    """However it was started: had the wait ended just after it, the last run would have been a good one."""
    if outcome not in {Outcome.OK, Outcome.DEGRADED} or run.ended is None:
        return False
    return by_end(failed) < by_end(run) and run.ended <= until
