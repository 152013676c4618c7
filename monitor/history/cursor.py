"""How far an instance was read and judged, and which time was seen completely.

Nothing here steps back: a slower replica, or a poll that was overtaken, cannot make the monitor
forget what is known already.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, exists, insert, select, update

from monitor.errors import Reason
from monitor.history.rows import span, ticks
from monitor.history.schema import coverage as intervals
from monitor.history.schema import cursors
from monitor.history.statements import insert_missing
from monitor.model import Interval


@dataclass(frozen=True, slots=True)
class Cursor:
    """One instance's state of reading.

    first_poll_at: when it was first asked, by our clock.
    seen_until: the instance's time at the start of the last complete read.
    read_until: while catching up, everything that started before it is stored.
    change: number of the last stored change; judged_change: detection has seen these.
    last_error, last_reason: why the last poll was not complete; None after one that was.
    clock_skew: how far the instance's clock is ahead.
    backend: which API it was read through last.
    """

    instance: str
    first_read_done: bool = False
    first_poll_at: datetime | None = None
    seen_until: datetime | None = None
    read_until: datetime | None = None
    change: int = 0
    judged_change: int = 0
    last_poll_at: datetime | None = None
    last_success_at: datetime | None = None
    last_error: str | None = None
    last_reason: str | None = None
    running: int | None = None
    clock_skew: timedelta | None = None
    backend: str | None = None


_MARKS = tuple(field.name for field in fields(Cursor) if field.name != "instance")
_LOAD = select(cursors).where(cursors.c.instance == bindparam("of"))
_LOCK = _LOAD.with_for_update()
_SAVE = update(cursors).where(cursors.c.instance == bindparam("of"))


def load(conn: Connection, instance: str) -> Cursor:
    """An empty one for an instance that nothing is known of. Writes nothing."""
    row = conn.execute(_LOAD, {"of": instance}).first()
    return Cursor(instance) if row is None else decode(row)


def locked(conn: Connection, instance: str) -> Cursor:
    """The stored cursor; other writers of this instance wait until the transaction ends."""
    row = conn.execute(_LOCK, {"of": instance}).first()
    if row is None:
        insert_missing(conn, cursors, {"instance": instance})
        row = conn.execute(_LOCK, {"of": instance}).one()
    return decode(row)


def save(conn: Connection, cursor: Cursor) -> None:
    """Keep it; marks that the stored cursor has beyond it stay."""
    _save(conn, locked(conn, cursor.instance), cursor)


def changed(conn: Connection, instance: str, change: int) -> None:
    """The change with this number is stored."""
    conn.execute(_SAVE, {"of": instance, "change": change})


def _save(conn: Connection, stored: Cursor, cursor: Cursor) -> None:
    kept = replace(
        cursor,
        first_read_done=cursor.first_read_done or stored.first_read_done,
        first_poll_at=stored.first_poll_at or cursor.first_poll_at,
        seen_until=_later(stored.seen_until, cursor.seen_until),
        read_until=_later(stored.read_until, cursor.read_until),
        change=max(stored.change, cursor.change),
        judged_change=max(stored.judged_change, cursor.judged_change),
        last_poll_at=_later(stored.last_poll_at, cursor.last_poll_at),
        last_success_at=_later(stored.last_success_at, cursor.last_success_at),
    )
    if kept != stored:
        row = {name: getattr(kept, name) for name in _MARKS}
        conn.execute(_SAVE, {**row, "clock_skew": ticks(kept.clock_skew), "of": cursor.instance})


def asked(conn: Connection, instance: str, at: datetime) -> Cursor:
    """A poll begins; `at` is our own time."""
    cursor = load(conn, instance)
    if cursor.first_poll_at is None:
        save(conn, replace(locked(conn, instance), first_poll_at=at))
        cursor = load(conn, instance)
    return cursor


def read_until(conn: Connection, instance: str, until: datetime | None, backend: str) -> None:
    """Catching up, through this API: everything that started before `until` is stored."""
    stored = locked(conn, instance)
    _save(conn, stored, replace(stored, read_until=until, backend=backend))


def complete(
    conn: Connection,
    instance: str,
    *,
    seen_until: datetime,
    at: datetime,
    running: int,
    clock_skew: timedelta | None,
    backend: str | None = None,
) -> Cursor:
    """A poll read everything there was at `seen_until`; `at` is our own time. Returns the one before.

    backend: the API it was read through, where that may be another one than before.
    """
    stored = locked(conn, instance)
    _save(
        conn,
        stored,
        replace(
            stored,
            first_read_done=True,
            seen_until=seen_until,
            read_until=seen_until,
            last_poll_at=at,
            last_success_at=at,
            last_error=None,
            last_reason=None,
            running=running,
            clock_skew=clock_skew,
            backend=backend or stored.backend,
        ),
    )
    return stored


def failed(conn: Connection, instance: str, *, at: datetime, reason: Reason, message: str) -> None:
    """A poll ended without having read everything."""
    stored = locked(conn, instance)
    _save(conn, stored, replace(stored, last_poll_at=at, last_error=message, last_reason=reason.value))


def judged(conn: Connection, instance: str, change: int) -> None:
    """Detection has seen all changes up to this number."""
    conn.execute(_JUDGED, {"of": instance, "judged": change})


_JUDGED = (
    update(cursors)
    .where(cursors.c.instance == bindparam("of"), cursors.c.judged_change < bindparam("judged"))
    .values(judged_change=bindparam("judged"))
)


def cover(conn: Connection, instance: str, start: datetime, end: datetime) -> None:
    """[start, end) was read completely; grows together with what it touches or overlaps.

    In a transaction that has the cursor locked, as whoever stores runs or completes a poll has.
    """
    if start >= end:
        return
    place = {"of": instance, "start": start, "end": end}
    if conn.execute(_STRETCH, place).rowcount:  # as after each poll but the first
        return
    found = [(row.starts_at, row.ends_at) for row in conn.execute(_TOUCHING, place)]
    whole = min([start, *(item[0] for item in found)]), max([end, *(item[1] for item in found)])
    if found == [whole]:
        return
    conn.execute(_FORGET, place)
    conn.execute(insert(intervals), {"instance": instance, "starts_at": whole[0], "ends_at": whole[1]})


_TOUCHES = (
    intervals.c.instance == bindparam("of"),
    intervals.c.starts_at <= bindparam("end"),
    intervals.c.ends_at >= bindparam("start"),
)
_TOUCHING = select(intervals).where(*_TOUCHES)
_FORGET = delete(intervals).where(*_TOUCHES)
_after = intervals.alias("later")
_STRETCH = (
    update(intervals)
    .where(
        intervals.c.instance == bindparam("of"),
        intervals.c.starts_at <= bindparam("start"),
        intervals.c.ends_at >= bindparam("start"),
        intervals.c.ends_at <= bindparam("end"),
        ~exists().where(
            _after.c.instance == bindparam("of"),
            _after.c.starts_at > bindparam("start"),
            _after.c.starts_at <= bindparam("end"),
        ),
    )
    .values(ends_at=bindparam("end"))
)
"""The one interval that the new one goes on from, where it reaches no other."""
_COVERAGE = select(intervals).where(intervals.c.instance == bindparam("of")).order_by(intervals.c.starts_at)


def coverage(conn: Connection, instance: str) -> tuple[Interval, ...]:
    """Oldest first; no two of them touch."""
    found = conn.execute(_COVERAGE, {"of": instance})
    return tuple(Interval(row.starts_at, row.ends_at) for row in found)


def decode(row: Row[Any]) -> Cursor:
    values = dict(zip(row._fields, row, strict=True))
    return Cursor(**{**values, "clock_skew": span(row.clock_skew)})


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((at for at in (one, other) if at is not None), default=None)
