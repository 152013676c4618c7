"""What detectors are given and what they answer. Plain data; decides nothing.

A detector answers with every decision it took, not only with alarms: `explain` prints the rest.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from itertools import chain
from typing import Any, NamedTuple

from alerts.model import Finding, Json, Severity
from monitor.model import Execution, Interval, RunId, Series
from monitor.policy import Policy
from monitor.schedule import Timetable


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
    timetables: of the jobs that have slots, whatever told of them; see `timetable`.
    kept: final runs of a series that were asked for: where a series has as many, older ones are unknown.
        None where `runs` has all there are.
    data_before: when the last runs with data ended among those older ones, oldest first; of series that have
        runs without.
    judged_until: up to where time had passed at the last judgement; None when nothing was judged before.
    watched_since: when the instance was first read; what came to be before is known and not announced.
    is_hindsight: a whole history at once, as `replay` has it: everything in it is news.
    occupied: when executions of any job, the platform's own included, were under way; up to END_OF_TIME for
        what still is. As far back as it matters for how full the instance is.
    starts: of jobs that are counted over days, when their runs began, oldest first; see `starts_of`.
    succeeded: when a good run of a job ended last, of all its history; a job that is not there had none.
        None where nobody asked: then it is not known beyond `runs`.
    with_slots: how many jobs of the instance have slots; None where those of `timetables` are all.
    """

    instance: str
    seen_until: datetime
    runs: Mapping[Series, tuple[Execution, ...]]
    fresh: frozenset[RunId] = frozenset()
    beside: tuple[Execution, ...] = ()
    coverage: tuple[Interval, ...] = ()
    system_jobs: tuple[str, ...] = ()
    timetables: Mapping[str, Timetable] = field(default_factory=dict)
    kept: int | None = None
    data_before: Mapping[Series, tuple[datetime, ...]] = field(default_factory=dict)
    judged_until: datetime | None = None
    watched_since: datetime | None = None
    is_hindsight: bool = False
    occupied: tuple[Interval, ...] = ()
    starts: Mapping[str, tuple[datetime, ...]] = field(default_factory=dict)
    succeeded: Mapping[str, datetime] | None = None
    with_slots: int | None = None

    def is_news(self, over_at: datetime | None, runs: Iterable[Execution] = ()) -> bool:
        """Whether what was over at that instant, made of these runs, has to be reported now.

        Reporting it once more is harmless: a fact is told once. Not reporting it is a loss.
        """
        if self.is_hindsight or any(run.run_id in self.fresh for run in runs):
            return True
        return self.judged_until is not None and over_at is not None and over_at > self.judged_until

    def timetable(self, job_id: str, policy: Policy) -> Timetable:
        """The settings' own before what was imported or learned."""
        known = self.timetables.get(job_id)
        return known if known is not None else Timetable.of(policy.job(job_id).schedule)

    def starts_of(self, job_id: str) -> tuple[datetime, ...]:
        """When its runs began, all its sites, oldest first."""
        known = self.starts.get(job_id)
        if known is not None:
            return known
        return tuple(sorted(run.began for run in self.runs_of(job_id) if run.began is not None))

    def runs_of(self, job_id: str) -> tuple[Execution, ...]:
        """On all its sites, as far as it is under judgement: oldest first."""
        series = [runs for one, runs in self._by_job.get(job_id, ())]
        return series[0] if len(series) == 1 else tuple(sorted(chain.from_iterable(series), key=self._age))

    def known(self, job_id: str) -> tuple[Interval, ...]:
        """When the absence of a run of this job would be known: within coverage, and no earlier than what
        `runs` has of it."""
        floor: datetime | None = None
        for _, runs in self._by_job.get(job_id, ()):
            final = [run.began for run in runs if run.is_final and run.began is not None]
            if self.kept is not None and len(final) >= self.kept:
                floor = max(floor or final[0], final[0])
        if floor is None:
            return self.coverage
        return tuple(Interval(max(one.start, floor), one.end) for one in self.coverage if one.end > floor)

    def is_covered(self, start: datetime, end: datetime) -> bool:
        """Whether [start, end) was read completely."""
        return any(one.start <= start and end <= one.end for one in self.coverage)

    def quiet(self, at: datetime) -> str | None:
        """Why nobody is told of what came to be at that instant; None for news."""
        return "first_read" if self.watched_since is not None and at <= self.watched_since else None

    @cached_property
    def job_ids(self) -> tuple[str, ...]:
        """Jobs under judgement: those of `runs`, and those of `timetables` that never ran."""
        return tuple(sorted({*self._by_job, *self.timetables}))

    @cached_property
    def worked_out(self) -> dict[tuple[str, ...], Any]:
        """What one detector made of these facts and the next one need not make again; each knows its keys."""
        return {}

    @cached_property
    def _by_job(self) -> Mapping[str, list[tuple[Series, tuple[Execution, ...]]]]:
        found: defaultdict[str, list[tuple[Series, tuple[Execution, ...]]]] = defaultdict(list)
        for one, runs in sorted(self.runs.items()):
            found[one.job_id].append((one, runs))
        return found

    def _age(self, run: Execution) -> tuple[datetime, str, str]:
        return (run.began or self.seen_until, run.job_id, run.id)

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
        return tuple(sorted(every, key=self._age))


RUNS_KEPT = 60
"""Final runs a series is judged by: twice the 30 of a baseline, since failed ones do not count there."""


class State(StrEnum):
    """The word `explain` shows for a decision."""

    HOLDS = "holds"  # a finding, now
    OVER = "over"  # a finding that began and ended since the last look
    CLEAR = "clear"  # looked, and all is well
    WAITING = "waiting"  # would be a finding, but something is awaited (a retry, a threshold)
    UNKNOWN = "unknown"  # not enough is known to say


class Rung(NamedTuple):
    """How bad a finding was from an instant on, and what was said of it then."""

    known: datetime
    severity: Severity
    summary: str


@dataclass(frozen=True, slots=True)
class Decision:
    """One look at one subject: what was decided, why, and the numbers that decided it.

    Whatever HOLDS or is OVER is a stretch of time that depends on the history alone, never on when somebody
    looked: with less of the history known, the same stretches are found up to there.

    jobs: the jobs it is about; for a pair the later starter first; empty for an instance.
    opens: of what HOLDS or is OVER, the first instant at which it could be known; of what is WAITING, when it
        will open unless something happens before. Defaults to the finding's `since`.
    closes: of what is OVER, the first instant at which that could be known; defaults to its `ends_at`.
    look_again: when time alone may change the decision, though nothing happens; None when it cannot.
    executions: ids of the runs that decided it, for `replay` and `explain`.
    inhibited_by: the condition that keeps it quiet.
    awaits: when runs are under way that may yet settle it: nobody is told of it first while one of them is.
    ladder: of a finding that grew worse, what it was from when on, the first one first; else empty.
    """

    condition: str
    jobs: tuple[str, ...]
    state: State
    reason: str
    scope: str = ""
    numbers: Mapping[str, Json] = field(default_factory=dict)
    finding: Finding | None = None
    opens: datetime | None = None
    closes: datetime | None = None
    look_again: datetime | None = None
    executions: tuple[str, ...] = ()
    inhibited_by: str = ""
    awaits: tuple[Interval, ...] = ()
    ladder: tuple[Rung, ...] = ()
