"""Schedules that were imported or learned, as they are kept, and the starts they are learned from.

Knows rows, not what makes a schedule. A start that tells of one is that of a scheduled run, no attempt of a
retry and no restart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Integer, and_, bindparam, delete, func, select

from monitor.history.cursor import locked
from monitor.history.schema import executions, learning, timetable_revisions
from monitor.history.schema import series as series_table
from monitor.history.statements import upsert
from monitor.model import Trigger
from monitor.schedule import Revision, Source
from monitor.schedule.codec import decode, encode
from monitor.schedule.starts import Start


def kept(
    conn: Connection, instance: str, jobs: Collection[str] | None = None
) -> dict[tuple[str, Source], tuple[Revision, ...]]:
    """By job and source, oldest first; of all jobs, for None."""
    statement, place = _KEPT, dict[str, Any](of=instance)
    if jobs is not None:
        if not jobs:
            return {}
        statement, place = _KEPT_OF_SOME, {**place, "jobs": sorted(jobs)}
    found: dict[tuple[str, Source], list[Revision]] = defaultdict(list)
    for row in conn.execute(statement, place):
        schedules = tuple(decode(one) for one in row.schedules)
        found[row.job_id, Source(row.source)].append(Revision(schedules, row.since, row.reason))
    return {key: tuple(some) for key, some in found.items()}


def keep(conn: Connection, instance: str, source: Source, revisions: Iterable[tuple[str, Revision]]) -> None:
    """Of each job one more, or another reason for the one that is in force since that instant."""
    locked(conn, instance)  # so that nobody keeps another one under the same number
    number = (conn.execute(_LAST_CHANGE, {"of": instance}).scalar() or 0) + 1
    rows = [
        {
            "instance": instance,
            "job_id": job_id,
            "source": source.value,
            "since": one.since,
            "schedules": [encode(schedule) for schedule in one.schedules],
            "reason": one.reason,
            "change": number,
        }
        for job_id, one in revisions
    ]
    upsert(conn, timetable_revisions, rows)


def changed(conn: Connection, instance: str, after: int) -> tuple[set[str], int]:
    """Jobs of which something was kept after the change with this number, and the number of the last one."""
    found = conn.execute(_CHANGED, {"of": instance, "after": after}).all()
    return {row.job_id for row in found}, max((row.change for row in found), default=after)


def imported_jobs(conn: Connection) -> set[tuple[str, str]]:
    """(instance, job_id) of what an import, or a person, has told of."""
    rows = conn.execute(_IMPORTED, {"source": Source.IMPORTED.value})
    return {(row.instance, row.job_id) for row in rows}


def due(conn: Connection, instance: str, until: datetime, limit: int) -> list[tuple[str, datetime]]:
    """Jobs whose checkpoint has come, with its instant; those that wait longest first."""
    rows = conn.execute(_DUE, {"of": instance, "until": until, "limit": limit})
    return [(row.job_id, row.next_at) for row in rows]


def followed(conn: Connection, instance: str, jobs: Collection[str]) -> set[str]:
    """Those of them that have a next checkpoint."""
    if not jobs:
        return set()
    return set(conn.execute(_FOLLOWED, {"of": instance, "jobs": sorted(jobs)}).scalars())


def follow(conn: Connection, instance: str, checkpoints: Iterable[tuple[str, datetime]]) -> None:
    """These are the next ones."""
    rows = [{"instance": instance, "job_id": job_id, "next_at": at} for job_id, at in checkpoints]
    upsert(conn, learning, rows)


def forget(conn: Connection, instance: str, job_id: str) -> None:
    for table in (learning, timetable_revisions):
        conn.execute(delete(table).where(table.c.instance == instance, table.c.job_id == job_id))


def last_starts(
    conn: Connection, instance: str, job_id: str, since: datetime, before: datetime, limit: int
) -> list[Start]:
    """Of each site the last `limit` in [since, before)."""
    sites = conn.execute(_SITES, {"of": instance, "job": job_id}).scalars().all()
    place = {"of": instance, "job": job_id, "since": since, "before": before, "limit": limit}
    found: list[Start] = []
    for scope in sites:
        found += [_start(row) for row in conn.execute(_LAST, {**place, "scope": scope})]
    return found


_KEPT = (
    select(timetable_revisions)
    .where(timetable_revisions.c.instance == bindparam("of"))
    .order_by(timetable_revisions.c.job_id, timetable_revisions.c.since)
)
_KEPT_OF_SOME = _KEPT.where(timetable_revisions.c.job_id.in_(bindparam("jobs", expanding=True)))
_IMPORTED = (
    select(timetable_revisions.c.instance, timetable_revisions.c.job_id)
    .where(timetable_revisions.c.source == bindparam("source"))
    .distinct()
)
_LAST_CHANGE = select(func.max(timetable_revisions.c.change)).where(
    timetable_revisions.c.instance == bindparam("of")
)
_CHANGED = select(timetable_revisions.c.job_id, timetable_revisions.c.change).where(
    timetable_revisions.c.instance == bindparam("of"), timetable_revisions.c.change > bindparam("after")
)
_DUE = (
    select(learning.c.job_id, learning.c.next_at)
    .where(learning.c.instance == bindparam("of"), learning.c.next_at <= bindparam("until"))
    .order_by(learning.c.next_at)
    .limit(bindparam("limit", type_=Integer))
)
_FOLLOWED = select(learning.c.job_id).where(
    learning.c.instance == bindparam("of"), learning.c.job_id.in_(bindparam("jobs", expanding=True))
)
_SITES = select(series_table.c.scope).where(
    series_table.c.instance == bindparam("of"), series_table.c.job_id == bindparam("job")
)
_LAST = (
    select(executions.c.began_at, executions.c.ended_at, executions.c.scope)
    .where(
        and_(
            executions.c.instance == bindparam("of"),
            executions.c.job_id == bindparam("job"),
            executions.c.scope == bindparam("scope"),
            executions.c.began_at >= bindparam("since"),
            executions.c.began_at < bindparam("before"),
            executions.c.trigger == Trigger.SCHEDULE.value,
            executions.c.is_restart.is_(False),
            func.coalesce(executions.c.current_retry_attempt, 0) == 0,
        )
    )
    .order_by(executions.c.began_at.desc())
    .limit(bindparam("limit", type_=Integer))
)


def _start(row: Any) -> Start:
    return Start(row.began_at, row.ended_at, row.scope)
