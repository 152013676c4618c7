"""What routing is given and what it answers. Plain data, in Alertmanager's words; decides nothing."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from urllib.parse import quote

from alerts.model import AttachmentState, Incident, IncidentEvent, Notification
from alerts.routing.matching import Match, Said, said_of
from alerts.routing.silences import Silence, Span


class Reason(StrEnum):
    """Why an event was told, waits, or is never told; the word that logs and `explain` show."""

    FIRST = "first"
    NEW = "new"
    CAUSE = "cause"
    RESOLVED = "resolved"
    SUMMARY = "summary"
    CATCH_UP = "catch_up"
    WAITING_GROUP = "waiting_group"  # what else comes within group_wait goes with it
    WAITING_INTERVAL = "waiting_interval"  # the group was told less than group_interval ago
    WAITING_ATTACHMENT = "waiting_attachment"  # its log is being fetched, for log_wait at most
    WAITING_FLAPPING = "waiting_flapping"  # begins and ends over and over: told once it has been quiet
    WAITING_SILENCE = "waiting_silence"  # a silence or a mute lasts: told at its end, if it still holds
    SILENCED = "silenced"  # began and ended while nobody was to be told
    NEVER_ANNOUNCED = "never_announced"  # over, and nobody was told that it began
    QUIET = "quiet"
    NO_TARGET = "no_target"

    @property
    def waits(self) -> bool:
        return self.value.startswith("waiting_")

    @property
    def waits_briefly(self) -> bool:
        return self.waits and self not in {Reason.WAITING_SILENCE, Reason.WAITING_FLAPPING}


EVERYTHING = Match()

Mutes = Callable[[Incident, str, datetime, datetime], Sequence[Span]]
"""Of an incident and the name of a route, the spans between two instants in which it is not told."""


@dataclass(frozen=True, slots=True)
class Escalation:
    """after: since it was told, without an acknowledgement."""

    after: timedelta
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Route:
    """group_by: labels; incidents that agree in all of them share messages. goes_on: what it takes is offered
    to the routes below as well. The name is part of the keys of its groups: with another one, what was told
    is told anew."""

    name: str
    targets: tuple[str, ...]
    group_by: tuple[str, ...] = ()
    match: Match = EVERYTHING
    goes_on: bool = False
    escalation: Escalation | None = None

    @property
    def second(self) -> Route:
        """To whom it is escalated, as a route that takes nothing by itself."""
        targets = self.escalation.targets if self.escalation else ()
        return Route(f"{self.name} (escalated)", targets, self.group_by)

    @property
    def prefix(self) -> str:
        """How the keys of all its groups begin."""
        return f"{quote(self.name, safe='')}/"

    def group_key(self, incident: Incident) -> str:
        labels = {name: incident.labels.get(name, "") for name in self.group_by}
        return self.prefix + json.dumps(labels, sort_keys=True, ensure_ascii=False)

    def summary_key(self, source: str) -> str:
        """One group for all that a source's summaries told: its recoveries come together as well."""
        return f"{self.prefix}summary/{source}"


@dataclass(frozen=True, slots=True)
class Offer:
    """Whether a route takes it. misses: for which names it does not; asked: whether it came to that."""

    route: Route
    takes: bool
    misses: tuple[str, ...]
    asked: bool


@dataclass(frozen=True, slots=True)
class RoutingPolicy:
    """routes: read from the top; the first that takes an incident is the last one asked, unless it goes on.

    about: what the settings say of an incident's instance and job. mutes: None where nothing is ever muted.
    repeat_interval: zero means never.
    """

    routes: tuple[Route, ...]
    about: Callable[[Incident], Said] = lambda _incident: {}
    mutes: Mutes | None = None
    group_wait: timedelta = timedelta(seconds=10)
    group_interval: timedelta = timedelta(minutes=5)
    repeat_interval: timedelta = timedelta(hours=4)
    log_wait: timedelta = timedelta(seconds=30)
    storm_threshold: int = 20

    def taken_by(self, incident: Incident) -> tuple[Route, ...]:
        """Where news of this incident go; none where no route takes it. One may have no target."""
        return tuple(one.route for one in self.offers(incident) if one.takes)

    def prefixes_of(self, target: str) -> tuple[str, ...]:
        """How the keys of all groups begin that are told to it."""
        every = (*self.routes, *(one.second for one in self.routes if one.escalation))
        return tuple(one.prefix for one in every if target in one.targets)

    def offers(self, incident: Incident) -> Iterator[Offer]:
        """What each route says to it, from the top."""
        said = self.said(incident)
        is_asked = True
        for route in self.routes:
            misses = route.match.misses(said) if is_asked else ()
            takes = is_asked and not misses
            yield Offer(route, takes, misses, is_asked)
            is_asked = is_asked and not (takes and not route.goes_on)

    def said(self, incident: Incident) -> Said:
        """All that routes and silences can match it by."""
        return said_of(incident, self.about(incident))


@dataclass(frozen=True, slots=True)
class Telling:
    """That a group's targets were told of an incident, and of its end."""

    group_key: str
    incident_id: str
    opened_told_at: datetime
    resolved_told_at: datetime | None = None


@dataclass(frozen=True)
class Waiting:
    """All that a plan is made of.

    incidents: by id; those of the events and the open ones of the groups concerned.
    groups: when each group was told something last. attachments: by reference; others are not awaited.
    silences: all that end after the oldest of the events. acked: incidents that are in somebody's hands.
    changes: by fingerprint, when incidents of the last day began and ended.
    """

    events: Sequence[IncidentEvent]
    incidents: Mapping[str, Incident]
    groups: Mapping[str, datetime] = field(default_factory=dict)
    tellings: Sequence[Telling] = ()
    attachments: Mapping[str, AttachmentState] = field(default_factory=dict)
    silences: Sequence[Silence] = ()
    acked: AbstractSet[str] = frozenset()
    changes: Mapping[str, Sequence[datetime]] = field(default_factory=dict)

    def told_to(self, group_key: str) -> Sequence[str]:
        """Ids of the incidents that this group was told of."""
        return self._by_group.get(group_key, ())

    def telling(self, incident_id: str, prefix: str) -> Telling | None:
        """That a group whose key begins so was told of the incident."""
        mine = self._by_incident.get(incident_id, ())
        return next((one for one in mine if one.group_key.startswith(prefix)), None)

    @cached_property
    def _by_group(self) -> Mapping[str, Sequence[str]]:
        groups: defaultdict[str, dict[str, None]] = defaultdict(dict)
        for one in self.tellings:
            groups[one.group_key][one.incident_id] = None
        return {key: tuple(ids) for key, ids in groups.items()}

    @cached_property
    def _by_incident(self) -> Mapping[str, Sequence[Telling]]:
        told: defaultdict[str, list[Telling]] = defaultdict(list)
        for one in self.tellings:
            told[one.incident_id].append(one)
        return told


@dataclass(frozen=True, slots=True)
class Decision:
    """route: on whose behalf; empty for all of them."""

    event: IncidentEvent
    reason: Reason
    route: str = ""


@dataclass(frozen=True, slots=True)
class Outgoing:
    notification: Notification
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """decisions: for each event given one by each of its routes, or one for all.

    wake_at: when another look is due if nothing else happens.
    """

    outgoing: tuple[Outgoing, ...] = ()
    decisions: tuple[Decision, ...] = ()
    groups: Mapping[str, datetime] = field(default_factory=dict)
    tellings: tuple[Telling, ...] = ()
    wake_at: datetime | None = None

    @property
    def planned(self) -> tuple[IncidentEvent, ...]:
        """Those decided for good by all their routes: told, or never to be told."""
        return tuple(event for event, waits in self._by_event.items() if not any(waits.values()))

    @property
    def awaited(self) -> int:
        """How many will be told soon, if nothing else happens: not those held back by a silence."""
        return len({one.event for one in self.decisions if one.reason.waits_briefly})

    @property
    def partly_planned(self) -> Mapping[IncidentEvent, frozenset[str]]:
        """Those that a route still holds back, with the routes that have decided, now or before."""
        return {
            event: event.planned_for | {route for route, is_waiting in waits.items() if not is_waiting}
            for event, waits in self._by_event.items()
            if any(waits.values()) and not all(waits.values())
        }

    @property
    def _by_event(self) -> Mapping[IncidentEvent, Mapping[str, bool]]:
        """Whether it waits, by route."""
        found: defaultdict[IncidentEvent, dict[str, bool]] = defaultdict(dict)
        for one in self.decisions:
            found[one.event][one.route] = one.reason.waits
        return found
