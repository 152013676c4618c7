"""`manual_clash`: somebody started a job by hand, or through the API, into the automatic runs of its group.

Into: while a scheduled run of the group was active, shortly before one of its slots, or so that it is still
active at a slot. Its own job's schedule counts like any other. What each other job has to do with it is said
once, by the first reason there was. Sites of one run are one run.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import accumulate

from alerts.model import EndsBy, Finding, Severity
from monitor.detect.classify import trigger
from monitor.detect.model import Decision, Facts, State
from monitor.detect.severity import severity
from monitor.detect.streak import END_OF_TIME
from monitor.detect.together.groups import buffer_of
from monitor.detect.together.spans import Span, is_repeat, site_runs, was_there
from monitor.detect.together.stretch import Stretch, each_once, membership, quiet, visits
from monitor.detect.words import called, moment, said, started
from monitor.model import Interval, Trigger
from monitor.policy import Policy

CONDITION = "manual_clash"

NAMED = 3
"""So many reasons are told one by one."""

_ASIDE = timedelta(hours=6)
"""Slots are asked for once for runs by hand that are no further apart: asking costs more than slots do."""


def manual_clash(facts: Facts, policy: Policy) -> Iterator[Decision]:
    groups = _Groups(facts, policy)
    for job_id in sorted(groups.judged):
        by_hand = groups.by_hand(job_id)
        if not by_hand:
            yield Decision(
                CONDITION, (job_id,), State.CLEAR, "no run of it by hand or through the API is known"
            )
            continue
        clashes = [groups.clash(one) for one in by_hand]
        told = [one for one in _together(clashes) if one.stretch.is_told(facts)]
        for clash in told:
            yield _decision(clash, facts, policy)
        quiet_ones = [clash.runs[0] for clash in clashes if not clash.reasons]
        ahead = [one for one in quiet_ones if one.is_running] or ([] if told else by_hand[-1:])
        for one in ahead:
            yield groups.ahead(one)


@dataclass(frozen=True, slots=True)
class _Reason:
    """kind: `running`, `due` (soon after the start) or `slot` (it came while the run was active).

    at: since when it counts. by: the scheduled run, or the slot's instant.
    """

    at: datetime
    kind: str
    job_id: str
    group: str
    by: Span | datetime


@dataclass(frozen=True, slots=True)
class _Clash:
    """Runs by hand of one job that follow without a pause, sites of one run mostly, with why they clash.

    whole: ids of the first site of each.
    """

    runs: tuple[Span, ...]
    whole: tuple[str, ...]
    reasons: tuple[_Reason, ...]
    closes: datetime | None

    @property
    def opens(self) -> datetime:
        return self.reasons[0].at

    @property
    def stretch(self) -> Stretch:
        met = [one.by.run for one in self.reasons if isinstance(one.by, Span)]
        return Stretch(self.opens, self.closes, each_once([*(one.run for one in self.runs), *met]))


class _Groups:
    """All jobs that keep apart from others: their scheduled runs, their slots, and their runs by hand."""

    def __init__(self, facts: Facts, policy: Policy) -> None:
        self._facts = facts
        self._policy = policy
        self._members = membership(facts, policy)
        jobs = frozenset[str]().union(*(some for _, some in self._members.spaced()))
        self.judged = jobs & {one.job_id for one in facts.runs}
        self._visits = visits(facts, jobs)
        self._by_hand = {job_id: self._manual(job_id) for job_id in self.judged}
        self._peers = {
            job_id: self._peers_of(job_id, jobs) for job_id in self.judged if self._by_hand[job_id]
        }
        asked = frozenset[str]().union(*self._peers.values())
        self._rows = {
            job_id: _Row([one for one in self._visits.get(job_id, ()) if self._is_scheduled(one)])
            for job_id in asked
        }
        self._slots = {job_id: [*self._slots_of(job_id)] for job_id in asked}
        self._whole = {job_id: site_runs(self._visits[job_id], policy.site_spread) for job_id in self._peers}

    def by_hand(self, job_id: str) -> Sequence[Span]:
        return self._by_hand[job_id]

    def clash(self, one: Span) -> _Clash:
        """What one run has to do with each other job; without reasons for most."""
        reasons = [
            reason
            for other, place in self._peers[one.run.job_id].items()
            if (reason := self._reason(one, other, place)) is not None
        ]
        closes = None if one.is_running else one.end
        return _Clash((one,), (self._first_site(one),), tuple(sorted(reasons, key=_order)), closes)

    def ahead(self, one: Span) -> Decision:
        """Of the last run by hand: it clashes with nothing so far."""
        job_id, since = one.run.job_id, max(one.start, self._facts.seen_until)
        reason = f"run {one.run.id} by hand met no scheduled run and no slot"
        if not one.is_running:
            return Decision(CONDITION, (job_id,), State.CLEAR, reason)
        slots = [(at, other) for other in self._peers[job_id] if (at := self._next(other, since)) is not None]
        if not slots:
            return Decision(CONDITION, (job_id,), State.CLEAR, reason)
        at, other = min(slots)
        said_at = moment(at, self._facts.seen_until)
        jobs = tuple(dict.fromkeys((job_id, other)))
        waits = f"{reason} yet; {other} is due at {said_at}"
        return Decision(
            CONDITION, jobs, State.WAITING, waits, opens=at, look_again=at, executions=(one.run.id,)
        )

    def _manual(self, job_id: str) -> list[Span]:
        return [
            one
            for one in self._visits.get(job_id, ())
            if not is_repeat(one.run) and not self._is_scheduled(one)
        ]

    def _is_scheduled(self, one: Span) -> bool:
        return trigger(one.run, self._policy) is Trigger.SCHEDULE

    def _peers_of(self, job_id: str, jobs: Iterable[str]) -> dict[str, int]:
        """By job the place of the group that tells of the two."""
        places = ((other, self._members.spacing(job_id, other)) for other in jobs)
        return {other: place for other, place in places if place is not None}

    def _first_site(self, one: Span) -> str:
        whole = self._whole[one.run.job_id]
        number = whole[one.run.run_id].number
        sites = self._visits[one.run.job_id]
        index = bisect_left(sites, whole[one.run.run_id].start, key=lambda site: site.start)
        return next(site.run.id for site in sites[index:] if whole[site.run.run_id].number == number)

    def _reason(self, one: Span, other: str, place: int) -> _Reason | None:
        """The first there is."""
        group, seen_until = self._policy.groups[place], self._facts.seen_until
        active = self._rows[other].active(one.start, seen_until)
        if active is not None:
            return _Reason(one.start, "running", other, group.name, active)
        slots = self._slots[other]
        index = bisect_left(slots, one.start)
        if index == len(slots):
            return None
        slot = slots[index]
        if slot - one.start < buffer_of(group, self._policy):
            kind = "slot" if slot == one.start else "due"
            return _Reason(one.start, kind, other, group.name, slot)
        if slot < one.end and slot <= seen_until and was_there(one, slot, seen_until):
            return _Reason(slot, "slot", other, group.name, slot)
        return None

    def _next(self, job_id: str, after: datetime) -> datetime | None:
        return (
            None if self._policy.is_sandbox else self._facts.timetable(job_id, self._policy).next_slot(after)
        )

    def _slots_of(self, job_id: str) -> Iterator[datetime]:
        """Those that a run by hand may meet; the platform runs no schedules on a sandbox."""
        timetable = self._facts.timetable(job_id, self._policy)
        if not timetable.revisions or self._policy.is_sandbox:
            return
        for start, end in _merged(self._times(job_id)):
            slots = (slot.at for slot in timetable.slots(start, end))
            yield from (at for at in slots if not self._policy.no_slots(job_id, at))

    def _times(self, job_id: str) -> Iterator[Interval]:
        """When runs by hand, of jobs to whom this one matters, were active or about to be disturbed."""
        for other, peers in self._peers.items():
            if job_id in peers:
                ahead = buffer_of(self._policy.groups[peers[job_id]], self._policy)
                for one in self._by_hand[other]:
                    last = min(one.end, max(self._facts.seen_until, one.start))
                    yield Interval(one.start, max(last, one.start + ahead) + timedelta(seconds=1))


class _Row:
    """The scheduled runs of one job."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self._spans = spans
        self._starts = [one.start for one in spans]
        self._last_ends = [*accumulate((one.end for one in spans), max)]

    def active(self, at: datetime, seen_until: datetime) -> Span | None:
        """One that was, or may be said to have been."""
        index = bisect_right(self._starts, at) - 1
        while index >= 0 and self._last_ends[index] > at:
            one = self._spans[index]
            if one.end > at and was_there(one, at, seen_until):
                return one
            index -= 1
        return None


def _together(clashes: Iterable[_Clash]) -> Iterator[_Clash]:
    """Those with a reason; what opens before the one before is over goes on with it."""
    last: _Clash | None = None
    for one in sorted((one for one in clashes if one.reasons), key=lambda clash: clash.opens):
        if last is not None and one.opens <= (last.closes or END_OF_TIME):
            last = _joined(last, one)
            continue
        if last is not None:
            yield last
        last = one
    if last is not None:
        yield last


def _joined(one: _Clash, other: _Clash) -> _Clash:
    closes = None if one.closes is None or other.closes is None else max(one.closes, other.closes)
    first: dict[str, _Reason] = {}
    for reason in sorted((*one.reasons, *other.reasons), key=_order):
        first.setdefault(reason.job_id, reason)
    whole = tuple(dict.fromkeys((*one.whole, *other.whole)))
    return replace(
        one, runs=(*one.runs, *other.runs), whole=whole, reasons=tuple(first.values()), closes=closes
    )


def _merged(times: Iterable[Interval]) -> Iterator[Interval]:
    last: Interval | None = None
    for one in sorted(times):
        if last is not None and one.start <= last.end + _ASIDE:
            last = Interval(last.start, max(last.end, one.end))
            continue
        if last is not None:
            yield last
        last = one
    if last is not None:
        yield last


def _order(reason: _Reason) -> tuple[datetime, bool, str]:
    """What was running says more than what was due."""
    return (reason.at, reason.kind != "running", reason.job_id)


def _decision(clash: _Clash, facts: Facts, policy: Policy) -> Decision:
    job_id = clash.runs[0].run.job_id
    # Those it began with: what a later slot adds is evidence, and the stretch stays the same.
    others = (reason.job_id for reason in clash.reasons if reason.at == clash.opens)
    jobs = tuple(dict.fromkeys((job_id, *others)))
    runs = ", ".join(clash.whole)
    reason = f"run {runs} by hand: {_reasons(clash, facts)} (group {clash.reasons[0].group})"
    return clash.stretch.decision(_finding(clash, facts, policy), jobs, reason, facts)


def _finding(clash: _Clash, facts: Facts, policy: Policy) -> Finding:
    newest = clash.runs[-1].run
    job, over = policy.job(newest.job_id), clash.stretch.is_over(facts)
    others = sorted({reason.job_id for reason in clash.reasons} - {newest.job_id})
    return Finding(
        ends_by=EndsBy.FACT,
        source=facts.instance,
        condition=CONDITION,
        labels={"sfcc_instance": facts.instance, "job_id": newest.job_id},
        severity=severity(CONDITION, Severity.WARNING, job, policy),
        since=clash.opens,
        occurrences=clash.whole,
        cause=f"{newest.job_id} was started by hand into {', '.join(others) or 'its own schedule'}",
        name=called(newest.job_id, job),
        place=facts.instance,
        summary=f"{newest.job_id} was started {started(newest, policy, facts)}: {_reasons(clash, facts)}.",
        facts=said(
            ("Impact", job.impact),
            ("Run", f"{newest.id}, started {started(newest, policy, facts)}"),
            ("Clashes", _reasons(clash, facts)),
            ("Group", ", ".join(dict.fromkeys(reason.group for reason in clash.reasons))),
            ("Owner", job.owner),
            ("Runbook", job.runbook),
        ),
        evidence=_evidence(clash, others),
        ends_at=clash.closes if over else None,
        resolution=f"run {newest.id} ended" if over else "",
        quiet=quiet(facts, clash.reasons[-1].at, (one.run for one in clash.runs)) if over else None,
    )


def _evidence(clash: _Clash, others: Sequence[str]) -> Mapping[str, object]:
    met: defaultdict[str, list[str]] = defaultdict(list)
    for reason in clash.reasons:
        met[reason.kind].append(reason.job_id)
    return {
        "group": clash.reasons[0].group,
        "jobs": list(others),
        "reasons": dict(met),
        "executions": [run.id for run in clash.stretch.runs],
    }


def _reasons(clash: _Clash, facts: Facts) -> str:
    told = [_said(reason, facts) for reason in clash.reasons[:NAMED]]
    more = len(clash.reasons) - NAMED
    return ", ".join([*told, *([f"and {more} more"] if more > 0 else [])])


def _said(reason: _Reason, facts: Facts) -> str:
    if isinstance(reason.by, Span):
        return f"{reason.job_id} was running since {moment(reason.by.start, facts.seen_until)}"
    at = moment(reason.by, facts.seen_until)
    return f"{reason.job_id} {'is' if reason.kind == 'due' else 'was'} due at {at}"
