"""Silences: SQL on a connection the caller gives and commits. Decides nothing."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from alerts.routing.matching import Match
from alerts.routing.silences import Silence
from alerts.schema import silences


def add(conn: Connection, one: Silence) -> None:
    globs = {name: list(some) for name, some in one.match.globs.items()}
    conn.execute(
        insert(silences).values(
            id=one.id,
            match=json.dumps(globs, ensure_ascii=False),
            starts_at=one.starts_at,
            ends_at=one.ends_at,
            comment=one.comment,
            created_by=one.created_by,
        )
    )


def ending_after(conn: Connection, since: datetime | None = None) -> tuple[Silence, ...]:
    """Those that end later than that, all without it; the first to end first."""
    wanted = select(silences).order_by(silences.c.ends_at, silences.c.id)
    rows = conn.execute(wanted if since is None else wanted.where(silences.c.ends_at > since))
    return tuple(
        Silence(
            row.id,
            Match({name: tuple(some) for name, some in json.loads(row.match).items()}),
            row.starts_at,
            row.ends_at,
            row.comment,
            row.created_by,
        )
        for row in rows
    )


def expire(conn: Connection, ids: Collection[str], now: datetime) -> int:
    """Ends them now; how many had not ended before. One that has not begun never will."""
    mine = silences.c.id.in_(sorted(ids))
    open_ones = mine & (silences.c.ends_at > now)
    begun = update(silences).where(open_ones, silences.c.starts_at <= now).values(ends_at=now)
    coming = update(silences).where(open_ones, silences.c.starts_at > now)
    done: int = conn.execute(begun).rowcount
    return done + conn.execute(coming.values(ends_at=silences.c.starts_at)).rowcount


def prune(conn: Connection, before: datetime) -> int:
    return conn.execute(delete(silences).where(silences.c.ends_at < before)).rowcount
