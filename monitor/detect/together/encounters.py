"""Where jobs that exclude each other ran together: meetings of runs, gathered into encounters of jobs.

Knows spans and groups, not findings. Only the neighbourhood of what is new or running is swept, so
the cost of a look follows what happened since the last one and not the length of the history; in hindsight
all of it is swept once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.detect.model import Facts
from monitor.detect.streak import END_OF_TIME
from monitor.detect.subject import is_judged
from monitor.detect.together.groups import Membership, is_full_differential
from monitor.detect.together.spans import Meeting, SiteRun, Span, meetings, site_runs, span_of, was_there
from monitor.model import Execution, RunId
from monitor.policy import Policy

SAME_SERIES = "same_series"
"""In place of a group where two runs of one series met."""

Spans = Mapping[str, list[Span]]
"""By job."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two jobs. start: of its run over all sites. run: the first of them that met the other."""

    start: datetime
    run: Execution


@dataclass(frozen=True, slots=True)
class Encounter:
    """Meetings of the same two jobs without a pause between them, oldest first: one condition.

    Several when sites of one job meet the other one by one. The later job is the one whose run began
    later, all its sites taken together, so that the sides do not change from site to site.
    may_go_on: what is known was seen bit by bit, and does not say yet whether and when it ended.
    """

    group: str
    earlier: Side
    later: Side
    meetings: tuple[Meeting, ...]
    is_full_differential: bool = False
    may_go_on: bool = False

    @property
    def last_parted(self) -> Meeting:
        return max(self.meetings, key=lambda meeting: (meeting.end, meeting.occurrence))

    @property
    def start(self) -> datetime:
        return self.meetings[0].start

    @property
    def end(self) -> datetime:
        """END_OF_TIME while it holds."""
        return self.last_parted.end

    @property
    def is_holding(self) -> bool:
        return self.may_go_on or self.last_parted.first_to_end.is_running

    @property
    def runs(self) -> Iterator[Execution]:
        for meeting in self.meetings:
            yield meeting.earlier.run
            yield meeting.later.run

    @property
    def is_backfilled(self) -> bool:
        """Every meeting was over before the instance was first read: one of both was final by then."""
        return all(one.earlier.run.backfilled or one.later.run.backfilled for one in self.meetings)


def encounters(facts: Facts, policy: Policy) -> Iterator[Encounter]:
    """Those that hold, and those that are over of which a run is fresh."""
    by_job = _spans(facts)
    sites = _Sites(by_job, policy.site_spread)
    found = [*_same_series(by_job, facts, sites), *_exclusive(by_job, facts, policy, sites)]
    for encounter in sorted(found, key=lambda one: (one.start, one.group, one.meetings[0].occurrence)):
        if encounter.is_holding or facts.is_news(encounter.end, encounter.runs):
            yield encounter


def _spans(facts: Facts) -> Spans:
    by_job: dict[str, list[Span]] = defaultdict(list)
    for series, runs in (*facts.runs.items(), *((run.series, (run,)) for run in facts.others)):
        if is_judged(series.job_id, facts):
            by_job[series.job_id] += [one for run in runs if (one := span_of(run)) is not None]
    return by_job


def _same_series(by_job: Spans, facts: Facts, sites: _Sites) -> Iterator[Encounter]:
    """Of all sites of a job in one: it is one thing that is wrong."""
    for spans in by_job.values():
        by_scope: dict[str, list[Span]] = defaultdict(list)
        for one in spans:
            by_scope[one.run.scope].append(one)
        met = [meeting for series in by_scope.values() for meeting in meetings(_near(series, facts))]
        for known, may_go_on in _unbroken(met, facts):
            yield Encounter(SAME_SERIES, *sites.sides(known[0]), known, may_go_on=may_go_on)


def _exclusive(by_job: Spans, facts: Facts, policy: Policy, sites: _Sites) -> Iterator[Encounter]:
    members = Membership(policy.groups, frozenset(by_job))
    for place, jobs in members.exclusive():
        group = policy.groups[place]
        pairs: dict[tuple[str, str], list[Meeting]] = defaultdict(list)
        for meeting in meetings(_near([one for job_id in jobs for one in by_job[job_id]], facts)):
            one, other = meeting.earlier.run, meeting.later.run
            if members.telling(one.job_id, other.job_id) == place and sites.are_apart(one, other):
                earlier, later = sites.sides(meeting)
                pairs[earlier.run.job_id, later.run.job_id].append(meeting)
        for pair, met in pairs.items():
            for known, may_go_on in _unbroken(met, facts):
                full = is_full_differential(*pair, group)
                yield Encounter(group.name, *sites.sides(known[0]), known, full, may_go_on)


class _Sites:
    """The sites of multi-site runs, taken together; worked out for the jobs that met another only."""

    def __init__(self, by_job: Spans, spread: timedelta) -> None:
        self._by_job = by_job
        self._spread = spread
        self._runs: dict[str, dict[RunId, SiteRun]] = {}

    def are_apart(self, one: Execution, other: Execution) -> bool:
        """Whether a group may tell of them: not of the sites of one run, nor of two of one series."""
        return one.series != other.series and (
            one.job_id != other.job_id or self._whole(one) != self._whole(other)
        )

    def sides(self, meeting: Meeting) -> tuple[Side, Side]:
        """The earlier and the later."""
        runs = (meeting.earlier.run, meeting.later.run)
        sides = [(self._whole(run), run) for run in runs]
        sides.sort(key=lambda side: (side[0].start, side[1].job_id, side[0].number, side[1].id))
        earlier, later = (Side(whole.start, run) for whole, run in sides)
        return earlier, later

    def _whole(self, run: Execution) -> SiteRun:
        if run.job_id not in self._runs:
            self._runs[run.job_id] = site_runs(self._by_job[run.job_id], self._spread)
        return self._runs[run.job_id][run.run_id]


def _began(meeting: Meeting, facts: Facts) -> bool:
    """Not one with an active run that was seen last before the other began: it may have ended before."""
    return was_there(meeting.earlier, meeting.start, facts.seen_until)


def _ended_so(meeting: Meeting, facts: Facts) -> bool:
    """Not one with an active run that was seen last before the other ended: it may have been the first."""
    if meeting.end == END_OF_TIME:
        return True
    return all(was_there(span, meeting.end, facts.seen_until) for span in (meeting.earlier, meeting.later))


def _near(spans: Iterable[Span], facts: Facts) -> Iterable[Span]:
    """What can have met something running or fresh: nothing that ended before the first of those began."""
    spans = list(spans)
    if facts.is_hindsight:
        return spans
    news = [one.start for one in spans if one.is_running or one.run.run_id in facts.fresh]
    horizon = min(news, default=END_OF_TIME)
    return (one for one in spans if one.end > horizon)


def _unbroken(met: Iterable[Meeting], facts: Facts) -> Iterator[tuple[tuple[Meeting, ...], bool]]:
    """Meetings that follow without a pause, as far as they are known, and whether they may go on."""
    for together in _joined(met):
        known = tuple(meeting for meeting in together if _began(meeting, facts))
        if known:
            all_ended_so = all(_ended_so(meeting, facts) for meeting in known)
            yield known, len(known) < len(together) or not all_ended_so


def _joined(met: Iterable[Meeting]) -> Iterator[list[Meeting]]:
    together: list[Meeting] = []
    until: datetime | None = None
    for meeting in sorted(met, key=lambda one: (one.start, one.occurrence)):
        if until is not None and meeting.start > until:
            yield together
            together, until = [], None
        together.append(meeting)
        until = meeting.end if until is None else max(until, meeting.end)
    if together:
        yield together
