"""What detection is given: the last runs of each series, what is new, what ran beside something.

Each question costs what its answer holds, however long the history is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select, true

from monitor.history.executions import ACTIVE
from monitor.history.rows import decode
from monitor.history.schema import executions
from monitor.history.schema import series as series_table
from monitor.model import Execution, RunId, Series

_BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
_JOBS_AT_ONCE = 500


def runs(
    conn: Connection, instance: str, jobs: Collection[str] | None, keep: int
) -> dict[Series, tuple[Execution, ...]]:
    """Of each series of these jobs (of all, for None) the last `keep` final runs and all active ones.

    Oldest first by when they began.
    """
    found: dict[Series, list[Execution]] = defaultdict(list)
    for statement in _statements(conn, instance, jobs, keep):
        for row in conn.execute(statement):
            found[Series(row.job_id, row.scope)].append(decode(row))
    return {series: _window(some, keep) for series, some in found.items()}


def fresh(conn: Connection, instance: str, after_change: int) -> frozenset[RunId]:
    """Runs that were stored or changed after the change with this number."""
    statement = select(executions.c.job_id, executions.c.id).where(
        executions.c.instance == instance, executions.c.change > after_change
    )
    return frozenset(RunId(row.job_id, row.id) for row in conn.execute(statement))


def neighbours(conn: Connection, instance: str, start: datetime, end: datetime) -> tuple[Execution, ...]:
    """Runs that were under way within [start, end), oldest first; touching ends are no neighbours."""
    statement = select(executions).where(
        executions.c.instance == instance,
        executions.c.began_at < end,
        or_(executions.c.ended_at > start, ACTIVE),
    )
    return tuple(sorted((decode(row) for row in conn.execute(statement)), key=_by_beginning))


def _statements(
    conn: Connection, instance: str, jobs: Collection[str] | None, keep: int
) -> Iterator[Select[Any]]:
    for some in _batches(jobs):
        yield _final(
            conn, and_(series_table.c.instance == instance, _among(series_table.c.job_id, some)), keep
        )
        yield select(executions).where(
            executions.c.instance == instance, _among(executions.c.job_id, some), ACTIVE
        )


def _final(conn: Connection, wanted: ColumnElement[bool], keep: int) -> Select[Any]:
    """The last final runs of each wanted series; ranking all runs would read the whole history."""
    of_series = and_(
        *(executions.c[name] == series_table.c[name] for name in ("instance", "job_id", "scope")),
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
            func.coalesce(first.correlate(series_table).scalar_subquery(), _BEGINNING).label("since"),
        )
        .where(wanted)
        .cte("windows")
    )
    return (
        select(executions)
        .select_from(windows)
        .where(
            *(executions.c[name] == windows.c[name] for name in ("instance", "job_id", "scope")),
            executions.c.began_at >= windows.c.since,
            executions.c.ended_at.is_not(None),
        )
    )


def _batches(jobs: Collection[str] | None) -> Iterator[list[str] | None]:
    if jobs is None:
        yield None
        return
    names = sorted(set(jobs))
    for start in range(0, len(names), _JOBS_AT_ONCE):
        yield names[start : start + _JOBS_AT_ONCE]


def _among(column: ColumnElement[str], names: list[str] | None) -> ColumnElement[bool]:
    return true() if names is None else column.in_(names)


def _window(some: list[Execution], keep: int) -> tuple[Execution, ...]:
    final = sorted((run for run in some if run.is_final), key=_by_beginning)
    return tuple(sorted([*final[-keep:], *(run for run in some if not run.is_final)], key=_by_beginning))


def _by_beginning(run: Execution) -> tuple[datetime, str, str]:
    return (run.began or run.first_seen or _BEGINNING, run.job_id, run.id)
