"""Runs that the history does not know, asked of the instance itself."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta

from monitor.access import connection_to
from monitor.cli.known import among
from monitor.detect.classify import outcome
from monitor.errors import MonitorError
from monitor.joblogs.runlog import FoundRun
from monitor.model import Execution, Outcome
from monitor.policy import Policy
from monitor.settings import InstanceSettings, Settings
from monitor.settings.policies import policy
from monitor.sfcc import JobsApi
from monitor.triggering.launching import runs_now

LAST_DAY = timedelta(days=1)
_BAD = (Outcome.FAILED, Outcome.ABORTED)


def the_instance(settings: Settings, name: str | None) -> InstanceSettings:
    """Of that name, or the only one; raises MonitorError."""
    names = [one.name for one in settings.instances]
    if name is None and len(names) > 1:
        raise MonitorError(f"on which instance? choose with --instance; {among('', names)}")
    found = next((one for one in settings.instances if name in {None, one.name}), None)
    if found is None:
        raise MonitorError(f"there is no instance {name!r} (--instance); {among(name or '', names)}")
    return found


def by_id(settings: Settings, job: str, execution_id: str, instance: str | None) -> FoundRun | None:
    """None as well where it is not clear which instance to ask."""
    names = [one.name for one in settings.instances if instance in {None, one.name}]
    if len(names) != 1:
        return None
    where = the_instance(settings, names[0])
    with closing(connection_to(settings, where.name)) as connection:
        run = connection.jobs.execution(job, execution_id)
    return None if run is None else _judged(run, policy(settings, where))


def find(settings: Settings, job: str, execution_id: str | None, instance: str | None) -> FoundRun:
    """That run, or the last failed one of the last day, else the newest of it; raises MonitorError."""
    where = the_instance(settings, instance)
    if execution_id is not None:
        found = by_id(settings, job, execution_id, where.name)
        if found is None:
            raise MonitorError(f"{where.name} has no run {execution_id} of the job {job!r}")
        return found
    rules = policy(settings, where)
    with closing(connection_to(settings, where.name)) as connection:
        runs = [_judged(run, rules) for run in newest_first(connection.jobs, job, LAST_DAY)]
    if not runs:
        text = "no run of the job within the last day; an older one is found by its id"
        raise MonitorError(f"{where.name} has {text}")
    bad = next((one for one in runs if one.outcome in _BAD), None)
    return bad or FoundRun(runs[0].run, runs[0].outcome, is_stopgap=True)


def newest_first(jobs: JobsApi, job: str, within: timedelta) -> list[Execution]:
    """Runs of one job that are active, or began or ended within that time."""
    now = datetime.now(UTC)
    found = {run.run_id: run for run in runs_now(jobs, job, now - within) if run.job_id == job}
    return sorted(found.values(), key=lambda run: (run.began or now, run.id), reverse=True)


def _judged(run: Execution, rules: Policy) -> FoundRun:
    return FoundRun(run, outcome(run, rules.job(run.job_id)))
