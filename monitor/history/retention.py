"""Deletes runs that ended long ago, a few at a time, so that no other writer waits long.

Counters and series outlive the runs they were made of; a run that is still active is never old.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, select

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
    old = (
        select(*(column.label(f"b_{column.name}") for column in executions.primary_key))
        .where(executions.c.instance == instance, executions.c.ended_at < before)
        .order_by(executions.c.ended_at)
        .limit(limit)
    )
    rows = [dict(row) for row in conn.execute(old).mappings()]
    if rows:
        is_it = (column == bindparam(f"b_{column.name}") for column in executions.primary_key)
        conn.execute(delete(executions).where(*is_it), rows)
    return len(rows)
