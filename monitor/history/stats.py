"""Counters and facts as they stand, for metrics and tables: of one instance, or of all at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Select, Table, select

from monitor.history.counters import DURATION_BUCKETS, decode_facts
from monitor.history.cursor import Cursor
from monitor.history.cursor import decode as decode_cursor
from monitor.history.rows import span, ticks
from monitor.history.schema import cursors as cursor_table
from monitor.history.schema import expected_durations as expected_table
from monitor.history.schema import job_durations, job_outcomes
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


def outcomes(conn: Connection, instance: str | None = None) -> list[OutcomeCount]:
    return [
        OutcomeCount(of, job_id, Outcome(outcome), Trigger(trigger), count)
        for of, job_id, outcome, trigger, count in conn.execute(_all(job_outcomes, instance))
    ]


def durations(conn: Connection, instance: str | None = None) -> list[DurationHistogram]:
    counts: dict[tuple[str, str], list[int]] = {}
    totals: Counter[tuple[str, str]] = Counter()
    for of, job_id, bucket, count, total in conn.execute(_all(job_durations, instance)):
        counts.setdefault((of, job_id), [0] * (len(DURATION_BUCKETS) + 1))[bucket] = count
        totals[of, job_id] += total
    return [
        DurationHistogram(*job, tuple(numbers), span(totals[job]) or timedelta())
        for job, numbers in counts.items()
    ]


def series(conn: Connection, instance: str | None = None) -> list[SeriesFacts]:
    return [decode_facts(row) for row in conn.execute(_all(series_table, instance))]


def overlap_pairs(conn: Connection, instance: str | None = None) -> list[OverlapPair]:
    return [OverlapPair(*row) for row in conn.execute(_all(pair_table, instance))]


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


def expected(conn: Connection, instance: str | None = None) -> list[ExpectedDuration]:
    rows = conn.execute(_all(expected_table, instance))
    return [ExpectedDuration(*row[:3], *(timedelta(microseconds=limit) for limit in row[3:])) for row in rows]


def cursors(conn: Connection, instance: str | None = None) -> list[Cursor]:
    return [decode_cursor(row) for row in conn.execute(_all(cursor_table, instance))]


def _all(table: Table, instance: str | None) -> Select[Any]:
    statement = select(table).order_by(*table.primary_key)
    return statement if instance is None else statement.where(table.c.instance == instance)
