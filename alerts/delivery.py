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
from typing import Protocol

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from alerts import attachments, outbox
from alerts.model import Capabilities, DeliveryError, DeliveryReason, Message, Notification
from alerts.outbox import Claimed
from alerts.render import render
from alerts.verdict import judge

log = logging.getLogger(__name__)


class Notifier(Protocol):
    """One target. `send` returns when the target has taken the message, and raises DeliveryError otherwise."""

    @property
    def name(self) -> str: ...

    @property
    def capabilities(self) -> Capabilities: ...

    def send(self, message: Message) -> None: ...


def _nothing(*_: object) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Courier:
    """What delivery is done with. count(target, outcome) and observe(seconds from seen to taken) feed metrics."""

    engine: Engine
    owner: str
    now: Callable[[], datetime]
    count: Callable[[str, DeliveryReason], object] = _nothing
    observe: Callable[[float], object] = _nothing
    jitter: Callable[[], float] = random.random
    lease: timedelta = outbox.LEASE
    renew_every: timedelta = outbox.LEASE / 3


def deliver_next(courier: Courier, notifier: Notifier) -> DeliveryReason | None:
    """One try with the oldest due message of this target; None when there is none.

    Raises only what the database raises: a bad message is put off, logged and counted like a failed one.
    """
    with courier.engine.begin() as conn:
        row = outbox.claim(conn, notifier.name, courier.owner, courier.now(), courier.lease)
    if row is None:
        return None
    had_file = False
    try:
        notification, message = _message(courier, notifier, row)
        had_file = bool(message.files)
        with _renewing(courier, row):
            notifier.send(message)
    except DeliveryError as error:
        return _failed(courier, row, error, had_file=had_file)
    except SQLAlchemyError:
        raise  # the state's trouble, not the row's: its lease runs out
    except Exception as error:
        log.exception("target %s: row %d of the outbox cannot be sent", row.target, row.id)
        wrong = DeliveryError(
            DeliveryReason.UNKNOWN, f"unforeseen: {type(error).__name__}", answered=had_file
        )
        return _failed(courier, row, wrong, had_file=had_file)
    return _taken(courier, row, notification)


def _message(courier: Courier, notifier: Notifier, row: Claimed) -> tuple[Notification, Message]:
    with courier.engine.begin() as conn:
        notification = outbox.notification(conn, row.notification_id)
        refs = {one.attachments[-1] for one in notification.incidents if one.attachments}
        files = attachments.load(conn, refs)
    reason = row.tries.file_refused or (_PROBE if row.tries.probing else None)
    return notification, render(notification, files, notifier.capabilities, file_refused=reason)


_PROBE = "with it the target did not answer in time."


def _taken(courier: Courier, row: Claimed, notification: Notification) -> DeliveryReason:
    taken_at = courier.now()
    with courier.engine.begin() as conn:
        outbox.sent(conn, row.id, taken_at, row.tries.attempts + 1)
    courier.count(row.target, DeliveryReason.SENT)
    courier.observe(max((taken_at - notification.seen_at).total_seconds(), 0.0))
    return DeliveryReason.SENT


def _failed(courier: Courier, row: Claimed, error: DeliveryError, *, had_file: bool) -> DeliveryReason:
    now = courier.now()
    verdict = judge(row.tries, error, had_file=had_file, now=now, jitter=courier.jitter())
    with courier.engine.begin() as conn:
        if verdict.retry_at is None:
            outbox.dead(conn, row.id, courier.owner, now, verdict.tries, verdict.dead)
        else:
            outbox.retry(conn, row.id, courier.owner, verdict.retry_at, verdict.tries)
    if verdict.retry_at is None:
        log.error(
            "target %s: an alert is given up (%s); see `outbox list`, `outbox retry %d`",
            row.target,
            verdict.dead,
            row.id,
        )
    else:
        log.warning(
            "target %s: not taken (%s: %s); next try at %s", row.target, error.reason, error, verdict.retry_at
        )
    courier.count(row.target, error.reason)
    return error.reason


@contextmanager
def _renewing(courier: Courier, row: Claimed) -> Iterator[None]:
    """Keeps the lease while a slow target is at work."""
    done = threading.Event()

    def renew() -> None:
        while not done.wait(courier.renew_every.total_seconds()):
            try:
                with courier.engine.begin() as conn:
                    outbox.renew(conn, row.id, courier.owner, courier.now(), courier.lease)
            except SQLAlchemyError:
                log.warning("target %s: the lease of row %d could not be renewed", row.target, row.id)

    thread = threading.Thread(target=renew, name=f"lease-{row.id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
