"""From settings to the plain data detection works with. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from fnmatch import fnmatchcase, translate
from functools import cache
from typing import Any

from monitor.policy import AKENEO, GroupPolicy, JobPolicy, Policy
from monitor.schedule import Schedule, Window
from monitor.settings.kinds import instance_type
from monitor.settings.model import GroupSettings, InstanceSettings, JobSettings, Settings
from monitor.settings.schedules import SCHEDULE, schedule_of
from monitor.settings.thresholds import InstanceThresholds, JobThresholds
from monitor.settings.windows import DOWNTIME, NO_SLOTS, WindowSettings

_OF_JOBS = tuple(name for name in JobThresholds.model_fields if name != "severity")
_OF_GROUPS = tuple(name for name in _OF_JOBS if name != "finish_by")
"""Of each of its jobs; by when the group is done is the group's own."""

_PERSONAL = re.compile(r"order|customer|newsletter", re.IGNORECASE)
"""Jobs of these names have people's data in their logs: the telling lines leave, and not the file."""
_TEXTS = ("title", "impact", "owner", "runbook", "attach", "notify")
_GLOB = re.compile(r"[*?\[]")


def policy(settings: Settings, instance: InstanceSettings) -> Policy:
    """What holds for one instance. Its job lookup remembers answers: ids repeat at every poll.

    Of what a job is told by several tables the narrowest counts, field by field: its own (of several the
    later one), that of its group, of the instance, of `[detection]`.
    """
    tables = [(_matcher(table.match), table) for table in settings.jobs if _is_meant(table, instance)]
    groups = [
        ([_matcher(glob) for glob in group.jobs], group)
        for group in settings.groups
        if _is_meant(group, instance)
    ]
    widest = _said((settings.detection, _OF_JOBS), (instance, _OF_JOBS))
    severity = {**settings.detection.severity, **instance.severity}

    @cache
    def job(job_id: str) -> JobPolicy:
        own = [table for matches, table in tables if matches(job_id)]
        around = [group for globs, group in groups if any(matches(job_id) for matches in globs)]
        fields = widest | _said(
            *((group, _OF_GROUPS) for group in around), *((table, (*_OF_JOBS, *_TEXTS)) for table in own)
        )
        loudness = severity | _severity(around) | _severity(own)
        schedule = _schedule(own, instance.timezone)
        source = "none" if schedule is None else "configured"
        fields.setdefault("attach", "excerpt" if _PERSONAL.search(job_id) else "full")
        return JobPolicy(**fields, severity=loudness, schedule=schedule, schedule_source=source)

    named = {table.match: job(table.match) for _, table in tables if not _GLOB.search(table.match)}
    kind = instance_type(instance)
    of_instance = tuple(InstanceThresholds.model_fields)
    return Policy(
        **_said((settings.detection, of_instance), (instance, of_instance)),
        job=job,
        scheduled=tuple(sorted(job_id for job_id, one in named.items() if one.schedule is not None)),
        groups=_groups([group for _, group in groups], is_builtin_on=settings.detection.builtin_group),
        system_jobs=tuple(instance.include_system_jobs),
        severity_offset=1 if kind in {"staging", "development"} else 0,
        timezone=instance.timezone,
        is_sandbox=kind == "sandbox",
        severity=severity,
        downtime=_name_of_cover(windows_of(settings, instance, DOWNTIME)),
        no_slots=_without_slots(windows_of(settings, instance, NO_SLOTS)),
    )


def windows_of(
    settings: Settings, instance: InstanceSettings, kind: str
) -> Sequence[tuple[WindowSettings, Window]]:
    """Those of a kind that are meant for an instance, in its time zone where they name none."""
    meant = [one for one in settings.windows if one.kind == kind and _is_meant(one, instance)]
    return [(one, window_of(one, instance.timezone)) for one in meant]


def window_of(table: WindowSettings, timezone: str) -> Window:
    """timezone: where it names none."""
    return Window(Schedule(table.timezone or timezone, cron=table.cron), table.length)


def _name_of_cover(windows: Sequence[tuple[WindowSettings, Window]]) -> Callable[[datetime], str | None]:
    return lambda at: next((table.name for table, window in windows if window.covers(at)), None)


def _without_slots(windows: Sequence[tuple[WindowSettings, Window]]) -> Callable[[str, datetime], bool]:
    meant = [([_matcher(glob) for glob in table.jobs], window) for table, window in windows]

    @cache
    def of_job(job_id: str) -> list[Window]:
        return [window for globs, window in meant if any(matches(job_id) for matches in globs)]

    return lambda job_id, at: any(window.covers(at) for window in of_job(job_id))


def _is_meant(table: JobSettings | GroupSettings | WindowSettings, instance: InstanceSettings) -> bool:
    return fnmatchcase(instance.name, table.instance) and fnmatchcase(
        instance_type(instance), table.instance_type
    )


def _matcher(glob: str) -> Callable[[str], object]:
    """Compiled once: the library remembers too few globs for settings that have a table for each job."""
    return re.compile(translate(glob)).match if _GLOB.search(glob) else glob.__eq__


def _said(*tables: tuple[object, Iterable[str]]) -> dict[str, Any]:
    """The fields of these names that a table says something of; of several tables the last."""
    fields: dict[str, Any] = {}
    for table, names in tables:
        for name in names:
            if (value := getattr(table, name)) is not None:
                fields[name] = tuple(value) if isinstance(value, list) else value
    return fields


def _severity(tables: Iterable[JobThresholds]) -> dict[str, str]:
    return {condition: loudness for table in tables for condition, loudness in table.severity.items()}


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


def _groups(settings: Iterable[GroupSettings], *, is_builtin_on: bool) -> tuple[GroupPolicy, ...]:
    groups = tuple(
        GroupPolicy(
            name=group.name,
            jobs=tuple(group.jobs),
            exclusive=group.exclusive,
            buffer=group.buffer,
            full=tuple(group.full),
            differential=tuple(group.differential),
            order=tuple(group.order),
            finish_by=group.finish_by,
        )
        for group in settings
    )
    return (*groups, AKENEO) if is_builtin_on else groups
