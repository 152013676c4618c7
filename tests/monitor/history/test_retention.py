from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine

from monitor.history import stats
from monitor.history.engine import reading
from monitor.history.executions import Judge, iterate, store
from monitor.history.retention import forget, prune
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


@pytest.mark.parametrize(
    ("starts", "looked_at", "expected"),
    [
        pytest.param([0, 1440], 1440 + 30 * 1440, [], id="thirty days, to the minute it ended in"),
        pytest.param([0, 1440], 1442 + 30 * 1440, ["import"], id="longer than thirty days"),
        pytest.param([0, 31 * 1440], 31 * 1440 + 90 * 1440, [], id="a monthly job is awaited thrice"),
        pytest.param([0, 31 * 1440], 31 * 1440 + 94 * 1440, ["import"], id="and then is gone"),
    ],
)
def test_a_job_that_nobody_has_seen_for_long_is_forgotten(
    state: Engine,
    judge: Judge,
    at: At,
    run: Callable[..., Execution],
    starts: list[int],
    looked_at: int,
    expected: list[str],
) -> None:
    runs = [run(id=str(start), job_id="import", start=start, end=start + 1) for start in starts]
    with state.begin() as conn:
        store(conn, "production", runs, seen_at=at(starts[-1] + 1), backfill=False, judge=judge)
        gone = forget(conn, now=at(looked_at), after=timedelta(days=30), keep=())
        assert [job_id for _, job_id in gone] == expected
        assert [one.job_id for one in stats.series(conn)] == ([] if expected else ["import"])
        assert bool(stats.outcomes(conn)) is not bool(expected)


def test_a_job_with_an_active_run_or_an_open_incident_is_kept(old: Engine, at: At) -> None:
    years = 3 * 365 * 1440
    with old.begin() as conn:
        assert forget(conn, now=at(years), after=timedelta(days=30), keep=[("staging", "import")]) == []
