"""What `trigger` does with an instance: looks what runs, finds a run again, waits for its end.

Where the platform, the history and the clock meet; decides nothing about whether a job may start
(`triggering`) and prints nothing. Works without a history: what the platform says at that moment counts, the
history only adds what it knows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from monitor import timetables
from monitor.clock import Clock, InstanceClock
from monitor.detect.classify import outcome
from monitor.errors import Reason, SfccError
from monitor.history import executions as history
from monitor.history import stats
from monitor.history.series import SeriesFacts
from monitor.joblogs.wholelog import Reading, whole_log
from monitor.masking import Mask
from monitor.model import VANISHED_AFTER, Execution, Outcome, RunId, RunKey
from monitor.overview import latest_by_end
from monitor.policy import Policy
from monitor.schedule import Timetable
from monitor.sfcc import JobsApi, LogReader
from monitor.sfcc.logs.joblog import JobLog
from monitor.triggering.guard import LastRun, Situation, shared_group

LOOK_BACK = timedelta(minutes=15)
"""How long ago a run may have ended to be found by a look: longer than any usual buffer."""

SOON, LATER = 3.0, 5.0  # seconds between two looks at a run, in its first minute and after
FIRST_MINUTE = 60.0
GIVEN_UP_AFTER = 600.0  # seconds without an answer until waiting ends
INDEXED_AFTER = 30.0  # seconds until a search finds every run there is
UNSEEN_LOOKS = 10
"""Looks at a run that was just started until it counts as gone: other servers hear of it a little later."""

LOG_TRIES = 4

_PATIENT = frozenset(
    {Reason.NETWORK, Reason.TIMEOUT, Reason.THROTTLED, Reason.MAINTENANCE, Reason.SERVER, Reason.PROTOCOL}
)


@dataclass(frozen=True, slots=True)
class Known:
    """What the history knows; nothing of it is needed. usual: how long the job takes.

    timetables: of all jobs that have slots.
    """

    last: dict[str, LastRun] = field(default_factory=dict)
    active: tuple[Execution, ...] = ()
    usual: timedelta | None = None
    timetables: Mapping[str, Timetable] = field(default_factory=dict)


def known_of(connection: Connection, instance: str, job_id: str, policy: Policy) -> Known:
    """Of all jobs of the instance, for starting this one."""
    by_job: dict[str, list[SeriesFacts]] = {}
    for one in stats.series(connection, instance):
        by_job.setdefault(one.job_id, []).append(one)
    ended = {name: latest_by_end(series) for name, series in by_job.items()}
    last = {
        name: LastRun(one.last_outcome, one.last_end)
        for name, one in ended.items()
        if one is not None and one.last_outcome is not None and one.last_end is not None
    }
    usual = [one.median for one in stats.expected(connection, instance, {job_id})]
    tables = timetables.load(connection, instance, policy)
    return Known(last, tuple(history.active(connection, instance)), max(usual, default=None), tables)


def look(jobs: JobsApi, known: Known, job_id: str, policy: Policy, clock: Clock) -> Situation:
    """What is so at this moment, by the instance's time. An instance that does not answer is in `unseen`."""
    unseen = ""
    runs: dict[RunId, Execution] = {}
    try:
        runs = {run.run_id: run for run in runs_now(jobs, job_id, clock.now() - LOOK_BACK)}
        runs |= {run.run_id: run for run in _left(jobs, known, runs, job_id, policy)}
    except SfccError as error:
        if error.reason is not Reason.PERMISSION:
            raise
        unseen = f"what is running cannot be asked: {error}"
    return Situation(
        job_id=job_id,
        now=instance_time(jobs, clock),
        runs=tuple(runs.values()),
        last=_last(known, runs.values(), policy),
        usual=known.usual,
        timetables=known.timetables,
        unseen=unseen,
    )


def instance_time(jobs: JobsApi, clock: Clock) -> datetime:
    measured = InstanceClock()
    measured.observe(jobs.clock_offset)
    return clock.now() + measured.offset


def find_again(
    jobs: JobsApi, job_id: str, before: Situation, client_id: str, clock: Clock, stop: threading.Event
) -> Execution | None:
    """The run that a request without a good answer began, as far as the platform shows one.

    One that was not there before, and that nobody else is seen to have started.
    """
    known = {run.run_id for run in before.runs}
    deadline = clock.monotonic() + INDEXED_AFTER
    while True:
        for run in runs_now(jobs, job_id, before.now - LOOK_BACK):
            is_new = run.job_id == job_id and run.run_id not in known
            if is_new and run.client_id in {client_id, None} and run.user_login is None:
                return run
        if clock.monotonic() >= deadline or clock.wait(stop, LATER):
            return None


def until_the_end(
    jobs: JobsApi, key: RunKey, clock: Clock, stop: threading.Event, trouble: Callable[[SfccError], None]
) -> Iterator[Execution]:
    """The run as each look finds it, the last one final; after a retry, the attempt that took its place.

    Looks that fail are told to `trouble`; raises the `SfccError` when that goes on for long, or does not
    get better by waiting. One that is gone comes back as vanished. Ends early when told to stop.
    """
    seen: Execution | None = None
    begun = answered = clock.monotonic()
    gone = 0
    while True:
        try:
            found = jobs.execution(key.job_id, key.id)
        except SfccError as error:
            if error.reason not in _PATIENT or clock.monotonic() - answered > GIVEN_UP_AFTER:
                raise
            trouble(error)
        else:
            answered = clock.monotonic()
            gone = 0 if found is not None else gone + 1
            seen = found or seen
            if found is not None:
                yield found
                if found.is_superseded and (successor := _successor(jobs, found, clock, stop)) is not None:
                    key = successor.key
                elif found.is_final:
                    return
            elif gone >= (VANISHED_AFTER if seen is not None else UNSEEN_LOOKS):
                yield _vanished(key, seen, clock.now())
                return
        if clock.wait(stop, SOON if clock.monotonic() - begun < FIRST_MINUTE else LATER):
            return


def fetch_log(
    reader: LogReader, run: Execution, mask: Mask, reading: Reading, clock: Clock, stop: threading.Event
) -> JobLog:
    """The log of a run that has just ended, which may still be on its way; raises `SfccError`."""
    for _ in range(LOG_TRIES - 1):
        try:
            return whole_log(reader, run, mask, reading)
        except SfccError as error:
            is_on_its_way = error.reason is Reason.NOT_FOUND and run.log_file_path is not None
            if not is_on_its_way or clock.wait(stop, SOON):
                raise
    return whole_log(reader, run, mask, reading)


def runs_now(jobs: JobsApi, job_id: str, since: datetime) -> Iterator[Execution]:
    """What is active, and what began or ended since; of system jobs only those that are wanted, and this."""
    for page in jobs.recent(since, {}):
        yield from page.executions
        for run_id in sorted(page.running - page.seen):
            if run_id.job_id == job_id and (run := jobs.execution(*run_id)) is not None:
                yield run


def _left(
    jobs: JobsApi, known: Known, found: Iterable[RunId], job_id: str, policy: Policy
) -> Iterator[Execution]:
    """What the history has as active and the search did not show: its index may lag behind."""
    found = set(found)
    for run in known.active:
        concerns = run.job_id == job_id or shared_group(job_id, run.job_id, policy) is not None
        if concerns and run.run_id not in found and (now := jobs.execution(*run.run_id)) is not None:
            yield now


def _last(known: Known, runs: Iterable[Execution], policy: Policy) -> dict[str, LastRun]:
    last = dict(known.last)
    for run in runs:
        how = outcome(run, policy.job(run.job_id))
        before = last.get(run.job_id)
        is_later = run.ended is not None and (before is None or run.ended > before.ended)
        if run.ended is not None and is_later and how is not Outcome.SUPERSEDED:
            last[run.job_id] = LastRun(how, run.ended)
    return last


def _successor(jobs: JobsApi, run: Execution, clock: Clock, stop: threading.Event) -> Execution | None:
    """The attempt that took the place of this one."""
    deadline = clock.monotonic() + INDEXED_AFTER
    while True:
        later = [
            other
            for other in runs_now(jobs, run.job_id, clock.now() - LOOK_BACK)
            if other.series == run.series and other.id != run.id and _began_after(other, run)
        ]
        if later:
            return min(later, key=lambda other: (other.began or clock.now(), other.id))
        if clock.monotonic() >= deadline or clock.wait(stop, LATER):
            return None


def _began_after(other: Execution, run: Execution) -> bool:
    return other.began is None or run.began is None or other.began > run.began


def _vanished(key: RunKey, seen: Execution | None, now: datetime) -> Execution:
    seen = seen or Execution(*key)
    return replace(seen, missing=VANISHED_AFTER, last_seen=seen.last_seen or now)
