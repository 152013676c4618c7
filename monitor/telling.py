"""The steps of telling, each complete in itself: fetch logs, dispatch, deliver; and what they leave behind.

Of several agents on one state only one tells: the holder of the dispatcher's lease. Knows no instance's
documents and no channel; what to say and to whom is decided in `alerts`.
"""

from __future__ import annotations

import glob
import logging
import threading
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from shlex import quote

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

from alerts import attachments, outbox, store
from alerts.backlog import Merging
from alerts.delivery import deliver_next
from alerts.dispatch import DispatchResult, backlogs, dispatch, silenced
from alerts.model import Attachment, DeliveryReason, Incident, Notification
from alerts.notifier import Notifier
from alerts.render import Background
from monitor.clock import Clock
from monitor.errors import LeaseLostError, StoppingError
from monitor.history import leases as stored
from monitor.history import stats
from monitor.history.engine import reading
from monitor.history.leases import Lease
from monitor.leases import DISPATCHER, Leases, instance_of
from monitor.metrics import AgentMetrics
from monitor.published import OutboxSnapshot
from monitor.refreshing import Refreshes
from monitor.routes import routing
from monitor.settings import Settings

log = logging.getLogger(__name__)

LEFT_AFTER = timedelta(hours=1)
"""An instance that is not in our settings and was polled since may be another agent's, which is restarting or
was cut off from the state: what is open there must not end in silence, or nobody hears when it is over."""

LOOK_SECONDS = 600.0
"""Between two looks for what is left."""


class Teller:
    """Used by one thread for each step and target."""

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        notifiers: Mapping[str, Notifier],
        fetch: Callable[[str], Attachment],
        leases: Leases,
        clock: Clock,
        metrics: AgentMetrics,
        stopping: Callable[[], bool],
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._notifiers = notifiers
        self._fetch = fetch
        self._leases = leases
        self._clock = clock
        self._metrics = metrics
        self._stopping = stopping
        self._routing = routing(settings, tuple(notifiers))
        self._background = Background(hint=how_to_silence, labels=self._labels)
        self._refreshes = {
            name: Refreshes(one, every, self._routing.prefixes_of(name), self._background)
            for name, one in notifiers.items()
            if (every := one.capabilities.refresh_every) is not None
        }
        self._fallbacks = {one.name: one.fallback for one in settings.targets if one.fallback in notifiers}
        self._leading = threading.Lock()
        self._tenure: Lease | None = None
        self._looked: tuple[Lease | None, float] | None = None

    def lead(self) -> Callable[[Connection], None] | None:
        """What its transactions have to begin with; None while another agent tells."""
        with self._leading:
            lease = self._leases.take(DISPATCHER)
            if lease is None:
                self._stand_by()
                return None
            fence = self._leases.fence(lease)
            if self._tenure != lease:
                with self._engine.begin() as connection:
                    fence(connection)
                    self._inherit(connection)
                self._tenure = lease
            return fence

    def abandon(self) -> None:
        """Ends what belongs to nobody any more, by the settings of this agent; after each takeover, and then
        now and then."""
        fence = self.lead()
        looked = self._clock.monotonic()
        if fence is None or (self._looked and self._looked[0] == self._tenure and looked < self._looked[1]):
            return
        now = self._clock.now()
        with self._engine.begin() as connection:
            fence(connection)
            watched = {one.name for one in self._settings.instances}
            watched |= _of_others(connection, now - LEFT_AFTER)
            left = store.abandon(connection, watched, now)
            orphans = outbox.orphans(connection, self._notifiers, now, LEFT_AFTER)
        self._looked = self._tenure, looked + LOOK_SECONDS
        for row in orphans:
            log.error("an alert is given up: row %d of the outbox: %s", row.id, row.last_error)
        for incident in left:
            log.info("no longer watched: %s %s on %s", incident.condition, incident.name, incident.place)

    def fetch_logs(self) -> int:
        """Fetches logs that alerts want; returns how many were tried."""
        fence = self.lead()
        if fence is None:
            return 0
        try:
            return attachments.fetch_due(
                self._engine,
                self._fetch,
                self._clock.now,
                stopping=self._stopping,
                stop_on=(StoppingError,),
                fence=fence,
            )
        except LeaseLostError:
            return 0

    def dispatch(self) -> DispatchResult | None:
        """Decides about what waits; None when that is another agent's, or has to be looked at again."""
        fence = self.lead()
        if fence is None:
            return None
        try:
            with self._engine.begin() as connection:
                fence(connection)
                result = dispatch(connection, self._routing, self._clock.now(), lambda: uuid.uuid4().hex)
        except (store.Conflict, IntegrityError, LeaseLostError):  # another agent decides, or did meanwhile
            return None
        self.publish()
        for one in result.notifications:
            log.info("queued a message (%s): %s", one.kind, _about(one))
        return result

    def deliver(self, target: str) -> int:
        """Delivers what is due for a target; returns how many messages it took."""
        taken = 0
        while (outcome := self._deliver_next(target)) is not None:
            taken += outcome is DeliveryReason.SENT
        if taken:
            self.publish()
        refreshes = self._refreshes.get(target)
        if refreshes is not None and not self._stopping() and self.lead() is not None:
            refreshes.turn(self._engine, self._clock)
        return taken

    def publish(self) -> None:
        with reading(self._engine) as connection:
            found = self._backlog(connection)
            held = silenced(connection, self._routing, self._clock.now())
        self._metrics.state.publish_outbox(
            {target: found.get(target, OutboxSnapshot()) for target in self._notifiers}, len(held)
        )

    def backlog(self) -> dict[str, OutboxSnapshot]:
        with reading(self._engine) as connection:
            return self._backlog(connection)

    def _backlog(self, connection: Connection) -> dict[str, OutboxSnapshot]:
        found = backlogs(connection, self._routing, self._clock.now())
        return {one.target: OutboxSnapshot(one.count, one.oldest) for one in found}

    def oldest(self) -> datetime | None:
        """Since when the oldest message is not taken, where this agent is the one that tells."""
        if self.lead() is None:
            return None
        return min((one.oldest for one in self.backlog().values() if one.oldest is not None), default=None)

    def _deliver_next(self, target: str) -> DeliveryReason | None:
        fence = None if self._stopping() else self.lead()
        if fence is None:
            return None
        try:
            return deliver_next(
                self._engine,
                self._notifiers[target],
                self._leases.holder,
                self._clock.now,
                fence=fence,
                count=self._metrics.count_sent,
                observe=self._metrics.observe_delivery,
                background=self._background,
                fallback=self._fallbacks.get(target),
                merging=self._merging_of(target),
            )
        except LeaseLostError:
            return None

    def _merging_of(self, target: str) -> Merging | None:
        """What takes incidents as data can deal with many, and would not know that a list of them is over."""
        if self._notifiers[target].capabilities.as_data:
            return None
        return Merging(self._settings.storm_threshold, self._settings.group_interval)

    def _labels(self, incident: Incident) -> dict[str, str]:
        said = self._routing.said(incident)
        return {name: ",".join(values) for name, values in said.items() if name != "instance" and values}

    def _stand_by(self) -> None:
        if self._tenure is not None:
            log.info("another agent sends the alerts from here on; standing by")
        self._tenure = None
        self._metrics.state.publish_outbox({})

    def _inherit(self, connection: Connection) -> None:
        """What the last holder had begun and cannot end."""
        outbox.void(connection, self._leases.is_gone)
        attachments.unhold(connection, self._clock.now())


def how_to_silence(incident: Incident) -> tuple[str, str]:
    """The command, to be copied into a shell."""
    labels = incident.labels
    what = {
        "--job": glob.escape(labels.get("job_id", "")),
        "--condition": incident.condition,
        "--instance": glob.escape(incident.source),
    }
    words = " ".join(f"{option} {quote(value)}" for option, value in what.items() if value)
    return "To silence", f"sfcc-job-monitor silence add {words} --for 2h --comment WHY"


def _of_others(connection: Connection, since: datetime) -> set[str]:
    """Instances that an agent with other settings watches on the same state, or did since then."""
    held = {name for name in map(instance_of, stored.holders(connection)) if name is not None}
    polled = {
        one.instance for one in stats.cursors(connection) if one.last_poll_at and one.last_poll_at >= since
    }
    return held | polled


def _about(notification: Notification) -> str:
    names = ", ".join(f"{one.condition} {one.name}" for one in notification.incidents[:5])
    more = len(notification.incidents) - 5
    return f"{names} and {more} more" if more > 0 else names
