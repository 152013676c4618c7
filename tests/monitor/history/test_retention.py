from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import Engine

from monitor.history import stats
from monitor.history.engine import reading
from monitor.history.executions import Judge, iterate, store
from monitor.history.retention import prune
from monitor.model import Execution

At = Callable[[float], datetime]


@pytest.fixture
def old(state: Engine, judge: Judge, at: At, run: Callable[..., Execution]) -> Engine:
    runs = [run(id=str(number), start=number, end=number + 1) for number in range(10)]
    runs.append(run(id="stuck", start=-5000, end=None, how="running"))
    with state.begin() as conn:
        store(conn, "production", runs, seen_at=at(20), backfill=False, judge=judge)
        other = run(id="other", start=0, end=1, instance="staging")
        store(conn, "staging", [other], seen_at=at(20), backfill=False, judge=judge)
    return state


def test_runs_that_ended_before_are_deleted_and_active_ones_never(old: Engine, at: At) -> None:
    with old.begin() as conn:
        assert prune(conn, before=at(8)) == 8
        assert [found.execution.id for found in iterate(conn)] == ["stuck", "7", "8", "9"]
        assert prune(conn, before=at(8)) == 0


def test_the_oldest_go_first_and_no_more_than_asked(old: Engine, at: At) -> None:
    with old.begin() as conn:
        assert prune(conn, before=at(8), limit=3) == 3
        assert [found.execution.id for found in iterate(conn, instance="production")][:2] == ["stuck", "3"]
        assert prune(conn, before=at(8), limit=3) == 3
        assert prune(conn, before=at(8), limit=3) == 2


def test_what_was_counted_stays_counted(old: Engine, at: At) -> None:
    def known() -> tuple[object, ...]:
        with reading(old) as conn:
            return stats.outcomes(conn), stats.durations(conn), stats.series(conn)

    before = known()
    with old.begin() as conn:
        prune(conn, before=at(1000))
    assert known() == before
