"""From a history to the alerts that would have been told of it, and when. Pure.

Each detector is asked once, at the end: a stretch it finds depends on nothing that came after it, so this is
what an agent would have found that looked at every poll. Polls are taken to be made at whole multiples of
their interval. First start, `max_age`, routes and silences are left aside.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import chain, zip_longest

from monitor.detect import CONDITIONS, severity
from monitor.detect.hindsight import looked
from monitor.detect.inhibit import Inhibitors
from monitor.detect.model import Decision, Facts, State
from monitor.detect.streak import END_OF_TIME
from monitor.model import Execution, Interval, Series
from monitor.policy import Policy
from monitor.replay.model import Alert, Past, Step
from monitor.schedule import Timetable

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def facts_of(past: Past) -> Facts:
    """All of it at once, as it was known at `seen_until`; nothing in it is too old to be told."""
    runs = _by_series(past)
    return Facts(
        instance=past.instance,
        seen_until=past.seen_until,
        runs=runs,
        coverage=tuple(_until(past.coverage, past.seen_until)),
        kept=past.kept,
        is_hindsight=True,
    )


def judged_by(facts: Facts, policy: Policy, timetables: Mapping[str, Timetable]) -> Facts:
    """The same history under these settings."""
    return replace(
        facts,
        timetables=timetables,
        system_jobs=policy.system_jobs,
        occupied=_crowd(chain.from_iterable(facts.runs.values()), policy.saturated_at),
    )


def told(
    facts: Facts,
    policy: Policy,
    every: timedelta,
    notice: Callable[[str], object] = lambda _condition: None,
) -> list[Alert]:
    """In the order of conditions. every: the poll interval. notice: is called with each condition in turn."""
    kept: list[Decision] = []
    for condition, detect in CONDITIONS.items():
        notice(condition)
        kept.extend(one for one in detect(facts, policy) if _is_found(one, policy))
    inhibitors = Inhibitors(kept)
    alerts = (_alert(decision, inhibitors.told_at(decision), every) for decision in kept)
    return [one for one in alerts if one is not None]


def poll_at(instant: datetime, every: timedelta) -> datetime:
    """The first poll that could know of it."""
    missing = (_EPOCH - instant) % every
    return instant + missing


def _is_found(decision: Decision, policy: Policy) -> bool:
    is_off = decision.finding is None or severity.is_off(decision.condition, decision.jobs, policy)
    return decision.state in {State.HOLDS, State.OVER} and not is_off


def _alert(decision: Decision, told_at: datetime | None, every: timedelta) -> Alert | None:
    """None for what nobody was told of, because something else said it."""
    finding = decision.finding
    if finding is None or told_at is None:
        return None
    at = poll_at(told_at, every)
    over = decision.closes or finding.ends_at if decision.state is State.OVER else None
    return Alert(
        at,
        decision.condition,
        finding.severity,
        finding.source,
        finding.labels.get("job_id", ""),
        decision.jobs or tuple(finding.evidence.get("jobs", ())),
        decision.scope or finding.labels.get("scope", ""),
        decision.executions,
        finding.since,
        finding.summary,
        None if over is None else max(at, poll_at(over, every)),
        finding.resolution,
        tuple(_steps(decision, at, every)),
    )


def _steps(decision: Decision, told_at: datetime, every: timedelta) -> Iterator[Step]:
    """What had come about by the same poll is told as the worst of it."""
    ladder = [
        Step(max(told_at, poll_at(rung.known, every)), rung.severity, rung.summary)
        for rung in decision.ladder
    ]
    for one, worse in zip_longest(ladder, ladder[1:]):
        if worse is None or one.at < worse.at:
            yield one


def _by_series(past: Past) -> dict[Series, tuple[Execution, ...]]:
    """Only what had begun, and as it looked then: what came later is not known."""
    found: defaultdict[tuple[str, str], list[Execution]] = defaultdict(list)
    for run in past.runs:
        began = run.began
        if began is not None and began <= past.seen_until:
            found[run.job_id, run.scope].append(looked(run, past.seen_until) if run.is_final else run)
    return {
        Series(*key): tuple(sorted(some, key=lambda run: (run.began or END_OF_TIME, run.id)))
        for key, some in sorted(found.items())
    }


def _until(coverage: Iterable[Interval], end: datetime) -> Iterator[Interval]:
    return (Interval(one.start, min(one.end, end)) for one in coverage if one.start < end)


def _crowd(runs: Iterable[Execution], many: int) -> tuple[Interval, ...]:
    """When runs were under way: of those that had so many beside them, at some time, that it matters.

    Never of none: who is given nothing counts all runs for himself.
    """
    stays = sorted(
        Interval(run.start_time, run.ended or END_OF_TIME)
        for run in runs
        if run.start_time is not None and not run.is_pending
    )
    active: list[tuple[datetime, int]] = []
    crowd = {0} if stays else set()
    for number, (start, end) in enumerate(stays):
        while active and active[0][0] <= start:
            heappop(active)
        heappush(active, (end, number))
        if len(active) >= many:
            crowd.update(number for _, number in active)
    return tuple([stays[number] for number in sorted(crowd)])
