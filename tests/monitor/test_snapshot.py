"""What is exported and shown of jobs: sites taken together, times by our own clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine

from monitor import overview, snapshot
from monitor.history import cursor as cursors
from monitor.history import executions as history
from monitor.history.engine import reading
from monitor.judgement import judge_for
from monitor.metrics import JobSnapshot
from monitor.model import Execution, ExitStatus
from monitor.policy import Policy
from monitor.settings import InstanceSettings

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


def run(number: int, start: float, end: float | None, scope: str = "A", **fields: Any) -> Execution:
    """Minutes from NOW."""
    known: dict[str, Any] = {"execution_status": "running"}
    if end is not None:
        known = {
            "execution_status": "finished",
            "exit_status": ExitStatus("OK", None, "ok"),
            "end_time": NOW + timedelta(minutes=end),
        }
    start_time = NOW + timedelta(minutes=start)
    return Execution("i", "job", str(number), scope, start_time=start_time, **(known | fields))


def keep(engine: Engine, runs: list[Execution], skew: timedelta = timedelta()) -> None:
    with engine.begin() as conn:
        history.store(conn, "i", runs, seen_at=NOW, backfill=False, judge=judge_for(Policy()))
        cursors.complete(conn, "i", seen_until=NOW + skew, at=NOW, running=0, clock_skew=skew)


def exported(engine: Engine) -> JobSnapshot:
    secret = SecretStr("s")
    instance = InstanceSettings(name="i", server="http://127.0.0.1:1", client_id="c", client_secret=secret)
    with reading(engine) as conn:
        (job,) = snapshot.instance(conn, instance, Policy(), NOW).jobs
    return job


@pytest.mark.parametrize(
    ("sites", "minutes"),
    [
        pytest.param([(-60, -20), (-55, -54)], 40, id="they start together"),
        pytest.param([(-60, -20), (-20, -17)], 40, id="one follows the other"),
        pytest.param([(-60, -20), (-10, -7)], 40, id="one follows within the spread"),
        pytest.param([(-60, -20), (-9, -6)], 3, id="one follows later: a run of its own"),
        pytest.param([(-60, -20), (-20, -17), (-17, -16)], 40, id="three, one after another"),
        pytest.param([(-1500, -1460), (-20, -17)], 3, id="a site that did not run for a day"),
        pytest.param([(-1500, -1480), (-60, -20), (-5, None)], 40, id="the next run is under way"),
    ],
)
def test_the_duration_of_a_run_is_that_of_its_longest_site(
    engine: Engine, sites: list[tuple[float, float | None]], minutes: float
) -> None:
    keep(engine, [run(number, *times, scope=f"site {number}") for number, times in enumerate(sites)])
    assert exported(engine).last_duration == timedelta(minutes=minutes)


def test_the_run_under_way_does_not_hide_how_long_the_last_one_took(engine: Engine) -> None:
    keep(engine, [run(1, -100, -60, "A"), run(2, -100, -97, "B"), run(3, -5, None, "B")])
    assert exported(engine).last_duration == timedelta(minutes=40)


@pytest.mark.parametrize("skew", [-10, 0, 10])
def test_how_long_a_run_takes_does_not_depend_on_the_clock_of_the_instance(engine: Engine, skew: int) -> None:
    keep(engine, [run(1, skew - 5, None)], timedelta(minutes=skew))
    assert exported(engine).active_since == NOW - timedelta(minutes=5)
    with reading(engine) as conn:
        (row,) = overview.jobs(conn, instance="i", glob="*", now=NOW)
    assert row.running == timedelta(minutes=5)


@pytest.mark.parametrize(
    ("fields", "is_running"),
    [
        pytest.param({}, True, id="running"),
        pytest.param({"execution_status": "retrying"}, True, id="retrying, without an end"),
        pytest.param({"execution_status": "retrying", "end_time": NOW}, False, id="waiting for its retry"),
        pytest.param({"execution_status": "pending"}, False, id="pending"),
    ],
)
def test_what_counts_as_running(engine: Engine, fields: dict[str, Any], *, is_running: bool) -> None:
    keep(engine, [run(1, -5, None, **fields)])
    assert (exported(engine).active_since is not None) is is_running
