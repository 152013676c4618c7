"""What a replay comes to: how many messages, of what, and who is the loudest. Pure.

A message is what one poll has to say of one job; a storm on an instance is one message, as the agent would
send it. What ended is told as well, and is counted apart.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from alerts.model import Severity
from monitor.replay.model import Alert

STORM = 20
"""Incidents of an instance at one poll that make one message, unless a setting says otherwise."""

_PARTS = re.compile(r"[-_./: ]+")
_LEAST_SHARE = 0.5
"""Of all messages, what a pattern must account for to be named in place of a single job."""


@dataclass(frozen=True, slots=True)
class Message:
    """job_id: empty for what is of the instance, and for a storm."""

    at: datetime
    instance: str
    job_id: str
    alerts: tuple[Alert, ...]


@dataclass(frozen=True, slots=True)
class Count:
    """Of one condition or one job. also: of which jobs, or which conditions, those with most alerts first."""

    what: str
    alerts: int
    worst: Severity
    also: tuple[str, ...]


def messages(alerts: Iterable[Alert], storm: int = STORM) -> list[Message]:
    """In the order of time."""
    polls: defaultdict[tuple[datetime, str], list[Alert]] = defaultdict(list)
    for one in alerts:
        polls[one.at, one.instance].append(one)
    found: list[Message] = []
    for (at, instance), told in sorted(polls.items()):
        jobs: defaultdict[str, list[Alert]] = defaultdict(list)
        for one in told:
            jobs["" if len(told) >= storm else one.job_id].append(one)
        found.extend(Message(at, instance, job_id, tuple(some)) for job_id, some in sorted(jobs.items()))
    return found


def by_condition(alerts: Iterable[Alert]) -> list[Count]:
    """Most alerts first."""
    return _counts(alerts, lambda one: one.condition, lambda one: one.job_id)


def by_job(alerts: Iterable[Alert]) -> list[Count]:
    """Most alerts first; what is of an instance under its name."""
    return _counts(alerts, lambda one: one.job_id or one.instance, lambda one: one.condition)


def by_day(told: Iterable[Message]) -> Mapping[date, int]:
    """UTC; only days that had one."""
    return dict(sorted(Counter(one.at.astimezone(UTC).date() for one in told).items()))


def sentence(alerts: Iterable[Alert], span: str, storm: int = STORM) -> str:
    """`The last 30 days would have sent 14 messages, 9 of them from feed-*.`"""
    told = messages(alerts, storm)
    if not told:
        return f"{span} would have sent no message."
    if len(told) == 1:
        whom = f", from {told[0].job_id}" if told[0].job_id else ""
        return f"{span} would have sent 1 message{whom}."
    name, count = loudest(one.job_id for one in told)
    share = "all" if count == len(told) else str(count)
    whom = f", {share} of them from {name}" if count > 1 else ""
    return f"{span} would have sent {len(told)} messages{whom}."


def span_text(start: datetime, end: datetime, *, until_now: bool) -> str:
    """`The last 30 days`, or with dates where it is of the past."""
    took = end - start
    days = round(took / timedelta(days=1))
    hours = max(round(took / timedelta(hours=1)), 1)
    length = f"{days} days" if days > 1 else "hour" if hours == 1 else f"{hours} hours"
    if until_now:
        return f"The last {length}"
    first, last = (at.astimezone(UTC) for at in (start, end))
    return f"The {length} from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"


def loudest(job_ids: Iterable[str]) -> tuple[str, int]:
    """The job, or the glob of jobs whose ids begin alike, that most of them are of; and how many that are.

    A job that has more than half of them; else the longest beginning that has at least half; else the job
    with the most.
    """
    counts = Counter(one for one in job_ids if one)
    if not counts:
        return "", 0
    beginnings: Counter[str] = Counter()
    for job_id, count in counts.items():
        for begin in {job_id[: part.end()] for part in _PARTS.finditer(job_id)}:
            beginnings[begin] += count
    need = counts.total() * _LEAST_SHARE
    job_id, most = min(counts.items(), key=lambda item: (-item[1], item[0]))
    enough = [begin for begin, count in beginnings.items() if count >= need and count > most]
    if most > need or not enough:
        return job_id, most
    begin = max(enough, key=lambda one: (len(one), one))
    return f"{begin}*", beginnings[begin]


def _counts(
    alerts: Iterable[Alert], what: Callable[[Alert], str], also: Callable[[Alert], str]
) -> list[Count]:
    found: defaultdict[str, list[Alert]] = defaultdict(list)
    for one in alerts:
        found[what(one)].append(one)
    counts = [
        Count(
            name,
            len(some),
            min((one.severity for one in some), key=lambda severity: severity.rank),
            tuple(other for other, _ in Counter(map(also, some)).most_common() if other),
        )
        for name, some in found.items()
    ]
    return sorted(counts, key=lambda one: (-one.alerts, one.worst.rank, one.what))
