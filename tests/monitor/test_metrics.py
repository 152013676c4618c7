"""The page that Prometheus reads. `UPDATE_GOLDEN=1` rewrites the file it is compared with."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from monitor.metrics import AgentMetrics, StateCollector
from monitor.published import ConditionSnapshot, InstanceSnapshot, JobSnapshot, OutboxSnapshot

GOLDEN = Path(__file__).parents[1] / "golden" / "metrics.txt"
NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)

NAMES = {
    "sfcc_alert_delivery_seconds": "histogram",
    "sfcc_alert_notifications_total": "counter",
    "sfcc_alert_outbox_messages": "gauge",
    "sfcc_alert_outbox_oldest_seconds": "gauge",
    "sfcc_alert_silenced": "gauge",
    "sfcc_api_requests_total": "counter",
    "sfcc_clock_skew_seconds": "gauge",
    "sfcc_instance_condition": "gauge",
    "sfcc_credential_expiry_timestamp_seconds": "gauge",
    "sfcc_instance_info": "gauge",
    "sfcc_job_condition": "gauge",
    "sfcc_job_consecutive_failures": "gauge",
    "sfcc_job_execution_duration_seconds": "histogram",
    "sfcc_job_executions_total": "counter",
    "sfcc_job_expected_duration_seconds": "gauge",
    "sfcc_job_info": "gauge",
    "sfcc_job_last_duration_seconds": "gauge",
    "sfcc_job_last_end_timestamp_seconds": "gauge",
    "sfcc_job_last_failure_timestamp_seconds": "gauge",
    "sfcc_job_last_start_timestamp_seconds": "gauge",
    "sfcc_job_last_success_timestamp_seconds": "gauge",
    "sfcc_job_next_due_timestamp_seconds": "gauge",
    "sfcc_job_overlaps_total": "counter",
    "sfcc_job_running": "gauge",
    "sfcc_job_status": "gauge",
    "sfcc_log_fetches_total": "counter",
    "sfcc_monitor_build_info": "gauge",
    "sfcc_config_last_reload_successful": "gauge",
    "sfcc_poll_duration_seconds": "histogram",
    "sfcc_poll_last_success_timestamp_seconds": "gauge",
    "sfcc_running_executions": "gauge",
    "sfcc_unreadable_documents_total": "counter",
    "sfcc_up": "gauge",
}
"""What dashboards and rules elsewhere rely on; a change here breaks them."""

LABELS = {
    "sfcc_alert_delivery_seconds": set(),
    "sfcc_alert_notifications_total": {"target", "outcome"},
    "sfcc_alert_outbox_messages": {"target"},
    "sfcc_alert_outbox_oldest_seconds": {"target"},
    "sfcc_alert_silenced": set(),
    "sfcc_api_requests_total": {"api", "outcome"},
    "sfcc_clock_skew_seconds": {"sfcc_instance"},
    "sfcc_instance_condition": {"sfcc_instance", "condition", "severity"},
    "sfcc_credential_expiry_timestamp_seconds": {"sfcc_instance", "credential"},
    "sfcc_instance_info": {"sfcc_instance", "type", "realm"},
    "sfcc_job_condition": {"sfcc_instance", "job_id", "condition", "severity"},
    "sfcc_job_consecutive_failures": {"sfcc_instance", "job_id"},
    "sfcc_job_execution_duration_seconds": {"sfcc_instance", "job_id"},
    "sfcc_job_executions_total": {"sfcc_instance", "job_id", "outcome", "trigger"},
    "sfcc_job_expected_duration_seconds": {"sfcc_instance", "job_id", "bound"},
    "sfcc_job_info": {"sfcc_instance", "job_id", "schedule", "timezone", "group", "schedule_source"},
    "sfcc_job_last_duration_seconds": {"sfcc_instance", "job_id"},
    "sfcc_job_last_end_timestamp_seconds": {"sfcc_instance", "job_id"},
    "sfcc_job_last_failure_timestamp_seconds": {"sfcc_instance", "job_id"},
    "sfcc_job_last_start_timestamp_seconds": {"sfcc_instance", "job_id"},
    "sfcc_job_last_success_timestamp_seconds": {"sfcc_instance", "job_id"},
    "sfcc_job_next_due_timestamp_seconds": {"sfcc_instance", "job_id"},
    "sfcc_job_overlaps_total": {"sfcc_instance", "job_id", "other_job_id"},
    "sfcc_job_running": {"sfcc_instance", "job_id"},
    "sfcc_job_status": {"sfcc_instance", "job_id", "sfcc_job_status"},
    "sfcc_log_fetches_total": {"outcome"},
    "sfcc_monitor_build_info": {"version", "python"},
    "sfcc_config_last_reload_successful": set(),
    "sfcc_poll_duration_seconds": {"sfcc_instance"},
    "sfcc_poll_last_success_timestamp_seconds": {"sfcc_instance"},
    "sfcc_running_executions": {"sfcc_instance"},
    "sfcc_unreadable_documents_total": {"sfcc_instance"},
    "sfcc_up": {"sfcc_instance"},
}

BUSY = JobSnapshot(
    job_id='3-1-1 "Prices" \\ Größe\nnew 价格',
    groups="imports,akeneo",
    outcomes={("ok", "schedule"): 40, ("failed", "schedule"): 2, ("ok", "manual"): 1},
    buckets=(("1.0", 0.0), ("60.0", 3.0), ("3600.0", 41.0), ("+Inf", 43.0)),
    duration_sum=12345.5,
    last_start=NOW - 10 * SECOND,
    last_end=NOW - 2 * HOUR,
    last_success=NOW - 26 * HOUR,
    last_failure=NOW - 2 * HOUR,
    last_duration=timedelta(minutes=71, milliseconds=250),
    last_outcome="failed",
    consecutive_failures=1,
    active_since=NOW - 10 * SECOND,
    expected={
        "lower": timedelta(minutes=50),
        "median": timedelta(minutes=61),
        "upper": timedelta(minutes=80, microseconds=1),
    },
    next_due=NOW + 20 * HOUR,
    schedule="0 2 * * *",
    schedule_source="configured",
)
IDLE = JobSnapshot(job_id="never-ended")
PRODUCTION = InstanceSnapshot(
    instance="production",
    timezone="Europe/Berlin",
    type="production",
    realm="abcd",
    up=True,
    last_success=NOW - 12 * SECOND,
    running=1,
    clock_skew=timedelta(seconds=-7.5),
    jobs=(BUSY, IDLE),
    overlaps={(BUSY.job_id, "3-1-2 Stock"): 5},
    conditions=(
        ConditionSnapshot("failed", "critical", BUSY.job_id),
        ConditionSnapshot("slow", "warning", BUSY.job_id, resolved_at=NOW - HOUR / 2),
        ConditionSnapshot("blind", "critical", None, resolved_at=NOW - HOUR / 2),
    ),
    credentials={"scapi.certificate": NOW + 30 * 24 * HOUR, "webdav.secret": NOW},
)
STAGING = InstanceSnapshot(instance="staging", type="staging", up=False, last_success=NOW - 3 * HOUR)
UNTRIED = InstanceSnapshot(instance="a-new-one")
TARGETS = {"ops": OutboxSnapshot(3, NOW - 90 * SECOND), "apprise-1": OutboxSnapshot()}


class Page:
    """The whole page, made from snapshots at NOW."""

    def __init__(self, *snapshots: InstanceSnapshot, targets: tuple[str, ...] = ()) -> None:
        self.now: datetime = NOW
        self.collector = StateCollector(lambda: self.now)
        self.agent = AgentMetrics(self.collector, "1.2.3", targets, tuple(one.instance for one in snapshots))
        for snapshot in snapshots:
            self.collector.publish(snapshot)

    @property
    def text(self) -> str:
        page = generate_latest(self.agent.registry).decode()
        return re.sub('python="[^"]*"', 'python="3.x.y"', page)

    @property
    def samples(self) -> dict[str, float]:
        """By name and labels as they are written."""
        return {
            f"{sample.name}{dict(sorted(sample.labels.items()))}": sample.value
            for family in text_string_to_metric_families(self.text)
            for sample in family.samples
        }

    def values(self, name: str) -> dict[tuple[str, ...], float]:
        """Of one metric, by the values of its labels in the order of the labels' names."""
        return {
            tuple(value for _, value in sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(self.text)
            for sample in family.samples
            if sample.name == name
        }


def full() -> Page:
    page = Page(STAGING, PRODUCTION, UNTRIED, targets=tuple(TARGETS))
    page.collector.publish_outbox(TARGETS, silenced=2)
    page.agent.count_request("ocapi", "ok")
    page.agent.count_log("stored")
    page.agent.count_sent("ops", "sent")
    page.agent.observe_delivery(2.5)
    page.agent.observe_poll("production", 0.3)
    return page


# -- the page as a whole -------------------------------------------------------------------------


def test_the_page_is_the_reviewed_one() -> None:
    text = full().text
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "page", [pytest.param(Page(), id="nothing seen yet"), pytest.param(full(), id="full")]
)
def test_every_family_has_help_and_type_always(page: Page) -> None:
    helps = re.findall(r"^# HELP (\S+) \S", page.text, re.MULTILINE)
    types = re.findall(r"^# TYPE (\S+) (\S+)$", page.text, re.MULTILINE)
    assert dict(types) == NAMES
    assert sorted(helps) == sorted(NAMES)
    assert len(types) == len(NAMES), "each once"


def test_every_name_has_just_these_labels() -> None:
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(full().text):
        for sample in family.samples:
            name = re.sub("_(bucket|sum|count)$", "", sample.name)
            found.setdefault(name, set()).update(set(sample.labels) - {"le"})
    assert found == LABELS


def test_no_label_is_one_that_prometheus_sets_itself() -> None:
    labels = {label for labels in LABELS.values() for label in labels}
    assert not labels & {"job", "instance", "execution_id", "message"}


def test_promtool_has_nothing_to_say_about_it() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("NO PROMTOOL: the metrics page was not checked by Prometheus's own tool")
    result = subprocess.run(
        [promtool, "check", "metrics"], input=full().text, capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_the_page_is_valid_openmetrics_too() -> None:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse

    text = openmetrics.generate_latest(full().agent.registry).decode()  # type: ignore[no-untyped-call]
    names = {family.name for family in parse(text)}  # type: ignore[no-untyped-call]
    assert {"sfcc_job", "sfcc_job_executions", "sfcc_job_status"} <= names


def test_job_ids_survive_with_quotes_line_breaks_and_all() -> None:
    assert full().values("sfcc_job_consecutive_failures") == {
        (BUSY.job_id, "production"): 1.0,
        ("never-ended", "production"): 0.0,
    }


def test_two_pages_in_one_process_share_nothing() -> None:
    first, second = Page(PRODUCTION), Page()
    first.agent.count_log("stored")
    assert second.values("sfcc_log_fetches_total")["stored",] == 0
    assert second.values("sfcc_up") == {}


# -- instances -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("up", "expected"),
    [
        pytest.param(None, {}, id="absent before the first try"),
        pytest.param(True, {("x",): 1.0}, id="one after a complete poll"),
        pytest.param(False, {("x",): 0.0}, id="zero after a failed one"),
    ],
)
def test_up_is_there_from_the_first_try_on(up: bool | None, expected: dict[tuple[str], float]) -> None:  # noqa: FBT001 - a value of the table
    assert Page(InstanceSnapshot(instance="x", up=up)).values("sfcc_up") == expected


def test_an_instance_is_published_whole_and_replaces_what_it_was() -> None:
    page = Page(PRODUCTION, STAGING)
    page.collector.publish(replace(PRODUCTION, up=False, jobs=(), overlaps={}, conditions=()))
    assert page.values("sfcc_up") == {("production",): 0.0, ("staging",): 0.0}


@pytest.fixture
def hasty() -> Iterator[None]:
    """Threads take turns after each few steps: what can go wrong between two does."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("hasty")
def test_instances_that_are_published_at_once_are_all_there() -> None:
    page = Page()
    together = threading.Barrier(8)

    def publish(worker: int) -> None:
        together.wait(30)
        for number in range(50):
            page.collector.publish(InstanceSnapshot(instance=f"{worker}-{number}", up=True))

    threads = [threading.Thread(target=publish, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(page.values("sfcc_up")) == 400


# -- jobs ----------------------------------------------------------------------------------------


def test_a_job_gone_from_the_snapshot_is_gone_from_the_page() -> None:
    page = Page(PRODUCTION)
    assert "never-ended" in page.text
    page.collector.publish(replace(PRODUCTION, jobs=(BUSY,)))
    assert "never-ended" not in page.text


def test_what_is_not_known_of_a_job_is_absent_rather_than_zero() -> None:
    page = Page(InstanceSnapshot(instance="x", jobs=(IDLE,)))
    about = {name.partition("{")[0] for name in page.samples if "never-ended" in name}
    assert about == {"sfcc_job_info", "sfcc_job_consecutive_failures"}


def test_buckets_are_cumulative_and_end_with_all() -> None:
    page = Page(PRODUCTION)
    buckets = page.values("sfcc_job_execution_duration_seconds_bucket")
    by_bound = {labels[1]: count for labels, count in buckets.items()}
    assert by_bound == {"1.0": 0.0, "60.0": 3.0, "3600.0": 41.0, "+Inf": 43.0}
    key = (BUSY.job_id, "production")
    assert page.values("sfcc_job_execution_duration_seconds_count") == {key: 43.0}
    assert page.values("sfcc_job_execution_duration_seconds_sum") == {key: 12345.5}


def test_just_the_last_outcome_is_one() -> None:
    status = Page(PRODUCTION).values("sfcc_job_status")
    assert {labels[2]: value for labels, value in status.items() if value} == {"failed": 1.0}
    assert {labels[2] for labels in status} == {
        "ok",
        "degraded",
        "failed",
        "aborted",
        "superseded",
        "vanished",
        "unknown",
        "active",
    }


def test_the_time_of_an_active_run_grows_between_polls_and_is_never_negative() -> None:
    page = Page(PRODUCTION)
    assert page.values("sfcc_job_running") == {(BUSY.job_id, "production"): 10.0}
    page.now += 15 * SECOND
    assert page.values("sfcc_job_running") == {(BUSY.job_id, "production"): 25.0}
    page.now = NOW - HOUR
    assert page.values("sfcc_job_running") == {(BUSY.job_id, "production"): 0.0}


# -- conditions ----------------------------------------------------------------------------------


def condition(job_id: str | None, *resolved: timedelta | None) -> dict[tuple[str, ...], float]:
    """What is exported of a condition's incidents, each open or resolved so long ago."""
    found = [
        ConditionSnapshot("failed", "critical", job_id, None if ago is None else NOW - ago)
        for ago in resolved
    ]
    page = Page(InstanceSnapshot(instance="x", conditions=tuple(found)))
    return page.values("sfcc_instance_condition" if job_id is None else "sfcc_job_condition")


@pytest.mark.parametrize(
    ("resolved", "expected"),
    [
        pytest.param([], [], id="none"),
        pytest.param([None], [1.0], id="open"),
        pytest.param([timedelta()], [0.0], id="just resolved"),
        pytest.param([HOUR], [0.0], id="resolved an hour ago"),
        pytest.param([HOUR + SECOND], [], id="resolved more than an hour ago"),
        pytest.param([None, SECOND], [1.0], id="open again after one was resolved"),
        pytest.param([SECOND, None], [1.0], id="in any order"),
        pytest.param([2 * HOUR, None], [1.0], id="open again after long"),
        pytest.param([2 * HOUR, SECOND], [0.0], id="resolved twice"),
    ],
)
@pytest.mark.parametrize("job_id", ["a-job", None])
def test_a_condition_is_one_while_open_and_zero_for_an_hour(
    job_id: str | None, resolved: list[timedelta | None], expected: list[float]
) -> None:
    place = ("failed", "critical", "x") if job_id is None else ("failed", job_id, "critical", "x")
    assert condition(job_id, *resolved) == dict.fromkeys([place][: len(expected)], sum(expected))


# -- the agent -----------------------------------------------------------------------------------


def test_the_agents_counters_are_there_before_they_count() -> None:
    page = Page(targets=("ops",))
    reasons = {
        "credentials",
        "permission",
        "network",
        "timeout",
        "throttled",
        "maintenance",
        "asleep",
        "server",
        "not_found",
        "refused",
        "protocol",
    }
    assert page.values("sfcc_api_requests_total") == {
        (api, outcome): 0.0 for api in ("token", "ocapi", "scapi", "webdav") for outcome in {"ok", *reasons}
    }
    assert page.values("sfcc_log_fetches_total") == {(word,): 0.0 for word in ("stored", "failed", "retried")}
    assert page.values("sfcc_alert_notifications_total") == {
        (outcome, "ops"): 0.0
        for outcome in (
            "sent",
            "throttled",
            "network",
            "timeout",
            "server",
            "credentials",
            "refused",
            "file_refused",
            "unknown",
        )
    }
    assert page.values("sfcc_alert_delivery_seconds_count") == {(): 0.0}


def test_nothing_of_a_job_is_there_before_it_was_seen() -> None:
    assert [name for name in Page(UNTRIED, targets=("ops",)).samples if "sfcc_job_" in name] == []


def test_what_the_agent_does_is_counted() -> None:
    page = full()
    assert page.values("sfcc_api_requests_total")["ocapi", "ok"] == 1
    assert page.values("sfcc_log_fetches_total")["stored",] == 1
    assert page.values("sfcc_alert_notifications_total")["sent", "ops"] == 1
    delivered = page.values("sfcc_alert_delivery_seconds_bucket")
    assert (delivered["1.0",], delivered["2.5",], delivered["+Inf",]) == (0, 1, 1)
    assert page.values("sfcc_poll_duration_seconds_count") == {("production",): 1}


def test_messages_wait_from_when_the_oldest_was_queued() -> None:
    page = full()
    assert page.values("sfcc_alert_outbox_messages") == {("ops",): 3, ("apprise-1",): 0}
    assert page.values("sfcc_alert_outbox_oldest_seconds") == {("ops",): 90, ("apprise-1",): 0}
    page.now += 10 * SECOND
    assert page.values("sfcc_alert_outbox_oldest_seconds") == {("ops",): 100, ("apprise-1",): 0}


def test_nothing_about_when_series_were_made_is_exported() -> None:
    assert "_created" not in full().text
