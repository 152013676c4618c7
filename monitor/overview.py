"""The rows of `jobs`: what is known of each job, and what holds for it. Reads committed state only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection

from alerts import store
from alerts.model import Incident
from monitor import timetables
from monitor.history import cursor as cursors
from monitor.history import executions as history
from monitor.history import stats
from monitor.history.series import SeriesFacts, latest
from monitor.policy import Policy
from monitor.schedule import NO_TIMETABLE


@dataclass(frozen=True, slots=True)
class JobRow:
    """One job over all its sites; `running` is how long the active run has taken so far, `usual` how long
    its slowest site usually takes."""

    instance: str
    job_id: str
    last_outcome: str | None
    severity: str | None
    conditions: tuple[str, ...]
    last_start: datetime | None
    last_end: datetime | None
    last_success: datetime | None
    last_failure: datetime | None
    last_duration: timedelta | None
    running: timedelta | None
    usual: timedelta | None
    consecutive_failures: int
    next_due: datetime | None

    def as_dict(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


def jobs(
    connection: Connection,
    *,
    instance: str | None,
    glob: str,
    now: datetime,
    policies: Mapping[str, Policy] = MappingProxyType({}),
) -> list[JobRow]:
    """Every job that matches, by instance and id: those that ran, and those that have a schedule."""
    series: dict[tuple[str, str], list[SeriesFacts]] = defaultdict(list)
    for one in stats.series(connection, instance):
        if fnmatchcase(one.job_id, glob):
            series[one.instance, one.job_id].append(one)
    slots = {
        (name, job_id): table
        for name, one in policies.items()
        if instance in {None, name}
        for job_id, table in timetables.load(connection, name, one).items()
        if fnmatchcase(job_id, glob)
    }
    seen = {one.instance: one.seen_until for one in stats.cursors(connection, instance)}
    incidents = _open_by_job(connection, instance, now)
    active = active_since(connection, {name for name, _ in series})
    usual = _usual(connection, instance)
    return [
        _row(
            key,
            series[key],
            incidents.get(key, []),
            active.get(key),
            usual.get(key),
            slots.get(key, NO_TIMETABLE).next_slot(seen.get(key[0]) or now),
            now,
        )
        for key in sorted({*series, *slots})
    ]


def latest_by_end(series: list[SeriesFacts]) -> SeriesFacts | None:
    """The site whose run ended last: it speaks for the job."""
    ended = [(one.last_end, one) for one in series if one.last_end is not None]
    return max(ended, key=lambda item: item[0])[1] if ended else None


def _row(
    key: tuple[str, str],
    series: list[SeriesFacts],
    incidents: list[Incident],
    active: datetime | None,
    usual: timedelta | None,
    next_due: datetime | None,
    now: datetime,
) -> JobRow:
    last = latest_by_end(series)
    worst = min(incidents, key=lambda one: one.severity.rank, default=None)
    return JobRow(
        instance=key[0],
        job_id=key[1],
        last_outcome=last.last_outcome if last else None,
        severity=worst.severity.value if worst else None,
        conditions=tuple(sorted({one.condition for one in incidents})),
        last_start=latest(*(one.last_start for one in series)),
        last_end=last.last_end if last else None,
        last_success=latest(*(one.last_success for one in series)),
        last_failure=latest(*(one.last_failure for one in series)),
        last_duration=last.last_duration if last else None,
        running=None if active is None else max(now - active, timedelta()),
        usual=usual,
        consecutive_failures=max((one.consecutive_failures for one in series), default=0),
        next_due=next_due,
    )


def _usual(connection: Connection, instance: str | None) -> dict[tuple[str, str], timedelta]:
    found: dict[tuple[str, str], timedelta] = {}
    for one in stats.expected(connection, instance):
        key = one.instance, one.job_id
        found[key] = max(found.get(key, one.median), one.median)
    return found


def _open_by_job(
    connection: Connection, instance: str | None, now: datetime
) -> dict[tuple[str, str], list[Incident]]:
    found: dict[tuple[str, str], list[Incident]] = defaultdict(list)
    for incident in store.current(connection, now, source=instance):
        if incident.is_open and "job_id" in incident.labels:
            found[incident.source, incident.labels["job_id"]].append(incident)
    return found


def active_since(connection: Connection, instances: set[str]) -> dict[tuple[str, str], datetime]:
    """When the oldest running run of each (instance, job) started, by our own clock.

    Pending ones have not started, and an attempt that waits for its retry has ended.
    """
    found: dict[tuple[str, str], datetime] = {}
    for name in sorted(instances):
        ahead = cursors.load(connection, name).clock_skew or timedelta()
        for run in history.active(connection, name):
            if run.start_time is not None and run.end_time is None and not run.is_pending:
                key, start = (run.instance, run.job_id), run.start_time - ahead
                found[key] = min(found.get(key, start), start)
    return found
