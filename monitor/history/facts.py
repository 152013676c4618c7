"""What detection is given: the last runs of each series, what is new, what ran or began at some time.

Each question costs what its answer holds, however long the history is. What may be much is first given
without its documents (`RunTime`), so that only what matters is read whole.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    Select,
    and_,
    bindparam,
    case,
    desc,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
    union_all,
)

from alerts.columns import Instant
from monitor.history.rows import columns, decode, ticks
from monitor.history.schema import executions
from monitor.history.schema import series as series_table
from monitor.history.statements import by_run, run_list
from monitor.model import Execution, Interval, Outcome, RunId, Series


class RunTime(NamedTuple):
    """When a final run was under way."""

    run_id: RunId
    began: datetime
    ended: datetime


_BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
_began_at: ColumnElement[datetime] = literal_column("+executions.began_at", Instant())
_change: ColumnElement[int] = literal_column("+executions.change", BigInteger())
"""The plus keeps SQLite from choosing the index on these, which nearly all rows satisfy."""
_SERIES = ("instance", "job_id", "scope")
_LONG = timedelta(minutes=60)
"""Whether a run that took longer moved all the time is asked of its steps."""

_COLUMNS = columns(
    case(
        (or_(executions.c.outcome != Outcome.OK, executions.c.duration >= ticks(_LONG)), executions.c.steps),
        (executions.c.steps.is_not(None), literal([], executions.c.steps.type)),
    ).label("steps")
)
END_OF_TIME = datetime.max.replace(tzinfo=UTC)
_CHANGED = executions.c.instance == bindparam("of"), executions.c.change > bindparam("after")


def runs(
    conn: Connection,
    instance: str,
    jobs: Collection[str] | None,
    active: Iterable[Execution],
    keep: int,
) -> dict[Series, tuple[Execution, ...]]:
    """Of each series of these jobs (of all, for None) the last `keep` final runs and those of `active`.

    Oldest first by when they began. Those that soon ended ok are told without their steps (none, where they
    are known), here as in all answers but active runs: nothing asks for them, and reading them would take
    most of the time.
    """
    rows: Iterable[Any] = ()
    if jobs is None:
        rows = conn.execute(_LAST[conn.dialect.name], {"of": instance, "keep": keep}).all()
    elif jobs:
        some = {"of": instance, "keep": keep, "jobs": sorted(set(jobs))}
        rows = conn.execute(_LAST_OF_SOME[conn.dialect.name], some).all()
    found: dict[Series, list[Execution]] = defaultdict(list)
    for row in rows:
        if row.id is not None:
            run = decode(row)
            found[run.series].append(run)
    # Rows of equal beginning may be one too many.
    windows = {series: tuple(sorted(some, key=_by_beginning)[-keep:]) for series, some in found.items()}
    for run in active:
        if jobs is None or run.job_id in jobs:
            windows[run.series] = tuple(sorted([*windows.get(run.series, ()), run], key=_by_beginning))
    return windows


def fresh(conn: Connection, instance: str, after_change: int) -> frozenset[RunId]:
    """Runs that were stored or changed after the change with this number."""
    rows = conn.execute(_FRESH, {"of": instance, "after": after_change})
    return frozenset(RunId(*row) for row in rows)


def changed(
    conn: Connection, instance: str, after_change: int, *, moved_after: datetime = END_OF_TIME
) -> list[Execution]:
    """The runs that `fresh` names and those that began or ended after that, in no order."""
    news = {"of": instance, "after": after_change, "moved_after": moved_after}
    return [decode(row) for row in conn.execute(_NEWS, news).all()]


def last_ends(
    conn: Connection,
    instance: str,
    series: Series,
    before: datetime,
    without: Collection[str],
    is_without: Callable[[str], bool],
    limit: int,
) -> tuple[datetime, ...]:
    """When the last runs ended well that began before that, with other codes than these; oldest first.

    is_without: whether a code that is found belongs to these as well.
    """
    codes = set(without)
    while True:
        place = {
            "of": instance,
            "job": series.job_id,
            "scope": series.scope,
            "before": before,
            "limit": limit,
        }
        rows = conn.execute(_ENDS, {**place, "codes": sorted(codes)}).all()
        more = {row.code for row in rows if is_without(row.code)}
        if not more:
            return tuple(row.ended_at for row in reversed(rows))
        codes |= more


_CODE = func.coalesce(func.nullif(executions.c.exit_code, ""), executions.c.status, "")
_ENDS = (
    select(executions.c.ended_at, _CODE.label("code"))
    .where(
        executions.c.instance == bindparam("of"),
        executions.c.job_id == bindparam("job"),
        executions.c.scope == bindparam("scope"),
        executions.c.began_at < bindparam("before"),
        executions.c.outcome.in_([Outcome.OK.value, Outcome.DEGRADED.value]),
        _CODE.not_in(bindparam("codes", expanding=True)),
    )
    .order_by(executions.c.began_at.desc())
    .limit(bindparam("limit"))
)


def most_news(conn: Connection, instance: str, after_change: int) -> int:
    """Of what `fresh` names, the runs of the series that has most; what a first read found aside."""
    return conn.execute(_MOST_NEWS, {"of": instance, "after": after_change}).scalar() or 0


_MOST_NEWS = (
    select(func.count().label("runs"))
    .where(*_CHANGED, ~executions.c.backfilled)
    .group_by(executions.c.job_id, executions.c.scope)
    .order_by(desc("runs"))
    .limit(1)
)
_FRESH = select(executions.c.job_id, executions.c.id).where(*_CHANGED)
_MOVED = (
    executions.c.instance == bindparam("of"),
    or_(
        executions.c.began_at > bindparam("moved_after"),
        executions.c.ended_at > bindparam("moved_after"),
    ),
    _change <= bindparam("after"),
)
_NEWS = union_all(select(*_COLUMNS).where(*_CHANGED), select(*_COLUMNS).where(*_MOVED))


def jobs(conn: Connection, instance: str) -> set[str]:
    """All that were ever seen."""
    return set(
        conn.execute(select(series_table.c.job_id).where(series_table.c.instance == instance)).scalars()
    )


def cut_short(conn: Connection, instance: str, since: datetime) -> set[str]:
    """Jobs of which a run that ended since was aborted, vanished, or restarted."""
    return set(conn.execute(_CUT_SHORT, {"of": instance, "since": since}).scalars())


_CUT_SHORT = (
    select(executions.c.job_id)
    .distinct()
    .where(
        executions.c.instance == bindparam("of"),
        executions.c.ended_at > bindparam("since"),
        or_(
            executions.c.execution_status.in_(("aborted", "restarted")),
            executions.c.outcome == Outcome.VANISHED,
        ),
    )
)


def beginnings(
    conn: Connection, instance: str, jobs: Collection[str], since: datetime
) -> dict[str, tuple[datetime, ...]]:
    """When the runs of each of these jobs began that began since, on all its sites, oldest first."""
    found: dict[str, list[datetime]] = {job_id: [] for job_id in jobs}
    rows = conn.execute(_BEGINNINGS, {"of": instance, "jobs": sorted(jobs), "since": since})
    for job_id, began_at in rows:
        found[job_id].append(began_at)
    return {job_id: tuple(sorted(some)) for job_id, some in found.items()}


_BEGINNINGS = (
    select(executions.c.job_id, executions.c.began_at)
    .select_from(
        series_table.join(
            executions,
            and_(
                *(executions.c[name] == series_table.c[name] for name in _SERIES),
                executions.c.began_at >= bindparam("since"),
            ),
        )
    )
    .where(
        series_table.c.instance == bindparam("of"),
        series_table.c.job_id.in_(bindparam("jobs", expanding=True)),
    )
)


def under_way(conn: Connection, instance: str, start: datetime, end: datetime) -> list[RunTime]:
    """Final runs that were under way within [start, end); touching ends do not count.

    Reads what ended after `start`: meant for the recent past.
    """
    rows = conn.execute(_UNDER_WAY, {"of": instance, "start": start, "end": end})
    return [RunTime(RunId(*row[:2]), *row[2:]) for row in rows]


_UNDER_WAY = select(executions.c.job_id, executions.c.id, executions.c.began_at, executions.c.ended_at).where(
    executions.c.instance == bindparam("of"),
    executions.c.ended_at > bindparam("start"),
    _began_at < bindparam("end"),
)


def last_ended(conn: Connection, instance: str, job_id: str, at: datetime) -> list[Execution]:
    """Of each series of a job the final run that had ended last by then."""
    sites = select(series_table.c.scope).where(
        series_table.c.instance == instance, series_table.c.job_id == job_id
    )
    found = []
    for scope in conn.execute(sites).scalars().all():
        of_series = (
            executions.c.instance == instance,
            executions.c.job_id == job_id,
            executions.c.scope == scope,
        )
        ended = executions.c.ended_at.is_not(None), executions.c.ended_at <= at
        newest = select(*_COLUMNS).where(*of_series, *ended).order_by(executions.c.began_at.desc()).limit(1)
        found += [decode(row) for row in conn.execute(newest)]
    return found


def named(conn: Connection, instance: str, runs: Collection[RunId]) -> list[Execution]:
    """Those of them that are known."""
    if not runs:
        return []
    rows = conn.execute(_NAMED[conn.dialect.name], {"instance": instance, "runs": run_list(runs)})
    return [decode(row) for row in rows]


_NAMED = by_run(executions, _COLUMNS)


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


def _last(dialect: str, *wanted: ColumnElement[bool]) -> Select[Any]:
    """The last final runs of each wanted series; ranking all runs would read the whole history."""
    of_series = and_(
        *(executions.c[name] == series_table.c[name] for name in _SERIES),
        executions.c.ended_at.is_not(None),
    )
    keep = bindparam("keep", type_=Integer)
    newest = select(*_COLUMNS).where(of_series).order_by(executions.c.began_at.desc())
    if dialect == "postgresql":
        # Of those that began at once always the same: SQLite finds them all, and the last are taken.
        last = newest.order_by(executions.c.id.desc()).limit(keep).lateral("last")
        return select(last).select_from(series_table.join(last, true())).where(*wanted)
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
        .where(*wanted)
        .cte("windows")
    )
    of_window = and_(
        *(executions.c[name] == windows.c[name] for name in _SERIES),
        executions.c.began_at >= windows.c.since,
        executions.c.ended_at.is_not(None),
    )
    # Without an outer join it might read all executions first and then look for their windows.
    return select(*_COLUMNS).select_from(windows.outerjoin(executions, of_window))


_OF_INSTANCE = series_table.c.instance == bindparam("of")
_OF_JOBS = series_table.c.job_id.in_(bindparam("jobs", expanding=True))
_LAST = {dialect: _last(dialect, _OF_INSTANCE) for dialect in ("sqlite", "postgresql")}
_LAST_OF_SOME = {dialect: _last(dialect, _OF_INSTANCE, _OF_JOBS) for dialect in ("sqlite", "postgresql")}


def _by_beginning(run: Execution) -> tuple[datetime, str, str]:
    return (run.began or run.first_seen or _BEGINNING, run.job_id, run.id)
