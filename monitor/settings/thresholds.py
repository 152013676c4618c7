"""When a condition opens: the thresholds that several tables share, under the names of `monitor.policy`.

A table says what it wants to say; what it leaves out is None, and the next wider table is asked: a job, its
groups, its instance, `[detection]`. Only the last has values of its own, which are those of the policy: each
default stands in one place.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from monitor.policy import JobPolicy, Policy
from monitor.settings import schedules
from monitor.settings.duration import Duration, PositiveDuration
from monitor.settings.table import Table

CONDITION_NAMES = (
    *("failed", "degraded", "no_data", "slow", "fast", "stuck", "interrupted"),
    *("late", "missed", "site_missing", "stale", "deadline", "moved", "unexpected"),
    *("overlap", "buffer", "too_often", "manual_clash", "out_of_order", "full_imports", "saturated"),
    *("blind", "log_access", "expiring"),
)
"""What a severity can be set for."""

Loudness = Literal["info", "warning", "critical", "off"]


def _of_conditions(given: dict[str, Loudness]) -> dict[str, Loudness]:
    for name in given:
        if name not in CONDITION_NAMES:
            near = get_close_matches(name.lower(), CONDITION_NAMES, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(CONDITION_NAMES)}"
            raise ValueError(f"there is no condition {name}; {hint}")
    return given


Globs = list[str]
Count = Annotated[int, Field(ge=1, le=100)]
AbortedIs = Literal["failed", "info"]
SeverityTable = Annotated[dict[str, Loudness], AfterValidator(_of_conditions)]


class JobThresholds(Table):
    """How a job is judged: in `[detection]` for all of them, by selector in every other table."""

    failure_threshold: Count | None = None
    recovery_threshold: Count | None = None
    alert_on_retry: bool | None = None
    aborted_is: AbortedIs | None = None
    failure_codes: Globs | None = None
    warn_codes: Globs | None = None
    log_errors: Annotated[int, Field(ge=1)] | None = None
    no_data_codes: Globs | None = None
    no_data_after: PositiveDuration | None = None
    max_duration: PositiveDuration | None = None
    stuck_after: PositiveDuration | None = None
    pending_after: PositiveDuration | None = None
    start_tolerance: Duration | None = None
    early_tolerance: Duration | None = None
    missed_after: PositiveDuration | None = None
    site_missing_after: Duration | None = None
    max_success_age: PositiveDuration | None = None
    finish_by: schedules.TimeOfDay | None = None
    min_gap: PositiveDuration | None = None
    severity: SeverityTable = {}


class InstanceThresholds(Table):
    """What is judged of a whole instance, or with one number for all its jobs."""

    site_spread: Duration | None = None
    buffer: Duration | None = None
    retry_wait: Duration | None = None
    scheduler_logins: Globs | None = None
    scheduler_clients: Globs | None = None
    absence_lag: Duration | None = None
    full_imports_within: PositiveDuration | None = None
    saturated_at: Count | None = None
    saturated_for: Duration | None = None
    interrupted_runs: Count | None = None
    interrupted_within: PositiveDuration | None = None
    interrupted_for: PositiveDuration | None = None
    blind_after: PositiveDuration | None = None
    maintenance_max: Duration | None = None
    expiring_before: PositiveDuration | None = None


_JOB, _INSTANCE = JobPolicy(), Policy()


class DetectionSettings(JobThresholds, InstanceThresholds):
    """Thresholds of the conditions for all instances and jobs; instances, groups and jobs override them.

    What has no default here is worked out for each job from its history and its schedule.
    """

    failure_threshold: Count = _JOB.failure_threshold
    recovery_threshold: Count = _JOB.recovery_threshold
    alert_on_retry: bool = _JOB.alert_on_retry
    aborted_is: AbortedIs = "failed"
    failure_codes: Globs = list(_JOB.failure_codes)
    warn_codes: Globs = list(_JOB.warn_codes)
    no_data_codes: Globs = list(_JOB.no_data_codes)
    pending_after: PositiveDuration = _JOB.pending_after
    early_tolerance: Duration = _JOB.early_tolerance
    missed_after: PositiveDuration = _JOB.missed_after
    site_missing_after: Duration = _JOB.site_missing_after
    site_spread: Duration = _INSTANCE.site_spread
    buffer: Duration = _INSTANCE.buffer
    retry_wait: Duration = _INSTANCE.retry_wait
    scheduler_logins: Globs = list(_INSTANCE.scheduler_logins)
    scheduler_clients: Globs = list(_INSTANCE.scheduler_clients)
    absence_lag: Duration = _INSTANCE.absence_lag
    full_imports_within: PositiveDuration = _INSTANCE.full_imports_within
    saturated_at: Count = _INSTANCE.saturated_at
    saturated_for: Duration = _INSTANCE.saturated_for
    interrupted_runs: Count = _INSTANCE.interrupted_runs
    interrupted_within: PositiveDuration = _INSTANCE.interrupted_within
    interrupted_for: PositiveDuration = _INSTANCE.interrupted_for
    blind_after: PositiveDuration = _INSTANCE.blind_after
    maintenance_max: Duration = _INSTANCE.maintenance_max
    expiring_before: PositiveDuration = _INSTANCE.expiring_before
    builtin_group: bool = True
