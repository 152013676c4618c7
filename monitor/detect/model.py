"""What detectors are given and what they answer. Plain data; decides nothing.

A detector answers with every decision it took, not only with alarms: `explain` prints the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from itertools import chain

from alerts.model import Finding, Json
from monitor.model import Execution, Interval, RunId, Series


@dataclass(frozen=True)
class Facts:
    """One instance as its history has it at `seen_until`.

    runs: for each series under judgement its last runs (RUNS_KEPT final ones, more where more are fresh,
        and all active ones), oldest first by `began`. A series that nothing happened to may be absent: it is
        not judged then.
    fresh: runs that changed since the last judgement; what is over is reported only if one of them
        belongs to it.
    beside: runs of other series, for conditions that compare: what is active, what met a fresh run,
        what happened just before a failure. Never all of a series, so no series is judged by them.
    system_jobs: globs of the platform's own jobs (`sfcc-*`) that are judged like any other; the rest
        of them is context only, wherever it stands.
    """

    instance: str
    seen_until: datetime
    runs: Mapping[Series, tuple[Execution, ...]]
    fresh: frozenset[RunId] = frozenset()
    beside: tuple[Execution, ...] = ()
    coverage: tuple[Interval, ...] = ()
    system_jobs: tuple[str, ...] = ()

    @cached_property
    def others(self) -> tuple[Execution, ...]:
        """What is `beside`, each run once, but for those that `runs` has."""
        series = self.runs.keys() & {run.series for run in self.beside}
        known = {run.run_id for one in series for run in self.runs[one]}
        return tuple({run.run_id: run for run in self.beside if run.run_id not in known}.values())

    @cached_property
    def executions(self) -> tuple[Execution, ...]:
        """All of them, each once, oldest first; those of unknown start last."""
        every = [*chain.from_iterable(self.runs.values()), *self.others]
        return tuple(sorted(every, key=lambda run: (run.began or self.seen_until, run.job_id, run.id)))


RUNS_KEPT = 60
"""Final runs a series is judged by: twice the 30 of a baseline, since failed ones do not count there."""


class State(StrEnum):
    """The word `explain` shows for a decision."""

    HOLDS = "holds"  # a finding, now
    OVER = "over"  # a finding that began and ended since the last look
    CLEAR = "clear"  # looked, and all is well
    WAITING = "waiting"  # would be a finding, but something is awaited (a retry, a threshold)
    UNKNOWN = "unknown"  # not enough is known to say


@dataclass(frozen=True, slots=True)
class Decision:
    """One look at one subject: what was decided, why, and the numbers that decided it.

    jobs: the jobs it is about; for a pair the later starter first.
    """

    condition: str
    jobs: tuple[str, ...]
    state: State
    reason: str
    scope: str = ""
    numbers: Mapping[str, Json] = field(default_factory=dict)
    finding: Finding | None = None
