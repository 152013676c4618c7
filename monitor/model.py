"""What the monitor knows of a job run: plain values, shared by every room.

Knows the platform's words; knows no document, no SQL and no clock. Words of the platform are kept
as text: a status this version has never heard of must survive a round trip and count as active.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import NamedTuple

ORGANIZATION = "Organization"

SYSTEM_PREFIX = "sfcc-"
"""The platform reserves it for its own jobs."""

SUPERSEDED_WORDS = frozenset({"retried", "restarted"})
FINAL_WORDS = frozenset({"finished", "aborted"}) | SUPERSEDED_WORDS
VANISHED_AFTER = 2
"""Polls that must each find a run gone before it counts as vanished: one 404 may be a replica's lag."""


class Outcome(StrEnum):
    """How a run ended, in the words of the metrics and the alerts."""

    OK = "ok"
    DEGRADED = "degraded"
    FAILED = "failed"
    ABORTED = "aborted"
    SUPERSEDED = "superseded"
    VANISHED = "vanished"
    UNKNOWN = "unknown"
    ACTIVE = "active"


class Trigger(StrEnum):
    """Who started a run."""

    SCHEDULE = "schedule"
    MANUAL = "manual"
    API = "api"


class RunId(NamedTuple):
    """A run within one instance. `id` is opaque text: never compared as a number."""

    job_id: str
    id: str


class RunKey(NamedTuple):
    """A run among all instances: the identity of an execution."""

    instance: str
    job_id: str
    id: str


class Series(NamedTuple):
    """What outcomes and durations belong to: a job, split by the sites it runs for."""

    job_id: str
    scope: str


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """How the platform says a run or step ended; `status` is `ok` or `error`, `code` is free text."""

    code: str | None = None
    message: str | None = None
    status: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a run, in the order the platform gave it."""

    step_id: str
    id: str | None = None
    step_type_id: str | None = None
    scope: str | None = None
    execution_status: str = "unknown"
    exit_status: ExitStatus | None = None
    status: str | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    duration: timedelta | None = None


class Logged(NamedTuple):
    """How many lines of a run's log are errors, and how many tell of data that was refused."""

    errors: int
    data_errors: int


@dataclass(frozen=True, slots=True)
class Execution:
    """One run of a job as last seen. Every field but the identity may be missing.

    `version` is the adapter's fingerprint of the document: equal text means nothing changed.
    `steps` is None when they are unknown, and empty when the run has none.
    `missing` counts the polls, one after another, that found the run gone from the platform.
    `backfilled` says it was already final when this instance was first read.
    `logged` is None until somebody has counted; of a long log its beginning and its end.
    """

    instance: str
    job_id: str
    id: str
    scope: str = ORGANIZATION
    execution_status: str = "unknown"
    status: str | None = None
    exit_status: ExitStatus | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    creation_date: datetime | None = None
    last_modified: datetime | None = None
    duration: timedelta | None = None
    user_login: str | None = None
    client_id: str | None = None
    is_restart: bool = False
    current_retry_attempt: int | None = None
    max_retries: int | None = None
    log_file_path: str | None = None
    is_log_file_existing: bool | None = None
    steps: tuple[Step, ...] | None = None
    version: str = ""
    missing: int = 0
    backfilled: bool = False
    first_seen: datetime | None = None
    last_seen: datetime | None = None
    logged: Logged | None = None

    @property
    def run_id(self) -> RunId:
        return RunId(self.job_id, self.id)

    @property
    def key(self) -> RunKey:
        return RunKey(self.instance, self.job_id, self.id)

    @property
    def series(self) -> Series:
        return Series(self.job_id, self.scope)

    @property
    def is_vanished(self) -> bool:
        return self.missing >= VANISHED_AFTER and self.execution_status not in FINAL_WORDS

    @property
    def is_final(self) -> bool:
        """Whether this run can no longer change; a word nobody knows is not final."""
        return self.execution_status in FINAL_WORDS or self.is_vanished

    @property
    def is_superseded(self) -> bool:
        """A later attempt took this one's place: it fills no streak and overlaps nothing."""
        return self.execution_status in SUPERSEDED_WORDS

    @property
    def is_pending(self) -> bool:
        return self.execution_status == "pending"

    @property
    def began(self) -> datetime | None:
        """When it started, or for a pending run without a start, when it was created."""
        return self.start_time or self.creation_date

    @property
    def ended(self) -> datetime | None:
        """When a final run ended; its last sign of life where the platform does not say."""
        if self.execution_status not in FINAL_WORDS:
            return self.last_seen if self.is_vanished else None
        if self.end_time is None and self.start_time is not None and self.duration is not None:
            return self.start_time + self.duration
        return self.end_time or self.last_modified or self.start_time or self.last_seen


class Interval(NamedTuple):
    """Half-open: [start, end)."""

    start: datetime
    end: datetime


def is_system(job_id: str) -> bool:
    return job_id.startswith(SYSTEM_PREFIX)


def is_wanted(job_id: str, system_jobs: Iterable[str]) -> bool:
    """Every job of the customer, and those of the system that a glob names."""
    return not is_system(job_id) or any(fnmatchcase(job_id, glob) for glob in system_jobs)
