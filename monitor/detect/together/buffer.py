"""`buffer`: within a group a job started right after another one had ended, with too little time between.

The one that started is the subject. Ends of attempts that are repeated later count as well: when the other
job started, nobody could know of the next attempt, which will run into it. Sites of one run and attempts of
a retry start nothing of their own. Who starts while the other still runs overlaps it instead.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import accumulate

from alerts.model import EndsBy, Finding, Json, Severity
from monitor.detect.model import Decision, Facts, State
from monitor.detect.severity import severity
from monitor.detect.together.groups import Membership, buffer_of
from monitor.detect.together.spans import Span, is_repeat
from monitor.detect.together.stretch import Stretch, each_once, first_starts, membership, quiet, visits
from monitor.detect.words import called, moment, said, span, started
from monitor.model import Execution
from monitor.policy import GroupPolicy, Policy

CONDITION = "buffer"

LASTS = timedelta(minutes=30)
"""Nothing ends such a thing: it is over this long after the start that came too soon."""


def buffer(facts: Facts, policy: Policy) -> Iterator[Decision]:
    members = membership(facts, policy)
    judged = frozenset(one.job_id for one in facts.runs)
    spaced = {place: jobs for place, jobs in members.spaced() if jobs & judged}
    every = visits(facts, frozenset().union(*spaced.values()))
    close: set[str] = set()
    for place, jobs in spaced.items():
        group = policy.groups[place]
        if buffer_of(group, policy) <= timedelta():
            continue
        for one in _Sweep(place, members, policy).found({job: every[job] for job in jobs if job in every}):
            if one.stretch.is_told(facts):
                close.add(one.later)
                yield _decision(one, group, facts, policy)
    for job_id in sorted(judged & frozenset().union(*spaced.values()) - close):
        reason = "no other job of its group ended shortly before it started"
        yield Decision(CONDITION, (job_id,), State.CLEAR, reason)


@dataclass(frozen=True, slots=True)
class _Break:
    """The run that started too soon, and the one that had ended just before."""

    later: Span
    earlier: Span

    @property
    def occurrence(self) -> str:
        """Each pair of runs once: by the later one first."""
        return f"{self.later.run.id}+{self.earlier.run.id}"

    @property
    def gap(self) -> timedelta:
        return self.later.start - self.earlier.end


@dataclass(frozen=True)
class _Close:
    """Breaks by the same two jobs, each within LASTS of the one before and with none between that was none.

    kept_by: the later run that kept its distance and so ended it.
    """

    later: str
    earlier: str
    breaks: list[_Break]
    kept_by: Execution | None = None
    kept_at: datetime | None = None

    @cached_property
    def stretch(self) -> Stretch:
        runs = [run for one in self.breaks for run in (one.earlier.run, one.later.run)]
        runs += [self.kept_by] if self.kept_by is not None else []
        return Stretch(self.breaks[0].later.start, self.closes, each_once(runs))

    @property
    def closes(self) -> datetime:
        return self.kept_at or self.breaks[-1].later.start + LASTS


class _Row:
    """The visits of one job, to be asked about instants."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self._starts = [one.start for one in spans]
        self._last_ends = [*accumulate((one.end for one in spans), max)]
        self._ends = sorted(one.end for one in spans)

    def is_active(self, at: datetime) -> bool:
        index = bisect_right(self._starts, at) - 1
        return index >= 0 and self._last_ends[index] > at

    def last_end(self, at: datetime) -> datetime | None:
        index = bisect_right(self._ends, at) - 1
        return self._ends[index] if index >= 0 else None


class _Sweep:
    """Once over the starts of one group, oldest first, with what ended shortly before each."""

    def __init__(self, place: int, members: Membership, policy: Policy) -> None:
        self._place = place
        self._members = members
        self._policy = policy
        self._buffer = buffer_of(policy.groups[place], policy)
        self._open: defaultdict[str, dict[str, _Close]] = defaultdict(dict)

    def found(self, every: dict[str, Sequence[Span]]) -> Iterator[_Close]:
        rows = {job_id: _Row(spans) for job_id, spans in every.items()}
        ends = sorted(
            (one for spans in every.values() for one in spans), key=lambda one: (one.end, one.order)
        )
        starts = [one for spans in every.values() for one in first_starts(spans, self._policy)]
        first = last = 0
        for later in sorted(starts, key=lambda one: one.order):
            while last < len(ends) and ends[last].end <= later.start:
                last += 1
            while first < last and ends[first].end <= later.start - self._buffer:
                first += 1
            breaks = self._breaks(later, ends[first:last], rows) if first < last else {}
            if breaks or later.run.job_id in self._open:
                yield from self._closed(later, breaks, rows)
                for other, one in breaks.items():
                    self._add(other, one)
        for open_ones in self._open.values():
            yield from open_ones.values()

    def _breaks(self, later: Span, ended: Sequence[Span], rows: dict[str, _Row]) -> dict[str, _Break]:
        """By the other job; the last of its runs that ended."""
        job_id = later.run.job_id
        latest = {one.run.job_id: one for one in ended if one.run.job_id != job_id}
        return {
            other: _Break(later, one)
            for other, one in latest.items()
            if self._members.spacing(job_id, other) == self._place and not rows[other].is_active(later.start)
        }

    def _closed(self, later: Span, breaks: dict[str, _Break], rows: dict[str, _Row]) -> Iterator[_Close]:
        """What this start finds over, or ends itself by keeping its distance to a newer run."""
        open_ones = self._open[later.run.job_id]
        for other, one in [*open_ones.items()]:
            if one.closes <= later.start:
                yield open_ones.pop(other)
            elif other not in breaks and self._is_kept(one, later, rows[other]):
                del open_ones[other]
                yield _Close(one.later, other, one.breaks, later.run, later.start)

    def _is_kept(self, one: _Close, later: Span, other: _Row) -> bool:
        end = other.last_end(later.start)
        return end is not None and end > one.breaks[-1].later.start and not other.is_active(later.start)

    def _add(self, other: str, one: _Break) -> None:
        open_ones = self._open[one.later.run.job_id]
        if other in open_ones:
            open_ones[other].breaks.append(one)
        else:
            open_ones[other] = _Close(one.later.run.job_id, other, [one])


def _decision(one: _Close, group: GroupPolicy, facts: Facts, policy: Policy) -> Decision:
    newest = one.breaks[-1]
    runs = f"run {newest.later.run.id} of {one.later} after run {newest.earlier.run.id} of {one.earlier}"
    reason = (
        f"{runs}: {span(newest.gap)} between them, {span(buffer_of(group, policy))} needed ({group.name})"
    )
    return one.stretch.decision(_finding(one, group, facts, policy), (one.later, one.earlier), reason, facts)


def _finding(one: _Close, group: GroupPolicy, facts: Facts, policy: Policy) -> Finding:
    newest, job, over = one.breaks[-1], policy.job(one.later), one.stretch.is_over(facts)
    needed = span(buffer_of(group, policy))
    return Finding(
        ends_by=EndsBy.FACT,
        source=facts.instance,
        condition=CONDITION,
        labels={
            "sfcc_instance": facts.instance,
            "job_id": one.later,
            "other_job_id": one.earlier,
            "group": group.name,
        },
        severity=severity(CONDITION, Severity.WARNING, job, policy),
        since=one.breaks[0].later.start,
        occurrences=tuple(broken.occurrence for broken in one.breaks),
        cause=f"{one.later} started right after {one.earlier}",
        name=f"{called(one.later, job)} after {called(one.earlier, policy.job(one.earlier))}",
        place=facts.instance,
        summary=(
            f"{one.later} started at {moment(newest.later.start, facts.seen_until)}, {span(newest.gap)} "
            f"after {one.earlier} had ended; group {group.name} needs {needed} between its jobs."
        ),
        facts=said(
            ("Impact", job.impact),
            ("Between", f"{span(newest.gap)}, {needed} needed"),
            ("Later", f"{one.later}, run {newest.later.run.id}, started {_by(newest.later, policy, facts)}"),
            ("Earlier", f"{one.earlier}, run {newest.earlier.run.id}, {_ended(newest.earlier, facts)}"),
            ("Group", group.name),
            ("Owner", job.owner),
            ("Runbook", job.runbook),
        ),
        evidence=_evidence(one, group, policy),
        ends_at=one.closes if over else None,
        resolution=_resolution(one, facts) if over else "",
        quiet=quiet(facts, newest.later.start, (broken.later.run for broken in one.breaks)),
    )


def _evidence(one: _Close, group: GroupPolicy, policy: Policy) -> dict[str, Json]:
    return {
        "group": group.name,
        "buffer_seconds": buffer_of(group, policy).total_seconds(),
        "gap_seconds": one.breaks[-1].gap.total_seconds(),
        "executions": [run.id for broken in one.breaks for run in (broken.earlier.run, broken.later.run)],
    }


def _resolution(one: _Close, facts: Facts) -> str:
    if one.kept_by is None:
        return f"nothing more for {span(LASTS)}"
    return f"run {one.kept_by.id} kept its distance at {moment(one.closes, facts.seen_until)}"


def _by(one: Span, policy: Policy, facts: Facts) -> str:
    return started(one.run, policy, facts)


def _ended(one: Span, facts: Facts) -> str:
    again = ", to be tried again" if one.run.is_superseded and not is_repeat(one.run) else ""
    return f"ended at {moment(one.end, facts.seen_until)}{again}"
