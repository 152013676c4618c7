"""Deletes runs that ended long ago, a few at a time, so that no other writer waits long.

Counters and series outlive the runs they were made of; a run that is still active is never old.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, select, tuple_

from monitor.history.schema import cursors, executions


def prune(conn: Connection, *, before: datetime, limit: int = 5000) -> int:
    """Delete at most `limit` runs that ended before; returns how many, so that the caller can go on."""
    deleted = 0
    # By instance: the index on the end begins with it.
    for instance in conn.execute(select(cursors.c.instance)).scalars().all():
        if deleted < limit:
            deleted += _prune(conn, instance, before, limit - deleted)
    return deleted


def _prune(conn: Connection, instance: str, before: datetime, limit: int) -> int:
    key = executions.c.instance, executions.c.job_id, executions.c.id
    old = (
        select(*key)
        .where(executions.c.instance == instance, executions.c.ended_at < before)
        .order_by(executions.c.ended_at)
        .limit(limit)
    )
    return conn.execute(delete(executions).where(tuple_(*key).in_(old))).rowcount
