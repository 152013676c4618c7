"""What a target has not taken for a while becomes one message: after an hour away nobody reads hundreds.

A merged row stands before all later ones of its target, so that no end is told before its beginning. SQL on a
given connection; which rows, and what becomes of them, is decided here as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from alerts import outbox
from alerts.model import Incident, Notification, NotificationKind
from alerts.outbox import Pending
from alerts.routing.subjects import worst_first

MOST = 1_000
"""Messages that become one at once; what is left is merged next time."""


@dataclass(frozen=True, slots=True)
class Merging:
    """at: so many messages are too many. after: the oldest of them has waited so long, and was tried."""

    at: int
    after: timedelta


def merge(conn: Connection, target: str, rules: Merging, now: datetime, new_id: Callable[[], str]) -> bool:
    """Whether there was something to merge."""
    waiting = outbox.pending(conn, target, MOST)
    if not _is_too_much(waiting, rules, now):
        return False
    messages: list[Notification] = []
    rows: list[Pending] = []
    for row in waiting:
        try:
            messages.append(outbox.notification(conn, row.notification_id))
        except (KeyError, TypeError, ValueError):
            continue  # one that makes no sense is left to its own delivery, which says so
        rows.append(row)
    if not _is_too_much(rows, rules, now):
        return False
    return outbox.put_in_place(conn, target, merged(messages, new_id()), rows, now)


def merged(messages: Sequence[Notification], identity: str) -> Notification:
    """messages: oldest first. Of each incident how it was at last; what began and ended meanwhile is over."""
    latest: dict[str, Incident] = {}
    for message in messages:
        latest |= {one.id: one for one in message.incidents}
    news = {one for message in messages for one in message.news}
    return Notification(
        id=identity,
        group_key=outbox.BACKLOG,
        kind=NotificationKind.SUMMARY,
        created_at=min(one.created_at for one in messages),
        seen_at=min(one.seen_at for one in messages),
        incidents=tuple(sorted(latest.values(), key=worst_first)),
        news=tuple(one for one in latest if one in news),
        silenced={name: text for message in messages for name, text in message.silenced.items()},
        flapping=tuple({one: None for message in messages for one in message.flapping}),
    )


def _is_too_much(waiting: Sequence[Pending], rules: Merging, now: datetime) -> bool:
    if len(waiting) < rules.at:
        return False
    return now - waiting[0].created_at >= rules.after and any(one.attempts for one in waiting)
