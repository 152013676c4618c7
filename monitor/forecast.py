"""The coming days of each instance as advice wants them: slots, and durations from the history."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import Connection

from monitor import timetables
from monitor.advising import Job, Week
from monitor.detect.baseline import Baseline, baseline
from monitor.detect.model import RUNS_KEPT
from monitor.history import cursor as cursors
from monitor.history import facts as stored
from monitor.model import Execution, Series
from monitor.policy import Policy
from monitor.settings import InstanceSettings, Settings
from monitor.settings.policies import policy


def weeks(
    connection: Connection, settings: Settings, instance: str | None, now: datetime, length: timedelta
) -> Iterator[Week]:
    """One for each instance of the settings, from what was read last; without jobs where no slot is known."""
    for one in settings.instances:
        if instance in {None, one.name}:
            yield _week(connection, one, policy(settings, one), now, length)


def _week(
    connection: Connection, one: InstanceSettings, rules: Policy, now: datetime, length: timedelta
) -> Week:
    start = cursors.load(connection, one.name).seen_until or now
    tables = timetables.load(connection, one.name, rules, None)
    slots = {
        job_id: tuple(slot.at for slot in table.slots(start, start + length))
        for job_id, table in tables.items()
    }
    due = {job_id for job_id, some in slots.items() if some}
    usual = _usual(stored.runs(connection, one.name, due, (), keep=RUNS_KEPT), rules)
    jobs = {
        job_id: Job(job_id, slots[job_id], usual.get(job_id), tables[job_id].text) for job_id in sorted(due)
    }
    return Week(one.name, start, start + length, jobs, rules)


def _usual(runs: dict[Series, tuple[Execution, ...]], rules: Policy) -> dict[str, Baseline]:
    """Of several sites, which run at once more often than not, the one that takes longest."""
    found: dict[str, Baseline] = {}
    for series, some in runs.items():
        known = baseline(some, rules.job(series.job_id))
        longest = found.get(series.job_id)
        if known is not None and (longest is None or known.median > longest.median):
            found[series.job_id] = known
    return found
