"""The wiring: settings in, a running agent out. Nothing else constructs clients, stores or notifiers.

Every step is a method, so that tests and the `poll` command can take them one by one without threads.
"""

from __future__ import annotations

import functools
import logging
import threading
import time
import uuid
from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from alerts import attachments, outbox, store
from alerts.delivery import deliver_next
from alerts.dispatch import backlogs, dispatch
from alerts.model import DeliveryReason, Incident
from alerts.notifier import Notifier
from alerts.owner import owner, process_is_gone
from alerts.routing import Route, RoutingPolicy
from monitor import __version__, snapshot
from monitor.access import connection, masking_by
from monitor.clock import Clock, SystemClock
from monitor.errors import Reason, StateError, StoppingError
from monitor.history import retention
from monitor.history.engine import open_state, prepare, reading
from monitor.history.trouble import state_errors
from monitor.logfetch import LogFetcher
from monitor.loops import Loop, Rounds
from monitor.metrics import AgentMetrics, OutboxSnapshot, StateCollector
from monitor.poll import Poller, PollResult
from monitor.settings import Settings
from monitor.settings.policies import policy
from monitor.targets import notifiers_for
from monitor.web import Endpoint, application

log = logging.getLogger(__name__)

STOP_SECONDS = 8.0
"""A supervisor kills after 10 s; this leaves two to end cleanly."""

LOOP_ALIVE_SECONDS = 300.0
"""A log may take minutes to read; a loop that is silent for longer hangs."""

RETENTION_SECONDS = 3600.0
PRUNED_AT_ONCE = 5000
"""Rows: the others who write wait no longer than it takes to delete these."""


class App:
    """Raises SettingsError or StateError where the agent cannot be built."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        notifiers: Mapping[str, Notifier] | None = None,
        tick: float = 1.0,
    ) -> None:
        self.settings = settings
        self.clock = clock or SystemClock()
        self.notifiers = dict(notifiers_for(settings) if notifiers is None else notifiers)
        self.engine: Engine = open_state(settings.state)
        prepare(self.engine)
        self.collector = StateCollector(self.clock.now)
        self.metrics = AgentMetrics(self.collector, __version__, tuple(self.notifiers))
        self.stopping = threading.Event()
        self._tick = tick
        self._owner = owner()
        self._instances = {one.name: one for one in settings.instances}
        self._policies = {name: policy(settings, one) for name, one in self._instances.items()}
        masking = masking_by(settings)
        connections = {
            name: connection(one, self.clock, self.metrics.count_request, self.stopping)
            for name, one in self._instances.items()
        }
        self._pollers = {
            name: Poller(
                name,
                self.engine,
                connections[name].jobs,
                self._policies[name],
                self.clock,
                max_age=settings.max_age,
                mask=masking,
                stopping=self.stopping.is_set,
            )
            for name in self._instances
        }
        self._fetch = LogFetcher(
            self.engine,
            {name: one.logs for name, one in connections.items()},
            self._policies,
            masking,
            self.metrics.count_log,
        )
        self._routing = _routing(settings, tuple(self.notifiers))
        self._rounds: Rounds | None = None
        self._loops: dict[str, Loop] = {}
        self._endpoint: Endpoint | None = None
        self._retained_at: float | None = None

    # Steps: each complete in itself.

    def poll(self, instance: str) -> PollResult:
        try:
            with state_errors(self.engine.url):
                result = self._pollers[instance].poll()
                self.publish(instance)
        except Exception:  # a locked state, a defect of ours: whoever trusts the metrics has to know
            self.collector.down(instance)
            raise
        self.metrics.observe_poll(instance, result.seconds)
        _log_poll(result)
        if result.opened or result.resolved:
            self._wake("logs", "dispatch")
        return result

    def poll_all(self) -> list[PollResult]:
        return [self.poll(instance) for instance in self._pollers]

    def fetch_logs(self) -> int:
        """Fetches logs that alerts want; returns how many were tried."""
        with state_errors(self.engine.url):
            return attachments.fetch_due(
                self.engine,
                self._fetch,
                self.clock.now,
                stopping=self.stopping.is_set,
                stop_on=(StoppingError,),
            )

    def dispatch(self) -> bool:
        """Decides about what waits; whether something still does."""
        with state_errors(self.engine.url):
            try:
                with self.engine.begin() as connection:
                    result = dispatch(connection, self._routing, self.clock.now(), lambda: uuid.uuid4().hex)
            except (store.Conflict, IntegrityError):  # another agent decided the same meanwhile
                return True
            self.publish_outbox()
            self._retain()
        for one in result.notifications:
            names = ", ".join(f"{about.condition} {about.name}" for about in one.incidents[:5])
            more = f" and {len(one.incidents) - 5} more" if len(one.incidents) > 5 else ""
            log.info("queued a message (%s): %s%s", one.kind, names, more)
        if result.notifications:
            self._wake(*self.notifiers)
        return result.waiting > 0

    def deliver(self, target: str) -> int:
        """Delivers what is due for a target; returns how many messages it took."""
        taken = 0
        while not self.stopping.is_set():
            with state_errors(self.engine.url):
                outcome = deliver_next(
                    self.engine,
                    self.notifiers[target],
                    self._owner,
                    self.clock.now,
                    count=self.metrics.count_sent,
                    observe=self.metrics.observe_delivery,
                )
            if outcome is None:
                break
            taken += outcome is DeliveryReason.SENT
        if taken:
            self.publish_outbox()
        return taken

    def settle(self, within: timedelta) -> None:
        """Until every message is delivered or that much time has passed: for one cycle by hand."""
        deadline = self.clock.now() + within
        while self.clock.now() < deadline and not self.stopping.is_set():
            self.fetch_logs()
            waiting = self.dispatch()
            for target in self.notifiers:
                self.deliver(target)
            if not waiting and not self._backlog():
                return
            self.clock.wait(self.stopping, 0.2)

    def open_incidents(self) -> list[Incident]:
        """Worst first."""
        with reading(self.engine) as connection:
            return [one for one in store.current(connection, self.clock.now()) if one.is_open]

    def publish(self, instance: str) -> None:
        with reading(self.engine) as connection:
            self.collector.publish(
                snapshot.instance(
                    connection, self._instances[instance], self._policies[instance], self.clock.now()
                )
            )

    def publish_outbox(self) -> None:
        found = self._backlog()
        self.collector.publish_outbox(
            {target: found.get(target, OutboxSnapshot()) for target in self.notifiers}
        )

    # Running.

    @property
    def url(self) -> str:
        """Of the endpoint; empty before `start`."""
        return self._endpoint.url if self._endpoint else ""

    def start(self) -> None:
        """Starts everything and returns; raises MonitorError when it cannot."""
        self._endpoint = Endpoint(self.settings.listen, application(self.metrics.registry, self.trouble))
        with state_errors(self.engine.url), self.engine.begin() as connection:
            outbox.void(connection, process_is_gone)
            for incident in store.abandon(connection, self._instances, self.clock.now()):
                log.info("no longer watched: %s %s on %s", incident.condition, incident.name, incident.place)
        for instance in self._pollers:
            self.publish(instance)
        self.publish_outbox()
        steps = {"logs": self.fetch_logs, "dispatch": self.dispatch} | {
            target: functools.partial(self.deliver, target) for target in self.notifiers
        }
        self._loops = {name: Loop(name, step, self.clock, self._tick) for name, step in steps.items()}
        interval = self.settings.poll_interval.total_seconds()
        self._rounds = Rounds(tuple(self._pollers), self.poll, self.clock, interval)
        self._endpoint.start()
        for loop in self._loops.values():
            loop.start()
        self._rounds.start()

    def stop(self) -> bool:
        """Within STOP_SECONDS; False when a thread had to be left behind: what it held is not lost."""
        deadline = time.monotonic() + STOP_SECONDS
        self.stopping.set()
        if self._rounds is not None:
            self._rounds.stop()
        for loop in self._loops.values():
            loop.stop()
        clean = self._rounds is None or self._rounds.join(lambda: deadline - time.monotonic())
        for loop in self._loops.values():
            clean = loop.join(deadline - time.monotonic()) and clean
        if self._endpoint is not None:
            self._endpoint.stop()
        if clean:
            self.engine.dispose()
        return clean

    def trouble(self) -> str | None:
        """Why the agent is not ready; None when it is."""
        for name in ("logs", "dispatch"):
            loop = self._loops.get(name)
            if loop is not None and self.clock.monotonic() - loop.last_turn > LOOP_ALIVE_SECONDS:
                return f"the {name} loop has not turned for {LOOP_ALIVE_SECONDS:.0f} s"
        if self._rounds is not None and not self._rounds.alive:
            return "a thread that polls has ended"
        try:
            with state_errors(self.engine.url), reading(self.engine) as connection:
                connection.execute(text("SELECT 1"))
        except StateError as error:
            return str(error)
        return None

    def _backlog(self) -> dict[str, OutboxSnapshot]:
        with reading(self.engine) as connection:
            found = backlogs(connection, self._routing)
        return {one.target: OutboxSnapshot(one.count, one.oldest) for one in found}

    def _retain(self) -> None:
        """Once an hour: what is older than the settings keep, a few rows at a time."""
        if self._retained_at is not None and self.clock.monotonic() - self._retained_at < RETENTION_SECONDS:
            return
        now = self.clock.now()
        with self.engine.begin() as connection:
            deleted = retention.prune(
                connection, before=now - self.settings.history_keep, limit=PRUNED_AT_ONCE
            )
            store.prune(connection, now - self.settings.history_keep)
            outbox.prune(connection, now - self.settings.history_keep)
            attachments.prune(connection, now - self.settings.log_keep)
        if deleted < PRUNED_AT_ONCE:  # else there is more: go on at the next turn
            self._retained_at = self.clock.monotonic()

    def _wake(self, *names: str) -> None:
        for name in names:
            if name in self._loops:
                self._loops[name].wake()


def _routing(settings: Settings, targets: tuple[str, ...]) -> RoutingPolicy:
    return RoutingPolicy(
        routes=(Route("default", targets, tuple(settings.group_by)),),
        group_wait=settings.group_wait,
        group_interval=settings.group_interval,
        repeat_interval=settings.repeat_interval,
        log_wait=settings.log_wait,
        storm_threshold=settings.storm_threshold,
    )


def _log_poll(result: PollResult) -> None:
    """What changed nothing is worth a line to those only who look for trouble: there is one every minute."""
    if result.complete:
        news = result.stored or result.opened or result.resolved
        log.log(
            logging.INFO if news else logging.DEBUG,
            "%s: polled in %.1f s: runs new or changed %d, incidents opened %d, resolved %d",
            *(result.instance, result.seconds, result.stored, result.opened, result.resolved),
        )
    elif result.reason is not Reason.STOPPING:
        log.warning("%s: poll failed (%s): %s", result.instance, result.reason, result.message)
