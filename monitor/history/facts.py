"""What detection is given: the last runs of each series, what is new, what ran or began at some time.

Each question costs what its answer holds, however long the history is. What may be much is first given
without its documents (`RunTime`), so that only what matters is read whole.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    case,
    func,
    literal,
    literal_column,
    select,
    true,
)

from alerts.columns import Instant
from monitor.history.executions import ACTIVE, active
from monitor.history.rows import decode
from monitor.history.schema import executions
from monitor.history.schema import series as series_table
from monitor.history.statements import by_run
from monitor.model import Execution, Interval, Outcome, RunId, Series


class RunTime(NamedTuple):
    """When a final run was under way."""

    run_id: RunId
    began: datetime
    ended: datetime


_BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
_began_at: ColumnElement[datetime] = literal_column("+executions.began_at", Instant())
"""The plus keeps SQLite from choosing the index on the beginning, which nearly all rows satisfy."""
_SERIES = ("instance", "job_id", "scope")
_COLUMNS: tuple[ColumnElement[Any], ...] = (
    *(column for column in executions.c if column.name != "steps"),
    case((executions.c.outcome != Outcome.OK, executions.c.steps)).label("steps"),
)


def runs(
    conn: Connection, instance: str, jobs: Collection[str] | None, keep: int
) -> dict[Series, tuple[Execution, ...]]:
    """Of each series of these jobs (of all, for None) the last `keep` final runs and all active ones.

    Oldest first by when they began. Without the steps of those that ended ok, here as in all answers but
    active runs: nothing asks for them, and reading them would take most of the time.
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


def changed(conn: Connection, instance: str, after_change: int) -> list[Execution]:
    """The runs that `fresh` names, in no order."""
    statement = select(*_COLUMNS).where(executions.c.instance == instance, executions.c.change > after_change)
    return [decode(row) for row in conn.execute(statement)]


def jobs_with_ended(conn: Connection, instance: str, after_change: int) -> set[str]:
    """Jobs of which a final run was stored or changed after the change with this number."""
    statement = select(executions.c.job_id).where(
        executions.c.instance == instance, executions.c.change > after_change, ~ACTIVE
    )
    return set(conn.execute(statement.distinct()).scalars())


def jobs(conn: Connection, instance: str) -> set[str]:
    """All that were ever seen."""
    return set(
        conn.execute(select(series_table.c.job_id).where(series_table.c.instance == instance)).scalars()
    )


def under_way(conn: Connection, instance: str, start: datetime, end: datetime) -> list[RunTime]:
    """Final runs that were under way within [start, end); touching ends do not count.

    Reads what ended after `start`: meant for the recent past.
    """
    columns = executions.c.job_id, executions.c.id, executions.c.began_at, executions.c.ended_at
    statement = select(*columns).where(
        executions.c.instance == instance, executions.c.ended_at > start, _began_at < end
    )
    return [RunTime(RunId(*row[:2]), *row[2:]) for row in conn.execute(statement)]


def named(conn: Connection, instance: str, runs: Collection[RunId]) -> list[Execution]:
    """Those of them that are known."""
    if not runs:
        return []
    rows = conn.execute(by_run(conn, executions, instance, runs).with_only_columns(*_COLUMNS))
    return [decode(row) for row in rows if row.id is not None]


def began(
    conn: Connection, instance: str, jobs: Collection[str], within: Interval, *, by_hand: bool = False
) -> list[Execution]:
    """Runs of these jobs that began within; by_hand: only those that a login stands behind."""
    if not jobs:
        return []
    of_series = and_(
        *(executions.c[name] == series_table.c[name] for name in _SERIES),
        executions.c.began_at >= within.start,
        executions.c.began_at < within.end,
    )
    if by_hand:
        of_series = and_(of_series, executions.c.user_login.is_not(None))
    wanted = series_table.c.instance == instance, series_table.c.job_id.in_(sorted(jobs))
    # Series by series, see `_last`.
    statement = select(*_COLUMNS).select_from(series_table.outerjoin(executions, of_series)).where(*wanted)
    return [decode(row) for row in conn.execute(statement) if row.id is not None]


def _last(conn: Connection, wanted: ColumnElement[bool], keep: int) -> Select[Any]:
    """The last final runs of each wanted series; ranking all runs would read the whole history."""
    of_series = and_(
        *(executions.c[name] == series_table.c[name] for name in _SERIES),
        executions.c.ended_at.is_not(None),
    )
    newest = select(*_COLUMNS).where(of_series).order_by(executions.c.began_at.desc())
    if conn.dialect.name == "postgresql":
        # Of those that began at once always the same: SQLite finds them all, and the last are taken.
        last = newest.order_by(executions.c.id.desc()).limit(keep).lateral("last")
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
    return select(*_COLUMNS).select_from(windows.outerjoin(executions, of_window))


def _by_beginning(run: Execution) -> tuple[datetime, str, str]:
    return (run.began or run.first_seen or _BEGINNING, run.job_id, run.id)
