"""What detection is given of one instance: which jobs are looked at, and what is loaded for them.

Knows the questions the detectors ask and how little answers each; decides nothing about runs. What a poll
loads follows what happened since the last one, not how many jobs there are or how long their history is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from alerts.model import Incident
from monitor import timetables
from monitor.agenda import INSTANCE
from monitor.detect.absence import moved
from monitor.detect.beside import (
    Before,
    Neighbourhood,
    before_failures,
    judged_with,
    neighbourhood,
    wanted_inputs,
)
from monitor.detect.hindsight import as_of
from monitor.detect.model import RUNS_KEPT, Facts
from monitor.detect.runs import no_data
from monitor.detect.streak import END_OF_TIME
from monitor.detect.together.groups import is_member, role
from monitor.history import cursor as cursors
from monitor.history import executions as history
from monitor.history import facts as stored
from monitor.history import stats
from monitor.history.cursor import Cursor
from monitor.history.past import past
from monitor.model import Execution, Interval, RunId, Series, is_system, is_wanted
from monitor.policy import GroupPolicy, Policy
from monitor.schedule import Timetable

BEFORE_FULL = timedelta(minutes=10)
"""How long before the last judgement runs may have ended that still tell since when an instance is full; or
twice as long as it has to be full."""

CHAIN = timedelta(hours=1)
"""Runs that are cut short one after the other belong together: so far back their first may lie."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One instance at the moment of a look.

    cursor: as it is stored, its read complete. judged_until: up to where time had passed at the last look;
    None at the first ever.
    """

    connection: Connection
    cursor: Cursor
    seen_until: datetime
    policy: Policy
    judged_until: datetime | None
    open_incidents: Sequence[Incident] = ()

    @property
    def instance(self) -> str:
        return self.cursor.instance


def jobs_of(incident: Incident) -> frozenset[str]:
    """Those it is about; none where it is about the instance."""
    named = {incident.labels[name] for name in ("job_id", "other_job_id") if name in incident.labels}
    listed = incident.evidence.get("jobs", ())
    return frozenset(named | set(listed if isinstance(listed, (list, tuple)) else ()))


def whole(scene: Scene, known: AbstractSet[str]) -> Facts:
    """All jobs: for the first look of a process."""
    fresh = stored.fresh(scene.connection, scene.instance, scene.cursor.judged_change)
    active = history.active(scene.connection, scene.instance)
    facts = replace(
        _facts(scene, None, active, fresh),
        occupied=_occupied(scene, active),
        starts=_starts(scene, known, known),
    )
    return _explained(scene, known, facts)


def news(scene: Scene) -> list[Execution]:
    """What changed since the last look, and what began or ended after it: that look could not say whether
    something else still ran by then."""
    until = scene.judged_until or scene.seen_until
    return stored.changed(scene.connection, scene.instance, scene.cursor.judged_change, moved_after=until)


def to_judge(
    scene: Scene, known: AbstractSet[str], news: Sequence[Execution], due: AbstractSet[str]
) -> frozenset[str]:
    """The jobs to which something happened, those whose instant has come, and whom they are judged with."""
    found = {run.job_id for run in news if run.is_final or is_wanted(run.job_id, scene.policy.system_jobs)}
    found |= due - {INSTANCE} | _broken(scene, news)
    for one in scene.open_incidents:
        about = jobs_of(one)
        if about & found or (INSTANCE in due and "job_id" not in one.labels):
            found |= about
    return frozenset(judged_with(found, known, scene.policy, news))


def astray(scene: Scene, facts: Facts) -> AbstractSet[str]:
    """All jobs whose schedule is found moved, where one of those under judgement is."""
    known = {job_id for one in scene.open_incidents if one.condition == "moved" for job_id in jobs_of(one)}
    now = moved.astray(facts, scene.policy)
    return now | known if now or not known.isdisjoint(facts.job_ids) else frozenset()


def with_numbers(scene: Scene, facts: Facts) -> Facts:
    """How many jobs have slots, where it is said how many of them are off."""
    if len(moved.astray(facts, scene.policy)) < moved.MANY:
        return facts
    return replace(facts, with_slots=len(_timetables(scene, None)))


def of_jobs(
    scene: Scene,
    known: AbstractSet[str],
    jobs: AbstractSet[str],
    news: Sequence[Execution],
    *,
    beside_all: bool = False,
) -> Facts:
    """What there is to judge these jobs by. known: all there are.

    news: what changed since the last look. beside_all: also what ran beside the old runs of these jobs.
    """
    connection, policy = scene.connection, scene.policy
    active = history.active(connection, scene.instance)
    facts = _facts(scene, jobs, active, frozenset(run.run_id for run in news))
    old = [run for some in facts.runs.values() for run in some] if beside_all else []
    since = None if beside_all else scene.judged_until
    near = neighbourhood([*news, *old], policy, facts.seen_until, since)
    beside = [run for run in active if run.job_id not in jobs]
    facts = replace(
        facts,
        beside=(*beside, *_beside(connection, scene.instance, jobs, near)),
        occupied=_occupied(scene, active),
        starts=_starts(scene, known, jobs),
    )
    return _explained(scene, known, facts)


def in_the_past(scene: Scene, jobs: AbstractSet[str]) -> Facts:
    """As it looked at `scene.seen_until`, however long ago; what was open then and is not now is news."""
    at, instance = scene.seen_until, scene.instance
    found = past(
        scene.connection, instance, since=at, until=at, keep=RUNS_KEPT, patience=lambda _: timedelta()
    )
    runs: dict[Series, list[Execution]] = defaultdict(list)
    beside: list[Execution] = []
    for run in as_of(found, at):
        (runs[run.series] if run.job_id in jobs else beside).append(run)
    facts = Facts(
        instance=instance,
        seen_until=at,
        runs={
            one: tuple(sorted(some, key=lambda run: (run.began or at, run.id))) for one, some in runs.items()
        },
        beside=tuple(beside),
        coverage=tuple(
            Interval(one.start, min(one.end, at))
            for one in cursors.coverage(scene.connection, instance)
            if one.start < at
        ),
        system_jobs=scene.policy.system_jobs,
        timetables=_timetables(scene, jobs),
        kept=RUNS_KEPT,
        watched_since=_watched_since(scene.cursor),
    )
    return _with_data(scene, facts)


def of_an_import(scene: Scene, jobs: AbstractSet[str]) -> Facts:
    """The same of a history that no agent has read: with what one would have learned of it."""
    found = in_the_past(scene, jobs)
    policy, coverage, until = scene.policy, found.coverage, found.seen_until
    learned = {
        job_id: timetables.learned_by(scene.connection, scene.instance, job_id, policy, coverage, until)
        for job_id in jobs - found.timetables.keys()
    }
    return replace(found, timetables={**found.timetables, **learned})


def with_occupied(scene: Scene, facts: Facts, instants: Collection[datetime]) -> Facts:
    """How full the instance was at these instants as well."""
    intervals = set(facts.occupied)
    for at in instants:
        times = stored.under_way(scene.connection, scene.instance, at, at + timedelta(microseconds=1))
        intervals |= {Interval(one.began, one.ended) for one in times}
        intervals |= {
            Interval(run.start_time, END_OF_TIME)
            for run in history.active(scene.connection, scene.instance)
            if run.start_time is not None and run.start_time <= at
        }
    return replace(facts, occupied=tuple(sorted(intervals)))


def _facts(
    scene: Scene, jobs: Collection[str] | None, active: Iterable[Execution], fresh: frozenset[RunId]
) -> Facts:
    connection, instance = scene.connection, scene.instance
    # Where more ended since the last look than is usually kept, none of it may go unjudged.
    keep = RUNS_KEPT + stored.most_news(connection, instance, scene.cursor.judged_change)
    runs = stored.runs(connection, instance, jobs, active, keep=keep)
    return Facts(
        instance=instance,
        seen_until=scene.seen_until,
        runs=runs,
        fresh=fresh,
        coverage=cursors.coverage(connection, instance),
        system_jobs=scene.policy.system_jobs,
        timetables=_timetables(scene, jobs),
        kept=keep,
        judged_until=scene.judged_until,
        watched_since=_watched_since(scene.cursor),
        succeeded=_succeeded(scene, jobs),
    )


def _succeeded(scene: Scene, jobs: Collection[str] | None) -> Mapping[str, datetime]:
    found: dict[str, datetime] = {}
    for one in stats.series(scene.connection, scene.instance, jobs):
        if one.last_success is not None:
            found[one.job_id] = max(one.last_success, found.get(one.job_id, one.last_success))
    return found


def _watched_since(cursor: Cursor) -> datetime | None:
    """By the instance's clock."""
    if cursor.first_poll_at is None:
        return None
    return cursor.first_poll_at + (cursor.clock_skew or timedelta())


def _timetables(scene: Scene, jobs: Collection[str] | None) -> Mapping[str, Timetable]:
    return timetables.load(scene.connection, scene.instance, scene.policy, jobs)


def _broken(scene: Scene, news: Sequence[Execution]) -> set[str]:
    """Jobs of which a run was cut short lately, where one more was, or such a thing is still open."""
    is_open = any(one.condition == "interrupted" for one in scene.open_incidents)
    if not is_open and not any(_was_cut_short(run) for run in news):
        return set()
    last = min(scene.judged_until or scene.seen_until, scene.seen_until)
    since = last - scene.policy.interrupted_for - scene.policy.interrupted_within - CHAIN
    found = stored.cut_short(scene.connection, scene.instance, since)
    return {job_id for job_id in found if is_wanted(job_id, scene.policy.system_jobs)}


def _was_cut_short(run: Execution) -> bool:
    return run.is_vanished or run.is_restart or run.execution_status in {"aborted", "restarted"}


def _occupied(scene: Scene, active: Sequence[Execution]) -> tuple[Interval, ...]:
    """Only where the instance may be full, or may have been since the last look."""
    open_since = [one.starts_at for one in scene.open_incidents if one.condition == "saturated"]
    back = max(BEFORE_FULL, 2 * scene.policy.saturated_for)
    since = min([scene.judged_until or scene.seen_until, *open_since]) - back
    times = stored.under_way(scene.connection, scene.instance, since, scene.seen_until)
    if len(active) + len(times) < scene.policy.saturated_at and not open_since:
        return ()
    running = (Interval(run.start_time, END_OF_TIME) for run in active if run.start_time is not None)
    return (*(Interval(one.began, one.ended) for one in times), *running)


def _starts(
    scene: Scene, known: AbstractSet[str], jobs: AbstractSet[str]
) -> Mapping[str, tuple[datetime, ...]]:
    """Of the jobs that are counted over days, where one of their group is looked at."""
    counted: set[str] = set()
    for group in scene.policy.groups:
        if any(_has_role(job_id, group) for job_id in jobs):
            counted |= {job_id for job_id in known if _has_role(job_id, group)}
    if not counted:
        return {}
    since = scene.seen_until - 2 * scene.policy.full_imports_within
    return stored.beginnings(scene.connection, scene.instance, counted, since)


def _has_role(job_id: str, group: GroupPolicy) -> bool:
    return bool(role(job_id, group)) and is_member(job_id, group)


def _explained(scene: Scene, known: AbstractSet[str], facts: Facts) -> Facts:
    before = before_failures(facts, scene.policy)
    inputs = (
        run
        for job_id, at in wanted_inputs(facts, scene.policy)
        for run in stored.last_ended(scene.connection, scene.instance, job_id, at)
    )
    facts = replace(facts, beside=(*facts.beside, *_before(scene, known, before), *inputs))
    return _with_data(scene, facts)


def _with_data(scene: Scene, facts: Facts) -> Facts:
    """When data came before the runs that are known, where that matters."""
    is_empty = no_data.is_code_of_none
    found = {
        series: stored.last_ends(
            scene.connection,
            scene.instance,
            series,
            began,
            empty,
            partial(is_empty, job=scene.policy.job(series.job_id)),
            no_data.GAPS + 1,
        )
        for series, began, empty in no_data.wanted_ends(facts, scene.policy)
    }
    return replace(facts, data_before=found) if found else facts


def _beside(
    connection: Connection, instance: str, judged: Collection[str], near: Neighbourhood
) -> Iterator[Execution]:
    """What ran at the same time as something new, or close to it: who met whom needs both."""
    if near.whole is None:
        return
    met = [
        run.run_id
        for run in stored.under_way(connection, instance, *near.whole)
        if run.run_id.job_id not in judged and near.has(run.run_id.job_id, run.began, run.ended)
    ]
    yield from stored.named(connection, instance, met)


def _before(scene: Scene, known: AbstractSet[str], before: Before) -> Iterator[Execution]:
    """What was changed just before the failures to be told."""
    if not before.times:
        return
    system = {job_id for job_id in known if is_system(job_id)}
    related = {job_id for job_id in known - system if before.concerns(job_id, scene.policy)}
    for time in before.times:
        yield from stored.began(scene.connection, scene.instance, system, time)
        yield from stored.began(scene.connection, scene.instance, related, time, by_hand=True)
