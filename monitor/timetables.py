"""When each job is due, joined from what tells of it: the settings, an import, or its own past.

The settings outrank an import, an import what was learned. What is learned is kept up inside the poll's
transaction, a few jobs at a time, each at its own checkpoints and in their order: an agent that was away
learns what it would have learned.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import Connection

from monitor.detect.classify import trigger
from monitor.history import cursor as cursors
from monitor.history import facts, schedules, stats
from monitor.model import Execution, Interval, Trigger, is_wanted
from monitor.policy import Policy
from monitor.schedule import NO_TIMETABLE, Revision, Schedule, Source, Timetable
from monitor.schedule.learn import next_checkpoint, revised, revisions
from monitor.schedule.starts import LAST, LOOKED_BACK, SETTLED, Start, first_starts, last_of

AT_ONCE = 200
"""Checkpoints that one poll goes through: of the many that are due after a first read, the rest waits."""

_EVERY = 100_000
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
"""In place of no beginning: what was imported first holds for all of the past."""


def load(
    connection: Connection, instance: str, policy: Policy, jobs: Collection[str] | None = None
) -> dict[str, Timetable]:
    """Of these jobs, or of all that are known for None; those without slots are left out."""
    kept = schedules.kept(connection, instance, jobs)
    if jobs is None:
        named = {job_id for job_id, source in kept if source is Source.IMPORTED}
        jobs = facts.jobs(connection, instance) | named | {*policy.scheduled}
    found = {job_id: joined(job_id, policy, kept) for job_id in jobs}
    return {job_id: one for job_id, one in found.items() if one is not NO_TIMETABLE}


def joined(job_id: str, policy: Policy, kept: Mapping[tuple[str, Source], tuple[Revision, ...]]) -> Timetable:
    """The best there is of one job."""
    configured = policy.job(job_id).schedule
    if configured is not None:
        return Timetable.of(configured)
    imported = kept.get((job_id, Source.IMPORTED), ())
    if imported and imported[-1].schedules:
        return Timetable(Source.IMPORTED, imported)
    learned = kept.get((job_id, Source.LEARNED), ())
    if policy.is_sandbox or not any(one.schedules for one in learned):
        return NO_TIMETABLE
    return Timetable(Source.LEARNED, learned)


def refresh(
    connection: Connection, instance: str, policy: Policy, seen_until: datetime, *, at_once: int = AT_ONCE
) -> None:
    """Learn what is due to be learned by now. Within the transaction that has the poll's runs stored."""
    cursor = cursors.load(connection, instance)
    if policy.is_sandbox:
        return
    if cursor.change > cursor.judged_change:
        _follow(connection, instance, policy, cursor.judged_change)
    due = schedules.due(connection, instance, seen_until, at_once)
    coverage = cursors.coverage(connection, instance) if due else ()
    left = at_once
    for job_id, first in due:
        if left <= 0:
            break
        at = first
        before = schedules.kept(connection, instance, [job_id]).get((job_id, Source.LEARNED), ())
        current = before[-1] if before else None
        while at <= seen_until and left > 0:
            starts = starts_at(connection, instance, job_id, policy, coverage, at)
            revision = revised(current, starts, policy.timezone, at)
            if revision is not None:
                schedules.keep(connection, instance, Source.LEARNED, [(job_id, revision)])
                current = revision
            at = next_checkpoint(job_id, at)
            left -= 1
        schedules.follow(connection, instance, [(job_id, at)])


def starts_at(
    connection: Connection,
    instance: str,
    job_id: str,
    policy: Policy,
    coverage: Iterable[Interval],
    at: datetime,
) -> tuple[datetime, ...]:
    """The starts that tell of its schedule at an instant, oldest first."""
    stretches = [one for one in coverage if one.start < at - SETTLED]
    if not stretches:
        return ()
    begin, end = stretches[-1]
    end = min(end, at - SETTLED)

    def asked(since: datetime, limit: int) -> tuple[datetime, ...]:
        found = schedules.last_starts(connection, instance, job_id, since, end, limit)
        return first_starts(found, policy.site_spread)

    some = asked(begin, LAST)
    if len(some) >= LAST and some[-LAST] > some[-1] - LOOKED_BACK:
        some = asked(max(begin, some[-1] - LOOKED_BACK), _EVERY)
    return tuple(last_of(some))


def learned_of(
    job_id: str, runs: Iterable[Execution], policy: Policy, coverage: Sequence[Interval], until: datetime
) -> Timetable:
    """What `refresh` would have learned by then of a job's whole history; NO_TIMETABLE for nothing."""
    told = [
        Start(run.began, run.ended, run.scope)
        for run in runs
        if run.began is not None
        and trigger(run, policy) is Trigger.SCHEDULE
        and not run.is_restart
        and not run.current_retry_attempt
    ]
    return _learned(job_id, told, policy, coverage, until)


def learned_by(
    connection: Connection,
    instance: str,
    job_id: str,
    policy: Policy,
    coverage: Sequence[Interval],
    until: datetime,
) -> Timetable:
    """The same of what is stored, where no agent was there to learn."""
    if not coverage or policy.is_sandbox:
        return NO_TIMETABLE
    told = schedules.last_starts(connection, instance, job_id, coverage[0].start, until, _EVERY)
    return _learned(job_id, told, policy, coverage, until)


def _learned(
    job_id: str, told: Iterable[Start], policy: Policy, coverage: Sequence[Interval], until: datetime
) -> Timetable:
    starts = first_starts(told, policy.site_spread)
    found = revisions(starts, coverage, policy.timezone, job_id, until)
    return Timetable(Source.LEARNED, found) if found else NO_TIMETABLE


def replace_imported(
    connection: Connection,
    instance: str,
    found: Mapping[str, tuple[Schedule, ...]],
    at: datetime,
    reason: str,
) -> None:
    """In place of what was imported before.

    A job's first holds for all of its past; what differs from the one before holds from now on.
    """
    before = {
        job_id: revisions[-1]
        for (job_id, source), revisions in schedules.kept(connection, instance).items()
        if source is Source.IMPORTED
    }
    news = []
    for job_id in {*found, *before}:
        last, now = before.get(job_id), found.get(job_id, ())
        if last is None:
            news.append((job_id, Revision(now, BEGINNING, reason)))
        elif last.schedules != now:
            news.append((job_id, Revision(now, at, reason)))
        else:
            news.append((job_id, replace(last, reason=reason)))
    schedules.keep(connection, instance, Source.IMPORTED, sorted(news, key=lambda one: one[0]))


def accept(
    connection: Connection, instance: str, job_id: str, accepted: tuple[Schedule, ...], at: datetime
) -> None:
    """A person says that this is how it runs from now on, until the next import says otherwise."""
    reason = f"accepted {at:%Y-%m-%d %H:%M} UTC"
    schedules.keep(connection, instance, Source.IMPORTED, [(job_id, Revision(accepted, at, reason))])


def _follow(connection: Connection, instance: str, policy: Policy, judged_change: int) -> None:
    """Jobs that nobody has learned of yet, as far as something happened to them since the last look."""
    changed = {
        job_id
        for job_id in stats.changed_jobs(connection, instance, judged_change)
        if is_wanted(job_id, policy.system_jobs)
    }
    new = changed - schedules.followed(connection, instance, changed)
    covered = cursors.coverage(connection, instance)[:1] if new else ()
    for since in (one.start for one in covered):
        schedules.follow(
            connection, instance, [(job_id, next_checkpoint(job_id, since)) for job_id in sorted(new)]
        )
