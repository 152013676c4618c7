"""What a target has heard of, by what became of its rows in the outbox. SQL on a given connection."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from alerts import codec
from alerts.model import Notification
from alerts.outbox import BACKLOG, RowState
from alerts.schema import notifications, outbox, tellings


def unheard(conn: Connection, notification: Notification, target: str) -> set[str]:
    """Ids of what this message calls over and of which the target was never told that it began."""
    over = {one.id for one in notification.incidents if not one.is_open}
    groups = conn.execute(
        select(tellings.c.group_key, func.min(tellings.c.opened_told_at).label("since"))
        .where(tellings.c.incident_id.in_(sorted(over)))
        .group_by(tellings.c.group_key)
    ).all()
    given_up: set[str] = set()
    heard: set[str] = set()
    for group in groups:
        for row in _told_since(conn, group.group_key, group.since, target):
            told = codec.incident_ids(row.content) & over
            heard |= told if row.state == RowState.SENT else set()
            given_up |= told if row.state == RowState.DEAD else set()
    return given_up - heard


def _told_since(conn: Connection, group_key: str, since: datetime, target: str) -> Iterable[Any]:
    """What became of the messages of a group that were decided since then, and are decided for good."""
    return conn.execute(
        select(notifications.c.content, outbox.c.state)
        .join(outbox, outbox.c.notification_id == notifications.c.id)
        .where(
            notifications.c.group_key.in_([group_key, BACKLOG]),
            notifications.c.created_at >= since,
            outbox.c.target == target,
            outbox.c.state.in_([RowState.SENT.value, RowState.DEAD.value]),
        )
    )
