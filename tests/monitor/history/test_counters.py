from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from monitor.history import stats
from monitor.history.counters import DURATION_BUCKETS
from monitor.history.engine import reading
from monitor.history.executions import Judge, mark_missing, store
from monitor.history.series import SeriesFacts
from monitor.model import Execution, Outcome, RunKey, Trigger

At = Callable[[float], datetime]
Make = Callable[..., Execution]


class Tale:
    """Stores runs one poll after the other and asks what is known."""

    def __init__(self, engine: Engine, judge: Judge, at: At) -> None:
        self.engine = engine
        self._judge = judge
        self._at = at

    def tell(self, *runs: Execution, minute: float = 500) -> None:
        with self.engine.begin() as conn:
            for run in runs:
                self._store(conn, run, minute)

    def _store(self, conn: Any, run: Execution, minute: float) -> None:
        store(conn, run.instance, [run], seen_at=self._at(minute), backfill=False, judge=self._judge)

    def lose(self, key: RunKey) -> None:
        with self.engine.begin() as conn:
            for minute in (501, 502):
                mark_missing(conn, key, seen_at=self._at(minute), judge=self._judge)

    @property
    def facts(self) -> SeriesFacts:
        with reading(self.engine) as conn:
            (facts,) = stats.series(conn)
        return facts


@pytest.fixture
def tale(state: Engine, judge: Judge, at: At) -> Tale:
    return Tale(state, judge, at)


def test_runs_are_counted_by_job_outcome_and_trigger(tale: Tale, run: Make) -> None:
    tale.tell(
        run("import", "1"),
        run("import", "2", how="error"),
        run("import", "3", user_login="ann"),
        run("export", "4"),
        run("export", "5", how="running", end=None),
        run("import", "6", instance="staging"),
    )
    with reading(tale.engine) as conn:
        counts = {
            (row.job_id, row.outcome, row.trigger): row.count for row in stats.outcomes(conn, "production")
        }
        assert len(stats.outcomes(conn)) == 5
    assert counts == {
        ("import", Outcome.OK, Trigger.SCHEDULE): 1,
        ("import", Outcome.FAILED, Trigger.SCHEDULE): 1,
        ("import", Outcome.OK, Trigger.MANUAL): 1,
        ("export", Outcome.OK, Trigger.SCHEDULE): 1,
    }


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [(0, 0), (1, 0), (1.001, 1), (5, 1), (600, 7), (601, 8), (43200, 13), (43201, 14), (10**6, 14)],
)
def test_a_duration_falls_into_the_first_bucket_that_holds_it(
    tale: Tale, run: Make, seconds: float, bucket: int
) -> None:
    took = timedelta(seconds=seconds)
    tale.tell(run(id="1", duration=took), run(id="2", duration=took))
    with reading(tale.engine) as conn:
        (histogram,) = stats.durations(conn)
    assert len(histogram.counts) == len(DURATION_BUCKETS) + 1
    assert {index: count for index, count in enumerate(histogram.counts) if count} == {bucket: 2}
    assert histogram.total == 2 * took


def test_a_run_of_unknown_duration_is_counted_without_one(tale: Tale, run: Make) -> None:
    tale.tell(run(duration=None, start_time=None))
    with reading(tale.engine) as conn:
        assert stats.durations(conn) == []
        assert len(stats.outcomes(conn)) == 1


def test_the_sites_of_a_job_have_facts_of_their_own(tale: Tale, run: Make) -> None:
    tale.tell(run(id="1", scope="RefArch"), run(id="2", scope="RefArchGlobal", how="error"))
    with reading(tale.engine) as conn:
        failures = {facts.scope: facts.consecutive_failures for facts in stats.series(conn)}
        assert {row.count for row in stats.outcomes(conn)} == {1}
    assert failures == {"RefArch": 0, "RefArchGlobal": 1}


def test_an_active_run_moves_the_start_and_nothing_else(tale: Tale, run: Make, at: At) -> None:
    tale.tell(run(id="1"), run(id="2", start=60, end=None, how="running"))
    assert tale.facts.last_start == at(60)
    assert (tale.facts.last_end, tale.facts.last_outcome) == (at(10), Outcome.OK)


def test_a_run_that_arrives_late_does_not_become_the_last_one(tale: Tale, run: Make, at: At) -> None:
    tale.tell(run(id="2", start=60, end=90), run(id="1", start=0, end=10, how="error"))
    assert (tale.facts.last_end, tale.facts.last_outcome) == (at(90), Outcome.OK)
    assert tale.facts.last_failure == at(10)
    assert tale.facts.consecutive_failures == 0


def test_a_success_that_arrives_late_cuts_the_streak_where_it_was(tale: Tale, run: Make) -> None:
    failures = [
        run(id=str(number), start=number * 60, end=number * 60 + 1, how="error") for number in range(4)
    ]
    tale.tell(*failures)
    assert tale.facts.consecutive_failures == 4
    tale.tell(run(id="good", start=90, end=95))
    assert tale.facts.consecutive_failures == 2


def test_a_failure_that_turns_out_superseded_is_taken_back(tale: Tale, run: Make, at: At) -> None:
    tale.tell(
        run(id="1", start=0, end=10),
        run(id="2", start=60, end=70, how="error"),
        run(id="3", start=120, end=130, how="error"),
    )
    assert tale.facts.consecutive_failures == 2
    tale.tell(run(id="3", start=120, end=130, how="retried"))
    assert tale.facts.consecutive_failures == 1
    assert (tale.facts.last_start, tale.facts.last_end) == (at(60), at(70))
    assert (tale.facts.last_failure, tale.facts.last_outcome) == (at(70), Outcome.FAILED)
    tale.tell(run(id="2", start=60, end=70, how="retried"))
    assert tale.facts.consecutive_failures == 0
    assert (tale.facts.last_failure, tale.facts.last_outcome) == (None, Outcome.OK)


def test_what_pruned_runs_left_behind_survives_a_correction(
    tale: Tale, run: Make, at: At, state: Engine
) -> None:
    tale.tell(run(id="1", start=0, end=10))
    with state.begin() as conn:
        conn.exec_driver_sql("DELETE FROM executions")
    tale.tell(run(id="2", start=60, end=70, how="error"), run(id="2", start=60, end=70, how="retried"))
    assert tale.facts.last_success == at(10)
    assert tale.facts.consecutive_failures == 0


def test_a_vanished_run_is_the_last_one_and_fills_no_streak(tale: Tale, run: Make, at: At) -> None:
    tale.tell(run(id="1", how="error"), run(id="2", start=60, end=None, how="running"))
    tale.lose(RunKey("production", "import", "2"))
    assert (tale.facts.last_outcome, tale.facts.last_end, tale.facts.last_duration) == (
        Outcome.VANISHED,
        at(500),
        None,
    )
    assert tale.facts.consecutive_failures == 1


def test_a_vanished_run_that_comes_back_is_not_the_last_one_any_more(tale: Tale, run: Make, at: At) -> None:
    tale.tell(run(id="1", how="error"), run(id="2", start=60, end=None, how="running"))
    tale.lose(RunKey("production", "import", "2"))
    tale.tell(run(id="2", start=60, end=None, how="running"), minute=510)
    assert (tale.facts.last_outcome, tale.facts.last_end) == (Outcome.FAILED, at(10))


def test_a_run_whose_scope_becomes_known_later_moves_to_its_series(tale: Tale, run: Make, at: At) -> None:
    tale.tell(run(how="running", end=None), run(how="error", scope="RefArch"))
    with reading(tale.engine) as conn:
        facts = {one.scope: one for one in stats.series(conn)}
    assert facts["Organization"].last_start is None
    assert (facts["RefArch"].last_start, facts["RefArch"].consecutive_failures) == (at(0), 1)


def test_overlaps_are_summed_up_by_pair(state: Engine) -> None:
    with state.begin() as conn:
        stats.count_overlap(conn, "production", "delta", "full")
        stats.count_overlap(conn, "production", "delta", "full", 2)
        stats.count_overlap(conn, "production", "full", "delta")
        stats.count_overlap(conn, "staging", "delta", "full")
        pairs = [(one.job_id, one.other_job_id, one.count) for one in stats.overlap_pairs(conn, "production")]
        assert len(stats.overlap_pairs(conn)) == 3
    assert pairs == [("delta", "full", 3), ("full", "delta", 1)]


def test_what_is_expected_is_kept_in_place_of_what_was(state: Engine) -> None:
    minute = timedelta(minutes=1)
    first = stats.ExpectedDuration("production", "import", "Organization", minute, 2 * minute, 3 * minute)
    second = stats.ExpectedDuration("production", "import", "Organization", minute, 4 * minute, 9 * minute)
    with state.begin() as conn:
        stats.expect(conn, [first])
        stats.expect(conn, [second])
        stats.expect(conn, [])
        assert stats.expected(conn) == [second]
        assert stats.expected(conn, "staging") == []


def test_cursors_of_all_instances_or_of_one(tale: Tale, run: Make) -> None:
    tale.tell(run(), run(instance="staging"))
    with reading(tale.engine) as conn:
        assert [cursor.instance for cursor in stats.cursors(conn)] == ["production", "staging"]
        assert [cursor.instance for cursor in stats.cursors(conn, "staging")] == ["staging"]
