"""The families of metrics that the state gives, from what is published of it.

Those of `of_jobs` say of a job the same as long as it stays as it is: whoever writes them can keep what was
written. The others of a snapshot change by themselves, or are few.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
    StateSetMetricFamily,
)

from monitor.model import Outcome
from monitor.published import (
    CONDITION_SHOWN,
    ConditionSnapshot,
    InstanceSnapshot,
    JobSnapshot,
    OutboxSnapshot,
)

INSTANCE = ["sfcc_instance"]
JOB = [*INSTANCE, "job_id"]

Job = tuple[InstanceSnapshot, JobSnapshot]


def of_jobs(jobs: Sequence[Job]) -> Iterator[Metric]:
    """Always the same families in the same order; each job adds samples to some."""
    yield from _counters(jobs)
    yield from _states(jobs)
    yield from _gauges(jobs)


def of_instances(snapshots: Sequence[InstanceSnapshot], now: datetime) -> Iterator[Metric]:
    """All else that is said of them and of their jobs."""
    yield from _instances(snapshots)
    yield _overlaps(snapshots)
    yield _running(snapshots, now)
    yield from _conditions(snapshots, now)
    yield _credentials(snapshots)


def of_outbox(targets: Mapping[str, OutboxSnapshot], silenced: int | None, now: datetime) -> Iterator[Metric]:
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
    held = GaugeMetricFamily(
        "sfcc_alert_silenced", "Open incidents nobody is told of while a silence or a mute lasts."
    )
    if silenced is not None:
        held.add_metric([], silenced)
    yield from (waiting, oldest, held)


InstanceValue = Callable[[InstanceSnapshot], float | None]
JobValue = Callable[[JobSnapshot], float | None]

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
        lambda job: None if job.last_duration is None else job.last_duration.total_seconds(),
    ),
    (
        "sfcc_job_consecutive_failures",
        "Failed runs since the last good one.",
        lambda job: job.consecutive_failures,
    ),
)


def _counters(jobs: Sequence[Job]) -> Iterator[Metric]:
    runs = CounterMetricFamily(
        "sfcc_job_executions",
        "Runs that ended, by outcome and by who started them.",
        labels=[*JOB, "outcome", "trigger"],
    )
    durations = HistogramMetricFamily(
        "sfcc_job_execution_duration_seconds", "How long runs took that ended.", labels=JOB
    )
    for one, job in jobs:
        for (outcome, trigger), count in job.outcomes.items():
            runs.add_metric([one.instance, job.job_id, outcome, trigger], count)
        if job.buckets:
            durations.add_metric([one.instance, job.job_id], list(job.buckets), job.duration_sum)
    yield from (runs, durations)


def _states(jobs: Sequence[Job]) -> Iterator[Metric]:
    info = InfoMetricFamily("sfcc_job", "The jobs known, and their schedule.", labels=JOB)
    status = StateSetMetricFamily("sfcc_job_status", "How the job's last run ended.", labels=JOB)
    expected = GaugeMetricFamily(
        "sfcc_job_expected_duration_seconds",
        "How long a run usually takes, from the job's own history.",
        labels=[*JOB, "bound"],
    )
    for one, job in jobs:
        labels = [one.instance, job.job_id]
        known = {"schedule": job.schedule, "schedule_source": job.schedule_source}
        info.add_metric(labels, {**known, "timezone": one.timezone, "group": job.groups})
        if job.last_outcome is not None:
            status.add_metric(labels, {word.value: word == job.last_outcome for word in Outcome})
        for bound, duration in job.expected.items():
            expected.add_metric([*labels, bound], duration.total_seconds())
    yield from (info, status, expected)


def _gauges(jobs: Sequence[Job]) -> Iterator[Metric]:
    for name, attribute, text in _JOB_TIMES:
        family = GaugeMetricFamily(name, text, labels=JOB)
        for one, job in jobs:
            if (at := getattr(job, attribute)) is not None:
                family.add_metric([one.instance, job.job_id], at.timestamp())
        yield family
    for name, text, value_of in _JOB_GAUGES:
        family = GaugeMetricFamily(name, text, labels=JOB)
        for one, job in jobs:
            if (value := value_of(job)) is not None:
                family.add_metric([one.instance, job.job_id], value)
        yield family


def _instances(snapshots: Sequence[InstanceSnapshot]) -> Iterator[Metric]:
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


def _overlaps(snapshots: Iterable[InstanceSnapshot]) -> Metric:
    overlaps = CounterMetricFamily(
        "sfcc_job_overlaps",
        "Pairs of runs seen that ran at once although their group excludes it.",
        labels=[*JOB, "other_job_id"],
    )
    for one in snapshots:
        for (job_id, other), count in one.overlaps.items():
            overlaps.add_metric([one.instance, job_id, other], count)
    return overlaps


def _running(snapshots: Iterable[InstanceSnapshot], now: datetime) -> Metric:
    running = GaugeMetricFamily(
        "sfcc_job_running",
        "Seconds the active run has taken so far; absent when the job is idle.",
        labels=JOB,
    )
    for one in snapshots:
        for job in one.jobs:
            if job.active_since is not None:
                running.add_metric([one.instance, job.job_id], _age(job.active_since, now))
    return running


def _conditions(snapshots: Sequence[InstanceSnapshot], now: datetime) -> Iterator[Metric]:
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


def _credentials(snapshots: Iterable[InstanceSnapshot]) -> Metric:
    ends = GaugeMetricFamily(
        "sfcc_credential_expiry_timestamp_seconds",
        "When a certificate or a secret ends, as far as that is known.",
        labels=[*INSTANCE, "credential"],
    )
    for one in snapshots:
        for name, at in one.credentials.items():
            ends.add_metric([one.instance, name], at.timestamp())
    return ends


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


def _unix(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()


def _age(since: datetime, now: datetime) -> float:
    return max((now - since).total_seconds(), 0.0)
