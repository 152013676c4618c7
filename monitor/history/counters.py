"""Counts each execution once, when it becomes final, and keeps the facts of its series.

Both outlive the executions: pruning takes nothing away from them. A count never falls, so an outcome
that changes later (a failed attempt that turns out to be superseded) stays counted as it was.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, case, func, select

from monitor.history.rows import JUDGED, decode_judged, span, ticks
from monitor.history.schema import executions, job_durations, job_outcomes, series
from monitor.history.series import (
    FAILURES,
    SUCCESSES,
    Mark,
    SeriesFacts,
    advance,
    is_withdrawn,
    latest,
    mark,
    run_time,
    withdraw,
)
from monitor.history.statements import upsert
from monitor.model import Execution, Outcome, Series, Trigger

DURATION_BUCKETS = (1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 28800, 43200)
"""Upper bounds in seconds, inclusive; one more bucket takes what is longer."""

_LONGEST_RUN = timedelta(days=7)
"""Bounds the search by start for runs that ended after an instant."""


class Stored(NamedTuple):
    """A row of the history: a run, how it was judged, and whether the counters have it."""

    execution: Execution
    outcome: Outcome
    trigger: Trigger
    counted: bool

    @property
    def mark(self) -> Mark:
        return mark(self.execution, self.outcome)


class Move(NamedTuple):
    """A run as it was stored before, and as it is stored now."""

    before: Stored | None
    after: Stored


def count(conn: Connection, instance: str, moves: Sequence[Move], seen_at: datetime) -> None:
    """Take account of runs that were just written."""
    ended = [after for before, after in moves if after.counted and not (before and before.counted)]
    _count_outcomes(conn, instance, ended)
    _count_durations(conn, instance, ended)
    _keep_series(conn, instance, moves, seen_at)


def decode_facts(row: Row[Any]) -> SeriesFacts:
    values = dict(zip(row._fields, row, strict=True))
    outcome = None if row.last_outcome is None else Outcome(row.last_outcome)
    return SeriesFacts(**{**values, "last_duration": span(row.last_duration), "last_outcome": outcome})


def _count_outcomes(conn: Connection, instance: str, ended: Iterable[Stored]) -> None:
    counts = Counter((run.execution.job_id, run.outcome.value, run.trigger.value) for run in ended)
    rows = [
        {"instance": instance, "job_id": job_id, "outcome": outcome, "trigger": trigger, "count": number}
        for (job_id, outcome, trigger), number in counts.items()
    ]
    upsert(conn, job_outcomes, rows, add={"count"})


def _count_durations(conn: Connection, instance: str, ended: Iterable[Stored]) -> None:
    counts: Counter[tuple[str, int]] = Counter()
    totals: Counter[tuple[str, int]] = Counter()
    for run in ended:
        duration = run_time(run.execution)
        if duration is not None:
            key = run.execution.job_id, bisect_left(DURATION_BUCKETS, duration.total_seconds())
            counts[key] += 1
            totals[key] += ticks(duration) or 0
    rows = [
        {"instance": instance, "job_id": key[0], "bucket": key[1], "count": number, "total": totals[key]}
        for key, number in counts.items()
    ]
    upsert(conn, job_durations, rows, add={"count", "total"})


def _keep_series(conn: Connection, instance: str, moves: Sequence[Move], seen_at: datetime) -> None:
    known = _load(conn, instance, moves)
    facts = dict(known)
    disordered: set[Series] = set()
    withdrawn: set[Series] = set()

    def of(key: Series) -> SeriesFacts:
        return facts.get(key) or SeriesFacts(instance, key.job_id, key.scope, first_seen=seen_at)

    given: dict[Series, list[Mark]] = {}
    for before, after in moves:
        old = before.mark if before else Mark()
        new = after.mark
        if before and (is_withdrawn(old, new) or before.execution.series != after.execution.series):
            facts[before.execution.series] = withdraw(of(before.execution.series), old)
            withdrawn.add(before.execution.series)
        elif before and old == new:
            continue
        given.setdefault(after.execution.series, []).append(new)
    for key, marks in given.items():
        marks.sort(key=_by_end)  # in order, nothing has to be counted again
        facts[key], in_order = advance(of(key), marks)
        if not in_order:
            disordered.add(key)
    for key in withdrawn:
        facts[key] = _found_again(conn, facts[key])
    for key in disordered | withdrawn:
        facts[key] = _counted_again(conn, facts[key])
    upsert(conn, series, [_encode(fact) for key, fact in facts.items() if fact != known.get(key)])


def _by_end(run: Mark) -> tuple[bool, datetime | None]:
    return (run.ended is not None, run.ended)


def _load(conn: Connection, instance: str, moves: Iterable[Move]) -> dict[Series, SeriesFacts]:
    jobs = {move.after.execution.job_id for move in moves}
    found = (decode_facts(row) for row in conn.execute(_SERIES, {"of": instance, "jobs": sorted(jobs)}))
    return {Series(facts.job_id, facts.scope): facts for facts in found}


_SERIES = select(series).where(
    series.c.instance == bindparam("of"), series.c.job_id.in_(bindparam("jobs", expanding=True))
)


def _found_again(conn: Connection, facts: SeriesFacts) -> SeriesFacts:
    """The latest times among the stored runs. Reads all runs of the series, but a withdrawal is rare."""
    started = case((executions.c.execution_status != "pending", executions.c.start_time))
    ended = executions.c.ended_at
    row = conn.execute(
        select(
            func.max(started),
            func.max(ended),
            func.max(ended).filter(executions.c.outcome.in_(SUCCESSES)),
            func.max(ended).filter(executions.c.outcome.in_(FAILURES)),
        ).where(_counts_for(facts))
    ).one()
    return replace(
        facts,
        last_start=latest(facts.last_start, row[0]),
        last_end=latest(facts.last_end, row[1]),
        last_success=latest(facts.last_success, row[2]),
        last_failure=latest(facts.last_failure, row[3]),
    )


def _counted_again(conn: Connection, facts: SeriesFacts) -> SeriesFacts:
    """The streak, and the run that ended last, from the stored runs."""
    failures = select(func.count()).where(_counts_for(facts), executions.c.outcome.in_(FAILURES))
    if facts.last_success is not None:
        failures = failures.where(
            executions.c.ended_at > facts.last_success,
            executions.c.began_at > facts.last_success - _LONGEST_RUN,
        )
    facts = replace(facts, consecutive_failures=conn.execute(failures).scalar_one())
    if facts.last_end is None:
        return replace(facts, last_outcome=None, last_duration=None)
    row = conn.execute(
        select(*JUDGED)
        .where(_counts_for(facts), executions.c.ended_at == facts.last_end)
        .order_by(executions.c.began_at.desc(), executions.c.id.desc())
        .limit(1)
    ).first()
    if row is None:  # pruned
        return facts
    run = decode_judged(row)
    return replace(facts, last_outcome=run.outcome, last_duration=run_time(run.execution))


_FACTS = tuple(field.name for field in fields(SeriesFacts))


def _counts_for(facts: SeriesFacts) -> ColumnElement[bool]:
    return and_(
        executions.c.instance == facts.instance,
        executions.c.job_id == facts.job_id,
        executions.c.scope == facts.scope,
        executions.c.outcome != Outcome.SUPERSEDED,
    )


def _encode(facts: SeriesFacts) -> dict[str, Any]:
    row = {name: getattr(facts, name) for name in _FACTS}
    return {**row, "last_duration": ticks(facts.last_duration)}
