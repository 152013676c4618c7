"""Something that begins and ends over and over: said once, and then nothing until it is quiet. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.model import Incident
from alerts.routing.silences import Span

CHANGES = 6
WITHIN = timedelta(hours=1)
QUIET = timedelta(minutes=30)
LOOK_BACK = timedelta(hours=24)
"""How far changes are looked at: what flaps longer than this flaps by its later changes as well."""

_LEAST = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Flapping:
    """since: the change that made it one. until: it is over then, if nothing changes before."""

    since: datetime
    until: datetime

    def hides(self, incident: Incident) -> Span | None:
        """When nothing is told of an incident; None for the one whose change made it flap: that is said."""
        if newest(incident) <= self.since:
            return None
        return Span(self.since + _LEAST, self.until)


def flapping(changes: Iterable[datetime], now: datetime) -> Flapping | None:
    """changes: when it began and when it ended, up to now."""
    seen: list[datetime] = []
    since: datetime | None = None
    for at in sorted(changes):
        if since is not None and at - seen[-1] >= QUIET:
            since, seen = None, []  # what comes now is a change like any other
        seen.append(at)
        if since is None and len(seen) >= CHANGES and at - seen[-CHANGES] <= WITHIN:
            since = at
    if since is None or now >= seen[-1] + QUIET:
        return None
    return Flapping(since, seen[-1] + QUIET)


def newest(incident: Incident) -> datetime:
    """Its last change."""
    return incident.ends_at or incident.starts_at


def flaps(incident: Incident, changes: Sequence[datetime], now: datetime) -> bool:
    """Whether it is by the newest change of this incident that all of it is flapping now."""
    found = flapping(changes, now)
    return found is not None and found.since == newest(incident)
