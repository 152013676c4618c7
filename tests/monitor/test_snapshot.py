"""What is exported and shown of jobs: sites taken together, times by our own clock."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import Engine

from monitor import overview, snapshot
from monitor.errors import Reason
from monitor.history import cursor as cursors
from monitor.history import executions as history
from monitor.history import retention
from monitor.history.engine import open_state, reading
from monitor.judgement import Judgement, judge_for
from monitor.model import Execution, ExitStatus
from monitor.policy import GroupPolicy, JobPolicy, Policy
from monitor.published import InstanceSnapshot, JobSnapshot
from monitor.schedule import Schedule
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
    (job,) = all_exported(engine, Policy())
    return job


def all_exported(engine: Engine, policy: Policy) -> tuple[JobSnapshot, ...]:
    secret = SecretStr("s")
    instance = InstanceSettings(name="i", server="http://127.0.0.1:1", client_id="c", client_secret=secret)
    with reading(engine) as conn:
        return snapshot.instance(conn, instance, policy, NOW).jobs


def scheduled(*names: str) -> Policy:
    """Every job at ten minutes past the hour; `names` are those known without a run."""
    hourly = JobPolicy(schedule=Schedule(cron="10 * * * *"), schedule_source="configured")
    return Policy(job=lambda _: hourly, scheduled=names)


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


@pytest.mark.parametrize(
    ("ahead", "minutes"),
    [
        pytest.param(0, 10, id="before it"),
        pytest.param(9, 10, id="a minute before"),
        pytest.param(10, 70, id="at it"),
        pytest.param(-60, -50, id="nothing ages while the agent cannot see"),
    ],
)
def test_a_job_is_due_next_after_what_was_seen(engine: Engine, ahead: int, minutes: int) -> None:
    keep(engine, [run(1, -5, None)], timedelta(minutes=ahead))
    (job,) = all_exported(engine, scheduled())
    assert job.next_due == NOW + timedelta(minutes=minutes)
    assert (job.schedule, job.schedule_source) == ("10 * * * *", "configured")
    with reading(engine) as conn:
        (row,) = overview.jobs(conn, instance="i", glob="*", now=NOW, policies={"i": scheduled()})
    assert row.next_due == job.next_due


def test_a_job_without_a_schedule_is_never_due(engine: Engine) -> None:
    keep(engine, [run(1, -5, None)])
    job = exported(engine)
    assert (job.next_due, job.schedule, job.schedule_source) == (None, "", "none")


def test_a_job_that_is_named_with_its_schedule_is_known_before_its_first_run(engine: Engine) -> None:
    before = all_exported(engine, scheduled("new"))
    assert [(job.job_id, job.next_due) for job in before] == [("new", NOW + timedelta(minutes=10))]
    keep(engine, [run(1, -5, None)])
    assert [job.job_id for job in all_exported(engine, scheduled("new", "job"))] == ["job", "new"]
    both = {"i": scheduled("new"), "j": scheduled("new")}
    with reading(engine) as conn:
        rows = overview.jobs(conn, instance=None, glob="n*", now=NOW, policies=both)
        assert [(row.instance, row.job_id) for row in rows] == [("i", "new"), ("j", "new")]
        assert [row.last_outcome for row in rows] == [None, None]
        (row,) = overview.jobs(conn, instance="j", glob="*", now=NOW, policies=both)
        assert row.next_due == NOW + timedelta(minutes=10)


class Kept:
    """One that goes on, beside a new one at each look."""

    def __init__(self, engine: Engine, policy: Policy) -> None:
        secret = SecretStr("s")
        self._settings = InstanceSettings(
            name="i", server="http://127.0.0.1:1", client_id="c", client_secret=secret
        )
        self._engine = engine
        self._policy = policy
        self._goes_on = snapshot.Snapshots(self._settings, policy)

    def looks(self, now: datetime) -> tuple[InstanceSnapshot, InstanceSnapshot]:
        with reading(self._engine) as conn:
            anew = snapshot.instance(conn, self._settings, self._policy, now)
            return self._goes_on.take(conn, now), anew


STORED = st.tuples(
    st.sampled_from(["a", "b", "c"]),
    st.integers(0, 4),  # its number
    st.sampled_from(["A", "B"]),  # its site
    st.sampled_from([None, 1, 5]),  # minutes it takes
    st.booleans(),  # whether it ended well
)
STEPS = st.lists(
    st.tuples(
        st.lists(STORED, max_size=4),
        st.sampled_from(["stored", "stored and judged", "forgotten", "poll failed"]),
        st.integers(-5, 90),  # minutes that pass
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_what_was_kept_is_what_would_be_read_anew(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory, steps: list[Any]
) -> None:
    path = tmp_path_factory.mktemp("state") / "state.db"
    shutil.copyfile(sqlite_template, path)
    engine = open_state(f"sqlite:///{path}")
    policy = replace(scheduled("awaited"), groups=(GroupPolicy("all", ("*",)),))
    kept, minute = Kept(engine, policy), 0
    for runs, what, later in steps:
        minute += later
        now = NOW + timedelta(minutes=minute)
        with engine.begin() as conn:
            for one in (_stored(minute, *fields) for fields in runs):
                history.store(conn, "i", [one], seen_at=now, backfill=False, judge=judge_for(policy))
            if what == "poll failed":
                cursors.failed(conn, "i", at=now, reason=Reason.TIMEOUT, message="no answer")
            else:
                cursors.complete(conn, "i", seen_until=now, at=now, running=0, clock_skew=timedelta())
            if what == "stored and judged":
                Judgement("i", policy).look(conn, now=now, judged_until=None, late=False)
            if what == "forgotten":
                retention.forget(conn, now=now + timedelta(days=90), after=timedelta(days=30), keep=())
        going_on, anew = kept.looks(now)
        assert going_on == anew
    engine.dispose()


def _stored(minute: int, job: str, number: int, site: str, takes: int | None, ended_well: bool) -> Execution:  # noqa: FBT001 - drawn
    end = None if takes is None else minute
    ending = {} if ended_well or end is None else {"exit_status": ExitStatus("ERROR", None, "error")}
    one = run(number, minute - (takes or 3), end, site, version=f"{minute} {takes} {ended_well}", **ending)
    return replace(one, job_id=job)


def test_jobs_that_nothing_happened_to_are_not_read_again(engine: Engine) -> None:
    kept = Kept(engine, scheduled("awaited"))
    keep(engine, [replace(run(number, -9, -5), job_id=f"job {number}") for number in range(50)])
    first = kept.looks(NOW)[0].jobs
    keep(engine, [replace(run(60, -4, -3), job_id="job 7")])
    second = kept.looks(NOW)[0].jobs
    changed = [job.job_id for job, before in zip(second, first, strict=True) if job is not before]
    assert changed == ["job 7"]


def test_what_a_job_usually_takes_is_shown_once_it_is_judged(engine: Engine) -> None:
    kept = Kept(engine, Policy())
    keep(engine, [run(number, -60 * number, -60 * number + 5) for number in range(1, 9)])
    assert kept.looks(NOW)[0].jobs[0].expected == {}
    with engine.begin() as conn:
        Judgement("i", Policy()).look(conn, now=NOW, judged_until=None, late=False)
    assert kept.looks(NOW)[0].jobs[0].expected["median"] == timedelta(minutes=5)


def test_a_forgotten_job_leaves_although_no_change_is_counted(engine: Engine) -> None:
    kept = Kept(engine, Policy())
    keep(engine, [run(1, -9, -5)])
    assert [job.job_id for job in kept.looks(NOW)[0].jobs] == ["job"]
    with engine.begin() as conn:
        retention.forget(conn, now=NOW + timedelta(days=90), after=timedelta(days=30), keep=())
    assert kept.looks(NOW)[0].jobs == ()
