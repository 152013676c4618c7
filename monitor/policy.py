"""What the settings say about jobs and groups, as plain data for the rooms that decide.

Knows no file and no environment: `monitor.settings` makes these, tests write them by hand.
The defaults are those of the definitions; thresholds carry the names users set them by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

from monitor.schedule import Schedule

FAILURE_CODES = ("ERROR_*", "NO_STAGING_INSTANCE")
"""Exit codes of the platform's standard steps that mean failure although they are not `ERROR`."""

WARN_CODES = ("WARN",)

NO_DATA_CODES = ("NO_FILES_FOUND",)

OFF = "off"
"""In place of a severity: the condition is not told of this job."""


@dataclass(frozen=True, slots=True)
class JobPolicy:
    """How one job is judged and described. Globs are matched with case (`fnmatchcase`)."""

    failure_threshold: int = 1
    recovery_threshold: int = 1
    alert_on_retry: bool = False
    aborted_is: str = "failed"  # or "info"
    failure_codes: tuple[str, ...] = FAILURE_CODES
    warn_codes: tuple[str, ...] = WARN_CODES
    log_errors: int | None = None  # lines of its log; None: nobody counts them
    no_data_codes: tuple[str, ...] = NO_DATA_CODES
    no_data_after: timedelta | None = None  # None: 3 x the usual gap between runs with data
    max_duration: timedelta | None = None  # None: the baseline's upper limit
    stuck_after: timedelta | None = None  # None: max of 60 min and 3 x the limit of `slow`
    pending_after: timedelta = timedelta(minutes=15)
    start_tolerance: timedelta | None = None  # None: of the slot's interval, see `detect.slots`
    early_tolerance: timedelta = timedelta(minutes=2)
    missed_after: timedelta = timedelta(hours=24)
    site_missing_after: timedelta = timedelta(hours=1)
    max_success_age: timedelta | None = None  # None: of the schedule, and off without one
    finish_by: time | None = None  # in the instance's time zone
    min_gap: timedelta | None = None  # None: of the schedule, and off without one
    severity: Mapping[str, str] = field(default_factory=dict)  # condition -> severity, or OFF
    title: str = ""
    impact: str = ""
    owner: str = ""
    runbook: str = ""
    attach: str = "full"  # full, excerpt (the telling lines alone), none
    notify: str = "change"  # or each_run: also for the same cause again
    schedule: Schedule | None = None
    schedule_source: str = "none"  # or "configured"

    def next_due(self, after: datetime) -> datetime | None:
        return None if self.schedule is None else self.schedule.next_slot(after)


@dataclass(frozen=True, slots=True)
class GroupPolicy:
    """Jobs of one instance that touch the same data. `jobs`, `full`, `differential`: globs on job_id.

    any_case: globs ignore case, as the built-in group's do. buffer: None for that of the `Policy`.
    """

    name: str
    jobs: tuple[str, ...]
    exclusive: bool = True
    full: tuple[str, ...] = ("*full*",)
    differential: tuple[str, ...] = ("*differential*",)
    any_case: bool = False
    buffer: timedelta | None = None
    order: tuple[str, ...] = ()  # globs: of whom each goes before the next
    finish_by: time | None = None  # in the instance's time zone


AKENEO = GroupPolicy(name="akeneo", jobs=("*akeneo*",), any_case=True)
"""The built-in group: the connector's manual forbids its full and differential imports at once."""


@dataclass(frozen=True, slots=True)
class Policy:
    """All that detection needs to know about one instance.

    `groups` in the order of the settings, the built-in group last: a pair of runs is told by the
    first group that has both. `scheduled`: the jobs the settings name without a glob and have a schedule
    for, known to be there before they ever ran.
    """

    job: Callable[[str], JobPolicy] = field(default=lambda _job_id: JobPolicy())
    groups: tuple[GroupPolicy, ...] = (AKENEO,)
    scheduled: tuple[str, ...] = ()
    site_spread: timedelta = timedelta(minutes=10)
    buffer: timedelta = timedelta(minutes=5)
    retry_wait: timedelta = timedelta(minutes=70)
    scheduler_logins: tuple[str, ...] = ()
    scheduler_clients: tuple[str, ...] = ()
    system_jobs: tuple[str, ...] = ()  # globs of `sfcc-*` jobs judged like any other
    severity_offset: int = 0  # 1 for staging and development: one severity lower
    timezone: str = "UTC"  # of the instance's schedules
    is_sandbox: bool = False  # the platform runs no schedules there: no condition of absence
    absence_lag: timedelta = timedelta(seconds=30)  # the search index lags: no absence is concluded earlier
    full_imports_within: timedelta = timedelta(days=7)
    saturated_at: int = 12  # of the about 15 executions that an instance runs at once
    saturated_for: timedelta = timedelta(minutes=2)
    interrupted_runs: int = 3
    interrupted_within: timedelta = timedelta(minutes=5)
    interrupted_for: timedelta = timedelta(hours=24)  # what was not rerun by then is given up
    blind_after: timedelta = timedelta(minutes=5)  # or five poll intervals, where that is longer
    maintenance_max: timedelta = timedelta(hours=2)
    expiring_before: timedelta = timedelta(days=14)
    severity: Mapping[str, str] = field(default_factory=dict)  # as a job's; of what is the instance's own
    downtime: Callable[[datetime], str | None] = field(default=lambda _at: None)  # the window that expects it
    no_slots: Callable[[str, datetime], bool] = field(
        default=lambda _job_id, _at: False
    )  # none is waited for
