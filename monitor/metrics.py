"""From committed state to metric families, and the agent's own counters.

A scrape reads immutable snapshots that the loops publish after each commit: it asks neither SFCC nor
the state, and waits for nobody. With `web`, the only room that knows the Prometheus client.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, disable_created_metrics
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
    StateSetMetricFamily,
)
from prometheus_client.registry import Collector

from alerts.model import DeliveryReason
from monitor.errors import Reason
from monitor.model import Outcome

CONDITION_SHOWN = timedelta(hours=1)
"""How long a resolved condition is exported as 0: long enough for any scrape interval to see it end."""

DELIVERY_BUCKETS = (1, 2.5, 5, 10, 15, 30, 60, 120, 300, 900, 3600)
POLL_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
LOG_OUTCOMES = ("stored", "failed", "retried")
JOB = ["sfcc_instance", "job_id"]


@dataclass(frozen=True, slots=True)
class JobSnapshot:
    """One job over all its sites: last times the latest, counters the sum."""

    job_id: str
    groups: str = ""
    outcomes: Mapping[tuple[str, str], int] = field(default_factory=dict)  # (outcome, trigger) -> runs
    buckets: tuple[tuple[str, float], ...] = ()  # cumulative, by upper bound
    duration_sum: float = 0.0
    last_start: datetime | None = None
    last_end: datetime | None = None
    last_success: datetime | None = None
    last_failure: datetime | None = None
    last_duration: timedelta | None = None
    last_outcome: str | None = None
    consecutive_failures: int = 0
    active_since: datetime | None = None
    expected: Mapping[str, timedelta] = field(default_factory=dict)  # lower, median, upper


@dataclass(frozen=True, slots=True)
class ConditionSnapshot:
    condition: str
    severity: str
    job_id: str | None
    resolved_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class InstanceSnapshot:
    """`up` is None until the first poll was tried."""

    instance: str
    timezone: str = "UTC"
    type: str = ""
    realm: str = ""
    up: bool | None = None
    last_success: datetime | None = None
    running: int | None = None
    clock_skew: timedelta = timedelta()
    jobs: tuple[JobSnapshot, ...] = ()
    overlaps: Mapping[tuple[str, str], int] = field(default_factory=dict)
    conditions: tuple[ConditionSnapshot, ...] = ()


@dataclass(frozen=True, slots=True)
class OutboxSnapshot:
    waiting: int = 0
    oldest: datetime | None = None


class StateCollector(Collector):
    """Renders the published snapshots. Publishing swaps one reference: no lock across a scrape."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._instances: dict[str, InstanceSnapshot] = {}
        self._outbox: dict[str, OutboxSnapshot] = {}

    def publish(self, snapshot: InstanceSnapshot) -> None:
        self._instances = {**self._instances, snapshot.instance: snapshot}

    def publish_outbox(self, targets: Mapping[str, OutboxSnapshot]) -> None:
        self._outbox = dict(targets)

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        now = self._now()
        snapshots = list(self._instances.values())
        yield from _instance_families(snapshots, now)
        yield from _job_counters(snapshots)
        yield from _job_gauges(snapshots, now)
        yield from _conditions(snapshots, now)
        yield from _outbox(self._outbox, now)


def _instance_families(snapshots: list[InstanceSnapshot], now: datetime) -> Iterator[Metric]:
    del now
    label = ["sfcc_instance"]
    info = InfoMetricFamily("sfcc_instance", "The instances this agent watches.", labels=label)
    up = GaugeMetricFamily(
        "sfcc_up", "1 when the last poll read everything and is committed, else 0.", labels=label
    )
    success = GaugeMetricFamily(
        "sfcc_poll_last_success_timestamp_seconds", "When the last complete poll was committed.", labels=label
    )
    running = GaugeMetricFamily(
        "sfcc_running_executions",
        "Executions active at the last complete poll, system jobs included.",
        labels=label,
    )
    skew = GaugeMetricFamily(
        "sfcc_clock_skew_seconds", "How far the instance's clock is ahead of the agent's.", labels=label
    )
    for one in snapshots:
        info.add_metric([one.instance], {"type": one.type, "realm": one.realm})
        if one.up is not None:
            up.add_metric([one.instance], float(one.up))
        if one.last_success is not None:
            success.add_metric([one.instance], one.last_success.timestamp())
        if one.running is not None:
            running.add_metric([one.instance], one.running)
        skew.add_metric([one.instance], one.clock_skew.total_seconds())
    yield from (info, up, success, running, skew)


def _job_counters(snapshots: list[InstanceSnapshot]) -> Iterator[Metric]:
    runs = CounterMetricFamily(
        "sfcc_job_executions",
        "Runs that ended, by outcome and by who started them.",
        labels=[*JOB, "outcome", "trigger"],
    )
    durations = HistogramMetricFamily(
        "sfcc_job_execution_duration_seconds", "How long runs took that ended.", labels=JOB
    )
    overlaps = CounterMetricFamily(
        "sfcc_job_overlaps",
        "Pairs of runs seen that ran at once although their group excludes it.",
        labels=[*JOB, "other_job_id"],
    )
    for one in snapshots:
        for job in one.jobs:
            for (outcome, trigger), count in job.outcomes.items():
                runs.add_metric([one.instance, job.job_id, outcome, trigger], count)
            if job.buckets:
                durations.add_metric([one.instance, job.job_id], list(job.buckets), job.duration_sum)
        for (job_id, other), count in one.overlaps.items():
            overlaps.add_metric([one.instance, job_id, other], count)
    yield from (runs, durations, overlaps)


_TIMES = (
    ("start", "last_start", "When the job last started."),
    ("end", "last_end", "When a run of the job last ended."),
    ("success", "last_success", "When a run of the job last ended well."),
    ("failure", "last_failure", "When a run of the job last failed."),
)


def _job_gauges(snapshots: list[InstanceSnapshot], now: datetime) -> Iterator[Metric]:
    for name, attribute, text in _TIMES:
        family = GaugeMetricFamily(f"sfcc_job_last_{name}_timestamp_seconds", text, labels=JOB)
        for one in snapshots:
            for job in one.jobs:
                if (at := getattr(job, attribute)) is not None:
                    family.add_metric([one.instance, job.job_id], at.timestamp())
        yield family
    yield from _job_states(snapshots, now)


def _job_states(snapshots: list[InstanceSnapshot], now: datetime) -> Iterator[Metric]:
    info = InfoMetricFamily("sfcc_job", "The jobs seen, with what is known of their schedule.", labels=JOB)
    status = StateSetMetricFamily("sfcc_job_status", "How the job's last run ended.", labels=JOB)
    last = GaugeMetricFamily(
        "sfcc_job_last_duration_seconds", "How long the last run took that ended.", labels=JOB
    )
    running = GaugeMetricFamily(
        "sfcc_job_running",
        "Seconds the active run has taken so far; absent when the job is idle.",
        labels=JOB,
    )
    failures = GaugeMetricFamily(
        "sfcc_job_consecutive_failures", "Failed runs since the last good one.", labels=JOB
    )
    expected = GaugeMetricFamily(
        "sfcc_job_expected_duration_seconds",
        "How long a run usually takes, from the job's own history.",
        labels=[*JOB, "bound"],
    )
    for one in snapshots:
        for job in one.jobs:
            labels = [one.instance, job.job_id]
            info.add_metric(
                labels,
                {"schedule": "", "timezone": one.timezone, "group": job.groups, "schedule_source": "none"},
            )
            failures.add_metric(labels, job.consecutive_failures)
            if job.last_outcome is not None:
                status.add_metric(labels, {word.value: word == job.last_outcome for word in Outcome})
            if job.last_duration is not None:
                last.add_metric(labels, job.last_duration.total_seconds())
            if job.active_since is not None:
                running.add_metric(labels, max((now - job.active_since).total_seconds(), 0.0))
            for bound, duration in job.expected.items():
                expected.add_metric([*labels, bound], duration.total_seconds())
    yield from (info, status, last, running, failures, expected)


def _conditions(snapshots: list[InstanceSnapshot], now: datetime) -> Iterator[Metric]:
    text = "1 while the condition holds, 0 for an hour after."
    jobs = GaugeMetricFamily("sfcc_job_condition", text, labels=[*JOB, "condition", "severity"])
    instances = GaugeMetricFamily(
        "sfcc_instance_condition", text, labels=["sfcc_instance", "condition", "severity"]
    )
    for one in snapshots:
        values: dict[tuple[str | None, str, str], float] = {}
        for item in one.conditions:
            if item.resolved_at is not None and now - item.resolved_at > CONDITION_SHOWN:
                continue
            key = (item.job_id, item.condition, item.severity)
            values[key] = max(values.get(key, 0.0), 1.0 if item.resolved_at is None else 0.0)
        for (job_id, condition, severity), value in values.items():
            if job_id is None:
                instances.add_metric([one.instance, condition, severity], value)
            else:
                jobs.add_metric([one.instance, job_id, condition, severity], value)
    yield from (jobs, instances)


def _outbox(targets: Mapping[str, OutboxSnapshot], now: datetime) -> Iterator[Metric]:
    waiting = GaugeMetricFamily(
        "sfcc_alert_outbox_messages", "Messages a target has not taken yet.", labels=["target"]
    )
    oldest = GaugeMetricFamily(
        "sfcc_alert_outbox_oldest_seconds",
        "Age of the oldest message a target has not taken yet.",
        labels=["target"],
    )
    for target, snapshot in targets.items():
        waiting.add_metric([target], snapshot.waiting)
        age = 0.0 if snapshot.oldest is None else max((now - snapshot.oldest).total_seconds(), 0.0)
        oldest.add_metric([target], age)
    yield from (waiting, oldest)


class AgentMetrics:
    """What the agent counts about itself, in process, and the registry that holds everything."""

    def __init__(self, collector: StateCollector, version: str, targets: tuple[str, ...]) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library's own gap
        self.registry = CollectorRegistry()
        self.registry.register(collector)
        self._polls = Histogram(
            "sfcc_poll_duration_seconds",
            "How long polls took, failed ones included.",
            ["sfcc_instance"],
            buckets=POLL_BUCKETS,
            registry=self.registry,
        )
        self._requests = Counter(
            "sfcc_api_requests",
            "Requests to SFCC, by how they ended.",
            ["api", "outcome"],
            registry=self.registry,
        )
        self._logs = Counter(
            "sfcc_log_fetches",
            "Job logs fetched for alerts, by outcome.",
            ["outcome"],
            registry=self.registry,
        )
        self._sent = Counter(
            "sfcc_alert_notifications",
            "Tries to deliver a message, by outcome.",
            ["target", "outcome"],
            registry=self.registry,
        )
        self._delivery = Histogram(
            "sfcc_alert_delivery_seconds",
            "From the news being seen to the target having the message.",
            buckets=DELIVERY_BUCKETS,
            registry=self.registry,
        )
        self.reload_ok = Gauge(
            "sfcc_config_last_reload_successful",
            "1 while the settings in force are the newest ones.",
            registry=self.registry,
        )
        self.reload_ok.set(1)
        build = Info("sfcc_monitor_build", "The version of the agent.", registry=self.registry)
        build.info({"version": version, "python": platform.python_version()})
        self._pre_create(targets)

    def count_request(self, api: str, outcome: str) -> None:
        self._requests.labels(api, outcome).inc()

    def count_log(self, outcome: str) -> None:
        self._logs.labels(outcome).inc()

    def count_sent(self, target: str, outcome: str) -> None:
        self._sent.labels(target, outcome).inc()

    def observe_delivery(self, seconds: float) -> None:
        self._delivery.observe(seconds)

    def observe_poll(self, instance: str, seconds: float) -> None:
        self._polls.labels(instance).observe(seconds)

    def _pre_create(self, targets: tuple[str, ...]) -> None:
        """A counter that appears with its first error hides that error from `rate`."""
        for api in ("token", "ocapi", "webdav"):
            for outcome in ("ok", *Reason):
                self._requests.labels(api, outcome)
        for outcome in LOG_OUTCOMES:
            self._logs.labels(outcome)
        for target in targets:
            for reason in DeliveryReason:
                self._sent.labels(target, reason)
