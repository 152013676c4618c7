"""Counters and facts as they stand, for metrics and tables: of one instance, or of all at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Table, bindparam, func, select

from monitor.history.counters import DURATION_BUCKETS, decode_facts
from monitor.history.cursor import Cursor
from monitor.history.cursor import decode as decode_cursor
from monitor.history.rows import span, ticks
from monitor.history.schema import cursors as cursor_table
from monitor.history.schema import executions, job_durations, job_outcomes
from monitor.history.schema import expected_durations as expected_table
from monitor.history.schema import overlap_pairs as pair_table
from monitor.history.schema import series as series_table
from monitor.history.series import SeriesFacts
from monitor.history.statements import upsert
from monitor.model import Outcome, Trigger


@dataclass(frozen=True, slots=True)
class OutcomeCount:
    instance: str
    job_id: str
    outcome: Outcome
    trigger: Trigger
    count: int


@dataclass(frozen=True, slots=True)
class DurationHistogram:
    """counts: runs in each of DURATION_BUCKETS, not cumulated, and last those that took longer."""

    instance: str
    job_id: str
    counts: tuple[int, ...]
    total: timedelta


@dataclass(frozen=True, slots=True)
class OverlapPair:
    """job_id: the later starter."""

    instance: str
    job_id: str
    other_job_id: str
    count: int


@dataclass(frozen=True, slots=True)
class ExpectedDuration:
    """What a run of a series usually takes."""

    instance: str
    job_id: str
    scope: str
    lower: timedelta
    median: timedelta
    upper: timedelta


def outcomes(
    conn: Connection, instance: str | None = None, jobs: Collection[str] | None = None
) -> list[OutcomeCount]:
    return [
        OutcomeCount(of, job_id, Outcome(outcome), Trigger(trigger), count)
        for of, job_id, outcome, trigger, count in _all(conn, job_outcomes, instance, jobs)
    ]


def durations(
    conn: Connection, instance: str | None = None, jobs: Collection[str] | None = None
) -> list[DurationHistogram]:
    counts: dict[tuple[str, str], list[int]] = {}
    totals: Counter[tuple[str, str]] = Counter()
    for of, job_id, bucket, count, total in _all(conn, job_durations, instance, jobs):
        counts.setdefault((of, job_id), [0] * (len(DURATION_BUCKETS) + 1))[bucket] = count
        totals[of, job_id] += total
    return [
        DurationHistogram(*job, tuple(numbers), span(totals[job]) or timedelta())
        for job, numbers in counts.items()
    ]


def series(
    conn: Connection, instance: str | None = None, jobs: Collection[str] | None = None
) -> list[SeriesFacts]:
    return [decode_facts(row) for row in _all(conn, series_table, instance, jobs)]


def overlap_pairs(conn: Connection, instance: str | None = None) -> list[OverlapPair]:
    return [OverlapPair(*row) for row in _all(conn, pair_table, instance)]


def count_overlap(conn: Connection, instance: str, job_id: str, other_job_id: str, count: int = 1) -> None:
    """More pairs of runs of these jobs were seen at once; `job_id` is the later starter."""
    row = {"instance": instance, "job_id": job_id, "other_job_id": other_job_id, "count": count}
    upsert(conn, pair_table, [row], add={"count"})


def expect(conn: Connection, expected: Iterable[ExpectedDuration]) -> None:
    """Keep what runs of these series usually take, in place of what was kept before."""
    rows = [
        {
            "instance": one.instance,
            "job_id": one.job_id,
            "scope": one.scope,
            "lower": ticks(one.lower),
            "median": ticks(one.median),
            "upper": ticks(one.upper),
        }
        for one in expected
    ]
    upsert(conn, expected_table, rows)


def expected(
    conn: Connection, instance: str | None = None, jobs: Collection[str] | None = None
) -> list[ExpectedDuration]:
    rows = _all(conn, expected_table, instance, jobs)
    return [ExpectedDuration(*row[:3], *(timedelta(microseconds=limit) for limit in row[3:])) for row in rows]


def cursors(conn: Connection, instance: str | None = None) -> list[Cursor]:
    return [decode_cursor(row) for row in _all(conn, cursor_table, instance)]


def changed_jobs(conn: Connection, instance: str, after_change: int) -> set[str]:
    """Of which a run was stored or changed after the change with this number."""
    return set(conn.execute(_CHANGED_JOBS, {"of": instance, "after": after_change}).scalars())


def series_known(conn: Connection, instance: str) -> int:
    """How many there are: fewer once a job is forgotten, which no change is counted for."""
    return conn.execute(_SERIES_KNOWN, {"of": instance}).scalar_one()


def _all(
    conn: Connection, table: Table, instance: str | None, jobs: Collection[str] | None = None
) -> Iterable[Any]:
    if instance is None:
        return conn.execute(select(table).order_by(*table.primary_key))
    if jobs is None:
        return conn.execute(_OF_ONE[table.name], {"of": instance})
    return conn.execute(_OF_SOME[table.name], {"of": instance, "jobs": sorted(jobs)})


_OF_ONE = {
    table.name: select(table).where(table.c.instance == bindparam("of")).order_by(*table.primary_key)
    for table in (cursor_table, expected_table, job_durations, job_outcomes, pair_table, series_table)
}
_OF_SOME = {
    table.name: _OF_ONE[table.name].where(table.c.job_id.in_(bindparam("jobs", expanding=True)))
    for table in (expected_table, job_durations, job_outcomes, series_table)
}
_CHANGED_JOBS = (
    select(executions.c.job_id)
    .where(executions.c.instance == bindparam("of"), executions.c.change > bindparam("after"))
    .distinct()
)
_SERIES_KNOWN = select(func.count()).where(series_table.c.instance == bindparam("of"))
