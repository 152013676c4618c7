"""Access to SFCC: the only room that knows documents, URLs and tokens. What leaves it is an `Execution`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from monitor.model import Execution, RunId


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A document that could not be read, wholly or in part. `key` is the same whenever it comes again."""

    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of the job search.

    `executions`: what was new or changed, noise of system jobs left out.
    `seen`: every run of a wanted job the page named, changed or not.
    `running`: every run on the page that is active, system jobs included.
    `alive`: those of `seen` that are active and as they were known, and how long they have taken by now.
    `unreadable`: what could not be read, or not all of it; of `executions` and of hits that are none.
    `reached`: when the page's last row started, wanted or not, where the rows stand in that order.
    """

    executions: tuple[Execution, ...]
    seen: frozenset[RunId]
    running: frozenset[RunId]
    unreadable: tuple[Unreadable, ...] = ()
    alive: Mapping[RunId, timedelta | None] = field(default_factory=dict)
    reached: datetime | None = None


class JobsApi(Protocol):
    """What the poller needs of a platform API; OCAPI and SCAPI are two adapters of it.

    Every method raises `SfccError`. `known` maps runs to the `version` stored for them: a hit with an
    equal version is named in `seen`, in `alive` while it is active, and not parsed further.
    """

    def recent(self, since: datetime, known: Mapping[RunId, str]) -> Iterator[Page]:
        """Runs that started or ended since then, and whatever is active now, however old."""
        ...

    def between(
        self,
        since: datetime,
        until: datetime,
        known: Mapping[RunId, str],
        *,
        started_since: datetime | None = None,
    ) -> Iterator[Page]:
        """Runs that started or ended in [since, until), oldest first: for catching up.

        `started_since`: without those that started in [since, started_since), which were read before.
        """
        ...

    def execution(self, job_id: str, execution_id: str) -> Execution | None:
        """One run by id; None where the platform says that it does not exist."""
        ...

    @property
    def backend(self) -> str:
        """Which API answers: `ocapi` or `scapi`. Of two, the one that the next search goes to."""
        ...

    @property
    def clock_offset(self) -> timedelta | None:
        """The instance's clock minus ours, from the last answer's `Date`; None before any answer."""
        ...


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """How long one log may take, and how much of it may be read through where the end is not to be had
    in any other way: `log_time_limit` in seconds and `log_size_limit` in bytes, unpacked."""

    seconds: float = 60.0
    size: int = 300_000_000


@dataclass(frozen=True, slots=True)
class LogFile:
    """A log as read: whole in `head`, or its beginning and its end with `omitted` bytes between.

    why: in words, where the end is not there although it was wanted. `tail` is then empty, or the last
    that could be had.
    """

    name: str
    head: bytes
    tail: bytes = b""
    omitted: int = 0
    size: int | None = None
    why: str = ""


class LogReader(Protocol):
    """Reads job logs; raises `LogError`."""

    def read(
        self,
        log_file_path: str,
        *,
        head_bytes: int,
        tail_bytes: int,
        limits: ReadLimits = ...,
        archived: bool = True,
    ) -> LogFile:
        """The log, streamed, never more than `head_bytes` + `tail_bytes` of it in memory.

        archived: whether to look for it in `log_archive` too where it is not in its place.
        """
        ...

    def since(self, log_file_path: str, offset: int, *, limit: int) -> bytes:
        """What a growing log has from that byte on, at most `limit` bytes; empty when nothing is new."""
        ...
