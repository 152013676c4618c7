"""From events to subjects: what there is to say about each incident, and when it may be said. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from alerts.model import AttachmentState, EventKind, Incident, IncidentEvent, Severity
from alerts.routing.model import Decision, Reason, Route, RoutingPolicy, Telling, Waiting


@dataclass(frozen=True, slots=True)
class Subject:
    """One incident with its untold events. telling: that it was told before; it then stays in that group.

    released_at: since when it may be told, where something held it back. silenced: who had done so, and
    why.
    """

    incident: Incident
    events: tuple[IncidentEvent, ...]
    route: Route
    telling: Telling | None
    released_at: datetime | None = None
    silenced: str = ""

    @property
    def key(self) -> str:
        return self.telling.group_key if self.telling else self.route.group_key(self.incident)

    @property
    def at(self) -> datetime:
        return self.released_at or min(event.at for event in self.events)

    @property
    def late(self) -> bool:
        return any(event.late for event in self.events)

    @property
    def recovery(self) -> bool:
        """Nothing but the end of something told before."""
        return self.telling is not None and not self.incident.is_open

    @property
    def urgent(self) -> bool:
        """Not held back although its group was told just now."""
        if self.recovery:
            return False
        return self.telling is not None or self.incident.severity is Severity.CRITICAL

    def due(self, waiting: Waiting, policy: RoutingPolicy) -> datetime:
        due = self.at + policy.group_wait
        told_at = waiting.groups.get(self.key)
        if self.urgent or told_at is None:
            return due
        return max(due, told_at + policy.group_interval)

    def awaits_file(self, waiting: Waiting) -> bool:
        """Only the newest file travels, and none with a recovery."""
        wanted = () if self.recovery else self.incident.attachments[-1:]
        return any(waiting.attachments.get(ref) is AttachmentState.WANTED for ref in wanted)


def subjects(waiting: Waiting, policy: RoutingPolicy) -> tuple[list[Subject], list[Decision]]:
    """What may be told, worst first, and the events that never will be."""
    events: defaultdict[str, list[IncidentEvent]] = defaultdict(list)
    for event in waiting.events:
        events[event.incident_id].append(event)
    told: list[Subject] = []
    dropped: list[Decision] = []
    for incident_id, its_events in events.items():
        found = _judge(waiting.incidents.get(incident_id), its_events, waiting, policy)
        if isinstance(found, Reason):
            dropped.extend(Decision(event, found) for event in its_events)
            continue
        for route, judged in found:
            if isinstance(judged, Subject):
                told.append(judged)
            else:
                dropped.extend(Decision(event, judged, route.name) for event in its_events)
    told.sort(key=lambda one: worst_first(one.incident))
    return told, dropped


def worst_first(incident: Incident) -> tuple[bool, int, datetime, str]:
    return (not incident.is_open, incident.severity.rank, incident.starts_at, incident.id)


def _judge(
    incident: Incident | None, events: Sequence[IncidentEvent], waiting: Waiting, policy: RoutingPolicy
) -> Sequence[tuple[Route, Subject | Reason]] | Reason:
    """For each route that takes it; the reason alone where none does."""
    if incident is None:  # pruned meanwhile
        return Reason.NEVER_ANNOUNCED
    if incident.quiet is not None:
        return Reason.QUIET
    routes = _routes(incident, waiting, policy)
    return [(route, _by_route(incident, events, route, waiting)) for route in routes] or Reason.NO_TARGET


def _routes(incident: Incident, waiting: Waiting, policy: RoutingPolicy) -> Sequence[Route]:
    """Those that take it; of what is over also those that were told while they did."""
    takes = policy.taken_by(incident)
    if incident.is_open:
        return takes
    every = (*policy.routes, *(one.second for one in policy.routes if one.escalation))
    told = [one for one in every if one not in takes and waiting.telling(incident.id, one.prefix)]
    return (*takes, *told)


def _by_route(
    incident: Incident, its_events: Sequence[IncidentEvent], route: Route, waiting: Waiting
) -> Subject | Reason:
    if not route.targets:
        return Reason.NO_TARGET
    events = tuple(event for event in its_events if route.name not in event.planned_for)
    if not events:
        return Reason.RESOLVED  # all of it was decided before, and another route waits
    telling = waiting.telling(incident.id, route.prefix)
    if telling is not None and telling.resolved_told_at is not None:
        return Reason.RESOLVED  # its end was told with another message
    if telling is None and all(event.kind is EventKind.RESOLVED for event in events):
        return Reason.NEVER_ANNOUNCED
    return Subject(incident, events, route, telling)
