"""The page of five thousand jobs, against the client library's own over the same series held in memory."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.samples import Sample

from monitor.history.counters import DURATION_BUCKETS
from monitor.metrics import AgentMetrics, StateCollector
from monitor.published import ConditionSnapshot, InstanceSnapshot, JobSnapshot, OutboxSnapshot
from tests.bench.measure import Figures, Result, Unit, in_turns, once

JOBS = 5_000
AIM = 1.2
CHANGED = JOBS // 60
"""What happens to so many between two scrapes: each runs once an hour, as it is in a busy shop."""
WHY = """
What the agent keeps written is put together; what is left to write are the jobs that changed, each once, and
the series that change by themselves.
"""
NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
M = TypeVar("M", bound=MetricWrapperBase)
BOUNDS = (*DURATION_BUCKETS, float("inf"))


def compare(repeats: int) -> Result:
    ours, plain = _Agent(), _plain_registry(_Agent().metrics.registry)
    pages = [ours.scrape().decode(), generate_latest(plain).decode()]
    series = [
        sorted(line.rpartition(" ")[0] for line in page.splitlines() if line[0] != "#") for page in pages
    ]
    if series[0] != series[1]:
        raise RuntimeError("the two pages do not hold the same series")
    first = Figures(tuple(once(_Agent) for _ in range(repeats)))
    figures = in_turns(ours.next_scrape, lambda: generate_latest(plain), repeats)
    return Result(
        "Scrape",
        f"the page of {JOBS:,} jobs, {len(series[0]):,} series, {CHANGED} jobs having changed since the last",
        "`generate_latest` of the same series in gauges, counters and histograms",
        *figures,
        AIM,
        parts=(("all jobs written for the first time, as polls find them,", first, Unit.SECONDS),),
        why=WHY,
    )


class _Agent:
    """What it publishes, and the page made of it."""

    def __init__(self) -> None:
        self._collector = StateCollector(lambda: NOW)
        self.metrics = AgentMetrics(self._collector, "1.2.3", ("ops",))
        self._jobs = [_job(number) for number in range(JOBS)]
        self._turn = 0
        self._publish()
        self._collector.publish_outbox({"ops": OutboxSnapshot(1, NOW)})
        self.metrics.observe_poll("production", 0.3)

    def scrape(self) -> bytes:
        return self.metrics.write(generate_latest)

    def next_scrape(self) -> bytes:
        """After some jobs changed, each time others: writing them anew is part of it."""
        self._turn += 1
        for place in range(CHANGED * self._turn, CHANGED * (self._turn + 1)):
            job = self._jobs[place % JOBS]
            self._jobs[place % JOBS] = replace(job, last_end=NOW + timedelta(seconds=self._turn))
        self._publish()
        return self.scrape()

    def _publish(self) -> None:
        jobs = tuple(self._jobs)
        self._collector.publish(
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
                conditions=tuple(ConditionSnapshot("failed", "critical", job.job_id) for job in jobs[::20]),
            )
        )


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
