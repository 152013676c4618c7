"""Runs that are still to be looked up by their id, because the search told too little of them.

A row stands here from the moment its run is stored until it was asked for, so that an end of the process
neither loses a look-up nor repeats thousands of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, and_, bindparam, delete, select

from monitor.history.schema import lookups
from monitor.history.statements import upsert
from monitor.model import RunId


@dataclass(frozen=True, slots=True)
class Owed:
    """`version` as the search told it, or empty. `tries`: polls that asked for it in vain."""

    run: RunId
    version: str
    ended: datetime
    failed: bool = False
    tries: int = 0

    def tried(self) -> Owed:
        return replace(self, tries=self.tries + 1)


def load(conn: Connection, instance: str) -> list[Owed]:
    """In no order."""
    rows = conn.execute(_LOAD, {"of": instance})
    return [Owed(RunId(row.job_id, row.id), row.version, row.ended_at, row.failed, row.tries) for row in rows]


_LOAD = select(lookups).where(lookups.c.instance == bindparam("of"))


def keep(conn: Connection, instance: str, owed: Iterable[Owed]) -> None:
    """New ones, and known ones as they are now."""
    rows = [
        {
            "instance": instance,
            "job_id": one.run.job_id,
            "id": one.run.id,
            "version": one.version,
            "failed": one.failed,
            "ended_at": one.ended,
            "tries": one.tries,
        }
        for one in owed
    ]
    upsert(conn, lookups, rows)


def settle(conn: Connection, instance: str, runs: Collection[RunId]) -> None:
    """Asked for, or not wanted any more."""
    if runs:
        conn.execute(_SETTLE, [{"of": instance, "b_job_id": run.job_id, "b_id": run.id} for run in runs])


_SETTLE = delete(lookups).where(
    and_(
        lookups.c.instance == bindparam("of"),
        lookups.c.job_id == bindparam("b_job_id"),
        lookups.c.id == bindparam("b_id"),
    )
)
