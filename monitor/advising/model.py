"""What advice is made of, and what it says. Plain data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property

from monitor.detect.baseline import Baseline
from monitor.policy import Policy

LEAST_SPREAD = 0.05
"""Of ln(duration): five runs that took the same do not make the sixth certain."""


class Kind(StrEnum):
    """overlap, buffer, saturated: as the conditions of these names. swallowed: the cause of a missed run."""

    OVERLAP = "overlap"
    BUFFER = "buffer"
    SWALLOWED = "swallowed"
    SATURATED = "saturated"


@dataclass(frozen=True)
class Job:
    """One job of the timetable. slots: those of the coming days, in order. text: its schedule for people.

    usual: None where too few runs are known; nothing is said of such a job.
    """

    job_id: str
    slots: tuple[datetime, ...]
    usual: Baseline | None
    text: str = ""

    @property
    def median(self) -> timedelta:
        return self.usual.median if self.usual else timedelta()

    @cached_property
    def upper(self) -> timedelta:
        """What hardly any run exceeds: the limit of `slow`."""
        return self.usual.upper if self.usual else timedelta()

    def exceeds(self, length: timedelta) -> float:
        """How likely a run takes longer."""
        if self.usual is None:
            return 0.0
        seconds = length.total_seconds()
        if seconds <= 0:
            return 1.0
        usual = self.usual.median.total_seconds()
        spread = max(self.usual.sigma, LEAST_SPREAD)
        return 0.5 * math.erfc((math.log(seconds) - math.log(usual)) / (spread * math.sqrt(2)))


@dataclass(frozen=True)
class Week:
    """The coming days of one instance."""

    instance: str
    start: datetime
    end: datetime
    jobs: Mapping[str, Job]
    policy: Policy = field(default_factory=Policy)


@dataclass(frozen=True, slots=True)
class Change:
    """All slots of a job moved by so much. keeps: how likely nothing is in the way of a run then."""

    job_id: str
    by: timedelta
    start: datetime
    keeps: float
    text: str


@dataclass(frozen=True, slots=True)
class Prediction:
    """What will go wrong. jobs: the one that would have to move first.

    slots: those of the first job at which it may happen, `of` so many in these days. likely: at the worst.
    """

    kind: Kind
    jobs: tuple[str, ...]
    slots: tuple[datetime, ...]
    of: int
    likely: float
    text: str
    group: str = ""
    change: Change | None = None

    @property
    def expected(self) -> float:
        """How often within these days, at most."""
        return self.likely * len(self.slots)


Predictions = Sequence[Prediction]
