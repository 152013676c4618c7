"""The wiring: settings in, a running agent out. Nothing else constructs clients, stores or notifiers.

Every step is a method, so that tests and the `poll` command can take them one by one without threads.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta

from sqlalchemy import Engine, text

from alerts import store
from alerts.model import Incident
from alerts.notifier import Notifier
from alerts.owner import owner, process_is_gone
from monitor import __version__, crossings
from monitor.access import connection, masking_by, traffic_of
from monitor.clock import Clock, SystemClock
from monitor.crossings import Crossing
from monitor.errors import LeaseLostError, MonitorError, Reason, StateError
from monitor.expiry import Expiry
from monitor.heartbeat import BEAT_SECONDS, heartbeat
from monitor.history.engine import open_state, prepare, reading
from monitor.history.refused_keys import StoredRefusedKeys
from monitor.history.trouble import state_errors
from monitor.joblogs.counting import LogCounter
from monitor.joblogs.logfetch import LogFetcher
from monitor.joblogs.wholelog import reading_by
from monitor.keeping import Keeper
from monitor.leases import RENEW_SECONDS, Leases, instance_of, of_instance
from monitor.loops import Loop, Once, Rest, Rounds
from monitor.masking import Mask
from monitor.metrics import AgentMetrics, StateCollector
from monitor.pacing.pace import Cadence
from monitor.pacing.pacer import Pacer
from monitor.policy import Policy
from monitor.polling.poll import Poller, PollResult
from monitor.polling.progress import NowAndThen, Report
from monitor.settings import InstanceSettings, Settings
from monitor.settings.policies import policy
from monitor.sfcc import JobsApi
from monitor.sfcc.connect import Connection
from monitor.sfcc.traffic import Traffic
from monitor.snapshot import Snapshots
from monitor.targets import notifiers_for
from monitor.telling import Teller
from monitor.watch import Fence, Watch
from monitor.web import Endpoint, application

log = logging.getLogger(__name__)

STOP_SECONDS = 8.0
"""A supervisor kills after 10 s; this leaves two to end cleanly."""

LOOP_ALIVE_SECONDS = 300.0
"""A log may take minutes to read; a loop that is silent for longer hangs."""

STANDBY_SECONDS = 5.0
"""Between two looks whether what another agent watches has become free."""

RELEASE_SECONDS = 1.0
"""What giving the leases back may take at the end, where the state does not answer."""


class App:
    """Raises SettingsError or StateError where the agent cannot be built."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        notifiers: Mapping[str, Notifier] | None = None,
        tick: float = 1.0,
        is_gone: Callable[[str], bool] = process_is_gone,
        crossing: Crossing | None = None,
        report: Report | None = None,
    ) -> None:
        """is_gone: whether the process of that name has ended for certain, see `alerts.owner`.

        crossing: told of each step, see `monitor.crossings`. report: told how far a long gap was read; the
        log is, without it.
        """
        self.settings = settings
        self.clock = clock or SystemClock()
        self.notifiers = dict(notifiers_for(settings) if notifiers is None else notifiers)
        self.engine: Engine = open_state(settings.state)
        prepare(self.engine)
        names = [one.name for one in settings.instances]
        self.metrics = AgentMetrics(
            StateCollector(self.clock.now), __version__, tuple(self.notifiers), tuple(names)
        )
        self.stopping = threading.Event()
        self._tick = tick
        self._report = report or NowAndThen(log.info, self.clock.monotonic)
        count_request: Callable[[str, str], None] = self.metrics.count_request
        if crossing is not None:
            crossings.of_transactions(self.engine, crossing)
            count_request = crossings.of_requests(count_request, crossing)
            self.notifiers = crossings.of_messages(self.notifiers, crossing)
        self._leases = Leases(self.engine, owner(), is_gone=is_gone)
        policies = {one.name: policy(settings, one) for one in settings.instances}
        traffic = {
            one.name: traffic_of(settings, one, self.clock, self.stopping) for one in settings.instances
        }
        self._connections = connections = {
            one.name: self._connection(one, count_request, traffic[one.name]) for one in settings.instances
        }
        cadence = Cadence(settings.poll_interval.total_seconds(), settings.idle_interval.total_seconds())
        self._pacers = {name: Pacer(name, cadence, one) for name, one in traffic.items()}
        masking = masking_by(settings)
        self._watches = {
            one.name: self._watch(
                one, policies[one.name], connections[one.name].jobs, masking, traffic[one.name].spare
            )
            for one in settings.instances
        }
        self._teller = self._telling(connections, policies, masking)
        self._heart = heartbeat(settings, self.clock, self._teller.oldest)
        self._keeper = Keeper(settings, policies, self.engine, self.clock)
        self._rounds: Rounds | None = None
        self._loops: dict[str, Loop] = {}
        self._renewal_failed = False
        self._endpoint: Endpoint | None = None

    def _connection(
        self, one: InstanceSettings, count: Callable[[str, str], None], traffic: Traffic
    ) -> Connection:
        refused_keys = StoredRefusedKeys(self.engine, one.name)
        return connection(one, self.clock, count, self.stopping, traffic, refused_keys)

    def _watch(
        self,
        instance: InstanceSettings,
        rules: Policy,
        api: JobsApi,
        masking: Mask,
        spare: Callable[[], int],
    ) -> Watch:
        endings = Expiry(instance, self.clock.monotonic)

        def poller(fence: Fence) -> Poller:
            return Poller(
                instance.name,
                self.engine,
                api,
                rules,
                self.clock,
                max_age=self.settings.max_age,
                mask=masking,
                fence=fence,
                stopping=self.stopping.is_set,
                count_unreadable=functools.partial(self.metrics.count_unreadable, instance.name),
                spare=spare,
                report=self._report,
                poll_interval=self.settings.idle_interval,
                endings=endings,
            )

        return Watch(
            instance.name,
            self.engine,
            poller,
            functools.partial(Snapshots, instance, rules, endings),
            self._leases,
            self.clock,
            self.metrics,
        )

    def _telling(
        self, connections: Mapping[str, Connection], policies: Mapping[str, Policy], masking: Mask
    ) -> Teller:
        logs = {name: one.logs for name, one in connections.items()}
        how = reading_by(self.settings, self.clock, self.stopping)
        self._counter = LogCounter(self.settings, self.engine, logs, policies, masking, how)
        return Teller(
            self.settings,
            self.engine,
            self.notifiers,
            LogFetcher(self.engine, logs, policies, masking, self.metrics.count_log, how),
            self._leases,
            self.clock,
            self.metrics,
            self.stopping.is_set,
        )

    # Steps: each complete in itself.

    def poll(self, instance: str) -> PollResult:
        """Leaves it to another agent on the same state where that one watches it."""
        watch = self._watches[instance]
        result = watch.poll()
        if not result.watched_by:
            self._pacers[instance].note(result.reason, watch.jobs, self.clock.now())
        self._heart.saw(result)
        if result.opened or result.resolved:
            self._wake("logs", "dispatch")
        return result

    def poll_all(self) -> list[PollResult]:
        """Each instance once; an error of ours at one of them is logged, and said to be what came of it."""
        return [self._poll_in_any_case(instance) for instance in self._watches]

    def _poll_in_any_case(self, instance: str) -> PollResult:
        began = self.clock.now()
        try:
            return self.poll(instance)
        except MonitorError:  # the state: it is that of all instances
            raise
        except Exception as error:
            log.exception("%s: this should not happen", instance)
            text = f"this should not happen ({type(error).__name__}): the log has the details"
            return PollResult(instance, began, 0.0, reason=Reason.PROTOCOL, message=text)

    def fetch_logs(self) -> int:
        """Fetches logs that alerts want, and some that detection wants; returns how many were tried."""
        with state_errors(self.engine.url):
            fetched = self._teller.fetch_logs()
            return fetched + (self._counter.turn() if self._teller.lead() else 0)

    def dispatch(self) -> bool:
        """Decides about what waits; whether something still does."""
        with state_errors(self.engine.url):
            result = self._teller.dispatch()
        if result is None:
            return True
        if result.notifications:
            self._wake(*self.notifiers)
        return result.waiting > 0

    def deliver(self, target: str) -> int:
        """Delivers what is due for a target; returns how many messages it took."""
        with state_errors(self.engine.url):
            return self._teller.deliver(target)

    def settle(self, within: timedelta) -> None:
        """Until every message is delivered or that much time has passed: for one cycle by hand."""
        deadline = self.clock.now() + within
        while self.clock.now() < deadline and not self.stopping.is_set() and self._teller.lead():
            self.fetch_logs()
            waiting = self.dispatch()
            for target in self.notifiers:
                self.deliver(target)
            if not waiting and not self._teller.backlog():
                break
            self.clock.wait(self.stopping, 0.2)
        self._heart.beat()
        self.keep()

    def keep(self) -> None:
        """Deletes what is older than the settings keep, when an hour has passed since the last time."""
        with state_errors(self.engine.url), contextlib.suppress(LeaseLostError):  # then it is another agent's
            fence = self._teller.lead()
            for instance in self._keeper.turn(fence) if fence is not None else ():
                if instance in self._watches:
                    self._watches[instance].read_anew()

    @contextlib.contextmanager
    def by_hand(self) -> Iterator[None]:
        """For one cycle: what it takes is kept while it lasts, and left to others at once at its end."""
        renewing = self._renewing()
        renewing.start()
        try:
            yield
        finally:
            renewing.stop()
            renewing.join(RELEASE_SECONDS)
            self.release()

    def release(self) -> None:
        """Leaves what is watched to others at once."""
        with state_errors(self.engine.url):
            self._leases.release()

    def reloaded(self, *, successful: bool) -> None:
        """Whether these settings are the last ones that were read, or stayed in force against worse ones."""
        self.metrics.reloaded(successful=successful)

    def open_incidents(self) -> list[Incident]:
        """Worst first."""
        with reading(self.engine) as connection:
            return [one for one in store.current(connection, self.clock.now()) if one.is_open]

    # Running.

    @property
    def holder(self) -> str:
        """How this agent is called in the leases it holds."""
        return self._leases.holder

    @property
    def url(self) -> str:
        """Of the endpoint; empty before `start`."""
        return self._endpoint.url if self._endpoint else ""

    def start(self) -> None:
        """Starts everything and returns; raises MonitorError when it cannot."""
        page = application(self.metrics.registry, self.trouble, self.metrics.write)
        self._endpoint = Endpoint(self.settings.listen, page)
        with state_errors(self.engine.url):
            self._leases.take_all([of_instance(name) for name in self._watches])
            for watch in self._watches.values():
                if watch.begin():
                    watch.publish()
            if self._teller.lead():
                self._teller.publish()
        steps = {"logs": self.fetch_logs, "dispatch": self._dispatch_for_good} | {
            target: functools.partial(self.deliver, target) for target in self.notifiers
        }
        self._loops = {name: Loop(name, step, self.clock, self._tick) for name, step in steps.items()}
        self._loops["leases"] = self._renewing()
        if self._heart.is_on:
            self._loops["heartbeat"] = Loop("heartbeat", self._heart.beat, self.clock, BEAT_SECONDS)
        self._rounds = Rounds(tuple(self._watches), self.poll, self.clock, self._rest)
        self._endpoint.start()
        for loop in self._loops.values():
            loop.start()
        self._rounds.start()

    def stop(self) -> bool:
        """Within STOP_SECONDS; False when a thread had to be left behind: what it held is not lost."""
        began = time.monotonic()
        deadline = began + STOP_SECONDS
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
        last = Once("release", self.release)  # whoever stands by need not wait
        clean = last.join(STOP_SECONDS + RELEASE_SECONDS - (time.monotonic() - began)) and clean
        if clean:
            for one in self._connections.values():
                one.close()
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

    def _rest(self, instance: str) -> Rest:
        """Until it is polled again, or asked again whether it still is another agent's."""
        if not self._watches[instance].is_ours:
            return Rest(min(self.settings.poll_interval.total_seconds(), STANDBY_SECONDS))
        following = self._pacers[instance].next()
        return Rest(following.seconds, in_slot=following.is_steady)

    def _dispatch_for_good(self) -> None:
        with state_errors(self.engine.url):
            self._teller.abandon()
        self.dispatch()
        self.keep()

    def _renewing(self) -> Loop:
        return Loop("leases", self._renew, SystemClock(), RENEW_SECONDS)

    def _renew(self) -> None:
        """Never fails for the state: growing pauses between tries would outlast a lease."""
        try:
            with state_errors(self.engine.url):
                lost = self._leases.renew()
        except StateError as error:
            if not self._renewal_failed:
                log.warning("the leases cannot be renewed; trying on: %s", error)
            self._renewal_failed = True
            return
        self._renewal_failed = False
        for name in lost:
            if (instance := instance_of(name)) is not None:  # its next poll may be long in coming
                self.metrics.state.withdraw(instance)

    def _wake(self, *names: str) -> None:
        for name in names:
            if name in self._loops:
                self._loops[name].wake()
