"""What is kept of a page against the library's own writing of the same families."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.exposition import choose_encoder

from monitor.exposition import Sheets, sheets
from monitor.metrics import AgentMetrics, StateCollector
from monitor.model import Outcome
from monitor.published import ConditionSnapshot, InstanceSnapshot, JobSnapshot, OutboxSnapshot

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
FORMATS = {
    "as a browser asks": "text/html",
    "text": "text/plain;version=0.0.4",
    "text 1.0.0": "text/plain;version=1.0.0;escaping=allow-utf-8",
    "OpenMetrics": "application/openmetrics-text",
    "as Prometheus 2 asks": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5",
    "as Prometheus 3 asks": "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6",
}

texts = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('\\"\n\r{},= '), max_size=12)
times = st.none() | st.integers(0, 10**6).map(lambda seconds: NOW - timedelta(seconds=seconds))
durations = st.integers(0, 10**12).map(lambda microseconds: timedelta(microseconds=microseconds))
jobs = st.builds(
    JobSnapshot,
    job_id=texts,
    groups=texts,
    outcomes=st.dictionaries(st.tuples(texts, texts), st.integers(0, 10**9), max_size=2),
    buckets=st.sampled_from([(), (("1.0", 0.0), ("3600.0", 2.0), ("+Inf", 1e21))]),
    duration_sum=st.floats(0, 1e12),
    last_start=times,
    last_end=times,
    last_duration=st.none() | durations,
    last_outcome=st.none() | st.sampled_from([word.value for word in Outcome]),
    active_since=times,
    expected=st.dictionaries(st.sampled_from(["lower", "median", "upper"]), durations),
    next_due=times,
    schedule=texts,
)
instances = st.builds(
    InstanceSnapshot,
    instance=st.sampled_from(["production", "staging"]),
    timezone=st.sampled_from(["UTC", "Europe/Berlin"]),
    up=st.none() | st.booleans(),
    last_success=times,
    jobs=st.lists(jobs, max_size=3, unique_by=lambda job: job.job_id).map(tuple),
    conditions=st.sampled_from([(), (ConditionSnapshot("failed", "critical", "a"),)]),
)
JOB = JobSnapshot(job_id="import", last_start=NOW, outcomes={("ok", "schedule"): 40})
OTHER = JobSnapshot(job_id="export", last_start=NOW)
PRODUCTION = InstanceSnapshot(instance="production", jobs=(OTHER, JOB))


def check(agent: AgentMetrics, accept: str) -> None:
    encode, _ = choose_encoder(accept)
    assert agent.write(encode) == encode(agent.registry)


def agent() -> AgentMetrics:
    return AgentMetrics(StateCollector(lambda: NOW), "1.2.3", ("ops",))


@pytest.mark.parametrize("accept", FORMATS.values(), ids=FORMATS)
def test_a_page_without_any_job_is_the_librarys(accept: str) -> None:
    check(agent(), accept)


@pytest.mark.parametrize("accept", FORMATS.values(), ids=FORMATS)
@settings(max_examples=40)
@given(published=st.lists(instances, max_size=4))
def test_whatever_is_published_one_after_another_the_page_is_the_librarys(
    accept: str, published: list[InstanceSnapshot]
) -> None:
    page = agent()
    for snapshot in published:
        page.state.publish(snapshot)
        page.observe_poll(snapshot.instance, 0.3)
    page.state.publish_outbox({"ops": OutboxSnapshot(2, NOW - HOUR)})
    check(page, accept)
    page.state.down("production")
    check(page, accept)
    page.state.withdraw("staging")
    check(page, accept)


def test_a_job_that_stays_as_it_is_is_not_written_again() -> None:
    before = sheets(PRODUCTION, None)
    same = replace(JOB)  # equal, as when the state was read anew
    after = sheets(replace(PRODUCTION, up=True, jobs=(replace(OTHER, last_start=NOW + HOUR), same)), before)
    assert after.of_job["import"] is before.of_job["import"]
    assert after.of_job["export"] != before.of_job["export"]


def test_a_job_that_is_gone_is_kept_no_longer() -> None:
    before = sheets(PRODUCTION, None)
    assert set(sheets(replace(PRODUCTION, jobs=(JOB,)), before).of_job) == {"import"}


def test_another_time_zone_is_said_of_all_its_jobs() -> None:
    before = sheets(PRODUCTION, None)
    after = sheets(replace(PRODUCTION, timezone="Asia/Tokyo"), before)
    assert said(before, "Asia/Tokyo") == 0
    assert said(after, "Asia/Tokyo") == 2


def said(written: Sheets, word: str) -> int:
    """Of how many jobs."""
    return sum(any(word.encode() in lines for lines in one) for one in written.of_job.values())
