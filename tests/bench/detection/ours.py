"""The monitor's own conditions on a fleet, all of its history at once, as `replay` has them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from monitor.detect import CONDITIONS, Detect
from monitor.detect.classify import trigger
from monitor.detect.model import Decision, Facts
from monitor.model import SYSTEM_PREFIX, Interval, Trigger
from monitor.policy import Policy
from monitor.schedule import Source, Timetable
from monitor.schedule.learn import revisions
from monitor.schedule.starts import Start, first_starts
from tests.bench.detection.fleet import Fleet
from tests.bench.detection.score import Told


def facts_of(fleet: Fleet, timetables: Mapping[str, Timetable] | None = None) -> Facts:
    return Facts(
        instance="production",
        seen_until=fleet.end,
        runs=fleet.series,
        coverage=fleet.coverage,
        timetables=timetables or {},
        is_hindsight=True,
        occupied=tuple(
            Interval(run.start_time, run.ended or fleet.end)
            for run in fleet.runs
            if run.start_time is not None
        ),
    )


def configured(fleet: Fleet) -> dict[str, Timetable]:
    """Also of jobs that never ran."""
    policy = fleet.policy(configured=True)
    tables = {one.job_id: Timetable.of(policy.job(one.job_id).schedule) for one in fleet.stories}
    return {job_id: table for job_id, table in tables.items() if table.revisions}


def learned(fleet: Fleet) -> dict[str, Timetable]:
    """What the starts of each job show, day by day as they come."""
    policy = fleet.policy(configured=False)
    starts: defaultdict[str, list[Start]] = defaultdict(list)
    for run in fleet.runs:
        is_first = not run.current_retry_attempt and trigger(run, policy) is Trigger.SCHEDULE
        if is_first and run.start_time is not None and not run.job_id.startswith(SYSTEM_PREFIX):
            starts[run.job_id].append(Start(run.start_time, run.ended, run.scope))
    tables: dict[str, Timetable] = {}
    for job_id, some in starts.items():
        first = first_starts(some, policy.site_spread)
        found = revisions(first, fleet.coverage, policy.timezone, job_id, fleet.end)
        if found:
            tables[job_id] = Timetable(Source.LEARNED, found)
    return tables


def told(facts: Facts, policy: Policy, conditions: Mapping[str, Detect] = CONDITIONS) -> list[Told]:
    return [*_told(decision for detect in conditions.values() for decision in detect(facts, policy))]


def _told(decisions: Iterable[Decision]) -> Iterable[Told]:
    for one in decisions:
        if one.finding is not None:
            opens = one.opens or one.finding.since
            closes = one.closes or one.finding.ends_at
            yield Told(one.condition, one.jobs, one.finding.since, opens, closes, one.finding.summary)
