"""One job of the fleet as it went, and what is true of it: runs, and labels of what was injected.

Knows the words of the definitions, never a detector. A label says from when on a thing could be known and
when it was over; one that is not `must` is a consequence that is right to tell and right to leave out.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from statistics import median
from typing import Any

from monitor.model import ORGANIZATION, Execution, ExitStatus, Step
from tests.bench.detection.cadence import DAY, HOUR, MINUTE, SECOND, Cadence

LAG = 30 * SECOND
JITTER = 90
INSTANCE = "production"


@dataclass(frozen=True, slots=True)
class Label:
    """jobs: empty for the instance. until: None for what goes on at the end. story: what was injected."""

    condition: str
    jobs: tuple[str, ...]
    since: datetime
    known: datetime
    until: datetime | None
    story: str
    must: bool = True


@dataclass(slots=True)
class Run:
    """slot: the one it was started for; None for what was not on the schedule, or by a person."""

    start: datetime
    end: datetime
    slot: datetime | None = None
    scope: str = ORGANIZATION
    status: str = "finished"
    code: str = "OK"
    login: str | None = None
    client: str | None = None
    attempt: int | None = None
    retries: int | None = None
    flawed_step: bool = False

    @property
    def seconds(self) -> float:
        return (self.end - self.start).total_seconds()

    @property
    def is_good(self) -> bool:
        return self.status == "finished" and self.code != "ERROR"

    @property
    def is_scheduled(self) -> bool:
        return self.login is None and self.client is None

    def execution(self, job_id: str, number: str, until: datetime) -> Execution:
        """As the platform had it at `until`."""
        fields: dict[str, Any] = {
            "user_login": self.login,
            "client_id": self.client,
            "current_retry_attempt": self.attempt,
            "max_retries": self.retries,
            "creation_date": self.start,
            "start_time": self.start,
            "steps": (),
        }
        if self.end > until:
            return Execution(INSTANCE, job_id, number, self.scope, "running", **fields, last_seen=until)
        if self.flawed_step:
            flaw = ExitStatus("ERROR", "One file was refused.", "error")
            fields["steps"] = (Step("ImportFiles", execution_status="finished", exit_status=flaw),)
        if self.status != "aborted":
            word = "error" if self.code == "ERROR" else "ok"
            fields["exit_status"] = ExitStatus(self.code, None, word)
        return Execution(
            INSTANCE,
            job_id,
            number,
            self.scope,
            self.status,
            **fields,
            end_time=self.end,
            last_modified=self.end,
            duration=self.end - self.start,
        )


@dataclass(slots=True)
class Story:
    """usual: seconds. policy: fields of the job's settings. sites: none for the whole organization."""

    job_id: str
    cadence: Cadence | None
    usual: float
    spread: float
    sites: tuple[str, ...] = ()
    policy: dict[str, Any] = field(default_factory=dict)
    slots: list[datetime] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)

    def fill(self, random: Random) -> None:
        """A run for each slot, nothing out of the ordinary."""
        self.runs = [run for slot in self.slots for run in self.natural(slot, random)]

    def natural(self, slot: datetime, random: Random) -> Iterator[Run]:
        start = slot + random.uniform(0, JITTER) * SECOND
        for number, site in enumerate(self.sites or (ORGANIZATION,)):
            began = start + 15 * number * SECOND
            yield Run(began, began + self.length(random), slot, site)

    def length(self, random: Random) -> timedelta:
        """Log-normal, without its far ends: what was not injected is nobody's fault."""
        wild = min(max(random.gauss(0, 1), -2.3), 2.3)
        return self.usual * math.exp(self.spread * wild) * SECOND

    def of(self, slot: datetime) -> list[Run]:
        return [run for run in self.runs if run.slot == slot]

    def one(self, slot: datetime) -> Run:
        return self.of(slot)[-1]

    def drop(self, slot: datetime) -> None:
        self.runs = [run for run in self.runs if run.slot != slot]

    def add(self, run: Run) -> Run:
        self.runs.append(run)
        self.runs.sort(key=lambda one: one.start)
        return run

    def next_slot(self, after: datetime, count: int = 1) -> datetime:
        place = bisect_right(self.slots, after) + count - 1
        if place < len(self.slots):
            return self.slots[place]
        return self.slots[-1] + (place + 1 - len(self.slots)) * (self.slots[-1] - self.slots[-2])

    def next_good(self, after: datetime) -> Run | None:
        """The first to end well of those that began later."""
        good = (run for run in self.runs if run.start > after and run.is_good)
        return min(good, key=lambda run: run.end, default=None)

    def good_end(self, after: datetime) -> datetime | None:
        run = self.next_good(after)
        return None if run is None else run.end

    def next_filled(self, after: datetime) -> datetime | None:
        return next((run.start for run in self.runs if run.slot is not None and run.slot > after), None)

    def interval(self, slot: datetime) -> timedelta:
        place = self.slots.index(slot)
        if place + 1 < len(self.slots):
            return self.slots[place + 1] - slot
        return slot - self.slots[place - 1] if place else DAY

    def tolerance(self, slot: datetime) -> timedelta:
        own = self.policy.get("start_tolerance")
        interval = self.interval(slot)
        return own or min(max(5 * MINUTE, interval / 10), HOUR, interval / 2)

    def before(self, at: datetime, scope: str = ORGANIZATION) -> list[float]:
        """How long the last good runs took that had ended by then."""
        return [run.seconds for run in self.runs if run.scope == scope and run.is_good and run.end <= at][
            -30:
        ]

    def limit(self, run: Run) -> timedelta | None:
        """From when on it is slow."""
        own: timedelta | None = self.policy.get("max_duration")
        if own is not None:
            return own
        known = self.before(run.start, run.scope)
        return upper_limit(known) * SECOND if len(known) >= 5 else None

    def stuck_after(self, run: Run) -> timedelta:
        limit = self.limit(run)
        return max(HOUR, 3 * limit) if limit is not None else 12 * HOUR

    def label(
        self,
        condition: str,
        known: datetime,
        until: datetime | None,
        story: str,
        since: datetime | None = None,
        *,
        must: bool = True,
        jobs: tuple[str, ...] | None = None,
    ) -> None:
        own = (self.job_id,) if jobs is None else jobs
        self.labels.append(Label(condition, own, since or known, known, until, story, must))

    def tolerate(self, conditions: str, since: datetime, until: datetime | None, story: str) -> None:
        for condition in conditions.split():
            self.label(condition, since, until, story, must=False)


def upper_limit(durations: Sequence[float]) -> float:
    usual, sigma, ordered = _shape(durations)
    least = max(1.5 * usual, usual + 120)
    wide = max(math.exp(min(math.log(usual) + 5 * sigma, 30)), 1.5 * _quantile(ordered, 0.9), least)
    return max(min(wide, 3 * ordered[-1]), least)


def lower_limit(durations: Sequence[float]) -> float:
    usual, sigma, ordered = _shape(durations)
    return min(usual / 5, math.exp(math.log(usual) - 5 * sigma), _quantile(ordered, 0.1) / 2)


def usual_of(durations: Sequence[float]) -> float:
    return _shape(durations)[0]


def _shape(durations: Sequence[float]) -> tuple[float, float, list[float]]:
    logs = [math.log(one) for one in durations]
    middle = median(logs)
    sigma = 1.4826 * median(abs(one - middle) for one in logs) * (1 + 6 / len(logs))
    return math.exp(middle), sigma, sorted(durations)


def _quantile(ordered: Sequence[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
