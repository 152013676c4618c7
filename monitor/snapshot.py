"""From the state to what is exported of one instance: read after each commit, then never changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from itertools import accumulate

from sqlalchemy import Connection

from alerts import store
from monitor.history import executions as history
from monitor.history import stats
from monitor.metrics import CONDITION_SHOWN, ConditionSnapshot, InstanceSnapshot, JobSnapshot
from monitor.policy import GroupPolicy, Policy
from monitor.settings import InstanceSettings
from monitor.settings.policies import instance_type, realm


def instance(
    connection: Connection, settings: InstanceSettings, policy: Policy, now: datetime
) -> InstanceSnapshot:
    name = settings.name
    cursor = stats.cursor(connection, name)
    return InstanceSnapshot(
        instance=name,
        timezone=settings.timezone,
        type=instance_type(settings),
        realm=realm(settings),
        up=None if cursor is None or cursor.last_poll_at is None else cursor.last_error is None,
        last_success=cursor and cursor.last_success_at,
        running=cursor and cursor.running,
        clock_skew=cursor.clock_skew if cursor else timedelta(),
        jobs=tuple(_jobs(connection, name, policy)),
        overlaps={
            (pair.job_id, pair.other_job_id): pair.count for pair in stats.overlap_pairs(connection, name)
        },
        conditions=tuple(_conditions(connection, name, now)),
    )


def _jobs(connection: Connection, name: str, policy: Policy) -> Iterable[JobSnapshot]:
    series: dict[str, list[stats.SeriesStats]] = defaultdict(list)
    for one in stats.series(connection, name):
        series[one.job_id].append(one)
    outcomes: dict[str, dict[tuple[str, str], int]] = defaultdict(dict)
    for row in stats.outcomes(connection, name):
        outcomes[row.job_id][row.outcome, row.trigger] = row.count
    durations = {one.job_id: one for one in stats.durations(connection, name)}
    active = _active_since(connection, name)
    for job_id in sorted(series):
        yield _job(
            job_id, series[job_id], outcomes[job_id], durations.get(job_id), active.get(job_id), policy
        )


def _job(
    job_id: str,
    series: Sequence[stats.SeriesStats],
    outcomes: Mapping[tuple[str, str], int],
    durations: stats.JobDurations | None,
    active_since: datetime | None,
    policy: Policy,
) -> JobSnapshot:
    ended = [one for one in series if one.last_end is not None]
    latest = max(ended, key=lambda one: one.last_end or datetime.min, default=None)
    return JobSnapshot(
        job_id=job_id,
        groups=",".join(group.name for group in policy.groups if _in_group(job_id, group)),
        outcomes=outcomes,
        buckets=_buckets(durations),
        duration_sum=durations.total.total_seconds() if durations else 0.0,
        last_start=_latest(one.last_start for one in series),
        last_end=_latest(one.last_end for one in series),
        last_success=_latest(one.last_success for one in series),
        last_failure=_latest(one.last_failure for one in series),
        last_duration=_longest_of_latest(ended),
        last_outcome=latest.last_outcome if latest else None,
        consecutive_failures=max((one.consecutive_failures for one in series), default=0),
        active_since=active_since,
        expected=_expected(series),
    )
