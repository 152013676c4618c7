"""What every condition of a series asks: its runs in order, its outcomes, its usual duration, its labels.

Knows no condition. Each value is made on demand, because most series are well and need few of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from monitor.detect.baseline import Baseline, of_outcomes
from monitor.detect.classify import outcome
from monitor.detect.model import Facts
from monitor.detect.streak import by_end
from monitor.model import ORGANIZATION, Execution, Outcome, Series, is_wanted
from monitor.policy import JobPolicy, Policy


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
        ended = sorted((run for run in self.runs if run.is_final), key=by_end)
        return tuple((run, outcome(run, self.job)) for run in ended)

    @cached_property
    def baseline(self) -> Baseline | None:
        return of_outcomes(self.final)

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


def subjects(facts: Facts, policy: Policy) -> Iterator[Subject]:
    for series in sorted(facts.runs):
        if is_judged(series.job_id, facts):
            yield Subject(series, facts, policy)


def is_judged(job_id: str, facts: Facts) -> bool:
    """System jobs explain the trouble of others; they raise alerts only where a setting names them."""
    return is_wanted(job_id, facts.system_jobs)
