"""The page of five thousand jobs, against the client library's own over the same series held in memory."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.samples import Sample

from monitor.history.counters import DURATION_BUCKETS
from monitor.metrics import (
    AgentMetrics,
    ConditionSnapshot,
    InstanceSnapshot,
    JobSnapshot,
    OutboxSnapshot,
    StateCollector,
)
from tests.bench.measure import Result, in_turns

JOBS = 5_000
AIM = 1.2
WHY = """
The families of the agent are made anew for each scrape from the published snapshot, the library's own are
kept; writing the page costs both the same.
"""
NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
M = TypeVar("M", bound=MetricWrapperBase)
BOUNDS = (*DURATION_BUCKETS, float("inf"))


def compare(repeats: int) -> Result:
    ours, plain = _agents_registry(), _plain_registry(_agents_registry())
    pages = [generate_latest(one).decode() for one in (ours, plain)]
    series = [
        sorted(line.rpartition(" ")[0] for line in page.splitlines() if line[0] != "#") for page in pages
    ]
    if series[0] != series[1]:
        raise RuntimeError("the two pages do not hold the same series")
    figures = in_turns(lambda: generate_latest(ours), lambda: generate_latest(plain), repeats)
    return Result(
        "Scrape",
        f"`generate_latest` of the agent with {JOBS:,} jobs, {len(series[0]):,} series",
        "`generate_latest` of the same series in gauges, counters and histograms",
        *figures,
        AIM,
        why=WHY,
    )


def _agents_registry() -> CollectorRegistry:
    collector = StateCollector(lambda: NOW)
    agent = AgentMetrics(collector, "1.2.3", ("ops",))
    jobs = tuple(_job(number) for number in range(JOBS))
    conditions = tuple(ConditionSnapshot("failed", "critical", job.job_id) for job in jobs[::20])
    collector.publish(
        InstanceSnapshot(
            instance="production",
            type="production",
            realm="abcd",
            up=True,
            last_success=NOW,
            running=JOBS // 10,
            jobs=jobs,
            overlaps={
                (one.job_id, other.job_id): 3 for one, other in zip(jobs[::50], jobs[1::50], strict=True)
            },
            conditions=conditions,
        )
    )
    collector.publish_outbox({"ops": OutboxSnapshot(1, NOW)})
    agent.observe_poll("production", 0.3)
    return agent.registry


def _job(number: int) -> JobSnapshot:
    """As a job is after some weeks: good and bad runs, by schedule and by hand; each tenth runs."""
    return JobSnapshot(
        job_id=f"Import-{number:04}",
        groups="imports",
        outcomes={("ok", "schedule"): 400, ("failed", "schedule"): 3, ("ok", "manual"): 2},
        buckets=tuple(
            ("+Inf" if bound == float("inf") else repr(float(bound)), float(place + 1))
            for place, bound in enumerate(BOUNDS)
        ),
        duration_sum=98_765.5,
        last_start=NOW - timedelta(minutes=number % 90),
        last_end=NOW - timedelta(minutes=number % 80),
        last_success=NOW - timedelta(minutes=number % 80),
        last_failure=NOW - timedelta(days=3),
        last_duration=timedelta(minutes=5),
        last_outcome="ok",
        active_since=NOW - timedelta(minutes=1) if number % 10 == 0 else None,
        expected={bound: timedelta(minutes=5) for bound in ("lower", "median", "upper")},
    )


def _plain_registry(ours: CollectorRegistry) -> CollectorRegistry:
    """Every sample of ours in a metric of the library's that was made for it."""
    registry = CollectorRegistry()
    for family in ours.collect():
        if family.type == "histogram":
            _fill_histogram(family, registry)
        else:
            by_name: dict[str, list[Sample]] = {}
            for sample in family.samples:
                by_name.setdefault(sample.name, []).append(sample)
            for name, samples in by_name.items():
                _fill(name, family, samples, registry)
    return registry


def _fill(name: str, family: Metric, samples: list[Sample], registry: CollectorRegistry) -> None:
    labels = list(samples[0].labels)
    if family.type == "counter":
        counter = Counter(re.sub("_total$", "", name), family.documentation, labels, registry=registry)
        for sample in samples:
            _child(counter, sample, labels).inc(sample.value)
    else:
        gauge = Gauge(name, family.documentation, labels, registry=registry)
        for sample in samples:
            _child(gauge, sample, labels).set(sample.value)


def _fill_histogram(family: Metric, registry: CollectorRegistry) -> None:
    buckets = sorted({float(one.labels["le"]) for one in family.samples if "le" in one.labels})
    counts = [one for one in family.samples if one.name.endswith("_count")]
    labels = list(counts[0].labels)
    histogram = Histogram(family.name, family.documentation, labels, registry=registry, buckets=buckets)
    for sample in counts:
        _child(histogram, sample, labels).observe(60.0)


def _child(metric: M, sample: Sample, labels: list[str]) -> M:
    return metric.labels(*(sample.labels[name] for name in labels)) if labels else metric
