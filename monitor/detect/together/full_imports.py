"""`full_imports`: over a week, a group's full imports took more runs than its differential ones.

Decided at each start of one of them, because nothing else changes the ratio for the worse or is worth a
look: the connector's manual asks for differential imports wherever they will do. Where several sites are
known of a job, starts within `site_spread` of each other are the sites of one run.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import merge

from alerts.model import EndsBy, Finding, Json, Severity
from monitor.detect.model import Decision, Facts, State
from monitor.detect.severity import severity
from monitor.detect.streak import END_OF_TIME
from monitor.detect.subject import is_judged
from monitor.detect.together.groups import Membership, role
from monitor.detect.together.stretch import Stretch
from monitor.detect.words import moment, said, span, times
from monitor.model import Execution
from monitor.policy import GroupPolicy, Policy

CONDITION = "full_imports"

_ALWAYS = datetime.min.replace(tzinfo=UTC)

LEAST = 3
"""Fewer full imports than that say nothing about habits."""


def full_imports(facts: Facts, policy: Policy) -> Iterator[Decision]:
    known = {job_id for job_id in (*facts.job_ids, *facts.starts) if is_judged(job_id, facts)}
    members = Membership(policy.groups, frozenset(known))
    for place, group in enumerate(policy.groups):
        jobs = members.judged(place)
        roles = {name: sorted(one for one in jobs if role(one, group) == name) for name in _ROLES}
        if all(roles.values()):
            yield from _of_group(_Group(group, *roles.values()), facts, policy)


_ROLES = ("full", "differential")


@dataclass(frozen=True, slots=True)
class _Group:
    """Of the settings, with its jobs of either role."""

    policy: GroupPolicy
    full: Sequence[str]
    differential: Sequence[str]

    @property
    def jobs(self) -> tuple[str, ...]:
        return tuple(sorted((*self.full, *self.differential)))


@dataclass(frozen=True, slots=True)
class _Count:
    """Of the starts within the days before this one, itself among them."""

    at: datetime
    full: int
    differential: int
    last_full: datetime | None

    @property
    def is_too_many(self) -> bool:
        return self.full >= LEAST and self.full > self.differential


@dataclass(frozen=True, slots=True)
class _Spell:
    """Counts in a row with too many full ones, and the first that had no longer."""

    counts: tuple[_Count, ...]
    ended_by: _Count | None = None


def _of_group(group: _Group, facts: Facts, policy: Policy) -> Iterator[Decision]:
    counts = [*_counts(group, facts, policy)]
    if not counts:
        days = span(policy.full_imports_within)
        reason = f"the {days} before no start of its imports are known completely"
        yield Decision(CONDITION, tuple(group.full), State.UNKNOWN, f"{reason} (group {group.policy.name})")
        return
    begun = _begun(group.jobs, facts)
    told = [(one, stretch) for one in _spells(counts) if (stretch := _stretch(one, begun)).is_told(facts)]
    for one, stretch in told:
        finding = _finding(one, group, facts, policy, over=stretch.is_over(facts))
        reason = f"{_counted(one.counts[-1], policy)} (group {group.policy.name})"
        yield stretch.decision(finding, tuple(group.full), reason, facts)
    if not told:
        reason = f"{_counted(counts[-1], policy)} (group {group.policy.name})"
        yield Decision(CONDITION, tuple(group.full), State.CLEAR, reason)


def _counts(group: _Group, facts: Facts, policy: Policy) -> Iterator[_Count]:
    """One for each start before which the whole time is covered and every start in it known."""
    within = policy.full_imports_within
    full, other = (_starts(jobs, facts, policy) for jobs in (group.full, group.differential))
    # What is loaded by its starts goes back twice as far: before that, nothing can be said.
    known_since = facts.seen_until - 2 * within if any(job in facts.starts for job in group.jobs) else None
    both_since = max(_known_from(jobs, facts) for jobs in (group.full, group.differential))
    for at in merge(full, other):
        if at < both_since or (known_since is not None and at - within < known_since):
            continue
        if facts.is_covered(at - within, at):
            last = bisect_right(full, at)
            fulls = last - bisect_right(full, at - within)
            others = bisect_right(other, at) - bisect_right(other, at - within)
            yield _Count(at, fulls, others, full[last - 1] if fulls else None)


def _starts(jobs: Sequence[str], facts: Facts, policy: Policy) -> list[datetime]:
    found: list[datetime] = []
    for job_id in jobs:
        starts = facts.starts_of(job_id)
        sites = {one.scope for one in facts.runs if one.job_id == job_id}
        last: datetime | None = None
        for at in starts:
            if len(sites) < 2 or last is None or at - last > policy.site_spread:
                found.append(at)
            last = at
    return sorted(at for at in found if at <= facts.seen_until)


def _known_from(jobs: Sequence[str], facts: Facts) -> datetime:
    """When the first of them was known: nobody could prefer a differential import before there was one."""
    return min(_job_known_from(job_id, facts) for job_id in jobs)


def _job_known_from(job_id: str, facts: Facts) -> datetime:
    starts = facts.starts_of(job_id)
    if job_id in facts.timetables or (job_id in facts.starts and not starts):
        return _ALWAYS
    return starts[0] if starts else END_OF_TIME


def _spells(counts: Sequence[_Count]) -> Iterator[_Spell]:
    bad: list[_Count] = []
    for one in counts:
        if one.is_too_many:
            bad.append(one)
        elif bad:
            yield _Spell(tuple(bad), one)
            bad = []
    if bad:
        yield _Spell(tuple(bad))


def _stretch(one: _Spell, begun: Mapping[datetime, Sequence[Execution]]) -> Stretch:
    instants = [count.at for count in (one.counts[-1], one.ended_by) if count is not None]
    runs = [run for at in instants for run in begun.get(at, ())]
    return Stretch(one.counts[0].at, one.ended_by.at if one.ended_by else None, tuple(runs))


def _begun(jobs: Sequence[str], facts: Facts) -> Mapping[datetime, Sequence[Execution]]:
    """As far as the runs themselves are at hand, by when they began."""
    found: defaultdict[datetime, list[Execution]] = defaultdict(list)
    for job_id in jobs:
        for run in facts.runs_of(job_id):
            if run.began is not None:
                found[run.began].append(run)
    return found


def _finding(one: _Spell, group: _Group, facts: Facts, policy: Policy, *, over: bool) -> Finding:
    newest, name = one.counts[-1], group.policy.name
    days = span(policy.full_imports_within)
    job = policy.job(group.full[0])
    return Finding(
        ends_by=EndsBy.FACT,
        source=facts.instance,
        condition=CONDITION,
        labels={"sfcc_instance": facts.instance, "group": name},
        severity=severity(CONDITION, Severity.INFO, job, policy),
        since=one.counts[0].at,
        occurrences=_occurrences(one),
        cause="more full imports than differential ones",
        name=f"full imports of {name}",
        place=facts.instance,
        summary=(
            f"Full imports of group {name} ran {times(newest.full)} in {days}, "
            f"differential ones {times(newest.differential) if newest.differential else 'never'}."
        ),
        facts=said(
            ("Impact", job.impact),
            ("Full", f"{newest.full} runs of {', '.join(group.full)}"),
            ("Differential", f"{newest.differential} runs of {', '.join(group.differential)}"),
            ("Group", name),
            ("Owner", job.owner),
            ("Runbook", job.runbook),
        ),
        evidence=_evidence(newest, group),
        ends_at=one.ended_by.at if over and one.ended_by else None,
        resolution=_resolution(one.ended_by, policy, facts) if over and one.ended_by else "",
        quiet=facts.quiet(newest.at),
    )


def _occurrences(one: _Spell) -> tuple[str, ...]:
    """The full imports that were too many."""
    found = (count.last_full or count.at for count in one.counts)
    return tuple(dict.fromkeys(at.isoformat() for at in found))


def _evidence(newest: _Count, group: _Group) -> dict[str, Json]:
    return {
        "group": group.policy.name,
        "full_runs": newest.full,
        "differential_runs": newest.differential,
        "jobs": list(group.jobs),
    }


def _resolution(ended_by: _Count, policy: Policy, facts: Facts) -> str:
    return f"{_counted(ended_by, policy)} at {moment(ended_by.at, facts.seen_until)}"


def _counted(one: _Count, policy: Policy) -> str:
    days = span(policy.full_imports_within)
    return f"{one.full} full and {one.differential} differential imports in {days}"
