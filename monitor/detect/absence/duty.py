"""What has to be done by a time of day, and the first instant at which it is known not to be. Pure.

Knows jobs, days and usual durations; no words and no severities. A day's work are the jobs that have a slot
since the deadline before; of jobs without slots those that went well the day before, and a single job from
its first run on. A good run counts for the deadline after its start.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cached_property
from itertools import pairwise

from monitor.detect.absence.successes import Job, Success
from monitor.detect.model import Facts
from monitor.detect.streak import END_OF_TIME
from monitor.detect.subject import Stay
from monitor.policy import Policy
from monitor.schedule import NO_TIMETABLE, Timetable
from monitor.schedule.daily import Day, days

AHEAD = timedelta(days=9)
"""So far the next day with work is looked for."""

LOOK_BACK = timedelta(days=9)
_LEAST = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Duty:
    """One deadline. since: the one before it. usual: of each job that had work, what it usually takes.

    opens: when it is known that it will not be met, at the latest a little after it has passed; None where
    all was done before. done: the good run that each job needed; ends: when the last of them ended.
    closes_at: when nobody waits for it any more.
    """

    day: Day
    since: datetime
    usual: dict[str, timedelta]
    done: dict[str, Success]
    opens: datetime | None
    closes_at: datetime

    @property
    def ends(self) -> datetime | None:
        return max((one.ended for one in self.done.values()), default=None) if self.is_done else None

    @property
    def is_done(self) -> bool:
        return len(self.done) == len(self.usual)

    @property
    def open_jobs(self) -> list[str]:
        return [job_id for job_id in self.usual if job_id not in self.done]


@dataclass(frozen=True)
class Roster:
    """Jobs with one time of day by which they have to be done. in_turn: none starts before another ended."""

    jobs: Sequence[Job]
    finish_by: time
    facts: Facts
    policy: Policy
    in_turn: bool = True

    def duties(self) -> Iterator[Duty]:
        """In order, up to the next one ahead. Those that nobody could have seen are left out."""
        found = self._days()
        worked = [bool(self._required(before.at, day.at)) for before, day in pairwise(found)]
        for number, (before, day) in enumerate(pairwise(found)):
            if not worked[number]:
                continue
            ahead = next((place for place in range(number + 1, len(worked)) if worked[place]), None)
            closes_at = found[-1].begins if ahead is None else found[ahead + 1].begins
            duty = self._duty(before.at, day, closes_at)
            if self._could_be_seen(duty):
                yield duty
            if day.at > self.facts.seen_until:
                return

    def _days(self) -> list[Day]:
        facts = self.facts
        if not facts.coverage:
            return []
        begin = facts.coverage[0].start
        if not facts.is_hindsight and facts.judged_until is not None:
            begin = max(begin, facts.judged_until - LOOK_BACK)
        return [*days(self.finish_by, self.policy.timezone, begin, facts.seen_until + AHEAD)]

    @cached_property
    def _timetables(self) -> dict[str, Timetable]:
        """Of the jobs that have any."""
        tables = {job.job_id: self.facts.timetable(job.job_id, self.policy) for job in self.jobs}
        return {job_id: table for job_id, table in tables.items() if table.revisions}

    def _required(self, since: datetime, at: datetime) -> list[Job]:
        if self._timetables:
            tables = self._timetables
            return [job for job in self.jobs if _has_any(tables.get(job.job_id, NO_TIMETABLE), since, at)]
        if len(self.jobs) == 1:
            return [job for job in self.jobs if job.has_begun(at)]
        return [job for job in self.jobs if job.went_well(since - timedelta(days=1), since)]

    def _duty(self, since: datetime, day: Day, closes_at: datetime) -> Duty:
        required = self._required(since, day.at)
        usual = {job.job_id: _usual(job, since) for job in required}
        done: dict[str, Success] = {}
        for job in required:
            first = next((one for one in job.successes_after(since) if one.began > since), None)
            if first is not None and first.ended < closes_at:
                done[job.job_id] = first
        opens = self._opens(required, usual, done, since, day.at)
        return Duty(day, since, usual, done, opens, closes_at)

    def _opens(
        self,
        required: Sequence[Job],
        usual: dict[str, timedelta],
        done: dict[str, Success],
        since: datetime,
        until: datetime,
    ) -> datetime | None:
        """The first instant at which what is running, and after it what is still due, no longer fits."""
        lag = self.policy.absence_lag
        stays = {job.job_id: job.stays_between(since, until + lag) for job in required}
        turns = {since} | {stay.start for some in stays.values() for stay in some}
        turns |= {stay.end for some in stays.values() for stay in some if stay.end is not None}
        ordered = sorted(turn for turn in turns if since <= turn <= until + lag)
        for turn, following in zip(ordered, [*ordered[1:], END_OF_TIME], strict=True):
            left = [job_id for job_id in usual if job_id not in done or done[job_id].ended > turn]
            if not left:
                return None
            running = {job_id: stay for job_id in left if (stay := _active(stays[job_id], turn)) is not None}
            rest = self._together(usual[job_id] for job_id in left if job_id not in running)
            ready = max((stay.start + usual[job_id] for job_id, stay in running.items()), default=turn)
            if ready + rest > until and (running or turn > until - rest + lag):
                return min(turn, until + lag)
            by_time = max(turn, until - rest + lag)
            if by_time < following:
                return by_time
        return None

    def _together(self, usual: Iterator[timedelta]) -> timedelta:
        return sum(usual, timedelta()) if self.in_turn else max(usual, default=timedelta())

    def _could_be_seen(self, duty: Duty) -> bool:
        """Whether all of the time was read in which a good run was looked for and none found."""
        until = min(duty.opens or duty.since, self.facts.seen_until)
        missed = [job for job in self.jobs if job.job_id in duty.open_jobs]
        # What is done now is known to be, however little is known of the runs before it.
        spans = [job.known for job in missed] or [self.facts.coverage]
        return all(any(one.start <= duty.since and until <= one.end for one in known) for known in spans)


def _usual(job: Job, at: datetime) -> timedelta:
    usual = job.usual(at)
    return timedelta() if usual is None else usual.median


def _has_any(timetable: Timetable, after: datetime, until: datetime) -> bool:
    """Whether a slot is in (after, until]."""
    if len(timetable.revisions) == 1 and timetable.current.since <= after:
        following = timetable.next_slot(after)
        return following is not None and following <= until
    return any(True for _ in timetable.slots(after + _LEAST, until + _LEAST))


def _active(stays: Sequence[Stay], at: datetime) -> Stay | None:
    return next((one for one in stays if one.start <= at and (one.end is None or at < one.end)), None)
