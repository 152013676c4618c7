"""Spans of time in which nobody is told of an incident, and what they mean for it. Pure.

A silence is set by a person and stored; a mute is a span that the settings name. Either holds news back: what
still holds when the last of them ends is told then, and what began and ended within them never is.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from alerts.routing.matching import Match, Said


@dataclass(frozen=True, slots=True)
class Span:
    """[start, end). is_silence: set by a person, who knows and yet wants to hear that it is over."""

    start: datetime
    end: datetime
    is_silence: bool = False

    def covers(self, at: datetime) -> bool:
        return self.start <= at < self.end


@dataclass(frozen=True, slots=True)
class Silence:
    """ends_at moves to the present when it is expired by hand."""

    id: str
    match: Match
    starts_at: datetime
    ends_at: datetime
    comment: str
    created_by: str

    @property
    def span(self) -> Span:
        return Span(self.starts_at, self.ends_at, is_silence=True)

    def is_active(self, now: datetime) -> bool:
        return self.span.covers(now)

    def hides(self, said: Said, now: datetime) -> bool:
        """said: what can be matched of an incident."""
        return self.is_active(now) and self.match.takes(said)


def over_within(spans: Sequence[Span], moments: Collection[datetime]) -> bool:
    """Whether all that was seen of it was seen while nobody was to be told."""
    return bool(moments) and all(any(span.covers(at) for span in spans) for at in moments)


def held_until(spans: Sequence[Span], now: datetime) -> datetime | None:
    """When the last of those that hold it now ends, and of those that follow without a gap."""
    until: datetime | None = None
    for span in sorted(spans, key=lambda one: one.start):
        if span.covers(now if until is None else until) or (until is not None and span.start <= until):
            until = span.end if until is None else max(until, span.end)
    return until


def released_at(spans: Sequence[Span], since: datetime, now: datetime) -> datetime:
    """Since when it may be told: `since`, or the end of what has held it back from then on."""
    free = since
    for span in sorted(spans, key=lambda one: one.start):
        if span.end <= now and span.covers(free):
            free = span.end
    return free
