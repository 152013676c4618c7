"""Which runs matter beside those of the series under judgement: answers in jobs and times, loads nothing.

Others matter where a run met one that it excludes or came close to it, where somebody started a run into the
schedules of others, where one goes before the other, and where something happened just before a failure. All
of it looks at little, so that a poll costs what happened since the last one, not how many jobs an instance
has.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.detect.classify import trigger
from monitor.detect.model import Facts
from monitor.detect.runs.describe import JUST_BEFORE
from monitor.detect.runs.failed import first_bad
from monitor.detect.together.groups import (
    buffer_of,
    is_member,
    keeps_apart,
    places,
)
from monitor.detect.together.sequence import places_of
from monitor.detect.together.spans import Span, visit_of
from monitor.detect.together.stretch import first_starts, membership, visits
from monitor.model import Execution, Interval, Trigger
from monitor.policy import Policy

LOOK_BACK = timedelta(minutes=15)
"""How long before the last judgement a run may have ended that a run known by then can still newly meet:
a pending run is given its start only later, and the search shows some runs late."""


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """When runs that others may have met were under way, by their job and by each of the groups in which it
    keeps apart; by the group with its buffer before and after.
    """

    jobs: Mapping[str, Interval]
    groups: Mapping[int, Interval]
    policy: Policy

    @property
    def whole(self) -> Interval | None:
        """None where nothing can have met."""
        every = [*self.jobs.values(), *self.groups.values()]
        return _around(every) if every else None

    def has(self, job_id: str, began: datetime, ended: datetime) -> bool:
        """Whether a run of this job can have met one of them."""
        own = self.jobs.get(job_id)
        if own is not None and _meet(own, began, ended):
            return True
        return any(
            _meet(interval, began, ended) and is_member(job_id, self.policy.groups[place])
            for place, interval in self.groups.items()
        )


def neighbourhood(
    runs: Iterable[Execution], policy: Policy, seen_until: datetime, judged_until: datetime | None
) -> Neighbourhood:
    """runs: those that changed. judged_until: up to there all was judged, but for what was not known yet."""
    jobs: defaultdict[str, list[Interval]] = defaultdict(list)
    for run in runs:
        span = visit_of(run)
        if span is not None:
            # The end is open: what began in the same instant as the read has to be among them.
            end = min(span.end, max(seen_until, span.start) + timedelta(seconds=1))
            jobs[run.job_id].append(Interval(_new_since(span, judged_until), end))
    groups: defaultdict[int, list[Interval]] = defaultdict(list)
    for job_id, intervals in jobs.items():
        for place in places(job_id, policy.groups):
            if keeps_apart(policy.groups[place]):
                groups[place] += intervals
    return Neighbourhood(
        # Its own job from earlier on: a site that has ended tells when the run over all sites began.
        {job_id: _around(intervals, earlier=policy.site_spread) for job_id, intervals in jobs.items()},
        {
            place: _spaced(intervals, buffer_of(policy.groups[place], policy))
            for place, intervals in groups.items()
        },
        policy,
    )


@dataclass(frozen=True, slots=True)
class Before:
    """Times whose events may explain a failure: of the platform's own jobs, and by hand of these groups."""

    times: tuple[Interval, ...]
    groups: frozenset[int]

    def concerns(self, job_id: str, policy: Policy) -> bool:
        return any(is_member(job_id, policy.groups[place]) for place in self.groups)


def before_failures(facts: Facts, policy: Policy) -> Before:
    """Of each failure that detection is about to tell of."""
    found = [(run.job_id, run.began) for run in first_bad(facts, policy) if run.began is not None]
    groups = [places(job_id, policy.groups) for job_id in {job_id for job_id, _ in found}]
    hours = sorted(Interval(began - JUST_BEFORE, began) for _, began in found)
    return Before(tuple(_merged(hours)), frozenset().union(*groups))


def judged_with(
    jobs: AbstractSet[str], known: Collection[str], policy: Policy, news: Iterable[Execution] = ()
) -> set[str]:
    """These jobs and, of groups that are judged as one, all members. known: all jobs there are.

    news: runs that changed. Where one was started by hand, the slots of all its group matter.
    """
    by_hand = {run.job_id for run in news if trigger(run, policy) is not Trigger.SCHEDULE}
    found = set(jobs)
    for group in policy.groups:
        asked = jobs if group.order or group.finish_by else by_hand if keeps_apart(group) else frozenset()
        if any(is_member(job_id, group) for job_id in asked):
            found |= {job_id for job_id in known if is_member(job_id, group)}
    return found


def wanted_inputs(facts: Facts, policy: Policy) -> tuple[tuple[str, datetime], ...]:
    """Of whom the last final run that had ended by an instant is asked for, and is older than what is loaded.

    In a group with an order a job that seldom runs follows one that often does: its last starts lie before
    all that is kept of the other. The answer belongs `beside`: of each series of the job one run.
    """
    members = membership(facts, policy)
    found: set[tuple[str, datetime]] = set()
    for place, group in enumerate(policy.groups):
        if group.order:
            jobs = members.judged(place)
            every = visits(facts, jobs)
            for job_id, one in places_of(jobs, group, every, facts.kept).of.items():
                for start in first_starts(every.get(job_id, ()), policy)[-_STARTS_ASKED:]:
                    others = (name for name, _ in (one.before[0] if one.before else ()))
                    found |= {
                        (name, start.start) for name in others if _is_cut(name, start.start, every, facts)
                    }
    return tuple(sorted(found))


_STARTS_ASKED = 2
"""Of a job: the last one that may be out of order, and the one that it is new since."""


def _is_cut(job_id: str, at: datetime, every: Mapping[str, Sequence[Span]], facts: Facts) -> bool:
    """Whether none of its final runs ended by then, though there may be older ones."""
    ends = [one.end for one in every.get(job_id, ()) if one.run.is_final]
    return facts.kept is not None and len(ends) >= facts.kept and min(ends) > at


def _new_since(span: Span, judged_until: datetime | None) -> datetime:
    """From when on it can meet what it had not met at the last judgement."""
    first_seen = span.run.first_seen
    if judged_until is None or first_seen is None or first_seen > judged_until:
        return span.start
    return max(span.start, judged_until - LOOK_BACK)


def _meet(interval: Interval, began: datetime, ended: datetime) -> bool:
    return interval.start < ended and began < interval.end


def _around(intervals: Iterable[Interval], earlier: timedelta = timedelta()) -> Interval:
    starts, ends = zip(*intervals, strict=True)
    return Interval(min(starts) - earlier, max(ends))


def _spaced(intervals: Iterable[Interval], buffer: timedelta) -> Interval:
    around = _around(intervals, earlier=buffer)
    return Interval(around.start, around.end + buffer)


def _merged(ordered: Iterable[Interval]) -> Iterator[Interval]:
    last: Interval | None = None
    for one in ordered:
        if last is not None and one.start <= last.end:
            last = Interval(last.start, max(last.end, one.end))
            continue
        if last is not None:
            yield last
        last = one
    if last is not None:
        yield last
