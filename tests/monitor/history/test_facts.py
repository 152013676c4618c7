from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, text

from monitor.history import executions as history
from monitor.history import facts
from monitor.history.engine import reading
from monitor.history.executions import Judge, store
from monitor.history.recent import Recent
from monitor.history.retention import prune
from monitor.model import Execution, Interval, RunId, Series, Step

At = Callable[[float], datetime]
Make = Callable[..., Execution]
KEEP = 3


@pytest.fixture
def remember(state: Engine, judge: Judge, at: At) -> Callable[..., None]:
    def keep(*runs: Execution) -> None:
        with state.begin() as conn:
            for instance in {run.instance for run in runs}:
                some = [run for run in runs if run.instance == instance]
                store(conn, instance, some, seen_at=at(10_000), backfill=False, judge=judge)

    return keep


def test_the_last_final_runs_of_each_series_and_all_active_ones(
    state: Engine, remember: Callable[..., None], run: Make
) -> None:
    remember(
        *[run("import", str(number), number * 10, number * 10 + 5) for number in range(5)],
        *[
            run("import", f"site {number}", number * 10, number * 10 + 5, scope="RefArch")
            for number in range(2)
        ],
        run("import", "stuck", -900, None, "running"),
        run("export", "new", 7, None, "running"),
        run("import", "elsewhere", instance="staging"),
    )
    with reading(state) as conn:
        found = facts.runs(conn, "production", None, history.active(conn, "production"), KEEP)
    assert {series: [run.id for run in runs] for series, runs in found.items()} == {
        Series("import", "Organization"): ["stuck", "2", "3", "4"],
        Series("import", "RefArch"): ["site 0", "site 1"],
        Series("export", "Organization"): ["new"],
    }


def test_only_the_jobs_that_were_asked_for(state: Engine, remember: Callable[..., None], run: Make) -> None:
    remember(run("import"), run("export"), run("index", how="running", end=None))
    with reading(state) as conn:
        assert {
            series.job_id
            for series in facts.runs(conn, "production", {"import"}, history.active(conn, "production"), KEEP)
        } == {"import"}
        assert {
            series.job_id
            for series in facts.runs(conn, "production", ["index"], history.active(conn, "production"), KEEP)
        } == {"index"}
        assert facts.runs(conn, "production", [], history.active(conn, "production"), KEEP) == {}
        assert facts.runs(conn, "staging", None, history.active(conn, "staging"), KEEP) == {}


def test_runs_that_began_at_once_do_not_widen_the_window(
    state: Engine, remember: Callable[..., None], run: Make
) -> None:
    remember(*[run(id=str(number)) for number in range(5)])
    with reading(state) as conn:
        (found,) = facts.runs(conn, "production", None, history.active(conn, "production"), KEEP).values()
    assert [run.id for run in found] == ["2", "3", "4"]


def test_a_series_whose_runs_are_pruned_is_absent(
    state: Engine, remember: Callable[..., None], run: Make, at: At
) -> None:
    remember(run())
    with state.begin() as conn:
        prune(conn, before=at(1000))
        assert facts.runs(conn, "production", None, history.active(conn, "production"), KEEP) == {}


def test_fresh_is_what_changed_since(state: Engine, remember: Callable[..., None], run: Make) -> None:
    remember(run(id="1"), run(id="2", how="running", end=None))
    remember(run(id="1"), run(id="2"), run(id="3"))
    with reading(state) as conn:
        assert facts.fresh(conn, "production", 1) == {RunId("import", "2"), RunId("import", "3")}
        assert facts.fresh(conn, "production", 2) == frozenset()
        assert len(facts.fresh(conn, "production", 0)) == 3
        assert facts.fresh(conn, "staging", 0) == frozenset()


@pytest.mark.parametrize(
    ("start", "end", "how", "is_there"),
    [
        pytest.param(0, 30, "ok", True, id="it was running all the time"),
        pytest.param(12, 18, "ok", True, id="it ran within"),
        pytest.param(0, 11, "ok", True, id="it ran into the interval"),
        pytest.param(19, 30, "ok", True, id="it began in the interval"),
        pytest.param(0, 10, "ok", False, id="it ended as the interval began"),
        pytest.param(20, 30, "ok", False, id="it began as the interval ended"),
        pytest.param(0, None, "running", False, id="it is still running: asked for elsewhere"),
    ],
)
def test_what_was_under_way_within_an_interval(
    state: Engine,
    remember: Callable[..., None],
    run: Make,
    at: At,
    start: int,
    end: int | None,
    how: str,
    *,
    is_there: bool,
) -> None:
    remember(run(start=start, end=end, how=how), run(instance="staging", start=12, end=18))
    with reading(state) as conn:
        found = facts.under_way(conn, "production", at(10), at(20))
    assert bool(found) is is_there
    assert all(one == (RunId("import", "1"), at(start), at(end or 0)) for one in found)


def test_what_began_within_an_interval_by_job_and_by_hand(
    state: Engine, remember: Callable[..., None], run: Make, at: At
) -> None:
    remember(
        run("import", "before", 9),
        run("import", "first", 10),
        run("import", "site", 15, 25, scope="RefArch", user_login="jdoe"),
        run("import", "active", 19, None, "running"),
        run("import", "after", 20, 30),
        run("export", "other", 15, 25),
        run("import", "elsewhere", 15, 25, instance="staging"),
    )
    within = Interval(at(10), at(20))
    with reading(state) as conn:
        every = facts.began(conn, "production", {"import"}, within)
        by_hand = facts.began(conn, "production", {"import", "export"}, within, by_hand=True)
        assert facts.began(conn, "production", [], within) == []
    assert {one.id for one in every} == {"first", "site", "active"}
    assert [one.id for one in by_hand] == ["site"]


def test_runs_are_found_by_their_names(state: Engine, remember: Callable[..., None], run: Make) -> None:
    remember(run(id="1"), run(id="2"), run(id="1", instance="staging"))
    wanted = [RunId("import", "1"), RunId("import", "nobody")]
    with reading(state) as conn:
        assert [one.key for one in facts.named(conn, "production", wanted)] == [("production", "import", "1")]
        assert facts.named(conn, "production", []) == []


def test_jobs_are_all_that_were_seen(state: Engine, remember: Callable[..., None], run: Make) -> None:
    remember(run("import"), run("export", how="running", end=None), run("else", instance="staging"))
    remember(run("index", how="running", end=None), run("export"))
    with reading(state) as conn:
        assert facts.jobs(conn, "production") == {"import", "export", "index"}
        assert {one.job_id for one in facts.changed(conn, "production", 1)} == {"index", "export"}


def test_the_steps_of_what_ended_ok_are_not_read(
    state: Engine, remember: Callable[..., None], run: Make
) -> None:
    steps = (Step("load", execution_status="finished"),)
    bad = (Step("load", execution_status="finished", status="ERROR"),)
    remember(
        run(id="ok", steps=steps),
        run(id="degraded", steps=bad),
        run(id="failed", how="error", steps=steps),
        run(id="active", how="running", end=None, steps=steps),
    )
    with reading(state) as conn:
        (found,) = facts.runs(conn, "production", None, history.active(conn, "production"), KEEP).values()
    assert {one.id: one.steps for one in found} == {
        "ok": (),
        "degraded": bad,
        "failed": steps,
        "active": steps,
    }


def _followed(conn: Connection, at: At) -> None:
    """Anew, and what changed since."""
    recent = Recent("production")
    for change in (10**9, 10**9 + 1):
        recent.follow(conn, change, at(5990), at(5930))


QUESTIONS: dict[str, Callable[[Connection, At], object]] = {
    "the runs of some jobs": lambda conn, _: facts.runs(
        conn, "production", ["job 1", "job 2"], history.active(conn, "production"), KEEP
    ),
    "the runs of all jobs": lambda conn, _: facts.runs(
        conn, "production", None, history.active(conn, "production"), KEEP
    ),
    "what is fresh": lambda conn, _: facts.fresh(conn, "production", 10**9),
    "what changed": lambda conn, _: facts.changed(conn, "production", 10**9),
    "what was under way": lambda conn, at: facts.under_way(conn, "production", at(5990), at(6000)),
    "what began at some time": lambda conn, at: facts.began(
        conn, "production", ["job 1", "job 2"], Interval(at(2000), at(2010))
    ),
    "what was begun by hand": lambda conn, at: facts.began(
        conn, "production", ["job 1", "job 2"], Interval(at(2000), at(2010)), by_hand=True
    ),
    "active runs": lambda conn, _: history.active(conn, "production"),
    "known versions": lambda conn, at: history.versions(conn, "production", at(5990)),
    "attempts that wait for a retry": lambda conn, at: history.awaiting_retry(conn, "production", at(5990)),
    "what a poll has to know": _followed,
    "the latest run": lambda conn, _: history.latest(conn, "production", "job 1"),
}


def test_no_question_reads_the_whole_history(
    state: Engine, remember: Callable[..., None], run: Make, at: At
) -> None:
    """By the plans. Those of SQLite do not look at the data, PostgreSQL wants to see that it is much."""
    remember(*[run(f"job {number % 20}", str(number), number, number + 1) for number in range(3000)])
    if state.dialect.name == "postgresql":
        with state.begin() as conn:
            conn.execute(text("ANALYZE"))
    bad = {}
    for question, ask in QUESTIONS.items():
        asked: list[tuple[str, Any]] = []
        with reading(state) as conn:
            event.listen(conn, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))  # noqa: B023 - asked within the loop
            ask(conn, at)
            for statement, parameters in asked.copy():
                plan = _plan(conn, statement, parameters)
                if _reads_all(plan):
                    bad[question] = plan
    assert bad == {}


@pytest.mark.parametrize(
    "question", ["the runs of some jobs", "the runs of all jobs", "what began at some time"]
)
def test_the_last_runs_are_found_series_by_series(engine: Engine, at: At, question: str) -> None:
    asked: list[tuple[str, Any]] = []
    with reading(engine) as conn:
        event.listen(conn, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))
        QUESTIONS[question](conn, at)
        steps = [step for call in asked.copy() for step in _plan(conn, *call) if " executions " in step]
    assert {"ix_executions_series" in step or "ended_at=?" in step for step in steps} == {True}


def test_runs_are_found_one_by_one_where_they_are_asked_by_name(engine: Engine) -> None:
    asked: list[tuple[str, Any]] = []
    with reading(engine) as conn:
        event.listen(conn, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))
        facts.named(conn, "production", [RunId("job 1", "1")])
        steps = [step for call in asked.copy() for step in _plan(conn, *call) if " executions " in step]
    assert steps
    assert all("(instance=? AND job_id=? AND id=?)" in step for step in steps)


def test_a_plan_that_reads_all_would_be_noticed(
    state: Engine, remember: Callable[..., None], run: Make
) -> None:
    remember(run())
    with reading(state) as conn:
        assert _reads_all(_plan(conn, "SELECT count(*) FROM executions WHERE status = 'OK'", ()))


def _plan(conn: Connection, statement: str, parameters: Any) -> list[str]:
    if conn.dialect.name == "sqlite":
        return [row[3] for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    return list(conn.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars())


def _reads_all(plan: list[str]) -> bool:
    """The whole table, or all of one instance by an index: what is older than a change is nearly all."""
    whole = "SCAN executions", "Seq Scan on executions"
    return any(
        (step.startswith("SEARCH executions") and step.endswith(("(instance=?)", "change<?)")))
        or any(one in step for one in whole)
        for step in plan
    )
