"""What is not told while it is in doubt: what a run came to be after it was last seen. Pure.

A read that does not show an active run may be one of a lagging index, and only the next read tells whether
the run is gone. It ended when it was last seen, if so: what would have opened since, because it seemed to go
on, never was. What had opened before is left as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from monitor.detect.model import Decision, Facts, State

SEEN_WITHIN = timedelta(seconds=30)
"""Of the last read: what it showed was seen then, but for what its own time is uncertain by."""


def undoubted(decisions: Iterable[Decision], facts: Facts) -> Iterator[Decision]:
    """Each decision, with those put off until the next read that a run in doubt has made."""
    doubtful = _last_seen(facts)
    for decision in decisions:
        opens = decision.finding and (decision.opens or decision.finding.since)
        runs = sorted(
            run for run in doubtful.keys() & {*decision.executions} if opens and opens > doubtful[run]
        )
        if not runs:
            yield decision
            continue
        reason = f"the last read did not show run {', '.join(runs)}: the next one tells whether it is gone"
        yield replace(
            decision,
            state=State.WAITING,
            reason=reason,
            finding=None,
            closes=None,
            look_again=facts.seen_until,
        )


def _last_seen(facts: Facts) -> Mapping[str, datetime]:
    """Of each active run that the last read did not show: it found it gone, or could not ask for it."""
    return {
        run.id: run.last_seen
        for runs in facts.runs.values()
        for run in runs
        if not run.is_final
        and run.last_seen is not None
        and (run.missing or run.last_seen < facts.seen_until - SEEN_WITHIN)
    }
