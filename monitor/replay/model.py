"""What a replay is given and what it answers. Plain data; decides nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from alerts.model import Severity
from monitor.model import Execution, Interval


@dataclass(frozen=True, slots=True)
class Past:
    """One instance as it was read, up to `seen_until`.

    coverage: what was read completely, oldest first. kept: final runs of each series that were asked for
    of the time before the one that is replayed; None where `runs` has all there are.
    was_watched: by an agent, which learned schedules as it went.
    """

    instance: str
    seen_until: datetime
    runs: Iterable[Execution]
    coverage: tuple[Interval, ...] = ()
    kept: int | None = None
    was_watched: bool = False


class Step(NamedTuple):
    """What was said of an alert that grew worse, and by which poll."""

    at: datetime
    severity: Severity
    summary: str


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing that would have been said, and that it is over.

    at, over_at: the polls that would have said so; over_at is None while it holds, and equal to `at` for what
    began and ended between two polls. jobs: all involved; job_id: empty for an instance's, for a pair the
    later starter. severity, summary: at its worst. resolution: how it ended, where that is known.
    steps: of one that grew worse, what it was by when, the first one `at`; else empty.
    """

    at: datetime
    condition: str
    severity: Severity
    instance: str
    job_id: str
    jobs: tuple[str, ...]
    scope: str
    executions: tuple[str, ...]
    since: datetime
    summary: str
    over_at: datetime | None = None
    resolution: str = ""
    steps: tuple[Step, ...] = ()


class Action(StrEnum):
    OPENED = "opened"
    RESOLVED = "resolved"


class Line(NamedTuple):
    """An alert, told at this instant."""

    at: datetime
    action: Action
    alert: Alert


def lines_of(alerts: Iterable[Alert], since: datetime | None = None) -> list[Line]:
    """In the order of time; only what would have been said from `since` on.

    What grew worse is `opened` again, with the same `since`; it is resolved once.
    """
    found: list[Line] = []
    for one in alerts:
        for at, severity, summary in one.steps or [Step(one.at, one.severity, one.summary)]:
            found.append(Line(at, Action.OPENED, replace(one, severity=severity, summary=summary)))
        if one.over_at is not None:
            found.append(Line(one.over_at, Action.RESOLVED, one))
    return sorted((line for line in found if since is None or line.at >= since), key=_order)


def document(line: Line) -> dict[str, Any]:
    """As programs read it."""
    one = line.alert
    is_over = line.action is Action.RESOLVED
    return {
        "at": line.at,
        "action": line.action.value,
        "condition": one.condition,
        "severity": one.severity.value,
        "sfcc_instance": one.instance,
        "job_id": one.job_id,
        "jobs": list(one.jobs),
        "scope": one.scope,
        "executions": list(one.executions),
        "since": one.since,
        "summary": one.resolution or one.summary if is_over else one.summary,
    }


def _order(line: Line) -> tuple[datetime, str, str, tuple[str, ...], str, datetime, Action]:
    one = line.alert
    return (line.at, one.instance, one.condition, one.jobs, one.scope, one.since, line.action)
