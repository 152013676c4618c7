"""The same incidents come of a night whatever the pattern of polls, outages and restarts."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from alerts import store
from monitor.history import cursor as cursors
from monitor.history import executions as history
from monitor.history.engine import open_state
from monitor.judgement import Judgement, judge_for
from monitor.model import Execution, ExitStatus
from monitor.policy import GroupPolicy, JobPolicy, Policy
from monitor.schedule import Schedule

T0 = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)
LENGTH = 240
"""Minutes of a night."""

HOURLY = JobPolicy(schedule=Schedule(every=timedelta(hours=1)), schedule_source="configured")
HALF_HOURLY = JobPolicy(
    schedule=Schedule(every=timedelta(minutes=30)),
    schedule_source="configured",
    max_duration=timedelta(minutes=20),
)
JOBS = {
    "1-full": HOURLY,
    "2-differential": HALF_HOURLY,
    "3-sites": HOURLY,
    "alone": JobPolicy(max_duration=timedelta(minutes=30), failure_threshold=2),
}
POLICY = Policy(
    job=JOBS.__getitem__,
    scheduled=tuple(JOBS),
    groups=(GroupPolicy("imports", ("1-*", "2-*", "3-*"), order=("1-*", "2-*")),),
)

RUN = st.tuples(
    st.sampled_from(("1-full", "2-differential", "3-sites@A", "3-sites@B", "alone")),
    st.integers(0, LENGTH // 5 - 1).map(lambda step: step * 5),  # start
    st.integers(1, 70),  # minutes it takes
    st.sampled_from(("ok", "ok", "ok", "error", "aborted")),
    st.sampled_from((None, None, None, "jdoe")),
)
NIGHT = st.lists(RUN, max_size=16)


@dataclass(frozen=True)
class Pattern:
    """polls: their minutes. restarts: those of them at which a new process begins."""

    polls: tuple[int, ...]
    restarts: frozenset[int] = frozenset()


EVERY_FIVE_MINUTES = Pattern(tuple(range(0, LENGTH + 1, 5)))
PATTERNS = st.builds(
    lambda polls, restarts: Pattern(tuple(sorted({0, *polls, LENGTH})), frozenset(restarts)),
    st.lists(st.integers(1, LENGTH), max_size=12),
    st.lists(st.integers(1, LENGTH), max_size=3),
)


@pytest.fixture
def instances(sqlite_template: Path, tmp_path: Path) -> Iterator[Connection]:
    path = tmp_path / "state.db"
    shutil.copyfile(sqlite_template, path)
    engine = open_state(f"sqlite:///{path}")
    with engine.connect() as conn:
        yield conn
    engine.dispose()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(night=NIGHT, pattern=PATTERNS)
def test_the_incidents_of_a_night_do_not_depend_on_when_it_was_looked_at(
    instances: Connection, night: list[Any], pattern: Pattern
) -> None:
    with contextlib.closing(instances.begin()):
        watched(instances, "steadily", night, EVERY_FIVE_MINUTES)
        watched(instances, "now and then", night, pattern)
        assert told(instances, "now and then") == told(instances, "steadily")


def watched(conn: Connection, instance: str, night: list[Any], pattern: Pattern) -> None:
    judgement = Judgement(instance, POLICY)
    cursors.save(conn, cursors.Cursor(instance, first_poll_at=at(0)))
    for minute in pattern.polls:
        if minute in pattern.restarts:
            judgement = Judgement(instance, POLICY)
        runs = list(as_seen(instance, night, minute))
        history.store(conn, instance, runs, seen_at=at(minute), backfill=minute == 0, judge=judge_for(POLICY))
        before = cursors.complete(
            conn, instance, seen_until=at(minute), at=at(minute), running=0, clock_skew=None
        )
        cursors.cover(conn, instance, before.seen_until or at(0), at(minute))
        judgement.look(conn, now=at(minute), judged_until=before.seen_until, late=False)
        judgement.done()


def as_seen(instance: str, night: list[Any], minute: int) -> Iterator[Execution]:
    for number, (job, start, length, how, login) in enumerate(night):
        job_id, _, scope = job.partition("@")
        known: dict[str, Any] = {"scope": scope} if scope else {}
        if start > minute:
            continue
        end = start + length
        if end > minute:
            ending: dict[str, Any] = {"execution_status": "running"}
        elif how == "aborted":
            ending = {"execution_status": "aborted", "end_time": at(end)}
        else:
            status = ExitStatus(how.upper(), None, how)
            ending = {"execution_status": "finished", "exit_status": status, "end_time": at(end)}
        yield Execution(
            instance,
            job_id,
            str(number),
            start_time=at(start),
            user_login=login,
            steps=(),
            version=f"{end > minute}",
            last_seen=at(minute),
            **(known | ending),
        )


def told(conn: Connection, instance: str) -> list[Any]:
    """What there was, from when to when."""
    found = []
    for one in store.current(conn, T0 - timedelta(days=1), source=instance):
        labels = {name: value for name, value in one.labels.items() if name != "sfcc_instance"}
        found.append((one.condition, sorted(labels.items()), one.starts_at, one.ends_at))
    return sorted(found, key=repr)


def at(minute: float) -> datetime:
    return T0 + timedelta(minutes=minute)
