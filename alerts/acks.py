"""Who has taken an incident into their hands: SQL on a connection the caller gives and commits.

An acknowledged incident is neither repeated nor escalated; a new cause of it, and its end, are told as ever.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from alerts.chunks import chunks
from alerts.schema import acks


@dataclass(frozen=True, slots=True)
class Ack:
    at: datetime
    by: str
    comment: str = ""


def save(conn: Connection, incident_id: str, ack: Ack) -> None:
    """The last one counts."""
    values = {"at": ack.at, "by": ack.by, "comment": ack.comment}
    mine = acks.c.incident_id == incident_id
    if not conn.execute(update(acks).where(mine).values(values)).rowcount:
        conn.execute(insert(acks).values(values | {"incident_id": incident_id}))


def of(conn: Connection, incident_ids: Collection[str]) -> dict[str, Ack]:
    """By incident; those nobody acknowledged are absent."""
    found: dict[str, Ack] = {}
    for chunk in chunks(incident_ids):
        rows = conn.execute(select(acks).where(acks.c.incident_id.in_(chunk)))
        found.update((row.incident_id, Ack(row.at, row.by, row.comment)) for row in rows)
    return found
