"""What is exported of the state, as plain data: made by `snapshot` after each commit, then never changed.

Knows nothing of Prometheus, and nothing of where it is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

CONDITION_SHOWN = timedelta(hours=1)
"""How long a resolved condition is exported as 0: long enough for any scrape interval to see it end."""


@dataclass(frozen=True, slots=True)
class JobSnapshot:
    """One job over all its sites: last times the latest, counters the sum."""

    job_id: str
    groups: str = ""
    outcomes: Mapping[tuple[str, str], int] = field(default_factory=dict)  # (outcome, trigger) -> runs
    buckets: tuple[tuple[str, float], ...] = ()  # cumulative, by upper bound
    duration_sum: float = 0.0
    last_start: datetime | None = None
    last_end: datetime | None = None
    last_success: datetime | None = None
    last_failure: datetime | None = None
    last_duration: timedelta | None = None
    last_outcome: str | None = None
    consecutive_failures: int = 0
    active_since: datetime | None = None
    expected: Mapping[str, timedelta] = field(default_factory=dict)  # lower, median, upper
    next_due: datetime | None = None
    schedule: str = ""
    schedule_source: str = "none"


@dataclass(frozen=True, slots=True)
class ConditionSnapshot:
    condition: str
    severity: str
    job_id: str | None
    resolved_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class InstanceSnapshot:
    """`up` is None until the first poll was tried."""

    instance: str
    timezone: str = "UTC"
    type: str = ""
    realm: str = ""
    up: bool | None = None
    last_success: datetime | None = None
    running: int | None = None
    clock_skew: timedelta = timedelta()
    jobs: tuple[JobSnapshot, ...] = ()
    overlaps: Mapping[tuple[str, str], int] = field(default_factory=dict)
    conditions: tuple[ConditionSnapshot, ...] = ()
    credentials: Mapping[str, datetime] = field(default_factory=dict)  # name -> when it ends


@dataclass(frozen=True, slots=True)
class OutboxSnapshot:
    waiting: int = 0
    oldest: datetime | None = None
