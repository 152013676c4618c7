"""What every condition of a series asks: its runs in order, its outcomes, its usual duration, its labels.

Knows no condition. Each value is made on demand, because most series are well and need few of them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from monitor.detect.baseline import Baseline, Ruler, good_runs
from monitor.detect.classify import outcome
from monitor.detect.model import Facts
from monitor.detect.streak import END_OF_TIME, by_end
from monitor.model import ORGANIZATION, Execution, Outcome, Series, is_wanted
from monitor.policy import JobPolicy, Policy

GOOD = frozenset({Outcome.OK, Outcome.DEGRADED})


class Stay(NamedTuple):
    """When a run was under way: [start, end), without an end while it is.

    An attempt that waits for its retry does not run any more, though it may still change.
    """

    start: datetime
    end: datetime | None
    run: Execution


@dataclass(frozen=True)
class Subject:
    """One series under judgement."""

    series: Series
    facts: Facts
    policy: Policy

    @cached_property
    def job(self) -> JobPolicy:
        return self.policy.job(self.series.job_id)

    @property
    def runs(self) -> tuple[Execution, ...]:
        return self.facts.runs[self.series]

    @cached_property
    def final(self) -> tuple[tuple[Execution, Outcome], ...]:
        """Runs that can no longer change with how they ended, in the order in which they ended."""
        job = self.job
        ended = sorted((run for run in self.runs if run.is_final), key=by_end)
        return tuple([(run, outcome(run, job)) for run in ended])

    @cached_property
    def stays(self) -> list[Stay]:
        """Of all that have started, active ones included, in the order in which they did."""
        return sorted((stay for run in self.runs if (stay := _stay(run)) is not None), key=_by_start)

    @property
    def is_cut(self) -> bool:
        """Whether it has older runs than those that are known here."""
        kept = self.facts.kept
        return kept is not None and len(self.final) >= kept

    @cached_property
    def ruler(self) -> Ruler:
        """What runs took as it was known at an instant: asked for in the order of time, it costs little."""
        return Ruler(list(good_runs(self.final)))

    def usual(self, run: Execution) -> Baseline | None:
        """What that run is measured by: the runs that had ended before it began."""
        return self.ruler.at(run.began or END_OF_TIME).baseline

    @property
    def baseline(self) -> Baseline | None:
        return self.ruler.at(END_OF_TIME).baseline

    def last_good(self, run: Execution) -> Execution | None:
        """The newest good run that ended before this one."""
        place = bisect_left(self._good, by_end(run), key=by_end)
        return self._good[place - 1] if place else None

    def known_up_to(self, run: Execution) -> int:
        """How many final runs are known that ended no later than this one, itself included."""
        return bisect_left(self.final, by_end(run), key=lambda known: by_end(known[0])) + 1

    @cached_property
    def _good(self) -> list[Execution]:
        return [run for run, how in self.final if how in GOOD]

    @property
    def site(self) -> str:
        """Empty for what runs for the whole organization."""
        return "" if self.series.scope == ORGANIZATION else self.series.scope

    @property
    def labels(self) -> dict[str, str]:
        labels = {"sfcc_instance": self.facts.instance, "job_id": self.series.job_id}
        return labels | ({"scope": self.site} if self.site else {})

    def end(self, run: Execution) -> datetime:
        return run.ended or self.facts.seen_until


def _stay(run: Execution) -> Stay | None:
    """None for what has not started, and for what ended or began nobody knows when."""
    start, end = run.start_time, run.end_time
    if run.is_pending:
        return None
    if start is None:
        start = end - run.duration if end is not None and run.duration is not None else None
    if end is None and run.is_final:
        # Of an attempt that was taken over, anything else is when that was noted down.
        end = None if run.is_superseded and run.duration is None else run.ended
        return Stay(start, end, run) if start is not None and end is not None else None
    return Stay(start, end, run) if start is not None else None


def _by_start(stay: Stay) -> tuple[datetime, str]:
    return (stay.start, stay.run.id)


def subjects(facts: Facts, policy: Policy) -> Iterator[Subject]:
    for series in sorted(facts.runs):
        if is_judged(series.job_id, facts):
            yield _subject(series, facts, policy)


def _subject(series: Series, facts: Facts, policy: Policy) -> Subject:
    """The same for all conditions, which ask for the same things; another policy has its own."""
    key = ("subject", *series)
    known = facts.worked_out.get(key)
    if isinstance(known, Subject) and known.policy is policy:
        return known
    found = facts.worked_out[key] = Subject(series, facts, policy)
    return found


def is_judged(job_id: str, facts: Facts) -> bool:
    """System jobs explain the trouble of others; they raise alerts only where a setting names them."""
    return is_wanted(job_id, facts.system_jobs)
