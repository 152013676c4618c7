"""From settings to the plain data detection works with. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import fnmatchcase, translate
from functools import cache
from typing import Any

from monitor.policy import AKENEO, GroupPolicy, JobPolicy, Policy
from monitor.schedule import Schedule
from monitor.settings.kinds import instance_type
from monitor.settings.model import GroupSettings, InstanceSettings, JobSettings, Settings
from monitor.settings.schedules import SCHEDULE, schedule_of

_JOB_DEFAULTS = ("failure_threshold", "recovery_threshold", "alert_on_retry", "aborted_is")
_CODES = ("failure_codes", "warn_codes")
_TEXTS = ("title", "impact", "owner", "runbook", "attach")
_GLOB = re.compile(r"[*?\[]")


def policy(settings: Settings, instance: InstanceSettings) -> Policy:
    """What holds for one instance. Its job lookup remembers answers: ids repeat at every poll."""
    tables = [(_matcher(table.match), table) for table in settings.jobs if _is_meant(table, instance)]
    detection = settings.detection

    @cache
    def job(job_id: str) -> JobPolicy:
        own = [table for matches, table in tables if matches(job_id)]
        return _job_policy(settings, own, instance.timezone)

    named = {table.match: job(table.match) for _, table in tables if not _GLOB.search(table.match)}
    return Policy(
        job=job,
        scheduled=tuple(sorted(job_id for job_id, one in named.items() if one.schedule is not None)),
        groups=_groups(settings, instance),
        site_spread=detection.site_spread,
        buffer=detection.buffer,
        retry_wait=detection.retry_wait,
        scheduler_logins=tuple(detection.scheduler_logins),
        scheduler_clients=tuple(detection.scheduler_clients),
        system_jobs=tuple(instance.include_system_jobs),
        severity_offset=1 if instance_type(instance) in {"staging", "development"} else 0,
    )


def _is_meant(table: JobSettings | GroupSettings, instance: InstanceSettings) -> bool:
    return fnmatchcase(instance.name, table.instance) and fnmatchcase(
        instance_type(instance), table.instance_type
    )


def _matcher(glob: str) -> Callable[[str], object]:
    """Compiled once: the library remembers too few globs for settings that have a table for each job."""
    return re.compile(translate(glob)).match if _GLOB.search(glob) else glob.__eq__


def _job_policy(settings: Settings, tables: list[JobSettings], timezone: str) -> JobPolicy:
    detection = settings.detection
    fields: dict[str, Any] = {name: getattr(detection, name) for name in _JOB_DEFAULTS}
    fields |= {name: tuple(getattr(detection, name)) for name in _CODES}
    severity: dict[str, str] = {}
    for table in tables:
        for name in (*_JOB_DEFAULTS, *_TEXTS):
            if (value := getattr(table, name)) is not None:
                fields[name] = value
        for name in _CODES:
            if (codes := getattr(table, name)) is not None:
                fields[name] = tuple(codes)
        severity |= table.severity
    schedule = _schedule(tables, timezone)
    source = "none" if schedule is None else "configured"
    return JobPolicy(**fields, severity=severity, schedule=schedule, schedule_source=source)


def _schedule(tables: list[JobSettings], timezone: str) -> Schedule | None:
    """Field by field, but a cron and an interval are two ways to say the same: the later one holds."""
    fields: dict[str, Any] = {}
    for table in tables:
        if table.cron is not None:
            fields |= {"every": None, "at": None}
        elif table.every is not None:
            fields["cron"] = None
        fields |= {name: value for name in SCHEDULE if (value := getattr(table, name)) is not None}
    return schedule_of(fields, timezone)


def _groups(settings: Settings, instance: InstanceSettings) -> tuple[GroupPolicy, ...]:
    groups = tuple(
        GroupPolicy(
            name=group.name,
            jobs=tuple(group.jobs),
            exclusive=group.exclusive,
            buffer=group.buffer,
            full=tuple(group.full),
            differential=tuple(group.differential),
        )
        for group in settings.groups
        if _is_meant(group, instance)
    )
    return (*groups, AKENEO) if settings.detection.builtin_group else groups
