"""What a poll remembers is what it would be told if it asked for all of it again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, event

from monitor.history import cursor as cursors
from monitor.history.engine import reading
from monitor.history.executions import Judge, mark_missing, store
from monitor.history.recent import SLACK, Recent
from monitor.history.retention import prune
from monitor.model import Execution, RunId, RunKey

At = Callable[[float], datetime]
Make = Callable[..., Execution]
Follow = Callable[..., Recent]

RETRY_WAIT = timedelta(minutes=70)
LIVES = ("pending", "running", "ok", "error", "aborted", "retried", "error, to be retried")


@pytest.fixture
def remember(state: Engine, judge: Judge, at: At) -> Callable[..., None]:
    def keep(*runs: Execution) -> None:
        with state.begin() as conn:
            store(conn, "production", runs, seen_at=at(0), backfill=False, judge=judge)

    return keep


def followed(recent: Recent, conn: Connection, now: datetime) -> Recent:
    change = cursors.load(conn, "production").change
    recent.follow(conn, change, now - timedelta(minutes=11), now - RETRY_WAIT)
    return recent


def what_counts(recent: Recent, runs: list[Execution], since: datetime) -> Any:
    """Which of the versions are there beyond the window is nobody's business."""
    wanted = {run.run_id for run in runs if (run.ended or run.began or since) >= since}
    versions = {run: version for run, version in recent.versions.items() if run in wanted}
    return versions, recent.active, recent.waiting


def test_known_are_final_runs_of_the_window_and_all_active_ones(
    state: Engine, remember: Callable[..., None], run: Make, at: At
) -> None:
    remember(
        run(id="long ago", start=-500, end=-400),
        run(id="lately", start=-500, end=-5),
        run(id="active", start=-500, end=None, how="running"),
        run(id="elsewhere", instance="production", job_id="export", how="pending", end=None),
    )
    with reading(state) as conn:
        recent = followed(Recent("production"), conn, at(0))
        assert not followed(Recent("staging"), conn, at(0)).versions
    assert {known.id: version for known, version in recent.versions.items()} == {
        "lately": "ok -5",
        "active": "running None",
        "elsewhere": "pending None",
    }
    assert recent.active == {RunId("import", "active"), RunId("export", "elsewhere")}


def test_failed_attempts_wait_for_as_long_as_a_retry_may_come(
    state: Engine, remember: Callable[..., None], run: Make, at: At
) -> None:
    attempt = run(start=-10, end=0, how="error", current_retry_attempt=0, max_retries=1)
    recent = Recent("production")
    remember(attempt)
    for minute, waiting in ((0, 1), (70, 1), (71, 0), (69, 1), (300, 0), (10, 1)):
        with reading(state) as conn:
            assert len(followed(recent, conn, at(minute)).waiting) == waiting
    remember(replace(attempt, execution_status="retried", version="2"))
    with reading(state) as conn:
        assert followed(recent, conn, at(10)).waiting == {}


def test_a_wait_that_is_longer_than_it_seemed_is_read_anew(
    state: Engine, remember: Callable[..., None], run: Make, at: At
) -> None:
    remember(run(start=-300, end=-290, how="error", current_retry_attempt=0, max_retries=1))
    recent = Recent("production")
    with reading(state) as conn:
        for minute, waiting in ((0, 0), (-290, 1), (-289, 0)):
            recent.follow(conn, cursors.load(conn, "production").change, at(0), at(minute))
            assert len(recent.waiting) == waiting


def test_a_vanished_run_is_not_known_because_it_may_come_back(
    state: Engine, remember: Callable[..., None], judge: Judge, run: Make, at: At
) -> None:
    recent = Recent("production")
    for minute in (1, 2):
        remember(run(how="running", end=None)) if minute == 1 else None
        with state.begin() as conn:
            mark_missing(conn, RunKey("production", "import", "1"), seen_at=at(minute), judge=judge)
        with reading(state) as conn:
            followed(recent, conn, at(minute))
    assert (dict(recent.versions), recent.active) == ({}, set())


def test_nothing_is_read_again_while_nothing_changed(
    state: Engine, remember: Callable[..., None], run: Make, at: At
) -> None:
    remember(run(start=-10, end=0), run(id="2", how="running", end=None))
    asked: list[str] = []
    recent = Recent("production")
    with reading(state) as conn:
        change = cursors.load(conn, "production").change
        event.listen(conn, "before_cursor_execute", lambda *call: asked.append(call[2]))
        for minute, questions in ((0, 3), (1, 0), (500, 0), (499, 0), (400, 3)):
            asked.clear()
            recent.follow(conn, change, at(minute), at(minute) - RETRY_WAIT)
            assert len(asked) == questions, f"minute {minute}"


def test_what_is_long_over_is_forgotten(
    state: Engine, remember: Callable[..., None], run: Make, at: At
) -> None:
    recent = Recent("production")
    for minute in range(0, 1500, 10):
        remember(run(id=str(minute), start=minute - 2, end=minute))
        with reading(state) as conn:
            assert len(followed(recent, conn, at(minute)).versions) <= (11 + 2 * SLACK.seconds / 60) / 10 + 1


def test_a_state_that_was_put_back_is_read_anew(
    state: Engine, remember: Callable[..., None], empty: Callable[[Connection], None], run: Make, at: At
) -> None:
    recent = Recent("production")
    remember(run(id="1"))
    remember(run(id="2"))
    with reading(state) as conn:
        followed(recent, conn, at(10))
    with state.begin() as conn:
        empty(conn)
    remember(run(id="3"))
    with reading(state) as conn:
        assert followed(recent, conn, at(10)).versions.keys() == {RunId("import", "3")}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_following_the_changes_comes_to_what_reading_anew_does(
    engine: Engine, judge: Judge, at: At, run: Make, empty: Callable[[Connection], None], data: st.DataObject
) -> None:
    recent = Recent("production")
    kept: dict[RunId, Execution] = {}
    minute = 0
    with engine.begin() as conn:
        empty(conn)
        for turn in range(data.draw(st.integers(1, 8))):
            minute += data.draw(st.integers(-20, 90))
            for _ in range(data.draw(st.integers(0, 3))):
                life = data.draw(st.sampled_from(LIVES))
                number, start = data.draw(st.integers(0, 5)), minute - data.draw(st.integers(0, 100))
                one = _run(run, at, number, start, minute, life, turn)
                store(conn, "production", [one], seen_at=at(minute), backfill=False, judge=judge)
                kept[one.run_id] = one
            if data.draw(st.booleans()) and kept:
                gone = data.draw(st.sampled_from(sorted(kept)))
                mark_missing(conn, RunKey("production", *gone), seen_at=at(minute), judge=judge)
            if data.draw(st.booleans()):  # else another agent had the turn
                if data.draw(st.booleans()):
                    # Of what was known: whoever takes over after days begins with an empty memory.
                    followed(recent, conn, at(minute))
                    prune(conn, before=at(minute - 200))
                since = at(minute) - timedelta(minutes=11)
                anew = followed(Recent("production"), conn, at(minute))
                followed(recent, conn, at(minute))
                runs = list(kept.values())
                assert what_counts(recent, runs, since) == what_counts(anew, runs, since)


def _run(run: Make, at: At, number: int, start: int, minute: int, life: str, turn: int) -> Execution:
    how, _, retry = life.partition(", ")
    ends = None if how in {"pending", "running"} else minute
    fields: dict[str, Any] = {"current_retry_attempt": 0, "max_retries": 1} if retry else {}
    return run("import", str(number), start, ends, how, last_modified=at(turn), version=str(turn), **fields)
