"""One instance: polled and published while its lease is ours, left to another agent while it is not.

Knows the order of lease, poll and publishing; nothing of what a poll does.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from sqlalchemy import Connection, Engine

from alerts.owner import described
from monitor.clock import Clock
from monitor.errors import LeaseLostError, Reason
from monitor.history.engine import reading
from monitor.history.leases import Lease
from monitor.history.trouble import state_errors
from monitor.leases import Leases, of_instance
from monitor.metrics import AgentMetrics
from monitor.polling.poll import Poller, PollResult
from monitor.published import JobSnapshot
from monitor.snapshot import Snapshots

log = logging.getLogger(__name__)

Fence = Callable[[Connection], None]


class Watch:
    """Not to be shared by threads."""

    def __init__(
        self,
        instance: str,
        engine: Engine,
        poller: Callable[[Fence], Poller],
        snapshots: Callable[[], Snapshots],
        leases: Leases,
        clock: Clock,
        metrics: AgentMetrics,
    ) -> None:
        """poller, snapshots: make new ones: what they remember may be wrong once another agent was there."""
        self._instance = instance
        self._engine = engine
        self._make_poller = poller
        self._make_snapshots = snapshots
        self._leases = leases
        self._clock = clock
        self._metrics = metrics
        self._tenure: Lease | None = None
        self._poller: Poller | None = None
        self._snapshots = snapshots()
        self._other = ""
        self._asleep = False
        self.jobs: tuple[JobSnapshot, ...] = ()  # as last published

    @property
    def is_ours(self) -> bool:
        """As far as is known without asking."""
        return self._tenure is not None

    def begin(self) -> Poller | None:
        """Takes the lease where it is free; None while it is another agent's."""
        lease = self._leases.take(of_instance(self._instance))
        if lease is None:
            return None
        if lease != self._tenure:
            if self._other:
                log.info("%s: taken over from another agent (%s)", self._instance, self._other)
            self._tenure, self._other = lease, ""
            self._poller = self._make_poller(self._leases.fence(lease))
            self._snapshots = self._make_snapshots()
        return self._poller

    def poll(self) -> PollResult:
        """Raises what the state raises; then the instance counts as down."""
        try:
            with state_errors(self._engine.url):
                poller = self.begin()
                if poller is None:
                    return self._leave()
                result = poller.poll()
                self.publish()
        except LeaseLostError:
            return self._leave()
        except Exception:  # a locked state, a defect of ours: whoever trusts the metrics has to know
            self._metrics.state.down(self._instance)
            raise
        self._metrics.observe_poll(self._instance, result.seconds)
        self._log(result)
        return result

    def publish(self) -> None:
        with reading(self._engine) as connection:
            snapshot = self._snapshots.take(connection, self._clock.now())
        self.jobs = snapshot.jobs
        self._metrics.state.publish(snapshot)

    def read_anew(self) -> None:
        """Jobs were forgotten: what is remembered of them has to go too."""
        self._snapshots = self._make_snapshots()

    def _leave(self) -> PollResult:
        self._tenure = None
        self._metrics.state.withdraw(self._instance)
        with state_errors(self._engine.url):
            other = described(self._leases.other(of_instance(self._instance)))
        if self._other != other:
            said = "%s: watched by another agent on this state (%s); standing by"
            log.info(said, self._instance, other)
        self._other = other
        return PollResult(self._instance, self._clock.now(), 0.0, watched_by=other)

    def _log(self, result: PollResult) -> None:
        """What changed nothing is worth a line to those only who look for trouble: there is one every minute.

        A sandbox that sleeps is no trouble either, and may sleep for weeks: said when it falls asleep.
        """
        was_asleep, self._asleep = self._asleep, result.reason is Reason.ASLEEP
        if result.complete:
            news = result.stored or result.opened or result.resolved or was_asleep
            log.log(
                logging.INFO if news else logging.DEBUG,
                "%s: polled in %.1f s: runs new or changed %d, incidents opened %d, resolved %d",
                *(result.instance, result.seconds, result.stored, result.opened, result.resolved),
            )
        elif self._asleep:
            log.log(logging.DEBUG if was_asleep else logging.INFO, "%s: %s", result.instance, result.message)
        elif result.reason is not Reason.STOPPING:
            trace = f" (correlation-id {result.correlation_id})" if result.correlation_id else ""
            log.warning("%s: poll failed (%s): %s%s", result.instance, result.reason, result.message, trace)
