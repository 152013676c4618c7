"""From committed state to metric families, and the agent's own counters.

A scrape reads immutable snapshots that the loops publish after each commit: it asks neither SFCC nor
the state, and waits for nobody. With `web`, the only room that knows the Prometheus client.
"""

from __future__ import annotations

import platform
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry, Counter, Histogram, Info, disable_created_metrics
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
INSTANCE = ["sfcc_instance"]
JOB = [*INSTANCE, "job_id"]


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
    next_due: datetime | None = None
    schedule: str = ""
    schedule_source: str = "none"


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
    """Renders the published snapshots. Publishing swaps one reference: a scrape takes no lock."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._publishing = threading.Lock()
        self._instances: dict[str, InstanceSnapshot] = {}
        self._outbox: dict[str, OutboxSnapshot] = {}

    def publish(self, snapshot: InstanceSnapshot) -> None:
        with self._publishing:  # two polls that end at once must not drop each other's
            instances = {**self._instances, snapshot.instance: snapshot}
            self._instances = dict(sorted(instances.items()))

    def down(self, instance: str) -> None:
        """Its last poll came to nothing, for a reason of our own; all else that was published stands."""
        with self._publishing:
            before = self._instances.get(instance, InstanceSnapshot(instance))
            self._instances = {**self._instances, instance: replace(before, up=False)}

    def withdraw(self, instance: str) -> None:
        """Another agent watches and exports it."""
        with self._publishing:
            self._instances = {name: one for name, one in self._instances.items() if name != instance}

    def publish_outbox(self, targets: Mapping[str, OutboxSnapshot]) -> None:
        self._outbox = dict(targets)

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        now = self._now()
        snapshots = list(self._instances.values())
        yield from _instance_families(snapshots)
        yield from _job_counters(snapshots)
        yield from _job_states(snapshots)
        yield from _job_gauges(snapshots, now)
        yield from _conditions(snapshots, now)
        yield from _outbox(self._outbox, now)


class AgentMetrics:
    """What the agent counts about itself, in process, and the registry that holds everything."""

    def __init__(
        self,
        collector: StateCollector,
        version: str,
        targets: tuple[str, ...],
        instances: tuple[str, ...] = (),
    ) -> None:
        self.state = collector
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library's own gap
        self.registry = registry = CollectorRegistry()
        registry.register(collector)
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
        build = Info("sfcc_monitor_build", "The version of the agent.", registry=registry)
        build.info({"version": version, "python": platform.python_version()})
        self._pre_create(targets, instances)

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
        for api in ("token", "ocapi", "webdav"):
            for outcome in ("ok", *(one for one in Reason if one is not Reason.STOPPING)):
                self._requests.labels(api, outcome)
        for instance in instances:
            self._unreadable.labels(instance)
        for outcome in LOG_OUTCOMES:
            self._logs.labels(outcome)
        for target in targets:
            for reason in DeliveryReason:
                self._sent.labels(target, reason)


InstanceValue = Callable[[InstanceSnapshot], float | None]
JobValue = Callable[[JobSnapshot, datetime], float | None]

_INSTANCE_GAUGES: tuple[tuple[str, str, InstanceValue], ...] = (
    (
        "sfcc_up",
        "1 when the last poll read everything and is committed, else 0.",
        lambda one: None if one.up is None else float(one.up),
    ),
    (
        "sfcc_poll_last_success_timestamp_seconds",
        "When the last complete poll was committed.",
        lambda one: _unix(one.last_success),
    ),
    (
        "sfcc_running_executions",
        "Executions active at the last complete poll, system jobs included.",
        lambda one: one.running,
    ),
    (
        "sfcc_clock_skew_seconds",
        "How far the instance's clock is ahead of the agent's.",
        lambda one: None if one.up is None else one.clock_skew.total_seconds(),
    ),
)

_JOB_TIMES = (
    ("sfcc_job_last_start_timestamp_seconds", "last_start", "When the job last started."),
    ("sfcc_job_last_end_timestamp_seconds", "last_end", "When a run of the job last ended."),
    ("sfcc_job_last_success_timestamp_seconds", "last_success", "When a run of the job last ended well."),
    ("sfcc_job_last_failure_timestamp_seconds", "last_failure", "When a run of the job last failed."),
    ("sfcc_job_next_due_timestamp_seconds", "next_due", "When its schedule has the job run next."),
)

_JOB_GAUGES: tuple[tuple[str, str, JobValue], ...] = (
    (
        "sfcc_job_last_duration_seconds",
        "How long the last run took that ended.",
        lambda job, _now: None if job.last_duration is None else job.last_duration.total_seconds(),
    ),
    (
        "sfcc_job_running",
        "Seconds the active run has taken so far; absent when the job is idle.",
        lambda job, now: None if job.active_since is None else _age(job.active_since, now),
    ),
    (
        "sfcc_job_consecutive_failures",
        "Failed runs since the last good one.",
        lambda job, _now: job.consecutive_failures,
    ),
)


def _instance_families(snapshots: list[InstanceSnapshot]) -> Iterator[Metric]:
    info = InfoMetricFamily("sfcc_instance", "The instances this agent watches.", labels=INSTANCE)
    for one in snapshots:
        info.add_metric([one.instance], {"type": one.type, "realm": one.realm})
    yield info
    for name, text, value_of in _INSTANCE_GAUGES:
        family = GaugeMetricFamily(name, text, labels=INSTANCE)
        for one in snapshots:
            if (value := value_of(one)) is not None:
                family.add_metric([one.instance], value)
        yield family


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
    for labels, job in _jobs(snapshots):
        for (outcome, trigger), count in job.outcomes.items():
            runs.add_metric([*labels, outcome, trigger], count)
        if job.buckets:
            durations.add_metric(labels, list(job.buckets), job.duration_sum)
    for one in snapshots:
        for (job_id, other), count in one.overlaps.items():
            overlaps.add_metric([one.instance, job_id, other], count)
    yield from (runs, durations, overlaps)


def _job_states(snapshots: list[InstanceSnapshot]) -> Iterator[Metric]:
    info = InfoMetricFamily("sfcc_job", "The jobs known, and their schedule.", labels=JOB)
    status = StateSetMetricFamily("sfcc_job_status", "How the job's last run ended.", labels=JOB)
    expected = GaugeMetricFamily(
        "sfcc_job_expected_duration_seconds",
        "How long a run usually takes, from the job's own history.",
        labels=[*JOB, "bound"],
    )
    for one in snapshots:
        for labels, job in _jobs([one]):
            known = {"schedule": job.schedule, "schedule_source": job.schedule_source}
            info.add_metric(labels, {**known, "timezone": one.timezone, "group": job.groups})
    for labels, job in _jobs(snapshots):
        if job.last_outcome is not None:
            status.add_metric(labels, {word.value: word == job.last_outcome for word in Outcome})
        for bound, duration in job.expected.items():
            expected.add_metric([*labels, bound], duration.total_seconds())
    yield from (info, status, expected)


def _job_gauges(snapshots: list[InstanceSnapshot], now: datetime) -> Iterator[Metric]:
    for name, attribute, text in _JOB_TIMES:
        family = GaugeMetricFamily(name, text, labels=JOB)
        for labels, job in _jobs(snapshots):
            if (at := getattr(job, attribute)) is not None:
                family.add_metric(labels, at.timestamp())
        yield family
    for name, text, value_of in _JOB_GAUGES:
        family = GaugeMetricFamily(name, text, labels=JOB)
        for labels, job in _jobs(snapshots):
            if (value := value_of(job, now)) is not None:
                family.add_metric(labels, value)
        yield family


def _conditions(snapshots: list[InstanceSnapshot], now: datetime) -> Iterator[Metric]:
    text = "1 while the condition holds, 0 for an hour after."
    jobs = GaugeMetricFamily("sfcc_job_condition", text, labels=[*JOB, "condition", "severity"])
    instances = GaugeMetricFamily(
        "sfcc_instance_condition", text, labels=[*INSTANCE, "condition", "severity"]
    )
    for one in snapshots:
        for (job_id, condition, severity), value in _holding(one.conditions, now).items():
            if job_id is None:
                instances.add_metric([one.instance, condition, severity], value)
            else:
                jobs.add_metric([one.instance, job_id, condition, severity], value)
    yield from (jobs, instances)


def _holding(
    conditions: Iterable[ConditionSnapshot], now: datetime
) -> dict[tuple[str | None, str, str], float]:
    """Open in any of its incidents is open."""
    values: dict[tuple[str | None, str, str], float] = {}
    for item in conditions:
        if item.resolved_at is None or now - item.resolved_at <= CONDITION_SHOWN:
            key = (item.job_id, item.condition, item.severity)
            values[key] = max(values.get(key, 0.0), float(item.resolved_at is None))
    return values


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
        oldest.add_metric([target], 0.0 if snapshot.oldest is None else _age(snapshot.oldest, now))
    yield from (waiting, oldest)


def _jobs(snapshots: Iterable[InstanceSnapshot]) -> Iterator[tuple[list[str], JobSnapshot]]:
    return (([one.instance, job.job_id], job) for one in snapshots for job in one.jobs)


def _unix(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()


def _age(since: datetime, now: datetime) -> float:
    return max((now - since).total_seconds(), 0.0)
