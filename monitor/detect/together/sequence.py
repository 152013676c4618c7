"""Who goes before whom in a group with an order, and what each had done by a given instant.

Knows places and ends of runs, not slots or findings. A job counts from its first run on: what never ran
by then goes before nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from monitor.detect.classify import outcome
from monitor.detect.together.groups import position
from monitor.detect.together.spans import Span, site_runs
from monitor.model import Execution, Outcome
from monitor.policy import GroupPolicy, JobPolicy, Policy

_ALWAYS = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Place:
    """before: the jobs of all earlier places, nearest place first, each with the instant it counts from."""

    before: tuple[tuple[tuple[str, datetime], ...], ...]

    def predecessors(self, at: datetime) -> tuple[str, ...]:
        for jobs in self.before:
            found = tuple(job_id for job_id, since in jobs if since <= at)
            if found:
                return found
        return ()


@dataclass(frozen=True, slots=True)
class Places:
    """By job; those without a place are left out."""

    of: Mapping[str, Place]

    @property
    def predecessors(self) -> frozenset[str]:
        """Of any job."""
        return frozenset(job_id for one in self.of.values() for jobs in one.before for job_id, _ in jobs)


class Input(NamedTuple):
    """The last whole run of a job, as far as it had ended. failed: the first of its sites that did."""

    end: datetime
    run: Execution
    failed: Execution | None


@dataclass(frozen=True, slots=True)
class Row:
    """The final runs of one job in order of their ends."""

    ends: Sequence[datetime]
    inputs: Sequence[Input]

    def at(self, at: datetime) -> Input | None:
        index = bisect_right(self.ends, at) - 1
        return self.inputs[index] if index >= 0 else None


def places_of(
    jobs: Iterable[str], group: GroupPolicy, visits: Mapping[str, Sequence[Span]], kept: int | None
) -> Places:
    """kept: final runs of a series that were asked for; who has as many was there before."""
    by_position: defaultdict[int, list[tuple[str, datetime]]] = defaultdict(list)
    for job_id in sorted(jobs):
        at = position(job_id, group)
        since = _since(visits.get(job_id, ()), kept)
        if at is not None and since is not None:
            by_position[at].append((job_id, since))
    return Places(
        {
            job_id: Place(
                tuple(tuple(by_position[one]) for one in sorted(by_position, reverse=True) if one < at)
            )
            for at in sorted(by_position)
            for job_id, _ in by_position[at]
        }
    )


def rows_of(visits: Mapping[str, Sequence[Span]], jobs: Iterable[str], policy: Policy) -> Mapping[str, Row]:
    found: dict[str, Row] = {}
    for job_id in jobs:
        inputs = [*_inputs(visits.get(job_id, ()), policy.job(job_id), policy)]
        found[job_id] = Row([one.end for one in inputs], inputs)
    return found


def _since(spans: Sequence[Span], kept: int | None) -> datetime | None:
    if kept is not None and sum(one.run.is_final for one in spans) >= kept:
        return _ALWAYS
    return spans[0].start if spans else None


def _inputs(spans: Sequence[Span], job: JobPolicy, policy: Policy) -> Iterator[Input]:
    whole = site_runs(spans, policy.site_spread)
    failed: dict[int, Execution] = {}
    for one in sorted((one for one in spans if one.run.is_final), key=lambda one: (one.end, one.order)):
        number = whole[one.run.run_id].number
        if has_failed(one.run, job):
            failed.setdefault(number, one.run)
        yield Input(one.end, one.run, failed.get(number))


def has_failed(run: Execution, job: JobPolicy) -> bool:
    """An attempt is only repeated because it failed, and what is repeated was not done yet."""
    if run.execution_status == "retried":
        return True
    found = outcome(run, job)
    return found is Outcome.FAILED or (found is Outcome.ABORTED and job.aborted_is != "info")
