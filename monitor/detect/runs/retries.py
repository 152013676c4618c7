"""Which failed attempts do not count (yet), because the platform tries again by itself.

Knows the runs of one series. An attempt stands for itself only when nothing took its place in time:
the next attempt began within `retry_wait`, or, where the platform does not number the attempts, a good
run ended within it. All of it is decided from times, so it does not matter when a poll looked.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from monitor.detect.streak import END_OF_TIME, by_end
from monitor.model import Execution, Outcome, RunId

_GOOD = frozenset({Outcome.OK, Outcome.DEGRADED})
_TELLS_NOTHING = frozenset({Outcome.VANISHED, Outcome.UNKNOWN})
"""How a next attempt may end so that the failed one counts after all."""


class Standing(StrEnum):
    COUNTS = "counts"
    WAITING = "waiting"  # the next attempt may still come
    REPLACED = "replaced"  # what came next tells how it went


@dataclass(frozen=True, slots=True)
class Retry:
    """by: the next attempt where one is known. until: when waiting for one ends.

    known_at: from when on it is known to count, if it does: later than `until` where a next attempt came to
        nothing only then.
    """

    standing: Standing
    until: datetime
    known_at: datetime
    by: Execution | None = None


def is_attempt(run: Execution) -> bool:
    """Whether the platform will try again when this run fails."""
    return (
        run.current_retry_attempt is not None
        and run.max_retries is not None
        and run.current_retry_attempt < run.max_retries
    )


def retries(
    runs: Sequence[tuple[Execution, Outcome]], wait: timedelta, seen_until: datetime
) -> dict[RunId, Retry]:
    """Of each failed attempt among the runs of one series, active ones included."""
    failed = [run for run, outcome in runs if outcome is Outcome.FAILED and is_attempt(run)]
    if not failed:
        return {}
    series = _Series(runs)
    # A run that was seen to begin or end later proves that the wait is over, whatever the clocks say.
    seen = max((at for run, _ in runs for at in (run.began, run.ended) if at), default=seen_until)
    return {run.run_id: _retry(run, series, wait, max(seen, seen_until)) for run in failed}


def _retry(failed: Execution, series: _Series, wait: timedelta, seen: datetime) -> Retry:
    until = (failed.ended or seen) + wait
    came = list(series.next_attempts(failed, until))
    known_at = max([until, *(run.ended or until for run, outcome in came if outcome in _TELLS_NOTHING)])
    by = next((run for run, outcome in came if outcome not in _TELLS_NOTHING), None)
    by = by or series.good_between(failed, known_at)
    if by is not None:
        return Retry(Standing.REPLACED, until, known_at, by)
    return Retry(Standing.WAITING if seen < known_at else Standing.COUNTS, until, known_at)


class _Attempt(NamedTuple):
    began: datetime
    run: Execution
    outcome: Outcome


class _Series:
    """Its numbered attempts in the order of their beginning, its good runs in that of their end."""

    def __init__(self, runs: Iterable[tuple[Execution, Outcome]]) -> None:
        self._attempts = sorted(
            (
                _Attempt(run.began, run, outcome)
                for run, outcome in runs
                if run.current_retry_attempt is not None and run.began is not None
            ),
            key=lambda one: (one.began, one.run.id),
        )
        self._good = sorted((run for run, outcome in runs if outcome in _GOOD and run.ended), key=by_end)

    def next_attempts(self, failed: Execution, until: datetime) -> Iterable[tuple[Execution, Outcome]]:
        """Those with a higher number that began after it, up to the first that tells how it went."""
        number = failed.current_retry_attempt or 0
        first = 0 if failed.began is None else bisect_right(self._attempts, failed.began, key=_began)
        for place in range(first, len(self._attempts)):
            began, run, outcome = self._attempts[place]
            if began > until:
                return
            if (run.current_retry_attempt or 0) > number:
                yield run, outcome
                if outcome not in _TELLS_NOTHING:
                    return

    def good_between(self, failed: Execution, known_at: datetime) -> Execution | None:
        """However it was started: had it been told at `known_at`, the last run would have been a good one."""
        place = bisect_right(self._good, by_end(failed), key=by_end)
        run = self._good[place] if place < len(self._good) else None
        return run if run is not None and (run.ended or END_OF_TIME) <= known_at else None


def _began(attempt: _Attempt) -> datetime:
    return attempt.began
