"""Spans of time that begin at the instants of a schedule. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.schedule.model import Schedule


@dataclass(frozen=True, slots=True)
class Window:
    """[start, start + length) for each start; the length is elapsed time, also on days of a clock change."""

    starts: Schedule
    length: timedelta

    def spans(self, since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Those that overlap [since, until], oldest first."""
        for start in self.starts.slots(since - self.length, until + timedelta(microseconds=1)):
            if start + self.length > since:
                yield start, start + self.length

    def covers(self, at: datetime) -> bool:
        return any(start <= at < end for start, end in self.spans(at, at))


def outside(windows: Sequence[Window], since: datetime, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """From `since` on the spans that none of them covers; one that holds now ends when the next begins.

    Of windows that never come again the end is a day ahead, which comes anew each day.
    """
    free = since
    for start, end in sorted(span for window in windows for span in window.spans(since, now)):
        if start > free:
            yield free, start
        free = max(free, end)
    if free <= now:
        coming = [at for window in windows if (at := window.starts.next_slot(now)) is not None]
        yield free, min(coming, default=now + timedelta(days=1))
