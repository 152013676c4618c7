"""What a scrape gets: the state as it was last published, and the agent's own counters.

A scrape reads immutable snapshots that the loops publish after each commit: it asks neither SFCC nor
the state, and waits for nobody. Nor does anybody wait for it: what it says of thousands of jobs is written
when they change, and put together when it is asked for. With `families`, `exposition` and `web`, the only
room that knows the Prometheus client.
"""

from __future__ import annotations

import platform
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    Metric,
    disable_created_metrics,
)
from prometheus_client.registry import Collector

from alerts.model import DeliveryReason
from monitor.errors import Reason
from monitor.exposition import Encode, Families, Sheets, sheets, written
from monitor.families import INSTANCE, of_instances, of_jobs, of_outbox
from monitor.published import InstanceSnapshot, OutboxSnapshot

DELIVERY_BUCKETS = (1, 2.5, 5, 10, 15, 30, 60, 120, 300, 900, 3600)
POLL_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
LOG_OUTCOMES = ("stored", "failed", "retried")


class StateCollector(Collector):
    """Renders what is published. Publishing swaps one reference: a scrape takes no lock."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._publishing = threading.Lock()
        self._instances: dict[str, Sheets] = {}
        self._outbox: tuple[dict[str, OutboxSnapshot], int | None] = ({}, None)

    def publish(self, snapshot: InstanceSnapshot) -> None:
        """Of one instance in the order of time; of several at once."""
        new = sheets(snapshot, self._instances.get(snapshot.instance))
        with self._publishing:  # two polls that end at once must not drop each other's
            self._instances = dict(sorted({**self._instances, snapshot.instance: new}.items()))

    def down(self, instance: str) -> None:
        """Its last poll came to nothing, for a reason of our own; all else that was published stands."""
        before = self._instances.get(instance)
        self.publish(replace(before.snapshot if before else InstanceSnapshot(instance), up=False))

    def withdraw(self, instance: str) -> None:
        """Another agent watches and exports it."""
        with self._publishing:
            self._instances = {name: one for name, one in self._instances.items() if name != instance}

    def publish_outbox(self, targets: Mapping[str, OutboxSnapshot], silenced: int | None = None) -> None:
        """silenced: None where another agent tells."""
        self._outbox = dict(targets), silenced

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        snapshots = [one.snapshot for one in self._instances.values()]
        yield from of_jobs([(one, job) for one in snapshots for job in one.jobs])
        yield from self._others(snapshots)

    def write(self, encode: Encode, rest: Collector) -> Iterator[bytes]:
        """What `collect` gives and then the rest, as text in parts."""
        instances = list(self._instances.values())
        yield from written(encode, instances)
        others = self._others([one.snapshot for one in instances])
        yield encode(Families([*others, *rest.collect()]))

    def _others(self, snapshots: list[InstanceSnapshot]) -> Iterator[Metric]:
        now = self._now()
        yield from of_instances(snapshots, now)
        yield from of_outbox(*self._outbox, now)


class AgentMetrics:
    """What the agent counts about itself, in process, and the registry that holds everything."""

    def __init__(
        self,
        state: StateCollector,
        version: str,
        targets: tuple[str, ...],
        instances: tuple[str, ...] = (),
    ) -> None:
        self.state = state
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library's own gap
        self._own = registry = CollectorRegistry()
        self._polls = Histogram(
            "sfcc_poll_duration_seconds",
            "How long polls took, failed ones included.",
            ["sfcc_instance"],
            buckets=POLL_BUCKETS,
            registry=registry,
        )
        self._requests = Counter(
            "sfcc_api_requests", "Requests to SFCC, by how they ended.", ["api", "outcome"], registry=registry
        )
        self._unreadable = Counter(
            "sfcc_unreadable_documents",
            "Documents of runs that could not be read, wholly or in part, each once.",
            INSTANCE,
            registry=registry,
        )
        self._logs = Counter(
            "sfcc_log_fetches", "Job logs fetched for alerts, by outcome.", ["outcome"], registry=registry
        )
        self._sent = Counter(
            "sfcc_alert_notifications",
            "Tries to deliver a message, by outcome.",
            ["target", "outcome"],
            registry=registry,
        )
        self._delivery = Histogram(
            "sfcc_alert_delivery_seconds",
            "From the news being seen to the target having the message.",
            buckets=DELIVERY_BUCKETS,
            registry=registry,
        )
        self._reload = Gauge(
            "sfcc_config_last_reload_successful",
            "1 while the settings last read are in force, 0 while older ones are because those are wrong.",
            registry=registry,
        )
        self._reload.set(1)
        build = Info("sfcc_monitor_build", "The version of the agent.", registry=registry)
        build.info({"version": version, "python": platform.python_version()})
        self._pre_create(targets, instances)
        own = (self._polls, self._requests, self._unreadable, self._logs, self._sent, self._delivery)
        self.registry = CollectorRegistry()
        for part in (state, *own, self._reload, build):
            self.registry.register(part)

    def write(self, encode: Encode) -> bytes:
        """The page of `registry`, sooner: what is known of the jobs has been written already."""
        return b"".join(self.state.write(encode, self._own))

    def reloaded(self, *, successful: bool) -> None:
        self._reload.set(successful)

    def count_request(self, api: str, outcome: str) -> None:
        self._requests.labels(api, outcome).inc()

    def count_unreadable(self, instance: str) -> None:
        self._unreadable.labels(instance).inc()

    def count_log(self, outcome: str) -> None:
        self._logs.labels(outcome).inc()

    def count_sent(self, target: str, outcome: str) -> None:
        self._sent.labels(target, outcome).inc()

    def observe_delivery(self, seconds: float) -> None:
        self._delivery.observe(seconds)

    def observe_poll(self, instance: str, seconds: float) -> None:
        self._polls.labels(instance).observe(seconds)

    def _pre_create(self, targets: tuple[str, ...], instances: tuple[str, ...]) -> None:
        """A counter that appears with its first error hides that error from `rate`."""
        for api in ("token", "ocapi", "scapi", "webdav"):
            for outcome in ("ok", *(one for one in Reason if one is not Reason.STOPPING)):
                self._requests.labels(api, outcome)
        for instance in instances:
            self._unreadable.labels(instance)
        for outcome in LOG_OUTCOMES:
            self._logs.labels(outcome)
        for target in targets:
            for reason in DeliveryReason:
                self._sent.labels(target, reason)
