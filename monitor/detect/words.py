"""Numbers and names as people say them, the same in alerts and in `explain`.

Knows no condition. Every time is UTC, because readers of one alert sit in several zones.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from monitor.model import Execution, Outcome, Trigger
from monitor.policy import JobPolicy

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))

OUTCOME_WORDS = {
    Outcome.OK: "ok",
    Outcome.DEGRADED: "ok with warnings",
    Outcome.FAILED: "failed",
    Outcome.ABORTED: "aborted",
    Outcome.SUPERSEDED: "taken over by a later attempt",
    Outcome.VANISHED: "vanished",
    Outcome.UNKNOWN: "unknown",
    Outcome.ACTIVE: "running",
}


def moment(at: datetime, seen_until: datetime) -> str:
    """`02:12 UTC`, with the date unless it is the day of `seen_until`."""
    at, today = at.astimezone(UTC), seen_until.astimezone(UTC).date()
    return f"{at:%H:%M} UTC" if at.date() == today else f"{at:%Y-%m-%d %H:%M} UTC"


def span(length: timedelta) -> str:
    """The two largest units: `14 min 10 s`."""
    seconds = int(length.total_seconds())
    if seconds < 1:
        return "under 1 s"
    first = next(index for index, (size, _) in enumerate(_UNITS) if seconds >= size)
    parts = []
    for size, unit in _UNITS[first : first + 2]:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts)


def called(job_id: str, job: JobPolicy) -> str:
    return f"{job.title} ({job_id})" if job.title else job_id


def started_by(execution: Execution, trigger: Trigger) -> str:
    if trigger is Trigger.MANUAL:
        return f"by hand, {execution.user_login}"
    if trigger is Trigger.API:
        return f"through the API, client {execution.client_id}"
    return "by the schedule"


def one_line(text: str, limit: int = 300) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def listed(items: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(part for part in (", ".join(items[:-1]), *items[-1:]) if part)


def times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")
