"""Delivery: one message at a time from the outbox to one target.

claim (a transaction) -> read -> render -> send (no transaction) -> mark (a transaction). The process may be
killed between any two of these: an unmarked row is sent again once its lease is void, so a message can come
twice, carrying the same incident id, and is never lost. What to do after a failure is `alerts.verdict`'s.
"""

from __future__ import annotations

import logging
import random
import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from alerts import attachments, outbox, store
from alerts.backlog import Merging, merge
from alerts.heard import unheard
from alerts.model import (
    Attachment,
    Capabilities,
    DeliveryError,
    DeliveryReason,
    Message,
    Notification,
    NotificationKind,
)
from alerts.notifier import Notifier
from alerts.outbox import Claimed
from alerts.render import Background, render, travelling
from alerts.render.background import NOTHING_KNOWN
from alerts.verdict import Tries, judge

log = logging.getLogger(__name__)


def _nothing(*_: object) -> None:
    pass


MARK_AGAIN = timedelta(seconds=1)


def deliver_next(  # noqa: PLR0913 - each of them is an edge that a test or a rehearsal replaces
    engine: Engine,
    notifier: Notifier,
    owner: str,
    now: Callable[[], datetime],
    *,
    fence: Callable[[Connection], object] = _nothing,
    count: Callable[[str, DeliveryReason], object] = _nothing,
    observe: Callable[[float], object] = _nothing,
    jitter: Callable[[], float] = random.random,
    renew_every: timedelta = outbox.LEASE / 3,
    pause: Callable[[float], object] = time.sleep,
    background: Background = NOTHING_KNOWN,
    fallback: str | None = None,
    merging: Merging | None = None,
) -> DeliveryReason | None:
    """One try with the oldest due message of this target; None when there is none.

    fence: called first where a row is claimed; what it raises passes through, and nothing was claimed.
    fallback: the target that is told what this one gives up. merging: when what it did not take becomes one
    message; None for never. count(target, outcome) and observe(seconds from
    seen to taken) feed metrics. Else raises only what the database raises: a bad message is put off, logged
    and counted like a failed one.
    """
    reason = None
    while reason is None:
        with engine.begin() as conn:
            fence(conn)
            if merging is not None:
                merge(conn, notifier.name, merging, now(), lambda: uuid.uuid4().hex)
            row = outbox.claim(conn, notifier.name, owner, now())
        if row is None:
            return None
        courier = _Courier(engine, owner, now, row, jitter, renew_every, pause, background, fallback)
        reason = _deliver(courier, notifier, observe)
    count(notifier.name, reason)
    return reason


ENDED_LATELY = timedelta(minutes=15)
"""For so long a target that forgets is told of an end, as Prometheus does: it may have been away."""


def refresh(
    engine: Engine,
    notifier: Notifier,
    prefixes: Collection[str],
    now: datetime,
    background: Background = NOTHING_KNOWN,
) -> int:
    """Says once more what a target has to hear again and again: the state as it is now, not a message.

    prefixes: of the groups that tell it. Answers of how many incidents. Raises DeliveryError.
    """
    with engine.begin() as conn:
        incidents = store.told_by(conn, prefixes, now - ENDED_LATELY)
        files = attachments.load(conn, {ref for one in incidents for ref in one.attachments}, content=False)
    if incidents:
        state = Notification("", "", NotificationKind.REPEAT, now, now, tuple(incidents))
        notifier.send(render(state, files, notifier.capabilities, background=background))
    return len(incidents)


def _deliver(
    courier: _Courier, notifier: Notifier, observe: Callable[[float], object]
) -> DeliveryReason | None:
    """None when there is nothing in the message that this target should hear."""
    row, had_file = courier.row, False
    try:
        notification, files = courier.load(notifier.capabilities)
        if not notification.incidents:
            courier.drop()
            return None
        message = courier.message(notification, files, notifier.capabilities)
        had_file = bool(message.files)
        with courier.renewing():
            notifier.send(message)
    except DeliveryError as error:
        courier.failed(error, had_file=had_file)
        return error.reason
    except SQLAlchemyError:
        raise  # the state's trouble, not the row's: its lease runs out
    except Exception as error:
        log.exception("target %s: row %d of the outbox cannot be sent", row.target, row.id)
        text = f"unforeseen: {type(error).__name__}"
        unforeseen = DeliveryError(DeliveryReason.UNKNOWN, text, answered=had_file)
        courier.failed(unforeseen, had_file=had_file)
        return unforeseen.reason
    observe(courier.taken(notification))
    log.info("told %s: %s", row.target, " ".join(message.title.split()))
    return DeliveryReason.SENT


_PROBE = "with it the target did not answer in time"
_UNHEARD = "not sent: the target was never told that it began"


@dataclass(frozen=True, slots=True)
class _Courier:
    """One claimed row on its way."""

    engine: Engine
    owner: str
    now: Callable[[], datetime]
    row: Claimed
    jitter: Callable[[], float]
    renew_every: timedelta
    pause: Callable[[float], object]
    background: Background
    fallback: str | None

    @property
    def file_refused(self) -> str | None:
        """Why no file travels this time; None when it may."""
        return self.row.tries.file_refused or (_PROBE if self.row.tries.probing else None)

    def load(self, capabilities: Capabilities) -> tuple[Notification, dict[str, Attachment]]:
        """The message without the end of what this target does not know of, and what is known of its files.

        Only those that travel come with their content.
        """
        with self.engine.begin() as conn:
            found = outbox.notification(conn, self.row.notification_id)
            ends = unheard(conn, found, self.row.target)
            told = replace(found, incidents=tuple(one for one in found.incidents if one.id not in ends))
            refs = {ref for one in told.incidents for ref in one.attachments}
            files = attachments.load(conn, refs, content=False)
            if capabilities.files and self.file_refused is None:
                files |= attachments.load(conn, travelling(told, files))
        return told, files

    def message(
        self, notification: Notification, files: dict[str, Attachment], capabilities: Capabilities
    ) -> Message:
        return render(
            notification,
            files,
            capabilities,
            file_refused=self.file_refused,
            now=self.now(),
            background=self.background,
            instead_of=self.row.instead_of,
        )

    def drop(self) -> None:
        with self.engine.begin() as conn:
            # Its fallback may have been told of the beginning in its place.
            self._given_up(conn, self.now(), self.row.tries, _UNHEARD)
        log.warning("target %s: row %d is %s", self.row.target, self.row.id, _UNHEARD)

    def taken(self, notification: Notification) -> float:
        """Answers how long it took since it was seen, in seconds."""
        taken_at = self.now()
        while not self._marked(taken_at):
            self.pause(MARK_AGAIN.total_seconds())
        return max((taken_at - notification.seen_at).total_seconds(), 0.0)

    def _marked(self, taken_at: datetime) -> bool:
        """For as long as nobody else would send it: what is given up here is sent twice."""
        try:
            with self.engine.begin() as conn:
                outbox.sent(conn, self.row.id, taken_at, self.row.tries.attempts + 1)
        except SQLAlchemyError:
            if not taken_at <= self.now() < taken_at + outbox.LEASE:
                raise
            said = "target %s: row %d was taken and cannot be marked yet; trying again"
            log.warning(said, self.row.target, self.row.id)
            return False
        return True

    def failed(self, error: DeliveryError, *, had_file: bool) -> None:
        now, row = self.now(), self.row
        verdict = judge(row.tries, error, had_file=had_file, now=now, jitter=self.jitter())
        handed_over = False
        with self.engine.begin() as conn:
            if verdict.retry_at is None:
                ours, handed_over = self._given_up(conn, now, verdict.tries, verdict.dead)
            else:
                ours = outbox.retry(conn, row.id, self.owner, verdict.retry_at, verdict.tries)
        if not ours:
            log.warning("target %s: row %d is no longer ours; its new owner goes on", row.target, row.id)
        elif verdict.retry_at is None:
            remedy = f"`outbox list` shows it, `outbox retry {row.id}` tries it again"
            log.error("target %s: an alert is given up: %s; %s", row.target, verdict.dead, remedy)
            if handed_over:
                log.warning("target %s: %s is told in its place", row.target, self.fallback)
        else:
            said = (row.target, error.reason, error, f"{verdict.retry_at:%H:%M:%S} UTC")
            log.warning("target %s: not taken (%s: %s); next try at %s", *said)

    def _given_up(self, conn: Connection, now: datetime, tries: Tries, reason: str) -> tuple[bool, bool]:
        """Whether the row was still ours, and whether the fallback gets the message."""
        ours = outbox.dead(conn, self.row.id, self.owner, now, tries, reason)
        if not ours or self.fallback is None:
            return ours, False
        return ours, outbox.hand_over(conn, self.row.id, self.fallback, now)

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
