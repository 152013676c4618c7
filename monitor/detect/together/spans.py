"""When runs occupied the instance: half-open intervals, which of them met, and which belong together.

Knows times, not groups or severities. A run that has not ended lasts until END_OF_TIME: at
`seen_until` it was still there, and nothing says when it will be gone. An attempt that waits for its
retry is not final and yet does not run any more: it has an end.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from monitor.detect.streak import END_OF_TIME
from monitor.model import Execution, RunId


@dataclass(frozen=True, slots=True)
class Span:
    """[start, end) of one run; `end` is END_OF_TIME while it runs."""

    start: datetime
    end: datetime
    run: Execution

    @property
    def order(self) -> tuple[datetime, str, str]:
        """By start; of two that start together the later one is always the same."""
        return (self.start, self.run.job_id, self.run.id)

    @property
    def is_running(self) -> bool:
        return self.end == END_OF_TIME


@dataclass(frozen=True, slots=True)
class Meeting:
    """Two runs that shared some time."""

    earlier: Span
    later: Span

    @property
    def start(self) -> datetime:
        return self.later.start

    @property
    def first_to_end(self) -> Span:
        return min(self.earlier, self.later, key=lambda span: (span.end, span.order))

    @property
    def end(self) -> datetime:
        return self.first_to_end.end

    @property
    def occurrence(self) -> str:
        """Both ids, in an order that does not depend on who came first."""
        return "+".join(run_id.id for run_id in sorted((self.earlier.run.run_id, self.later.run.run_id)))


class SiteRun(NamedTuple):
    """One run of a job over all its sites: when its first site started, and a number to tell it by."""

    start: datetime
    number: int


def span_of(run: Execution) -> Span | None:
    """None for what never ran: pending, empty, taken over by a later attempt, or of unknown start."""
    start = _start(run)
    if start is None or run.is_pending or run.is_superseded:
        return None
    end = run.ended if run.is_final else run.end_time or END_OF_TIME
    return Span(start, end, run) if end is not None and end > start else None


def visit_of(run: Execution) -> Span | None:
    """Like `span_of`, but also of what a later attempt took the place of, and of what took no time.

    When another run came close to it, nobody could know yet whether it would be repeated.
    """
    start = _start(run)
    if start is None or run.is_pending:
        return None
    end = run.ended if run.is_final else run.end_time or END_OF_TIME
    return Span(start, max(end, start), run) if end is not None else None


def is_repeat(run: Execution) -> bool:
    """Whether the platform started it in place of an earlier attempt."""
    return run.is_restart or bool(run.current_retry_attempt)


def was_there(span: Span, at: datetime, seen_until: datetime) -> bool:
    """Whether it is known to have lasted until then: not of an active run that was seen last before."""
    return not span.is_running or at <= (span.run.last_seen or seen_until)


def meetings(spans: Iterable[Span]) -> Iterator[Meeting]:
    """Every pair that intersects, in one sweep over the starts; touching ends do not."""
    running: list[tuple[datetime, str, str, Span]] = []
    for later in sorted(spans, key=lambda one: one.order):
        while running and running[0][0] <= later.start:
            heapq.heappop(running)
        for *_, earlier in running:
            yield Meeting(earlier, later)
        heapq.heappush(running, (later.end, later.run.job_id, later.run.id, later))


def site_runs(spans: Iterable[Span], spread: timedelta) -> dict[RunId, SiteRun]:
    """Which runs of one job are the sites of one multi-site run: equal values.

    A site belongs to it when it starts within `spread` of the site before it, or of the end of one it
    follows. No site is twice in one run.
    """
    ordered = sorted(spans, key=lambda item: item.order)
    if len({one.run.scope for one in ordered}) == 1:
        return {one.run.run_id: SiteRun(one.start, number) for number, one in enumerate(ordered, start=1)}
    found: dict[RunId, SiteRun] = {}
    members: list[Span] = []
    number = 0
    for one in ordered:
        if not _belongs(one, members, spread):
            number, members = number + 1, []
        members.append(one)
        found[one.run.run_id] = SiteRun(members[0].start, number)
    return found


def _belongs(one: Span, members: list[Span], spread: timedelta) -> bool:
    if not members or any(member.run.scope == one.run.scope for member in members):
        return False
    if one.start - members[-1].start <= spread:
        return True
    return any(timedelta() <= one.start - member.end <= spread for member in members)


def _start(run: Execution) -> datetime | None:
    if run.start_time is None and run.end_time is not None and run.duration is not None:
        return run.end_time - run.duration
    return run.start_time
