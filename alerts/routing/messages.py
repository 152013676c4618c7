"""From subjects to one message: what it lists, what it counts, and what is remembered of it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from alerts.model import EventKind, Incident, IncidentEvent, Notification, NotificationKind
from alerts.routing.flapping import flaps
from alerts.routing.model import Decision, Outgoing, Plan, Reason, Route, Telling, Waiting
from alerts.routing.subjects import Subject, worst_first


@dataclass(slots=True)
class Draft:
    """The plan as the stages fill it in; lives no longer than the call."""

    waiting: Waiting
    now: datetime
    new_id: Callable[[], str]
    outgoing: list[Outgoing] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    groups: dict[str, datetime] = field(default_factory=dict)
    tellings: list[Telling] = field(default_factory=list)
    wake_at: datetime | None = None

    def plan(self) -> Plan:
        return Plan(
            tuple(self.outgoing), tuple(self.decisions), self.groups, tuple(self.tellings), self.wake_at
        )

    def wait(self, subjects: Iterable[Subject], reason: Reason, until: datetime) -> None:
        for subject in subjects:
            name = subject.route.name
            self.decisions.extend(Decision(event, reason, name) for event in subject.events)
        self.wake_at = until if self.wake_at is None else min(self.wake_at, until)

    def tell(self, key: str, kind: NotificationKind, subjects: Sequence[Subject]) -> None:
        """One message about these subjects; those told before stay in the group that was told."""
        listed = {subject.incident.id for subject in subjects}
        self._send(
            subjects[0].route,
            Notification(
                id=self.new_id(),
                group_key=key,
                kind=kind,
                created_at=self.now,
                seen_at=min(subject.at for subject in subjects),
                incidents=tuple(subject.incident for subject in subjects),
                news=tuple(subject.incident.id for subject in subjects),
                counted=sum(one.id not in listed for one in self.still_open(key)),
                silenced={one.incident.id: one.silenced for one in subjects if one.silenced},
                flapping=tuple(one.incident.id for one in subjects if self._flaps(one.incident)),
            ),
        )
        for subject in subjects:
            self._remember(key, subject)
            name = subject.route.name
            self.decisions.extend(
                Decision(event, _reason(kind, subject, event), name) for event in subject.events
            )

    def repeat(self, route: Route, key: str, incidents: Sequence[Incident], counted: int) -> None:
        self._send_again(route, key, NotificationKind.REPEAT, incidents, counted=counted)

    def escalate(self, route: Route, key: str, incidents: Sequence[Incident]) -> None:
        """To others than it was told to before: they hear of its end as well."""
        ids = tuple(one.id for one in sorted(incidents, key=worst_first))
        self._send_again(route, key, NotificationKind.ESCALATION, incidents, news=ids)
        self.tellings.extend(Telling(key, one, self.now) for one in ids)

    def still_open(self, key: str) -> list[Incident]:
        """Incidents of the group that were told and hold."""
        told = self.waiting.told_to(key)
        known = (self.waiting.incidents[one] for one in told if one in self.waiting.incidents)
        return [incident for incident in known if incident.is_open]

    def _send_again(
        self,
        route: Route,
        key: str,
        kind: NotificationKind,
        incidents: Sequence[Incident],
        *,
        news: Sequence[str] = (),
        counted: int = 0,
    ) -> None:
        """Of what no event tells."""
        listed = tuple(sorted(incidents, key=worst_first))
        self._send(route, Notification(self.new_id(), key, kind, self.now, self.now, listed, news, counted))

    def _send(self, route: Route, notification: Notification) -> None:
        self.outgoing.append(Outgoing(notification, route.targets))
        self.groups[notification.group_key] = self.now

    def _flaps(self, incident: Incident) -> bool:
        return flaps(incident, self.waiting.changes.get(incident.fingerprint, ()), self.now)

    def _remember(self, key: str, subject: Subject) -> None:
        told = subject.telling or Telling(key, subject.incident.id, self.now)
        ended_at = None if subject.incident.is_open else self.now
        self.tellings.append(Telling(told.group_key, told.incident_id, told.opened_told_at, ended_at))
        self.groups[told.group_key] = self.now


def _reason(kind: NotificationKind, subject: Subject, event: IncidentEvent) -> Reason:
    if kind in {NotificationKind.SUMMARY, NotificationKind.CATCH_UP}:
        return Reason(kind.value)
    if subject.recovery:
        return Reason.RESOLVED
    if subject.telling is not None and event.kind is EventKind.CAUSE:
        return Reason.CAUSE
    return Reason(kind.value)
