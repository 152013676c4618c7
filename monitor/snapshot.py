"""From the state to what is exported of one instance: read after each commit, then never changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import accumulate
from typing import NamedTuple

from sqlalchemy import Connection

from alerts import store
from alerts.model import Severity
from monitor import timetables
from monitor.detect.together.groups import is_member
from monitor.errors import Reason
from monitor.history import cursor as cursors
from monitor.history import stats
from monitor.history.counters import DURATION_BUCKETS
from monitor.history.cursor import Cursor
from monitor.history.series import SeriesFacts, latest
from monitor.history.stats import DurationHistogram
from monitor.model import Interval
from monitor.overview import active_since, latest_by_end
from monitor.policy import Policy
from monitor.published import CONDITION_SHOWN, ConditionSnapshot, InstanceSnapshot, JobSnapshot
from monitor.schedule import NO_TIMETABLE, Timetable
from monitor.settings import InstanceSettings
from monitor.settings.kinds import instance_type, realm
from monitor.watching import Endings

BOUNDS = ("lower", "median", "upper")
_BOUND_TEXTS = (*(repr(float(bound)) for bound in DURATION_BUCKETS), "+Inf")


class Snapshots:
    """Of one instance, one after another; not to be shared by threads.

    Jobs are read again when something happened to them: by the numbers of changes, so that it does not
    matter who wrote. A run counts as such from the change that stored it to the one that judged it, when
    what its series usually takes is known. All else is read each time, because it is little.
    """

    def __init__(self, settings: InstanceSettings, policy: Policy, endings: Endings = dict) -> None:
        """endings: see `Lookout`."""
        self._name = settings.name
        self._policy = policy
        self._endings = endings
        self._unread = InstanceSnapshot(
            instance=settings.name,
            timezone=settings.timezone,
            type=instance_type(settings),
            realm=realm(settings),
        )
        self._read: _Mark | None = None
        self._series: dict[str, int] = {}
        self._jobs: dict[str, JobSnapshot] = {}
        self._tables: dict[str, Timetable] = {}
        self._sleep: ConditionSnapshot | None = None

    def take(self, connection: Connection, now: datetime) -> InstanceSnapshot:
        """What the state has committed of it; jobs in the order of their ids."""
        cursor = cursors.load(connection, self._name)
        self._follow(connection, _Mark(cursor.change, cursor.judged_change, cursor.seen_until or now))
        pairs = stats.overlap_pairs(connection, self._name)
        return replace(
            self._unread,
            up=None if cursor.last_poll_at is None else cursor.last_error is None,
            last_success=cursor.last_success_at,
            running=cursor.running,
            clock_skew=cursor.clock_skew or timedelta(),
            jobs=tuple(self._jobs[job_id] for job_id in sorted(self._jobs)),
            overlaps={(pair.job_id, pair.other_job_id): pair.count for pair in pairs},
            conditions=(*_conditions(connection, self._name, now), *self._asleep(cursor, now)),
            credentials=dict(sorted(self._endings().items())),
        )

    def _asleep(self, cursor: Cursor, now: datetime) -> tuple[ConditionSnapshot, ...]:
        """No incident, as nobody is to be told: that it ended is remembered here while it is shown."""
        if cursor.last_reason == Reason.ASLEEP:
            self._sleep = ConditionSnapshot(Reason.ASLEEP.value, Severity.INFO.value, None)
        elif self._sleep is not None and self._sleep.resolved_at is None:
            self._sleep = replace(self._sleep, resolved_at=now)
        return () if self._sleep is None else (self._sleep,)

    def _follow(self, connection: Connection, mark: _Mark) -> None:
        last, self._read = self._read, mark
        if last is None or mark.change < last.change or mark.seen < last.seen:
            self._read_all(connection, mark.seen)
        elif mark[:2] != last[:2]:
            judged = mark.judged_change != last.judged_change
            after = last.judged_change if judged else last.change
            self._read_jobs(connection, stats.changed_jobs(connection, self._name, after), mark.seen)
        if sum(self._series.values()) != stats.series_known(connection, self._name):  # some are forgotten
            self._read_all(connection, mark.seen)
        active = active_since(connection, {self._name})
        for job_id, job in self._jobs.items():
            since, due = active.get((self._name, job_id)), job.next_due
            if due is not None and due <= mark.seen:
                due = self._tables.get(job_id, NO_TIMETABLE).next_slot(mark.seen)
            if (since, due) != (job.active_since, job.next_due):
                self._jobs[job_id] = replace(job, active_since=since, next_due=due)

    def _read_all(self, connection: Connection, seen: datetime) -> None:
        self._jobs, self._series = {}, {}
        self._read_jobs(connection, None, seen)

    def _read_jobs(self, connection: Connection, jobs: Collection[str] | None, seen: datetime) -> None:
        """Those (all, for None) that ran, and of all those that are due though they never ran."""
        found = _Stored(connection, self._name, jobs)
        tables = timetables.load(connection, self._name, self._policy, jobs)
        others = {} if jobs is None else {job: one for job, one in self._tables.items() if job not in jobs}
        self._tables = {**others, **tables}
        for job_id in {*found.series, *(tables if jobs is None else ())}:
            self._series[job_id] = len(found.series.get(job_id, ()))
            table = tables.get(job_id, NO_TIMETABLE)
            self._jobs[job_id] = _job(job_id, found, self._policy, table, seen)


def instance(
    connection: Connection, settings: InstanceSettings, policy: Policy, now: datetime
) -> InstanceSnapshot:
    """The only one of its kind: nothing is known from an earlier one."""
    return Snapshots(settings, policy).take(connection, now)


class _Mark(NamedTuple):
    """Up to where the state was read: two numbers of changes, and the instance's time."""

    change: int
    judged_change: int
    seen: datetime


class _Stored:
    """What the state has of some jobs (of all, for None), by job."""

    def __init__(self, connection: Connection, name: str, jobs: Collection[str] | None) -> None:
        self.series: dict[str, list[SeriesFacts]] = defaultdict(list)
        for one in stats.series(connection, name, jobs):
            self.series[one.job_id].append(one)
        self.outcomes: dict[str, dict[tuple[str, str], int]] = defaultdict(dict)
        for row in stats.outcomes(connection, name, jobs):
            self.outcomes[row.job_id][row.outcome, row.trigger] = row.count
        self.durations = {one.job_id: one for one in stats.durations(connection, name, jobs)}
        self.expected: dict[str, list[stats.ExpectedDuration]] = defaultdict(list)
        for usual in stats.expected(connection, name, jobs):
            self.expected[usual.job_id].append(usual)


def _job(job_id: str, found: _Stored, policy: Policy, table: Timetable, seen: datetime) -> JobSnapshot:
    facts = found.series.get(job_id, [])
    last = latest_by_end(facts)
    histogram = found.durations.get(job_id)
    return JobSnapshot(
        job_id=job_id,
        groups=",".join(group.name for group in policy.groups if is_member(job_id, group)),
        outcomes=found.outcomes[job_id],
        buckets=_buckets(histogram) if histogram else (),
        duration_sum=histogram.total.total_seconds() if histogram else 0.0,
        last_start=latest(*(one.last_start for one in facts)),
        last_end=latest(*(one.last_end for one in facts)),
        last_success=latest(*(one.last_success for one in facts)),
        last_failure=latest(*(one.last_failure for one in facts)),
        last_duration=_longest_of_latest_run(facts, policy.site_spread),
        last_outcome=last.last_outcome if last else None,
        consecutive_failures=max((one.consecutive_failures for one in facts), default=0),
        expected=_expected(found.expected[job_id]),
        next_due=table.next_slot(seen),
        schedule=table.text,
        schedule_source=table.source.value,
    )


def _buckets(histogram: DurationHistogram) -> tuple[tuple[str, float], ...]:
    """Cumulative, by upper bound as Prometheus writes it."""
    return tuple(zip(_BOUND_TEXTS, (float(count) for count in accumulate(histogram.counts)), strict=True))


def _longest_of_latest_run(series: Sequence[SeriesFacts], spread: timedelta) -> timedelta | None:
    """Of the run that ended last the site that took longest.

    Its sites start within `spread` of each other, or follow one another: within `spread` of an end.
    A site's start follows from its end: `last_start` may be that of a run that is under way.
    """
    ended = [
        Interval(one.last_end - one.last_duration, one.last_end)
        for one in series
        if one.last_end is not None and one.last_duration is not None
    ]
    run: list[Interval] = []
    for site in sorted(ended, reverse=True):
        if not run or any(_belong_together(site, later, spread) for later in run):
            run.append(site)
    return max((site.end - site.start for site in run), default=None)


def _belong_together(earlier: Interval, later: Interval, spread: timedelta) -> bool:
    return later.start - earlier.start <= spread or timedelta() <= later.start - earlier.end <= spread


def _expected(sites: Sequence[stats.ExpectedDuration]) -> dict[str, timedelta]:
    """Of several sites the one that takes longest."""
    if not sites:
        return {}
    longest = max(sites, key=lambda one: one.median)
    return {bound: getattr(longest, bound) for bound in BOUNDS}


def _conditions(connection: Connection, name: str, now: datetime) -> Iterator[ConditionSnapshot]:
    for incident in store.current(connection, now - CONDITION_SHOWN, source=name):
        yield ConditionSnapshot(
            incident.condition, incident.severity.value, incident.labels.get("job_id"), incident.ends_at
        )
