"""Executions: stored in bulk, found again. Knows rows; how a run is judged is handed in as `Judge`.

Storing is idempotent: the same page twice, or pages in another order, leave the same rows behind and
count each run once. Whatever changed carries a fresh number, so that detection can ask for the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, func, or_, select, update

from monitor.history import counters
from monitor.history.counters import Move, Stored
from monitor.history.cursor import changed as count_change
from monitor.history.cursor import locked
from monitor.history.merge import is_same, merge
from monitor.history.rows import JUDGED, WRITTEN, Judged, columns, decode, decode_judged, encode, ticks
from monitor.history.schema import executions, series
from monitor.history.statements import by_run, run_list, upsert_encoded
from monitor.model import FINAL_WORDS, Execution, Logged, Outcome, RunId, RunKey, Trigger

__all__ = [
    "Judge",
    "Judged",
    "active",
    "awaiting_retry",
    "get",
    "iterate",
    "latest",
    "mark_missing",
    "newest",
    "note_log",
    "search",
    "store",
    "touch",
    "versions",
]

CHUNK = 500
"""Rows fetched at once where there may be many."""

STORED_AT_ONCE = 2500
"""Runs: counters and series are written once for so many."""

ACTIVE: ColumnElement[bool] = executions.c.ended_at.is_(None)
"""Every final run has an end; asked this way an index of both databases serves it."""


@dataclass(frozen=True, slots=True)
class Judge:
    """How runs are to be read: the policy's answers, kept with each row."""

    outcome: Callable[[Execution], Outcome]
    trigger: Callable[[Execution], Trigger]


def store(
    conn: Connection,
    instance: str,
    seen: Iterable[Execution],
    *,
    seen_at: datetime,
    backfill: bool,
    judge: Judge,
) -> int:
    """Keep what was read of one instance; returns how many runs are new or changed.

    A final run that nothing new is known of is not written at all, not even its `last_seen`: only an
    active run needs that, because it is the end of one that vanishes.
    """
    change = _next_change(conn, instance)
    changed = 0
    runs = iter(seen)
    while chunk := list(islice(runs, STORED_AT_ONCE)):
        before = _stored(conn, instance, chunk)
        after = dict(before)
        for run in chunk:
            if run.instance != instance:
                raise ValueError(f"a run of {run.instance} cannot be stored for {instance}")
            after[run.run_id] = _merged(after.get(run.run_id), run, seen_at, judge, backfill=backfill)
        moves = [Move(before.get(run_id), stored) for run_id, stored in after.items()]
        changed += _write(conn, instance, moves, seen_at, change)
    return changed


def touch(conn: Connection, alive: Mapping[RunKey, timedelta | None], seen_at: datetime) -> None:
    """These active runs were there at `seen_at`, unchanged but for how long they have taken."""
    rows = [
        {"of": key.instance, "b_job_id": key.job_id, "b_id": key.id, "at": seen_at, "took": ticks(took)}
        for key, took in alive.items()
    ]
    if rows:
        conn.execute(_TOUCH, rows)


_TOUCH = (
    update(executions)
    .where(
        executions.c.instance == bindparam("of"),
        executions.c.job_id == bindparam("b_job_id"),
        executions.c.id == bindparam("b_id"),
        executions.c.last_seen <= bindparam("at"),
        ACTIVE,
    )
    .values(
        last_seen=bindparam("at"), missing=0, duration=func.coalesce(bindparam("took"), executions.c.duration)
    )
)


def mark_missing(conn: Connection, key: RunKey, *, seen_at: datetime, judge: Judge) -> Execution | None:
    """A poll that began at `seen_at` found this run gone; the second such poll makes it vanished.

    Nothing happens to a final run, to one that was seen after that poll began, or to one nobody knows.
    """
    change = _next_change(conn, key.instance)
    before = _stored(conn, key.instance, [RunId(key.job_id, key.id)]).get(RunId(key.job_id, key.id))
    if before is None:
        return None
    run = before.execution
    if run.is_final or (run.last_seen is not None and run.last_seen > seen_at):
        return run
    after = _judged(replace(run, missing=run.missing + 1), judge, counted=before.counted)
    _write(conn, key.instance, [Move(before, after)], seen_at, change)
    return after.execution


def note_log(conn: Connection, key: RunKey, logged: Logged, *, at: datetime, judge: Judge) -> None:
    """What its log says of a run, which by that may have ended otherwise than it seemed."""
    change = _next_change(conn, key.instance)
    before = _stored(conn, key.instance, [RunId(key.job_id, key.id)]).get(RunId(key.job_id, key.id))
    if before is None or before.execution.logged == logged:
        return
    after = _judged(replace(before.execution, logged=logged), judge, counted=before.counted)
    _write(conn, key.instance, [Move(before, after)], at, change)


def get(conn: Connection, key: RunKey) -> Execution | None:
    row = conn.execute(_GET, key._asdict()).first()
    return None if row is None else decode(row)


_GET = select(*columns()).where(*(executions.c[name] == bindparam(name) for name in RunKey._fields))


def latest(conn: Connection, instance: str, job_id: str) -> Execution | None:
    """The run of a job, on whatever site, that began last."""
    # Site by site: there are few, and the index on the beginning is one of each series.
    sites = select(series.c.scope).where(series.c.instance == instance, series.c.job_id == job_id)
    found = [_latest(conn, instance, job_id, scope) for scope in conn.execute(sites).scalars().all()]
    known = [run for run in found if run is not None]
    return max(known, key=lambda run: (run.began or run.first_seen, run.id), default=None)


def active(conn: Connection, instance: str) -> list[Execution]:
    """In no order: SQLite would walk the whole history to have them sorted."""
    return [decode(row) for row in conn.execute(_ACTIVE, {"of": instance}).all()]


_ACTIVE = select(*columns()).where(executions.c.instance == bindparam("of"), ACTIVE)


def awaiting_retry(conn: Connection, instance: str, ended_since: datetime) -> list[Execution]:
    """Failed attempts that the platform may repeat, and mark as superseded when it does."""
    return [decode(row) for row in conn.execute(_AWAITING, {"of": instance, "since": ended_since})]


AWAITS_RETRY = and_(
    executions.c.outcome == Outcome.FAILED, executions.c.current_retry_attempt < executions.c.max_retries
)
_AWAITING = (
    select(*columns())
    .where(
        executions.c.instance == bindparam("of"), executions.c.ended_at >= bindparam("since"), AWAITS_RETRY
    )
    .order_by(executions.c.began_at, executions.c.job_id, executions.c.id)
)


def versions(conn: Connection, instance: str, since: datetime) -> dict[RunId, str]:
    """The version of each final run that began or ended since; a vanished one may come back."""
    rows = conn.execute(_VERSIONS, {"of": instance, "since": since})
    return {RunId(job_id, run): version for job_id, run, version in rows}


_VERSIONS = select(executions.c.job_id, executions.c.id, executions.c.version).where(
    executions.c.instance == bindparam("of"),
    or_(executions.c.began_at >= bindparam("since"), executions.c.ended_at >= bindparam("since")),
    executions.c.execution_status.in_(sorted(FINAL_WORDS)),
)


def search(
    conn: Connection,
    *,
    instance: str | None = None,
    job: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    outcomes: Collection[Outcome] | None = None,
    limit: int,
) -> list[Judged]:
    """Runs that began in [since, until), newest first. `job` is a glob, matched with case."""
    found = newest(conn, instance=instance, job=job, since=since, until=until, outcomes=outcomes)
    return list(islice(found, limit))


def newest(
    conn: Connection,
    *,
    instance: str | None = None,
    job: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    outcomes: Collection[Outcome] | None = None,
) -> Iterator[Judged]:
    """As `search`, but all of them, without holding them all."""
    statement = _matching(instance, job, since, until, outcomes)
    return _found(conn, statement.order_by(*_NEWEST_FIRST), job)


def iterate(
    conn: Connection,
    *,
    instance: str | None = None,
    job: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    outcomes: Collection[Outcome] | None = None,
) -> Iterator[Judged]:
    """As `search`, but all of them, one instance after the other, oldest first, without holding them all."""
    statement = _matching(instance, job, since, until, outcomes)
    return _found(conn, statement.order_by(executions.c.instance, *_OLDEST_FIRST), job)


_OLDEST_FIRST = (executions.c.began_at, executions.c.job_id, executions.c.id)
_NEWEST_FIRST = (executions.c.began_at.desc(), executions.c.job_id.desc(), executions.c.id.desc())


def _latest(conn: Connection, instance: str, job_id: str, scope: str) -> Execution | None:
    of_series = executions.c.instance == instance, executions.c.job_id == job_id, executions.c.scope == scope
    row = conn.execute(select(*columns()).where(*of_series).order_by(*_NEWEST_FIRST).limit(1)).first()
    return None if row is None else decode(row)


def _next_change(conn: Connection, instance: str) -> int:
    """Also makes other writers of this instance wait, so that none of them reads what is about to change."""
    return locked(conn, instance).change + 1


def _stored(conn: Connection, instance: str, runs: Iterable[Execution | RunId]) -> dict[RunId, Stored]:
    ids = {run if isinstance(run, RunId) else run.run_id for run in runs}
    rows = conn.execute(_STORED[conn.dialect.name], {"instance": instance, "runs": run_list(ids)}).all()
    found = (Stored(*decode_judged(row), counted=row.counted) for row in rows)
    return {one.execution.run_id: one for one in found}


_STORED = by_run(executions, (*JUDGED, executions.c.counted))


def _merged(
    stored: Stored | None, run: Execution, seen_at: datetime, judge: Judge, *, backfill: bool
) -> Stored:
    if stored is None:
        new = merge(None, run, seen_at=seen_at, backfill=backfill)
        return _judged(new, judge, counted=False)
    merged = merge(stored.execution, run, seen_at=seen_at, backfill=backfill)
    if merged is stored.execution:
        return stored
    return _judged(merged, judge, counted=stored.counted)


def _judged(run: Execution, judge: Judge, *, counted: bool) -> Stored:
    return Stored(run, judge.outcome(run), judge.trigger(run), counted=counted or run.is_final)


def _write(conn: Connection, instance: str, moves: Sequence[Move], seen_at: datetime, change: int) -> int:
    moved = [move for move in moves if move.after is not move.before]
    changed = [move for move in moved if not _is_unchanged(move)]
    same = [move.after.execution for move in moved if _is_unchanged(move)]
    touch(conn, {run.key: run.duration for run in same}, seen_at)
    if not changed:
        return 0
    rows = [
        encode(after.execution, after.outcome, after.trigger, counted=after.counted, change=change)
        for _, after in changed
    ]
    upsert_encoded(conn, executions, WRITTEN, rows)
    counters.count(conn, instance, changed, seen_at)
    count_change(conn, instance, change)
    return len(changed)


def _is_unchanged(move: Move) -> bool:
    return move.before is not None and is_same(move.before.execution, move.after.execution)


def _matching(
    instance: str | None,
    job: str | None,
    since: datetime | None,
    until: datetime | None,
    outcomes: Collection[Outcome] | None,
) -> Select[Any]:
    statement = select(*JUDGED)
    if instance is not None:
        statement = statement.where(executions.c.instance == instance)
    if job is not None:
        statement = statement.where(_may_match(job))
    if since is not None:
        statement = statement.where(executions.c.began_at >= since)
    if until is not None:
        statement = statement.where(executions.c.began_at < until)
    if outcomes is not None:
        statement = statement.where(executions.c.outcome.in_(sorted(outcomes)))
    return statement


def _found(conn: Connection, statement: Select[Any], job: str | None) -> Iterator[Judged]:
    with conn.execute(statement, execution_options={"yield_per": CHUNK}) as rows:
        for row in rows:
            if job is None or fnmatchcase(row.job_id, job):
                yield decode_judged(row)


def _may_match(job: str) -> ColumnElement[bool]:
    """A coarse filter in SQL, which knows no sets of characters and, on SQLite, no case."""
    plain, bracket, _ = job.partition("[")
    if not bracket and not set(plain) & {"*", "?"}:
        return executions.c.job_id == job
    pattern = re.sub(r"([%_\\])", r"\\\1", plain).replace("*", "%").replace("?", "_")
    return executions.c.job_id.like(pattern + ("%" if bracket else ""), escape="\\")
