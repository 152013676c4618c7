"""The history of an instance for a replay: of a state, or of a file that was exported from one."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime

from sqlalchemy import Connection

from monitor.detect.model import RUNS_KEPT
from monitor.history import cursor as cursors
from monitor.history import stats
from monitor.history.past import Patience, past
from monitor.history.transfer import stretch
from monitor.model import Execution, Interval
from monitor.replay.model import Past
from monitor.replay.slim import slim


def instances(connection: Connection) -> list[str]:
    """Those a state knows."""
    return sorted(one.instance for one in stats.cursors(connection))


def stored(
    connection: Connection, instance: str, since: datetime | None, until: datetime | None, patience: Patience
) -> Past | None:
    """None where nothing was read completely by then. The runs are read as they are asked for."""
    coverage = cursors.coverage(connection, instance)
    watched = cursors.load(connection, instance).seen_until
    ends = [*(one.end for one in coverage), watched]
    seen = max((at for at in ends if at is not None), default=None)
    if seen is None:
        return None
    seen = seen if until is None else min(seen, until)
    runs = past(connection, instance, since=since, until=seen, keep=RUNS_KEPT, patience=patience)
    kept = None if since is None else RUNS_KEPT
    return Past(instance, seen, runs, coverage, kept, was_watched=watched is not None)


def from_file(
    runs: Iterable[Execution], until: datetime | None, patience: Callable[[str], Patience]
) -> list[Past]:
    """By instance. Each counts as read completely from its first start to its last end.

    Of several lines about one run the last one that knows its end counts.
    """
    found: defaultdict[str, dict[tuple[str, str], Execution]] = defaultdict(dict)
    spans: dict[str, Interval] = {}
    for run in runs:
        stretch(spans, run)
        known = found[run.instance]
        before = known.get((run.job_id, run.id))
        if before is None or run.is_final or not before.is_final:
            known[run.job_id, run.id] = slim(run, patience(run.instance), sys.intern)
    return [
        _past(name, found[name].values(), span, until)
        for name, span in sorted(spans.items())
        if until is None or span.start < until
    ]


def _past(instance: str, runs: Iterable[Execution], span: Interval, until: datetime | None) -> Past:
    seen = span.end if until is None else min(span.end, until)
    return Past(instance, seen, runs, (span,))
