"""`out_of_order`: in a group with an order a job started on what its predecessor had not done, or not anew.

Not done: the predecessor's last run before the start failed, be it an attempt that is repeated later. Not
done anew: it had a slot since this job's own last start, and no run of it ended since then. The predecessors
are the jobs of the nearest earlier place in the order that has any. What cannot be told of a start, because
the runs before it are not known, changes nothing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import pairwise

from alerts.model import EndsBy, Finding, Severity
from monitor.detect.absence.slots import fills
from monitor.detect.model import Decision, Facts, State
from monitor.detect.severity import severity
from monitor.detect.together.sequence import Input, Place, places_of, rows_of
from monitor.detect.together.spans import Span
from monitor.detect.together.stretch import Stretch, each_once, first_starts, membership, quiet, visits
from monitor.detect.words import called, moment, said, started
from monitor.model import Execution
from monitor.policy import GroupPolicy, Policy

CONDITION = "out_of_order"


def out_of_order(facts: Facts, policy: Policy) -> Iterator[Decision]:
    members = membership(facts, policy)
    for place, group in enumerate(policy.groups):
        if group.order:
            yield from _Order(group, members.judged(place), facts, policy).decisions()


@dataclass(frozen=True, slots=True)
class _Reason:
    """kind: `failed` or `stale`. run: the predecessor's last before the start."""

    kind: str
    run: Execution
    ended: datetime

    @property
    def job_id(self) -> str:
        return self.run.job_id


@dataclass(frozen=True, slots=True)
class _Start:
    """One start and what was wrong with it. known_at: the first instant at which that could be told."""

    run: Execution
    at: datetime
    reasons: tuple[_Reason, ...]
    known_at: datetime


@dataclass(frozen=True)
class _Spell:
    """Starts in a row that came out of order."""

    starts: tuple[_Start, ...]
    ended_by: _Start | None = None

    @cached_property
    def stretch(self) -> Stretch:
        ended_by = [] if self.ended_by is None else [self.ended_by]
        runs = [run for one in self.starts for run in (*(why.run for why in one.reasons), one.run)]
        runs += [one.run for one in ended_by]
        closes = self.ended_by.at if self.ended_by else None
        return Stretch(self.starts[0].known_at, closes, each_once(runs))


class _Order:
    """One group: where each job stands, and what is known of each."""

    def __init__(self, group: GroupPolicy, jobs: frozenset[str], facts: Facts, policy: Policy) -> None:
        self._group = group
        self._facts = facts
        self._policy = policy
        self._visits = visits(facts, jobs)
        self._places = places_of(jobs, group, self._visits, facts.kept)
        self._rows = rows_of(self._visits, self._places.predecessors, policy)
        self._slots: dict[str, Sequence[datetime]] = {}

    def decisions(self) -> Iterator[Decision]:
        judged = {one.job_id for one in self._facts.runs}
        for job_id, place in self._places.of.items():
            if job_id in judged:
                yield from self._of_job(job_id, place)

    def _of_job(self, job_id: str, place: Place) -> Iterator[Decision]:
        if not place.before:
            reason = f"nothing goes before it in group {self._group.name}"
            yield Decision(CONDITION, (job_id,), State.CLEAR, reason)
            return
        starts = [*self._starts(job_id, place)]
        seen_until = self._facts.seen_until
        known = [one for one in starts if one.known_at <= seen_until]
        told = [one for one in _spells(known) if one.stretch.is_told(self._facts)]
        for one in told:
            yield self._decision(one)
        waiting = [one for one in starts if one.known_at > seen_until]
        if waiting:
            yield self._waiting(waiting[0])
        elif not told:
            reason = f"its last start came in order (group {self._group.name})"
            if not known:
                reason = f"no start of which the runs before are known (group {self._group.name})"
            yield Decision(CONDITION, (job_id,), State.CLEAR if known else State.UNKNOWN, reason)

    def _starts(self, job_id: str, place: Place) -> Iterator[_Start]:
        """Of which it can be told whether they came in order."""
        firsts: Sequence[Span | None] = first_starts(self._visits.get(job_id, ()), self._policy)
        for before, one in pairwise((None, *firsts)):
            if one is None or one.start > self._facts.seen_until:
                continue
            since = before.start if before is not None else None
            inputs = [(other, self._rows[other].at(one.start)) for other in place.predecessors(one.start)]
            given = [(other, found) for other, found in inputs if found is not None]
            if len(given) < len(inputs) or not given:
                continue
            found = (self._reason(other, row, since, one.start) for other, row in given)
            reasons = tuple(reason for reason in found if reason is not None)
            lags = bool(reasons) and all(reason.kind == "stale" for reason in reasons)
            known_at = one.start + self._policy.absence_lag if lags else one.start
            yield _Start(one.run, one.start, reasons, known_at)

    def _reason(self, other: str, last: Input, since: datetime | None, at: datetime) -> _Reason | None:
        if last.failed is not None:
            return _Reason("failed", last.failed, last.end)
        if since is None or last.end > since or not self._facts.is_covered(since, at):
            return None
        return _Reason("stale", last.run, last.end) if self._had_slot(other, since, at) else None

    def _had_slot(self, job_id: str, since: datetime, until: datetime) -> bool:
        if self._policy.is_sandbox:
            return False
        if job_id not in self._slots:
            self._slots[job_id] = [one.at for one in fills(job_id, self._facts, self._policy).slots]
        slots = self._slots[job_id]
        return bisect_left(slots, since) < bisect_left(slots, until)

    def _waiting(self, one: _Start) -> Decision:
        job_id, at = one.run.job_id, one.known_at
        reason = f"{self._why(one)}, unless a run of it shows up until {moment(at, self._facts.seen_until)}"
        return Decision(
            CONDITION, (job_id,), State.WAITING, reason, opens=at, look_again=at, executions=(one.run.id,)
        )

    def _decision(self, one: _Spell) -> Decision:
        newest = one.starts[-1]
        others = [reason.job_id for reason in one.starts[0].reasons]
        jobs = tuple(dict.fromkeys((newest.run.job_id, *others)))
        finding = self._finding(one)
        reason = f"run {newest.run.id} started although {self._why(newest)} (group {self._group.name})"
        return one.stretch.decision(finding, jobs, reason, self._facts)

    def _finding(self, one: _Spell) -> Finding:
        newest, facts, policy = one.starts[-1], self._facts, self._policy
        job_id = newest.run.job_id
        job, over = policy.job(job_id), one.stretch.is_over(facts)
        return Finding(
            ends_by=EndsBy.FACT,
            source=facts.instance,
            condition=CONDITION,
            labels={"sfcc_instance": facts.instance, "job_id": job_id, "group": self._group.name},
            severity=severity(CONDITION, Severity.WARNING, job, policy),
            since=one.starts[0].at,
            occurrences=tuple(start.run.id for start in one.starts),
            cause="; ".join(f"{reason.job_id} {reason.kind}" for reason in newest.reasons),
            name=called(job_id, job),
            place=facts.instance,
            summary=(
                f"{job_id} started at {moment(newest.at, facts.seen_until)} although {self._why(newest)}."
            ),
            facts=said(
                ("Impact", job.impact),
                ("Run", f"{newest.run.id}, started {started(newest.run, policy, facts)}"),
                ("Before", self._why(newest)),
                ("Group", self._group.name),
                ("Owner", job.owner),
                ("Runbook", job.runbook),
            ),
            evidence=_evidence(one, self._group),
            ends_at=one.ended_by.at if over and one.ended_by else None,
            resolution=f"run {one.ended_by.run.id} started in order" if over and one.ended_by else "",
            quiet=quiet(facts, newest.at, (start.run for start in one.starts)),
        )

    def _why(self, one: _Start) -> str:
        return " and ".join(_said(reason, self._facts) for reason in one.reasons)


def _spells(starts: Sequence[_Start]) -> Iterator[_Spell]:
    bad: list[_Start] = []
    for one in starts:
        if one.reasons:
            bad.append(one)
        elif bad:
            if one.at >= bad[0].known_at:
                yield _Spell(tuple(bad), one)
            bad = []
    if bad:
        yield _Spell(tuple(bad))


def _said(reason: _Reason, facts: Facts) -> str:
    ended = moment(reason.ended, facts.seen_until)
    if reason.kind == "failed":
        return f"the last run of {reason.job_id} had failed at {ended} (run {reason.run.id})"
    return f"{reason.job_id} was due since its last start and last ended at {ended} (run {reason.run.id})"


def _evidence(one: _Spell, group: GroupPolicy) -> Mapping[str, object]:
    newest = one.starts[-1]
    return {
        "group": group.name,
        "jobs": sorted({reason.job_id for start in one.starts for reason in start.reasons}),
        "reasons": {reason.job_id: reason.kind for reason in newest.reasons},
        "executions": [run.id for run in one.stretch.runs],
    }
