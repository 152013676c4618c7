"""The outbox: one row for each message and target, until the target has taken it. SQL on a given connection.

A row is pending -> leased -> sent, back to pending after a failed try, dead, or merged into a later one.
Claiming is a conditional update whose row count decides: of two claimers one wins. Messages of a group reach
a target in their order, and none overtakes a merged one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from alerts import codec
from alerts.model import Notification, NotificationKind
from alerts.schema import notifications, outbox
from alerts.verdict import Tries

LEASE = timedelta(seconds=30)
BACKLOG = "backlog"
"""The group of messages that were merged; no route's group begins so."""


class RowState(StrEnum):
    PENDING = "pending"
    LEASED = "leased"
    SENT = "sent"
    DEAD = "dead"
    MERGED = "merged"


# Written into the statement: SQLite uses a partial index only for what it can read there.
_UNDELIVERED = outbox.c.state.in_(
    bindparam(
        "undelivered",
        [RowState.PENDING.value, RowState.LEASED.value],
        expanding=True,
        literal_execute=True,
    )
)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row that is ours for the length of a lease."""

    id: int
    notification_id: str
    target: str
    tries: Tries
    instead_of: str | None = None


@dataclass(frozen=True, slots=True)
class Pending:
    """A row that waits for its next try."""

    id: int
    notification_id: str
    created_at: datetime
    next_attempt_at: datetime
    attempts: int
    last_error: str | None


@dataclass(frozen=True, slots=True)
class Row:
    """A row as the command line lists it."""

    id: int
    notification_id: str
    target: str
    group_key: str
    kind: NotificationKind
    state: RowState
    attempts: int
    created_at: datetime
    next_attempt_at: datetime
    finished_at: datetime | None
    file_refused: str | None
    last_error: str | None


@dataclass(frozen=True, slots=True)
class Backlog:
    """What a target has not taken yet. oldest: when the oldest of it was seen."""

    target: str
    count: int
    oldest: datetime


def put(conn: Connection, notification: Notification, targets: Iterable[str], now: datetime) -> None:
    conn.execute(
        insert(notifications).values(
            id=notification.id,
            group_key=notification.group_key,
            kind=notification.kind.value,
            created_at=notification.created_at,
            seen_at=notification.seen_at,
            content=codec.notification_content(notification),
        )
    )
    rows = [
        _new_row(notification.id, notification.group_key, target, now) for target in dict.fromkeys(targets)
    ]
    if rows:
        conn.execute(insert(outbox), rows)


def notification(conn: Connection, notification_id: str) -> Notification:
    """Raises KeyError, TypeError or ValueError when it is not there or makes no sense."""
    row = conn.execute(select(notifications).where(notifications.c.id == notification_id)).mappings().first()
    if row is None:
        raise KeyError(f"the outbox has no notification {notification_id}")
    return codec.notification(row)


def claim(
    conn: Connection, target: str, owner: str, now: datetime, lease: timedelta = LEASE
) -> Claimed | None:
    """The oldest due row of this target, unless an earlier one of its group is still on its way."""
    table = outbox.c
    rows = conn.execute(
        select(table.id, table.group_key, _due(now, lease).label("due"))
        .where(table.target == target, _UNDELIVERED)
        .order_by(table.id)
    )
    earlier: set[str] = set()
    for row in rows:
        if BACKLOG in earlier:
            break
        if row.due and row.group_key not in earlier and _take(conn, row.id, owner, now, lease):
            rows.close()
            return _claimed(conn, row.id)
        earlier.add(row.group_key)
    return None


def pending(conn: Connection, target: str, limit: int) -> tuple[Pending, ...]:
    """The oldest rows of a target that wait; without what another target was to be told."""
    table = outbox.c
    columns = (
        *(table.id, table.notification_id, table.created_at),
        *(table.next_attempt_at, table.attempts, table.last_error),
    )
    waits = and_(table.target == target, _UNDELIVERED, table.state == RowState.PENDING.value)
    rows = conn.execute(
        select(*columns).where(waits, table.instead_of.is_(None)).order_by(table.id).limit(limit)
    )
    return tuple(Pending(*row) for row in rows)


def put_in_place(
    conn: Connection, target: str, merged: Notification, rows: Sequence[Pending], now: datetime
) -> bool:
    """One message in place of others of a target: with their age, their tries, and when to try next.

    False, and nothing changed, where one of them is no longer waiting.
    """
    ids = [one.id for one in rows]
    still = and_(outbox.c.id.in_(ids), outbox.c.state == RowState.PENDING.value)
    gone = _finished(RowState.MERGED, now) | {"last_error": f"told with message {merged.id}"}
    with conn.begin_nested() as attempt:
        if conn.execute(update(outbox).where(still).values(gone)).rowcount != len(ids):
            attempt.rollback()
            return False
        put(conn, merged, [target], now)
        history = {
            "created_at": min(one.created_at for one in rows),
            "next_attempt_at": min(one.next_attempt_at for one in rows),
            "attempts": max(one.attempts for one in rows),
            "last_error": rows[-1].last_error,
        }
        conn.execute(update(outbox).where(outbox.c.notification_id == merged.id).values(history))
    return True


def renew(conn: Connection, row_id: int, owner: str, now: datetime, lease: timedelta = LEASE) -> bool:
    """False when the lease is no longer ours."""
    return bool(_mine(conn, row_id, owner, lease_until=now + lease))


def sent(conn: Connection, row_id: int, now: datetime, attempts: int) -> None:
    """Whoever holds the lease by now: what was taken is not sent once more."""
    undelivered = and_(outbox.c.id == row_id, _UNDELIVERED)
    done = _finished(RowState.SENT, now) | {"attempts": attempts, "last_error": None}
    conn.execute(update(outbox).where(undelivered).values(done))


def retry(conn: Connection, row_id: int, owner: str, at: datetime, tries: Tries) -> bool:
    """`lease_until` stays: it says when the last try was, see `_due`."""
    waits = {"lease_owner": None, "state": RowState.PENDING.value, "next_attempt_at": at}
    return bool(_mine(conn, row_id, owner, **_history(tries), **waits))


def dead(conn: Connection, row_id: int, owner: str, now: datetime, tries: Tries, reason: str) -> bool:
    history = _history(tries) | {"last_error": reason}
    return bool(_mine(conn, row_id, owner, **history, **_finished(RowState.DEAD, now)))


def hand_over(conn: Connection, row_id: int, target: str, now: datetime) -> bool:
    """What one target gave up goes to another, unless that one has it anyway or it was handed over before."""
    row = conn.execute(select(outbox).where(outbox.c.id == row_id)).one()
    has_it = exists().where(outbox.c.notification_id == row.notification_id, outbox.c.target == target)
    if row.instead_of is not None or target == row.target or conn.scalar(select(has_it)):
        return False
    fresh = _new_row(row.notification_id, row.group_key, target, now)
    conn.execute(insert(outbox).values(fresh | {"instead_of": row.target}))
    return True


def void(conn: Connection, owner_is_gone: Callable[[str], bool]) -> int:
    """Frees what processes hold that are gone; their leases need not run out."""
    leased = outbox.c.state == RowState.LEASED.value
    owners = conn.scalars(select(outbox.c.lease_owner).where(_UNDELIVERED, leased).distinct())
    gone = [owner for owner in owners if owner is not None and owner_is_gone(owner)]
    freed = update(outbox).where(_UNDELIVERED, leased, outbox.c.lease_owner.in_(gone))
    return conn.execute(freed.values(state=RowState.PENDING.value, **_released())).rowcount if gone else 0


def orphans(
    conn: Connection, targets: Collection[str], now: datetime, waited: timedelta = timedelta()
) -> tuple[Row, ...]:
    """Gives up what waits for targets that are not among these: nobody would ever send it.

    waited: for so long at least, because another agent may know the target and come back.
    """
    is_waiting = or_(outbox.c.state == RowState.PENDING.value, _due(now, LEASE))
    waiting = and_(is_waiting, outbox.c.created_at <= now - waited)
    rows = conn.execute(select(outbox.c.id, outbox.c.target).where(_UNDELIVERED, waiting))
    gone = {row.id: row.target for row in rows if row.target not in targets}
    for row_id, target in gone.items():
        reason = f"the target {target} is no longer in the settings; `outbox retry` sends it again once it is"
        given_up = _finished(RowState.DEAD, now) | {"last_error": reason}
        conn.execute(update(outbox).where(outbox.c.id == row_id, waiting).values(given_up))
    listed = _listed(outbox.c.id.in_(sorted(gone))) if gone else None
    return () if listed is None else tuple(map(_row, conn.execute(listed)))


def backlogs(conn: Connection) -> tuple[Backlog, ...]:
    rows = conn.execute(
        select(
            outbox.c.target, func.count().label("messages"), func.min(notifications.c.seen_at).label("oldest")
        )
        .join(notifications, notifications.c.id == outbox.c.notification_id)
        .where(_UNDELIVERED)
        .group_by(outbox.c.target)
        .order_by(outbox.c.target)
    )
    return tuple(Backlog(row.target, row.messages, row.oldest) for row in rows)


def listing(
    conn: Connection,
    states: Collection[RowState] = (RowState.PENDING, RowState.LEASED, RowState.DEAD),
    target: str | None = None,
    limit: int = 100,
) -> tuple[Row, ...]:
    """The newest first."""
    wanted: list[ColumnElement[bool]] = [outbox.c.state.in_([state.value for state in states])]
    if target is not None:
        wanted.append(outbox.c.target == target)
    return tuple(_row(row) for row in conn.execute(_listed(*wanted).limit(limit)))


def retry_now(conn: Connection, ids: Collection[int], now: datetime) -> int:
    """By a person's hand: dead and waiting rows are due at once, with a clean history."""
    fresh = _released() | _history(Tries(now)) | {"finished_at": None, "created_at": now}
    due = update(outbox).where(
        outbox.c.id.in_(sorted(ids)), outbox.c.state.in_([RowState.PENDING.value, RowState.DEAD.value])
    )
    return conn.execute(
        due.values(fresh | {"state": RowState.PENDING.value, "next_attempt_at": now})
    ).rowcount


def drop(conn: Connection, ids: Collection[int], now: datetime) -> int:
    """By a person's hand: not sent any more, still listed."""
    given_up = update(outbox).where(outbox.c.id.in_(sorted(ids)), outbox.c.state == RowState.PENDING.value)
    gone = _finished(RowState.DEAD, now) | {"last_error": "dropped by hand"}
    return conn.execute(given_up.values(gone)).rowcount


def prune(conn: Connection, before: datetime) -> int:
    """Forgets rows finished before, and notifications that no row needs."""
    gone = conn.execute(delete(outbox).where(outbox.c.finished_at < before)).rowcount
    needed = exists().where(outbox.c.notification_id == notifications.c.id)
    conn.execute(delete(notifications).where(notifications.c.created_at < before, ~needed))
    return gone


def _due(now: datetime, lease: timedelta) -> ColumnElement[bool]:
    """A row's time has come; or its last try lies in the future, because the clock was set back since."""
    expired = and_(outbox.c.state == RowState.LEASED.value, outbox.c.lease_until <= now)
    ready = or_(outbox.c.next_attempt_at <= now, outbox.c.attempts == 0)
    # A lease more than that, because the clocks of two agents on one state may differ a little.
    ahead = and_(_UNDELIVERED, outbox.c.lease_until > now + 2 * lease)
    return or_(and_(outbox.c.state == RowState.PENDING.value, ready), expired, ahead)


def _listed(*wanted: ColumnElement[bool]) -> Select[Any]:
    """The newest first."""
    return (
        select(outbox, notifications.c.kind)
        .join(notifications, notifications.c.id == outbox.c.notification_id)
        .where(*wanted)
        .order_by(outbox.c.id.desc())
    )


def _take(conn: Connection, row_id: int, owner: str, now: datetime, lease: timedelta) -> bool:
    taken = update(outbox).where(outbox.c.id == row_id, _due(now, lease))
    values = {"state": RowState.LEASED.value, "lease_owner": owner, "lease_until": now + lease}
    return conn.execute(taken.values(values)).rowcount == 1


def _claimed(conn: Connection, row_id: int) -> Claimed:
    row = conn.execute(select(outbox).where(outbox.c.id == row_id)).one()
    tries = Tries(
        created_at=row.created_at,
        attempts=row.attempts,
        file_tries=row.file_tries,
        file_refused=row.file_refused,
        refusals=row.refusals,
        refused_since=row.refused_since,
        last_error=row.last_error,
    )
    return Claimed(row.id, row.notification_id, row.target, tries, row.instead_of)


def _mine(conn: Connection, row_id: int, owner: str, **values: Any) -> int:
    held = and_(outbox.c.id == row_id, outbox.c.state == RowState.LEASED.value, outbox.c.lease_owner == owner)
    return conn.execute(update(outbox).where(held).values(values)).rowcount


def _new_row(notification_id: str, group_key: str, target: str, now: datetime) -> dict[str, Any]:
    return {
        "notification_id": notification_id,
        "target": target,
        "group_key": group_key,
        "state": RowState.PENDING.value,
        "next_attempt_at": now,
        "created_at": now,
    }


def _released() -> dict[str, Any]:
    return {"lease_owner": None, "lease_until": None}


def _finished(state: RowState, now: datetime) -> dict[str, Any]:
    return _released() | {"state": state.value, "finished_at": now}


def _history(tries: Tries) -> dict[str, Any]:
    return {
        "attempts": tries.attempts,
        "file_tries": tries.file_tries,
        "file_refused": tries.file_refused,
        "refusals": tries.refusals,
        "refused_since": tries.refused_since,
        "last_error": tries.last_error,
    }


def _row(row: Any) -> Row:
    return Row(
        id=row.id,
        notification_id=row.notification_id,
        target=row.target,
        group_key=row.group_key,
        kind=NotificationKind(row.kind),
        state=RowState(row.state),
        attempts=row.attempts,
        created_at=row.created_at,
        next_attempt_at=row.next_attempt_at,
        finished_at=row.finished_at,
        file_refused=row.file_refused,
        last_error=row.last_error,
    )
