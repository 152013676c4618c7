"""The wiring: settings in, a running agent out. Nothing else constructs clients, stores or notifiers.

Every step is a method, so that tests and the `poll` command can take them one by one without threads.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Mapping
from datetime import timedelta

from sqlalchemy import Engine

from alerts import attachments, delivery, dispatch, outbox
from alerts import store as incidents
from alerts.notifier import Notifier
from alerts.redact import mask
from alerts.routing import Route, RoutingPolicy
from monitor import __version__, snapshot
from monitor.clock import Clock, SystemClock
from monitor.history import retention
from monitor.history.engine import open_state, prepare
from monitor.logfetch import LogFetcher
from monitor.loops import Loop, Rounds
from monitor.metrics import AgentMetrics, OutboxSnapshot, StateCollector
from monitor.poll import Poller, PollResult
from monitor.settings import InstanceSettings, Settings
from monitor.settings.policies import policy
from monitor.sfcc.connect import Access, Connection, connect
from monitor.targets import notifiers_for
from monitor.web import Endpoint, application

log = logging.getLogger(__name__)

STOP_SECONDS = 8.0
"""A supervisor kills after 10 s; this leaves two to end cleanly."""

LOOP_ALIVE_SECONDS = 120.0
RETENTION_INTERVAL = 3600.0

Connect = Callable[..., Connection]


class App:
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
        self._owner = outbox.owner()
        self.collector = StateCollector(self.clock.now)
        self.metrics = AgentMetrics(self.collector, __version__, tuple(self.notifiers))
        self._policies = {one.name: policy(settings, one) for one in settings.instances}
        self._connections = {one.name: self._connect(one) for one in settings.instances}
        self._pollers = {one.name: self._poller(one) for one in settings.instances}
        self._fetch = LogFetcher(
            self.engine,
            {name: one.logs for name, one in self._connections.items()},
            self._policies,
            functools.partial(mask, extra=tuple(settings.redact.patterns), personal=settings.redact.personal),
            self.metrics.count_log,
        )
        self._routing = _routing(settings, tuple(self.notifiers))
        self._tick = tick
        self._last_retention: float | None = None
        self._rounds: Rounds | None = None
        self._loops: dict[str, Loop] = {}
        self.endpoint: Endpoint | None = None

    # -- steps ---------------------------------------------------------------------------------

    def poll(self, instance: str) -> PollResult:
        result = self._pollers[instance].poll()
        self.metrics.observe_poll(instance, result.seconds)
        self.publish(instance)
        if result.complete:
            log.info(
                "%s: polled in %.1f s, %d changed, %d opened, %d resolved",
                instance,
                result.seconds,
                result.stored,
                result.opened,
                result.resolved,
            )
        else:
            log.warning("%s: poll failed (%s): %s", instance, result.reason, result.message)
        for name in ("logs", "dispatch"):
            if name in self._loops and (result.opened or result.resolved):
                self._loops[name].wake()
        return result

    def poll_all(self) -> list[PollResult]:
        return [self.poll(instance) for instance in self._pollers]

    def fetch_logs(self) -> int:
        return attachments.fetch_due(self.engine, self._fetch, self.clock.now)

    def dispatch(self) -> int:
        """Decides about what waits; returns how many messages were queued."""
        with self.engine.begin() as connection:
            result = dispatch.dispatch(connection, self._routing, self.clock.now())
        if result.queued:
            for target in self.notifiers:
                if target in self._loops:
                    self._loops[target].wake()
        self.publish_outbox()
        self._retain()
        return result.queued

    def deliver(self, target: str) -> int:
        """Delivers what is due for a target; returns how many messages it took."""
        taken = 0
        while not self.stopping:
            outcome = delivery.deliver_next(
                self.engine,
                self.notifiers[target],
                owner=self._owner,
                now=self.clock.now,
                count=self.metrics.count_sent,
                observe=self.metrics.observe_delivery,
            )
            if outcome is None:
                return taken
            taken += outcome == "sent"
        return taken

    def publish(self, instance: str) -> None:
        settings = next(one for one in self.settings.instances if one.name == instance)
        with self.engine.connect() as connection:
            self.collector.publish(
                snapshot.instance(connection, settings, self._policies[instance], self.clock.now())
            )

    def publish_outbox(self) -> None:
        with self.engine.connect() as connection:
            waiting = outbox.waiting(connection, tuple(self.notifiers))
        self.collector.publish_outbox(
            {target: OutboxSnapshot(one.count, one.oldest) for target, one in waiting.items()}
        )

    # -- running -------------------------------------------------------------------------------

    @property
    def stopping(self) -> bool:
        return self._rounds is not None and self._rounds.stopping

    def start(self) -> None:
        """Starts everything and returns; raises MonitorError when it cannot."""
        self.endpoint = Endpoint(self.settings.listen, application(self.metrics.registry, self.trouble))
        with self.engine.begin() as connection:
            outbox.void(connection, outbox.process_is_gone)
        for instance in self._pollers:
            self.publish(instance)
        self._loops = {
            "logs": Loop("logs", self.fetch_logs, self.clock, self._tick),
            "dispatch": Loop("dispatch", self.dispatch, self.clock, self._tick),
            **{
                target: Loop(target, functools.partial(self.deliver, target), self.clock, self._tick)
                for target in self.notifiers
            },
        }
        self._rounds = Rounds(
            tuple(self._pollers), self.poll, self.clock, self.settings.poll_interval.total_seconds()
        )
        self.endpoint.start()
        for loop in self._loops.values():
            loop.start()
        self._rounds.start()

    def stop(self) -> bool:
        """Ends within STOP_SECONDS; False when something had to be left behind (it is not lost)."""
        deadline = time.monotonic() + STOP_SECONDS
        if self._rounds is not None:
            self._rounds.stop()
        for loop in self._loops.values():
            loop.stop()
        clean = self._rounds is None or self._rounds.join(lambda: deadline - time.monotonic())
        for loop in self._loops.values():
            clean = loop.join(deadline - time.monotonic()) and clean
        if self.endpoint is not None:
            self.endpoint.stop()
        self.engine.dispose()
        return clean

    def trouble(self) -> str | None:
        """Why the agent is not ready; None when it is."""
        late = [
            name
            for name in ("logs", "dispatch")
            if name in self._loops
            and self.clock.monotonic() - self._loops[name].last_turn > LOOP_ALIVE_SECONDS
        ]
        if late:
            return f"the {late[0]} loop has not turned for {LOOP_ALIVE_SECONDS:.0f} s"
        return reachable(self.engine)
