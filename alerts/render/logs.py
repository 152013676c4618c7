"""Which log speaks for an incident, and whose logs travel with a message. Pure.

The newest file may not be there (not wanted yet, not to be had): then an earlier one of the same incident
stands in for it, and the message says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from alerts.model import Attachment, Incident, Notification, NotificationKind

FULL = 5
"""More incidents than these are listed with a line each, and in full in a file."""
LATEST = 5
"""Logs that go with the list of a catch-up: those of the latest."""
WORST = 3
"""Logs that go with any other list."""


@dataclass(frozen=True, slots=True)
class Log:
    """earlier: not the newest one's. missing: why that one is not there. travels: goes with this message."""

    attachment: Attachment
    earlier: bool = False
    missing: str = ""
    travels: bool = False


def is_listed(notification: Notification) -> bool:
    return len(notification.incidents) > FULL


def logs(
    notification: Notification, attachments: Mapping[str, Attachment], *, with_files: bool
) -> dict[str, Log]:
    """By incident; empty where a message has none: with a recovery nobody needs it."""
    if notification.kind is NotificationKind.RESOLVED:
        return {}
    travel = travelling(notification, attachments) if with_files else frozenset()
    found: dict[str, Log] = {}
    for one in notification.incidents:
        chosen = _chosen(one, attachments)
        if chosen is not None:
            earlier = chosen.ref != one.attachments[-1]
            newest = attachments.get(one.attachments[-1])
            missing = newest.note if earlier and newest else ""
            found[one.id] = Log(chosen, earlier, missing, chosen.ref in travel)
    return found


def travelling(notification: Notification, attachments: Mapping[str, Attachment]) -> frozenset[str]:
    """References of the files that go with a message. attachments: their content is not needed for this."""
    if notification.kind is NotificationKind.RESOLVED:
        return frozenset()
    chosen = (_chosen(one, attachments) for one in _by_importance(notification))
    there = list(dict.fromkeys(one.ref for one in chosen if one is not None and one.content is not None))
    return frozenset(there[: _most(notification)])


def worst_first(incidents: Iterable[Incident]) -> list[Incident]:
    return sorted(incidents, key=lambda one: (not one.is_open, one.severity.rank, one.name, one.id))


def _most(notification: Notification) -> int:
    if not is_listed(notification):
        return FULL
    return LATEST if notification.kind is NotificationKind.CATCH_UP else WORST


def _by_importance(notification: Notification) -> Sequence[Incident]:
    if notification.kind is NotificationKind.CATCH_UP:
        return sorted(notification.incidents, key=lambda one: one.starts_at, reverse=True)
    return worst_first(notification.incidents)


def _chosen(incident: Incident, attachments: Mapping[str, Attachment]) -> Attachment | None:
    """The newest that is there; else what is known of the newest."""
    known = [attachments[ref] for ref in reversed(incident.attachments) if ref in attachments]
    there = (one for one in known if one.content is not None or one.lines)
    return next(there, known[0] if known else None)
