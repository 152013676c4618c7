"""`too_often`: two scheduled runs of one series started closer to each other than they should.

How close is too close is a setting; without one it is half the distance between the slots the two filled,
as far as that was known when the second started. Attempts of a retry, and what was started by hand, are
nobody's schedule. A gap of which nobody can say changes nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.model import EndsBy, Finding, Json, Severity
from monitor.detect.absence.slots import Fills, fills
from monitor.detect.classify import trigger
from monitor.detect.model import Decision, Facts, State
from monitor.detect.severity import severity
from monitor.detect.subject import Subject, subjects
from monitor.detect.together.spans import is_repeat
from monitor.detect.together.stretch import Stretch, quiet
from monitor.detect.words import called, moment, said, span, started
from monitor.model import Execution, Trigger
from monitor.policy import Policy
from monitor.schedule.timetable import Source

CONDITION = "too_often"


def too_often(facts: Facts, policy: Policy) -> Iterator[Decision]:
    for subject in subjects(facts, policy):
        needed = subject.job.min_gap
        slots = None if needed is not None else fills(subject.series.job_id, facts, policy)
        if needed is None and (slots is None or not slots.slots):
            yield _clear(subject, "no smallest gap is set, and no schedule is known")
            continue
        told = [one for one in _bursts(_gaps(subject, needed, slots)) if one.stretch.is_told(facts)]
        for one in told:
            yield _decision(one, subject)
        if not told:
            yield _clear(subject, "its scheduled runs started far enough from each other")


@dataclass(frozen=True, slots=True)
class _Gap:
    """needed: None where nobody can say."""

    earlier: Execution
    later: Execution
    at: datetime
    length: timedelta
    needed: timedelta | None

    @property
    def occurrence(self) -> str:
        return f"{self.earlier.id}+{self.later.id}"


@dataclass(frozen=True, slots=True)
class _Burst:
    """Gaps that were too small, with none between them that was in order."""

    gaps: tuple[_Gap, ...]
    ended_by: _Gap | None = None

    @property
    def stretch(self) -> Stretch:
        ended_by = [] if self.ended_by is None else [self.ended_by.later]
        runs = (self.gaps[0].earlier, *(one.later for one in self.gaps), *ended_by)
        return Stretch(self.gaps[0].at, self.ended_by.at if self.ended_by else None, runs)


def _gaps(subject: Subject, needed: timedelta | None, slots: Fills | None) -> Iterator[_Gap]:
    starts = [one.at for one in slots.starts] if slots else []
    before: tuple[Execution, datetime] | None = None
    for run, at in _scheduled(subject):
        if before is not None:
            earlier, since = before
            least = needed if slots is None else _half_apart(slots, starts, since, at)
            yield _Gap(earlier, run, at, at - since, least)
        before = run, at


def _scheduled(subject: Subject) -> Iterator[tuple[Execution, datetime]]:
    """In order of their starts."""
    own = [
        (at, run.id, run)
        for run in subject.runs
        if (at := run.start_time) is not None
        and not run.is_pending
        and not is_repeat(run)
        and trigger(run, subject.policy) is Trigger.SCHEDULE
    ]
    for at, _, run in sorted(own, key=lambda one: one[:2]):
        yield run, at


def _half_apart(slots: Fills, starts: list[datetime], one: datetime, other: datetime) -> timedelta | None:
    """Half the distance between the slots that runs which began at these instants had filled by then."""
    first, second = (_slot(slots, starts, at, by=other) for at in (one, other))
    return None if first is None or second is None or first == second else (second - first) / 2


def _slot(slots: Fills, starts: list[datetime], at: datetime, *, by: datetime) -> datetime | None:
    """That of the first site, where it is a later one."""
    index = bisect_right(starts, at) - 1
    filled = slots.slot_of.get(slots.starts[index].run.run_id) if index >= 0 else None
    return None if filled is None or filled.is_empty(by) else filled.at


def _bursts(gaps: Iterator[_Gap]) -> Iterator[_Burst]:
    small: list[_Gap] = []
    for gap in gaps:
        if gap.needed is None:
            continue
        if gap.length < gap.needed:
            small.append(gap)
        elif small:
            yield _Burst(tuple(small), gap)
            small = []
    if small:
        yield _Burst(tuple(small))


def _clear(subject: Subject, reason: str) -> Decision:
    return Decision(CONDITION, (subject.series.job_id,), State.CLEAR, reason, scope=subject.series.scope)


def _decision(one: _Burst, subject: Subject) -> Decision:
    newest = one.gaps[-1]
    reason = (
        f"runs {newest.earlier.id} and {newest.later.id} started {span(newest.length)} apart, "
        f"at least {span(newest.needed or timedelta())} expected"
    )
    return one.stretch.decision(_finding(one, subject), (subject.series.job_id,), reason, subject.facts)


def _finding(one: _Burst, subject: Subject) -> Finding:
    newest, job, facts, policy = one.gaps[-1], subject.job, subject.facts, subject.policy
    job_id, ended_by = subject.series.job_id, one.ended_by if one.stretch.is_over(facts) else None
    needed = span(newest.needed or timedelta())
    return Finding(
        ends_by=EndsBy.FACT,
        source=facts.instance,
        condition=CONDITION,
        labels=subject.labels,
        severity=severity(CONDITION, Severity.WARNING, job, policy),
        since=one.gaps[0].at,
        occurrences=tuple(gap.occurrence for gap in one.gaps),
        cause=f"{job_id} started too often",
        name=called(job_id, job),
        place=facts.instance,
        summary=(
            f"{job_id} started at {moment(newest.at, facts.seen_until)}, only {span(newest.length)} "
            f"after its run before; at least {needed} {_why(subject)}."
        ),
        facts=said(
            ("Impact", job.impact),
            ("Apart", f"{span(newest.length)}, at least {needed} expected"),
            ("Run", f"{newest.later.id}, started {started(newest.later, policy, facts)}"),
            ("Before", f"{newest.earlier.id}, started {started(newest.earlier, policy, facts)}"),
            ("Owner", job.owner),
            ("Runbook", job.runbook),
        ),
        evidence=_evidence(one),
        ends_at=ended_by.at if ended_by else None,
        resolution=f"run {ended_by.later.id} started {span(ended_by.length)} after the one before"
        if ended_by
        else "",
        quiet=quiet(facts, newest.at, (gap.later for gap in one.gaps)),
    )


def _evidence(one: _Burst) -> dict[str, Json]:
    newest = one.gaps[-1]
    return {
        "gap_seconds": newest.length.total_seconds(),
        "min_gap_seconds": None if newest.needed is None else newest.needed.total_seconds(),
        "executions": [one.gaps[0].earlier.id, *(gap.later.id for gap in one.gaps)],
    }


def _why(subject: Subject) -> str:
    if subject.job.min_gap is not None:
        return "is set"
    timetable = subject.facts.timetable(subject.series.job_id, subject.policy)
    learned = timetable.source is Source.LEARNED
    return f"is half the distance of its slots{', which were learned from its runs' if learned else ''}"
