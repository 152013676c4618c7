"""Delivery: one message at a time from the outbox to one target.

claim (a transaction) -> read -> render -> send (no transaction) -> mark (a transaction). The process may be
killed between any two of these: an unmarked row is sent again once its lease is void, so a message can come
twice, carrying the same incident id, and is never lost. What to do after a failure is `alerts.verdict`'s.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from alerts import attachments, outbox
from alerts.model import Capabilities, DeliveryError, DeliveryReason, Message, Notification
from alerts.notifier import Notifier
from alerts.outbox import Claimed
from alerts.render import render
from alerts.verdict import judge

log = logging.getLogger(__name__)


def _nothing(*_: object) -> None:
    pass


def deliver_next(
    engine: Engine,
    notifier: Notifier,
    owner: str,
    now: Callable[[], datetime],
    *,
    count: Callable[[str, DeliveryReason], object] = _nothing,
    observe: Callable[[float], object] = _nothing,
    jitter: Callable[[], float] = random.random,
    renew_every: timedelta = outbox.LEASE / 3,
) -> DeliveryReason | None:
    """One try with the oldest due message of this target; None when there is none.

    count(target, outcome) and observe(seconds from seen to taken) feed metrics. Raises only what the database
    raises: a bad message is put off, logged and counted like a failed one.
    """
    with engine.begin() as conn:
        row = outbox.claim(conn, notifier.name, owner, now())
    if row is None:
        return None
    courier = _Courier(engine, owner, now, row, jitter, renew_every)
    had_file = False
    try:
        notification, message = courier.message(notifier.capabilities)
        had_file = bool(message.files)
        with courier.renewing():
            notifier.send(message)
    except DeliveryError as error:
        courier.failed(error, had_file=had_file)
        reason = error.reason
    except SQLAlchemyError:
        raise  # the state's trouble, not the row's: its lease runs out
    except Exception as error:
        log.exception("target %s: row %d of the outbox cannot be sent", row.target, row.id)
        reason = DeliveryReason.UNKNOWN
        unforeseen = DeliveryError(reason, f"unforeseen: {type(error).__name__}", answered=had_file)
        courier.failed(unforeseen, had_file=had_file)
    else:
        observe(courier.taken(notification))
        reason = DeliveryReason.SENT
    count(row.target, reason)
    return reason


_PROBE = "with it the target did not answer in time."


@dataclass(frozen=True, slots=True)
class _Courier:
    """One claimed row on its way."""

    engine: Engine
    owner: str
    now: Callable[[], datetime]
    row: Claimed
    jitter: Callable[[], float]
    renew_every: timedelta

    def message(self, capabilities: Capabilities) -> tuple[Notification, Message]:
        with self.engine.begin() as conn:
            notification = outbox.notification(conn, self.row.notification_id)
            refs = {one.attachments[-1] for one in notification.incidents if one.attachments}
            files = attachments.load(conn, refs)
        tries = self.row.tries
        reason = tries.file_refused or (_PROBE if tries.probing else None)
        return notification, render(notification, files, capabilities, file_refused=reason)

    def taken(self, notification: Notification) -> float:
        """Answers how long it took since it was seen, in seconds."""
        taken_at = self.now()
        with self.engine.begin() as conn:
            outbox.sent(conn, self.row.id, taken_at, self.row.tries.attempts + 1)
        return max((taken_at - notification.seen_at).total_seconds(), 0.0)

    def failed(self, error: DeliveryError, *, had_file: bool) -> None:
        now, row = self.now(), self.row
        verdict = judge(row.tries, error, had_file=had_file, now=now, jitter=self.jitter())
        with self.engine.begin() as conn:
            if verdict.retry_at is None:
                ours = outbox.dead(conn, row.id, self.owner, now, verdict.tries, verdict.dead)
            else:
                ours = outbox.retry(conn, row.id, self.owner, verdict.retry_at, verdict.tries)
        if not ours:
            log.warning("target %s: row %d is no longer ours; its new owner goes on", row.target, row.id)
        elif verdict.retry_at is None:
            remedy = f"`outbox list` shows it, `outbox retry {row.id}` tries it again"
            log.error("target %s: an alert is given up: %s; %s", row.target, verdict.dead, remedy)
        else:
            said = (row.target, error.reason, error, f"{verdict.retry_at:%H:%M:%S} UTC")
            log.warning("target %s: not taken (%s: %s); next try at %s", *said)

    @contextmanager
    def renewing(self) -> Iterator[None]:
        """Keeps the lease while a slow target is at work."""
        done = threading.Event()
        thread = threading.Thread(target=self._renew, args=(done,), name=f"lease-{self.row.id}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _renew(self, done: threading.Event) -> None:
        while not done.wait(self.renew_every.total_seconds()):
            try:
                with self.engine.begin() as conn:
                    outbox.renew(conn, self.row.id, self.owner, self.now())
            except SQLAlchemyError:
                log.warning(
                    "target %s: the lease of row %d could not be renewed", self.row.target, self.row.id
                )
