"""Numbers and names as people say them, the same in alerts and in `explain`.

Knows no condition. Every time is UTC, because readers of one alert sit in several zones.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from monitor.detect.classify import trigger
from monitor.detect.model import Facts
from monitor.model import Execution, Outcome, Trigger
from monitor.policy import JobPolicy, Policy

Lines = tuple[tuple[str, str], ...]
"""(label, text) of a message, most important first."""

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


def started(run: Execution, policy: Policy, facts: Facts) -> str:
    """`by hand (jdoe@example.com) at 02:12 UTC, attempt 2 of 3`."""
    when = f" at {moment(run.began, facts.seen_until)}" if run.began else ""
    attempt = ""
    if run.max_retries and run.current_retry_attempt is not None:
        attempt = f", attempt {run.current_retry_attempt + 1} of {run.max_retries + 1}"
    return f"{_who(run, trigger(run, policy))}{when}{attempt}"


def said(*lines: tuple[str, str]) -> Lines:
    """The lines that say something."""
    return tuple(line for line in lines if line[1])


def one_line(text: str, limit: int = 300) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _who(run: Execution, who: Trigger) -> str:
    if who is Trigger.MANUAL:
        return f"by hand ({run.user_login})"
    if who is Trigger.API:
        return f"through the API (client {run.client_id})"
    return "by the schedule"
