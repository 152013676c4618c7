"""Deletes what is old: runs that ended long ago, and jobs that nobody has seen for long.

Runs go a few at a time, so that no other writer waits long. Counters and series outlive the runs they
were made of, until their job is gone: a job removed or renamed must not stay in the metrics for ever.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, delete, select, tuple_

from monitor.history import schedules, stats
from monitor.history.executions import ACTIVE
from monitor.history.schema import (
    cursors,
    executions,
    expected_durations,
    job_durations,
    job_outcomes,
    overlap_pairs,
    series,
)

GAPS = 3
"""A job is awaited for so many times the distance of its last two starts, if that is longer."""


def prune(conn: Connection, *, before: datetime, limit: int = 5000) -> int:
    """Delete at most `limit` runs that ended before; returns how many, so that the caller can go on."""
    deleted = 0
    # By instance: the index on the end begins with it.
    for instance in conn.execute(select(cursors.c.instance)).scalars().all():
        if deleted < limit:
            deleted += _prune(conn, instance, before, limit - deleted)
    return deleted


def forget(
    conn: Connection, *, now: datetime, after: timedelta, keep: Collection[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Forget jobs without a run for `after`, unless one is active, they are in `keep`, or run that seldom.

    Jobs are (instance, job_id). Their counters go as well; should one come back, it starts anew.
    """
    last: dict[tuple[str, str], datetime] = {}
    for one in stats.series(conn):
        times = [at for at in (one.first_seen, one.last_start, one.last_end) if at is not None]
        job = (one.instance, one.job_id)
        last[job] = max([*times, *([last[job]] if job in last else [])])
    active = conn.execute(select(executions.c.instance, executions.c.job_id).where(ACTIVE).distinct())
    kept = {*keep, *((row.instance, row.job_id) for row in active)}
    silent = [job for job, at in sorted(last.items()) if at < now - after and job not in kept]
    gone = [job for job in silent if not _is_awaited(conn, job, now)]
    for table in (series, job_outcomes, job_durations, expected_durations, overlap_pairs):
        for instance, job_id in gone:
            conn.execute(delete(table).where(table.c.instance == instance, table.c.job_id == job_id))
    for instance, job_id in gone:
        schedules.forget(conn, instance, job_id)
    return gone


def _is_awaited(conn: Connection, job: tuple[str, str], now: datetime) -> bool:
    of_job = and_(executions.c.instance == job[0], executions.c.job_id == job[1])
    starts = (
        conn.execute(
            select(executions.c.began_at)
            .where(of_job)
            .distinct()
            .order_by(executions.c.began_at.desc())
            .limit(2)
        )
        .scalars()
        .all()
    )
    return len(starts) == 2 and now - starts[0] < GAPS * (starts[0] - starts[1])


def _prune(conn: Connection, instance: str, before: datetime, limit: int) -> int:
    key = executions.c.instance, executions.c.job_id, executions.c.id
    old = (
        select(*key)
        .where(executions.c.instance == instance, executions.c.ended_at < before)
        .order_by(executions.c.ended_at)
        .limit(limit)
    )
    return conn.execute(delete(executions).where(tuple_(*key).in_(old))).rowcount
