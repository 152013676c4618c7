"""The title of a message: the condition's word, which job, which instance. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from alerts.model import Incident, Notification, NotificationKind

_STILL = {NotificationKind.REPEAT: "still open", NotificationKind.ESCALATION: "not acknowledged"}
_DOWN = " while the monitor was down"


def title(notification: Notification, *, listed: bool) -> str:
    """listed: the body is a list of many, so the title counts them."""
    incidents = notification.incidents
    if len(incidents) == 1:
        return _of_one(incidents[0], notification.kind)
    if listed:
        return _of_many(notification)
    names = ", ".join(f"{one.condition} {one.name}" for one in incidents)
    return f"{_numbers(notification)}{_place(incidents)}: {names}"


def one(incident: Incident, when: str = "") -> str:
    """when: put after the word of what happened."""
    where = f"{incident.name} on {incident.place}"
    if incident.is_open:
        return f"{incident.condition}{when}: {where}"
    return f"resolved{when}: {where} ({incident.condition})"


def _of_one(incident: Incident, kind: NotificationKind) -> str:
    if kind in _STILL:
        return f"{_STILL[kind]}: {incident.name} on {incident.place} ({incident.condition})"
    return one(incident, _DOWN if kind is NotificationKind.CATCH_UP else "")


def _numbers(notification: Notification) -> str:
    still = sum(one.is_open for one in notification.incidents)
    over = len(notification.incidents) - still
    word = _STILL.get(notification.kind, "new")
    parts = [f"{number} {text}" for number, text in ((still, word), (over, "resolved")) if number]
    return ", ".join(parts) + (_DOWN if notification.kind is NotificationKind.CATCH_UP else "")


def _of_many(notification: Notification) -> str:
    incidents = notification.incidents
    conditions = Counter(one.condition for one in incidents)
    counts = ", ".join(f"{number} {condition}" for condition, number in conditions.most_common())
    over = sum(not one.is_open for one in incidents)
    ended = "" if not over else " resolved" if over == len(incidents) else f" ({over} resolved)"
    down = _DOWN if notification.kind is NotificationKind.CATCH_UP else ""
    return f"{len(incidents)} problems{ended}{_place(incidents)}{down}: {counts}"


def _place(incidents: Sequence[Incident]) -> str:
    places = {one.place for one in incidents}
    return f" on {min(places)}" if len(places) == 1 else f" in {len(places)} places"
