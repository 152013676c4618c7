"""Whether an instance lets its logs be read: when it began to refuse them, and whether one was read since.

Written by whoever fetches logs, read by each poll. Nothing is written while all is well.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, bindparam, or_, select, update

from monitor.history.schema import log_access
from monitor.history.statements import upsert


class Refusals(NamedTuple):
    """runs: how many were told without their log. read_at: when one was read after that."""

    since: datetime
    runs: int
    message: str
    read_at: datetime | None


_LOAD = select(log_access).where(log_access.c.instance == bindparam("of"))
_LOCK = _LOAD.with_for_update()
_READ = (
    update(log_access)
    .where(
        log_access.c.instance == bindparam("of"),
        or_(log_access.c.read_at.is_(None), log_access.c.read_at < log_access.c.refused_since),
    )
    .values(read_at=bindparam("at"))
)


def load(conn: Connection, instance: str) -> Refusals | None:
    """None where none was ever refused."""
    return _decoded(conn.execute(_LOAD, {"of": instance}).first())


def refused(conn: Connection, instance: str, *, at: datetime, message: str, runs: int) -> None:
    """runs: how many more go without their log for good; the same one may be refused several times."""
    before = _decoded(conn.execute(_LOCK, {"of": instance}).first())
    if before is None or before.read_at is not None:
        before = Refusals(at, 0, message, None)
    row = {
        "instance": instance,
        "refused_since": before.since,
        "refusals": before.runs + runs,
        "message": message,
        "read_at": None,
    }
    upsert(conn, log_access, [row])


def was_read(conn: Connection, instance: str, at: datetime) -> None:
    """One was, so that what was refused before is over."""
    conn.execute(_READ, {"of": instance, "at": at})


def _decoded(row: Row[Any] | None) -> Refusals | None:
    return None if row is None else Refusals(row.refused_since, row.refusals, row.message, row.read_at)
