"""From the state to what is exported of one instance: read after each commit, then never changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import accumulate

from sqlalchemy import Connection

from alerts import store
from monitor.detect.groups import is_member
from monitor.history import stats
from monitor.history.counters import DURATION_BUCKETS
from monitor.history.series import SeriesFacts, latest
from monitor.history.stats import DurationHistogram
from monitor.metrics import CONDITION_SHOWN, ConditionSnapshot, InstanceSnapshot, JobSnapshot
from monitor.model import Interval
from monitor.overview import active_since, latest_by_end
from monitor.policy import Policy
from monitor.settings import InstanceSettings
from monitor.settings.policies import instance_type, realm

BOUNDS = ("lower", "median", "upper")


def instance(
    connection: Connection, settings: InstanceSettings, policy: Policy, now: datetime
) -> InstanceSnapshot:
    """What the state has committed of it; jobs in the order of their ids."""
    name = settings.name
    known = stats.cursors(connection, name)
    cursor = known[0] if known else None
    return InstanceSnapshot(
        instance=name,
        timezone=settings.timezone,
        type=instance_type(settings),
        realm=realm(settings),
        up=None if cursor is None or cursor.last_poll_at is None else cursor.last_error is None,
        last_success=cursor.last_success_at if cursor else None,
        running=cursor.running if cursor else None,
        clock_skew=(cursor.clock_skew if cursor else None) or timedelta(),
        jobs=tuple(_jobs(connection, name, policy)),
        overlaps={
            (pair.job_id, pair.other_job_id): pair.count for pair in stats.overlap_pairs(connection, name)
        },
        conditions=tuple(_conditions(connection, name, now)),
    )


def _jobs(connection: Connection, name: str, policy: Policy) -> Iterator[JobSnapshot]:
    series: dict[str, list[SeriesFacts]] = defaultdict(list)
    for one in stats.series(connection, name):
        series[one.job_id].append(one)
    outcomes: dict[str, dict[tuple[str, str], int]] = defaultdict(dict)
    for row in stats.outcomes(connection, name):
        outcomes[row.job_id][row.outcome, row.trigger] = row.count
    durations = {one.job_id: one for one in stats.durations(connection, name)}
    expected: dict[str, list[stats.ExpectedDuration]] = defaultdict(list)
    for usual in stats.expected(connection, name):
        expected[usual.job_id].append(usual)
    active = active_since(connection, {name})
    for job_id in sorted(series):
        facts = series[job_id]
        last = latest_by_end(facts)
        histogram = durations.get(job_id)
        yield JobSnapshot(
            job_id=job_id,
            groups=",".join(group.name for group in policy.groups if is_member(job_id, group)),
            outcomes=outcomes[job_id],
            buckets=_buckets(histogram) if histogram else (),
            duration_sum=histogram.total.total_seconds() if histogram else 0.0,
            last_start=latest(*(one.last_start for one in facts)),
            last_end=latest(*(one.last_end for one in facts)),
            last_success=latest(*(one.last_success for one in facts)),
            last_failure=latest(*(one.last_failure for one in facts)),
            last_duration=_longest_of_latest_run(facts, policy.site_spread),
            last_outcome=last.last_outcome if last else None,
            consecutive_failures=max(one.consecutive_failures for one in facts),
            active_since=active.get((name, job_id)),
            expected=_expected(expected[job_id]),
        )


def _buckets(histogram: DurationHistogram) -> tuple[tuple[str, float], ...]:
    """Cumulative, by upper bound as Prometheus writes it."""
    bounds = [*(repr(float(bound)) for bound in DURATION_BUCKETS), "+Inf"]
    return tuple(zip(bounds, (float(count) for count in accumulate(histogram.counts)), strict=True))


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
