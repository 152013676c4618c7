"""Pages come in any order and more than once: what is stored and counted in the end is the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine

from monitor.history import stats
from monitor.history.executions import Judge, iterate, store
from monitor.history.series import FAILURES, SUCCESSES, SeriesFacts
from monitor.model import Execution, Outcome

At = Callable[[float], datetime]
Make = Callable[..., Execution]

LIVES = st.sampled_from(
    [
        ("ok",),
        ("error",),
        ("running", "ok"),
        ("pending", "running", "error"),
        ("running", "error", "retried"),
        ("running", "restarted"),
        ("running", "aborted"),
        ("running",),
    ]
)
"""What the platform says of one run, one look after the other."""


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lives=st.lists(st.tuples(LIVES, st.integers(0, 6), st.integers(1, 6)), min_size=1, max_size=7),
    data=st.data(),
)
def test_order_and_repetition_of_pages_do_not_matter(
    engine: Engine,
    judge: Judge,
    at: At,
    run: Make,
    empty: Callable[[Connection], None],
    lives: list[tuple[tuple[str, ...], int, int]],
    data: st.DataObject,
) -> None:
    looks = [
        run(id=str(number), start=start, end=start + length, how=how, last_modified=at(look), version=how)
        for number, (words, start, length) in enumerate(lives)
        for look, how in enumerate(words)
    ]
    arrivals = data.draw(st.permutations(looks + data.draw(st.lists(st.sampled_from(looks), max_size=5))))
    pages = _cut(arrivals, data.draw(st.integers(1, 4)))
    with engine.begin() as conn:
        empty(conn)
        for page in pages:
            store(conn, "production", page, seen_at=at(30), backfill=False, judge=judge)
        stored = {found.execution.id: found.execution.execution_status for found in iterate(conn)}
        counted = sum(row.count for row in stats.outcomes(conn))
        histogram = sum(sum(row.counts) for row in stats.durations(conn))
        facts = stats.series(conn)
        runs = [(found.execution, found.outcome) for found in iterate(conn)]
    last = {str(number): words[-1] for number, (words, _, _) in enumerate(lives)}
    assert stored == {number: "finished" if how in {"ok", "error"} else how for number, how in last.items()}
    assert counted == histogram == sum(how != "running" for how in last.values())
    assert facts == [_expected(runs, at)]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(st.sampled_from(["ok", "error", "aborted"]), min_size=1, max_size=12), data=st.data())
def test_each_run_is_counted_once_under_its_outcome(
    state: Engine,
    judge: Judge,
    at: At,
    run: Make,
    empty: Callable[[Connection], None],
    words: list[str],
    data: st.DataObject,
) -> None:
    runs = [run(id=str(number), how=how) for number, how in enumerate(words)]
    with state.begin() as conn:
        empty(conn)
        for page in _cut(data.draw(st.permutations(runs * 2)), 3):
            store(conn, "production", page, seen_at=at(30), backfill=False, judge=judge)
        counts = {row.outcome: row.count for row in stats.outcomes(conn)}
    names = {"ok": Outcome.OK, "error": Outcome.FAILED, "aborted": Outcome.ABORTED}
    assert counts == Counter(names[how] for how in words)


def _cut(arrivals: list[Execution], pages: int) -> list[list[Execution]]:
    size = max(1, len(arrivals) // pages)
    return [arrivals[start : start + size] for start in range(0, len(arrivals), size)]


def _expected(runs: list[tuple[Execution, Outcome]], at: At) -> SeriesFacts:
    """The facts by their definition, from all runs at once."""
    facts = SeriesFacts("production", "import", "Organization", at(30))
    given = [(run, outcome) for run, outcome in runs if outcome is not Outcome.SUPERSEDED]
    ends = [(run.ended, run.began, run.id, outcome, run.duration) for run, outcome in given if run.ended]
    good = max((end for end, *_, outcome, _ in ends if outcome in SUCCESSES), default=None)
    bad = [end for end, *_, outcome, _ in ends if outcome in FAILURES]
    facts = replace(
        facts,
        last_start=max((run.start_time for run, _ in given if run.start_time), default=None),
        last_success=good,
        last_failure=max(bad, default=None),
        consecutive_failures=sum(good is None or end > good for end in bad),
    )
    if not ends:
        return facts
    end, _, _, outcome, duration = max(ends)
    return replace(facts, last_end=end, last_outcome=outcome, last_duration=duration)
