"""A message as the incidents of a pager: what to open, what to end, and under which key. Pure.

A pager wakes somebody for each of its incidents: what we tell in a list is one of them, not a hundred.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from alerts.model import Message, Notification, NotificationKind, Severity, Told


@dataclass(frozen=True, slots=True)
class Case:
    """key: the same from its beginning to its end. told: its incident; None where it stands for a list."""

    key: str
    is_open: bool
    title: str
    text: str
    severity: Severity
    told: Told | None = None


def cases(message: Message) -> list[Case]:
    """Ends first. Whether something was opened as part of a list is not known: both ends are said then, and
    that of what a pager never had says nothing to it."""
    notification = message.notification
    if notification is None or notification.kind is NotificationKind.REPEAT:
        return []  # a pager repeats by its own rules
    ended = [_alone(one) for one in message.told if not one.incident.is_open]
    if not any(one.incident.is_open for one in message.told):
        return [*ended, *_end_of_list(message, notification)]
    if message.listed:
        return [*ended, _as_list(message, notification, is_open=True)]
    return [*ended, *(_alone(one) for one in message.told if one.incident.is_open)]


def _alone(told: Told) -> Case:
    incident = told.incident
    return Case(incident.id, incident.is_open, told.title, told.text, incident.severity, told)


def _end_of_list(message: Message, notification: Notification) -> Iterator[Case]:
    if not notification.counted:
        yield _as_list(message, notification, is_open=False)


def _as_list(message: Message, notification: Notification, *, is_open: bool) -> Case:
    digest = hashlib.sha256(notification.group_key.encode()).hexdigest()[:32]
    return Case(f"group-{digest}", is_open, message.title, message.body, message.severity)
