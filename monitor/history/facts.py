"""What detection is given: the last runs of each series, what is new, what ran beside something.

Each question costs what its answer holds, however long the history is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, literal, literal_column, select, true

from alerts.columns import Instant
from monitor.history.executions import ACTIVE, active
from monitor.history.rows import decode
from monitor.history.schema import executions
from monitor.history.schema import series as series_table
from monitor.model import Execution, RunId, Series

_BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
_began_at: ColumnElement[datetime] = literal_column("+executions.began_at", Instant())
"""The plus keeps SQLite from choosing the index on the beginning, which nearly all rows satisfy."""
_SERIES = ("instance", "job_id", "scope")


def runs(
    conn: Connection, instance: str, jobs: Collection[str] | None, keep: int
) -> dict[Series, tuple[Execution, ...]]:
    """Of each series of these jobs (of all, for None) the last `keep` final runs and all active ones.

    Oldest first by when they began.
    """
    wanted = series_table.c.instance == instance
    if jobs is not None:
        wanted &= series_table.c.job_id.in_(sorted(set(jobs)))
    found: dict[Series, list[Execution]] = defaultdict(list)
    for row in conn.execute(_last(conn, wanted, keep)):
        if row.id is not None:
            found[Series(row.job_id, row.scope)].append(decode(row))
    # Rows of equal beginning may be one too many.
    windows = {series: sorted(some, key=_by_beginning)[-keep:] for series, some in found.items()}
    for run in active(conn, instance):
        if jobs is None or run.job_id in jobs:
            windows.setdefault(run.series, []).append(run)
    return {series: tuple(sorted(some, key=_by_beginning)) for series, some in windows.items()}


def fresh(conn: Connection, instance: str, after_change: int) -> frozenset[RunId]:
    """Runs that were stored or changed after the change with this number."""
    statement = select(executions.c.job_id, executions.c.id).where(
        executions.c.instance == instance, executions.c.change > after_change
    )
    return frozenset(RunId(row.job_id, row.id) for row in conn.execute(statement))


def neighbours(conn: Connection, instance: str, start: datetime, end: datetime) -> tuple[Execution, ...]:
    """Runs that were under way within [start, end), oldest first; touching ends are no neighbours.

    Reads what ended after `start`: meant for the recent past.
    """
    of_instance = executions.c.instance == instance
    ended = select(executions).where(of_instance, executions.c.ended_at > start, _began_at < end)
    still = select(executions).where(of_instance, ACTIVE, _began_at < end)
    rows = [*conn.execute(ended), *conn.execute(still)]
    return tuple(sorted((decode(row) for row in rows), key=_by_beginning))


def _last(conn: Connection, wanted: ColumnElement[bool], keep: int) -> Select[Any]:
    """The last final runs of each wanted series; ranking all runs would read the whole history."""
    of_series = and_(
        *(executions.c[name] == series_table.c[name] for name in _SERIES),
        executions.c.ended_at.is_not(None),
    )
    newest = select(executions).where(of_series).order_by(executions.c.began_at.desc())
    if conn.dialect.name == "postgresql":
        last = newest.limit(keep).lateral("last")
        return select(last).select_from(series_table.join(last, true())).where(wanted)
    # SQLite has no LATERAL: where the window of each series begins first, then the runs from there on.
    first = newest.with_only_columns(executions.c.began_at).limit(1).offset(keep - 1)
    windows = (
        select(
            series_table.c.instance,
            series_table.c.job_id,
            series_table.c.scope,
            func.coalesce(
                first.correlate(series_table).scalar_subquery(), literal(_BEGINNING, Instant())
            ).label("since"),
        )
        .where(wanted)
        .cte("windows")
    )
    of_window = and_(
        *(executions.c[name] == windows.c[name] for name in _SERIES),
        executions.c.began_at >= windows.c.since,
        executions.c.ended_at.is_not(None),
    )
    # Without an outer join it might read all executions first and then look for their windows.
    return select(executions).select_from(windows.outerjoin(executions, of_window))


def _by_beginning(run: Execution) -> tuple[datetime, str, str]:
    return (run.began or run.first_seen or _BEGINNING, run.job_id, run.id)
