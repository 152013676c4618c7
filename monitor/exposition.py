"""Lines of the metrics page that are written once and kept for as long as they are true.

The library would write all lines anew for each scrape: three seconds for ten thousand jobs, in which each
poll waits for its turn again and again. Of these jobs a few change in a minute. Lines of samples are the
same in each format that Prometheus asks for; what differs is what stands above them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import Metric, generate_latest
from prometheus_client.registry import Collector

from monitor.families import of_jobs
from monitor.published import InstanceSnapshot, JobSnapshot

Encode = Callable[[Collector], bytes]
"""Families to the text of one of the library's formats."""

_HEAD_LINES = 2
_END = b"# EOF\n"  # of OpenMetrics


class Families(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


@dataclass(frozen=True, slots=True)
class Sheets:
    """A snapshot, and what is written of each of its jobs: for each family of `of_jobs` its lines."""

    snapshot: InstanceSnapshot
    of_job: Mapping[str, tuple[bytes, ...]]


def sheets(snapshot: InstanceSnapshot, before: Sheets | None) -> Sheets:
    """before: of the same instance; what has not changed since is not written again."""
    known: dict[str, JobSnapshot] = {}
    if before is not None and before.snapshot.timezone == snapshot.timezone:
        known = {job.job_id: job for job in before.snapshot.jobs}
    kept = before.of_job if before is not None else {}
    return Sheets(
        snapshot,
        {
            job.job_id: kept[job.job_id] if known.get(job.job_id) == job else _lines(snapshot, job)
            for job in snapshot.jobs
        },
    )


def written(encode: Encode, instances: Sequence[Sheets]) -> Iterator[bytes]:
    """The families of `of_jobs`, as text in parts."""
    for place, family in enumerate(of_jobs(())):
        yield encode(Families([family])).removesuffix(_END)
        for one in instances:
            yield from [lines[place] for lines in one.of_job.values()]


def _lines(snapshot: InstanceSnapshot, job: JobSnapshot) -> tuple[bytes, ...]:
    return tuple(
        generate_latest(Families([family])).split(b"\n", _HEAD_LINES)[_HEAD_LINES]
        for family in of_jobs([(snapshot, job)])
    )
