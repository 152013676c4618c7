"""The four rules people have today, on the same fleet and as generously set up as one could wish.

None of them says which condition it is about: an alert is right when anything was wrong with the job.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median

from tests.bench.detection.cadence import DAY, HOUR, MINUTE
from tests.bench.detection.fleet import Fleet, poll_after
from tests.bench.detection.score import FAR, SLACK, Told
from tests.bench.detection.story import Label, Run, Story

ALERT_KEPT = DAY
"""How long after a label's end an alert may still be about it: what is only noticed when it is over."""


def _ping(story: Story, end: datetime) -> Iterator[Told]:
    """Pinged by good runs; due after the longest gap of the schedule and an hour, at most half of the gap."""
    if len(story.slots) < 2:
        return
    gaps = [later - earlier for earlier, later in zip(story.slots, story.slots[1:], strict=False)]
    patience = max(gaps) + max(min(max(gaps) / 2, HOUR), 5 * MINUTE)
    pings = sorted(run.end for run in story.runs if run.is_good and run.end < end)
    for last, following in zip(pings, [*pings[1:], end], strict=False):
        if following - last > patience:
            over = following if following < end else None
            yield _told("ping", story, last, last + patience, over)


def _an_hour(story: Story, end: datetime) -> Iterator[Told]:
    for run in story.runs:
        if run.end - run.start > HOUR and run.start + HOUR < end:
            yield _told("hour", story, run.start, run.start + HOUR, run.end)


def _half_more(story: Story, end: datetime) -> Iterator[Told]:
    """Once it has ended; of the last thirty."""
    before: defaultdict[str, list[float]] = defaultdict(list)
    for run in sorted((run for run in story.runs if run.is_good and run.end < end), key=lambda run: run.end):
        known = before[run.scope][-30:]
        if len(known) >= 5 and run.seconds > 1.5 * median(known):
            yield _told("median", story, run.start, run.end, run.end)
        before[run.scope].append(run.seconds)


def _list(story: Story, end: datetime) -> Iterator[Told]:
    """A mail for each execution that failed, by a script that asks every minute."""
    for run in story.runs:
        if run.end < end and _is_listed(run):
            yield _told("list", story, run.start, run.end, run.end)


def _is_listed(run: Run) -> bool:
    return run.status == "aborted" or (run.status == "finished" and run.code == "ERROR")


def _told(rule: str, story: Story, since: datetime, opens: datetime, closes: datetime | None) -> Told:
    return Told(rule, (story.job_id,), since, opens, closes)


RULES: Mapping[str, tuple[str, Callable[[Story, datetime], Iterator[Told]]]] = {
    "ping": ("ping monitor with period and grace", _ping),
    "hour": ("runs longer than an hour", _an_hour),
    "median": ("last run longer than 1.5 times the median", _half_more),
    "list": ("script that lists failed executions", _list),
}


@dataclass(slots=True)
class Tally:
    """caught: of a condition's labels, those that an alert was about; of how many."""

    alerts: int = 0
    right: int = 0
    caught: dict[str, int] = field(default_factory=dict)
    labels: dict[str, int] = field(default_factory=dict)
    delays: list[timedelta] = field(default_factory=list)


def tally(fleet: Fleet, alerts: Iterable[Told], into: Tally) -> None:
    """Alerts of a rule, or our own; those of the instance as a whole are left out."""
    by_job: defaultdict[str, list[Label]] = defaultdict(list)
    for label in fleet.labels:
        for job_id in label.jobs:
            by_job[job_id].append(label)
    caught: dict[int, timedelta] = {}
    for one in alerts:
        about = [label for job_id in one.jobs for label in by_job[job_id] if _is_about(one, label)]
        into.alerts += 1
        into.right += bool(about)
        for label in about:
            delay = poll_after(one.opens, fleet.start) - label.known
            caught[id(label)] = min(delay, caught.get(id(label), FAR))
    _count(fleet, caught, into)


def _count(fleet: Fleet, caught: Mapping[int, timedelta], into: Tally) -> None:
    for label in fleet.labels:
        if label.must and label.jobs:
            into.labels[label.condition] = into.labels.get(label.condition, 0) + 1
            if id(label) in caught:
                into.caught[label.condition] = into.caught.get(label.condition, 0) + 1
                into.delays.append(caught[id(label)])


def _is_about(one: Told, label: Label) -> bool:
    over = label.until or label.known + FAR
    ends = one.closes or one.opens + FAR
    return one.opens <= over + ALERT_KEPT and label.since - SLACK <= ends and one.since <= over + SLACK


def of(fleet: Fleet, rule: str) -> list[Told]:
    return [one for story in fleet.stories for one in RULES[rule][1](story, fleet.end)]
