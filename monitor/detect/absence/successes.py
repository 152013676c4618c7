"""When runs of a job ended well, and since when it is known that none other did. Knows no condition.

Of a job that fails again and again the last runs hold no good one: that the last was long before them is
known all the same, from what the state keeps of each series.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import islice
from typing import NamedTuple

from monitor.detect.baseline import Baseline
from monitor.detect.model import Facts
from monitor.detect.subject import GOOD, Stay, Subject
from monitor.model import Execution, Interval
from monitor.policy import Policy

UNKNOWN_LIMIT = timedelta(hours=12)
"""How long a run may take of which nobody knows how long it usually takes."""


class Success(NamedTuple):
    ended: datetime
    began: datetime
    run: Execution


@dataclass(frozen=True)
class Job:
    """One job over all its sites, as the conditions of its freshness see it."""

    job_id: str
    facts: Facts
    policy: Policy

    @cached_property
    def subjects(self) -> list[Subject]:
        series = {run.series for run in self.facts.runs_of(self.job_id)}
        return [Subject(one, self.facts, self.policy) for one in sorted(series)]

    @cached_property
    def successes(self) -> list[Success]:
        """In the order in which they ended."""
        found = [
            Success(run.ended, run.began or run.ended, run)
            for subject in self.subjects
            for run, how in subject.final
            if how in GOOD and run.ended is not None
        ]
        return sorted(found, key=lambda one: (one.ended, one.run.id))

    @cached_property
    def stays(self) -> list[tuple[Stay, Subject]]:
        """Of all that have started, in the order in which they did."""
        found = [(stay, subject) for subject in self.subjects for stay in subject.stays]
        return sorted(found, key=lambda one: (one[0].start, one[0].run.id))

    def successes_after(self, at: datetime) -> Iterator[Success]:
        """Those that ended after it, in order."""
        return islice(self.successes, bisect_right(self.successes, at, key=lambda one: one.ended), None)

    def went_well(self, start: datetime, end: datetime) -> bool:
        """Whether a run ended well in (start, end]."""
        first = next(self.successes_after(start), None)
        return first is not None and first.ended <= end

    def has_begun(self, at: datetime) -> bool:
        """Whether any run had by then."""
        return bool(self.stays) and self.stays[0][0].start <= at

    def stays_between(self, start: datetime, end: datetime) -> list[Stay]:
        """Those that began in (start, end]."""
        first, last = (bisect_right(self.stays, at, key=lambda one: one[0].start) for at in (start, end))
        return [stay for stay, _ in self.stays[first:last]]

    @cached_property
    def known(self) -> Sequence[Interval]:
        """When it would be known that a run ended well."""
        last = None if self.facts.succeeded is None else self.facts.succeeded.get(self.job_id)
        if self.facts.succeeded is None or self.successes:
            return self.facts.known(self.job_id)
        since = [Interval(max(one.start, last or one.start), one.end) for one in self.facts.coverage]
        return [one for one in since if one.start < one.end]

    def usual(self, at: datetime) -> Baseline | None:
        """As known then, of the site that takes longest. Asked for in the order of time it costs little."""
        found = (subject.ruler.at(at).baseline for subject in self.subjects)
        return max((one for one in found if one is not None), key=lambda one: one.upper, default=None)

    def within_limit(self, at: datetime, *, since: datetime) -> datetime:
        """The first instant from `at` on at which no run begun after `since` is within its limit."""
        first = bisect_right(self.stays, since, key=lambda one: one[0].start)
        for stay, subject in islice(self.stays, first, None):
            if stay.start > at:
                break
            gone = stay.start + self._limit(stay.run, subject)
            at = max(at, gone if stay.end is None else min(stay.end, gone))
        return at

    def within_limits(self, start: datetime, end: datetime) -> Iterator[Interval]:
        """When each run begun in (start, end] was, or is, under way and within its limit."""
        first, last = (bisect_right(self.stays, at, key=lambda one: one[0].start) for at in (start, end))
        for stay, subject in islice(self.stays, first, last):
            gone = stay.start + self._limit(stay.run, subject)
            yield Interval(stay.start, gone if stay.end is None else min(stay.end, gone))

    def _limit(self, run: Execution, subject: Subject) -> timedelta:
        usual = subject.usual(run)
        return subject.job.max_duration or (UNKNOWN_LIMIT if usual is None else usual.upper)
