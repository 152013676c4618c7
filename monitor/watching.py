"""What the monitor says of itself about one instance, kept at the end of each poll, also of a failed one.

The counterpart of `monitor.judgement` for the conditions that need no history: loads what is known of the
watching, and reconciles these conditions' incidents alone. In the poll's own transaction, so that what was
stored of a poll and what was concluded from it are never apart.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection

from alerts import incidents, store
from monitor.detect import findings
from monitor.detect.inhibit import switched_off
from monitor.detect.watching import WATCHING, watch
from monitor.detect.watching.model import Ending, LogAccess, Watching
from monitor.errors import Reason
from monitor.history import cursor as cursors
from monitor.history import logaccess
from monitor.history.cursor import Cursor
from monitor.judgement import Judged
from monitor.policy import Policy

Endings = Callable[[], Mapping[str, datetime]]
"""When what we log in with ends, by its name in the settings."""


class Lookout:
    """Of one instance. endings: asked while a transaction is open, so it must not take long."""

    def __init__(
        self, instance: str, policy: Policy, *, poll_interval: timedelta, endings: Endings = dict
    ) -> None:
        self._instance = instance
        self._policy = policy
        self._poll_interval = poll_interval
        self._endings = endings

    def failed(self, connection: Connection, *, now: datetime) -> Judged:
        """After a poll that was not complete, as the stored cursor says."""
        cursor = cursors.load(connection, self._instance)
        return self._look(connection, cursor, now, is_complete=False)

    def complete(self, connection: Connection, before: Cursor, *, now: datetime) -> Judged:
        """before: the cursor as the poll found it."""
        return self._look(connection, before, now, is_complete=True)

    def _look(self, connection: Connection, cursor: Cursor, now: datetime, *, is_complete: bool) -> Judged:
        watching = self._watching(connection, cursor, now, is_complete=is_complete)
        decisions = switched_off(watch(watching, self._policy), self._policy)
        open_ones = {
            mark: one
            for mark, one in store.open_incidents(connection, self._instance).items()
            if one.condition in WATCHING
        }
        # What was over before it was ever said is no news: whoever reads the next message knows it is over.
        told = [one for one in findings(decisions) if one.ends_at is None or one.fingerprint in open_ones]
        if not told and not open_ones:
            return Judged()
        known = store.known_facts(connection, told)
        changes = incidents.reconcile(told, open_ones, known, now, lambda: uuid.uuid4().hex, late=False)
        store.apply(connection, changes)
        over = [one for one in (*changes.opened, *changes.resolved) if one.ends_at]
        return Judged(len(changes.opened), len(over))

    def _watching(
        self, connection: Connection, cursor: Cursor, now: datetime, *, is_complete: bool
    ) -> Watching:
        has_failed = cursor.last_reason is not None
        refused = logaccess.load(connection, self._instance)
        return Watching(
            instance=self._instance,
            now=now,
            poll_interval=self._poll_interval,
            is_complete=is_complete,
            first_asked=cursor.first_poll_at,
            last_success=cursor.last_success_at,
            failed_at=cursor.last_poll_at if has_failed else None,
            reason=_reason(cursor.last_reason),
            message=cursor.last_error or "" if has_failed else "",
            in_maintenance_window=self._policy.downtime(now) is not None,
            logs=None if refused is None else LogAccess(*refused),
            endings=tuple(Ending(name, at) for name, at in sorted(self._endings().items())),
        )


def _reason(word: str | None) -> Reason | None:
    """A later version may have stored one that is unknown here."""
    try:
        return None if word is None else Reason(word)
    except ValueError:
        return Reason.PROTOCOL
