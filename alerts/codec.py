"""Incidents and notifications as plain values and back: for table rows, and for the JSON of the outbox.

Knows every field of an incident. A reader of a newer version must read what an older one has written:
a field added later needs a default here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from alerts.model import EndsBy, Incident, Json, Notification, NotificationKind, Severity

_INSTANTS = ("starts_at", "updated_at", "ends_at")


def incident_fields(incident: Incident) -> dict[str, Any]:
    """Everything as JSON has it, but for the instants."""
    return {
        "id": incident.id,
        "fingerprint": incident.fingerprint,
        "source": incident.source,
        "condition": incident.condition,
        "labels": dict(incident.labels),
        "severity": incident.severity.value,
        "name": incident.name,
        "place": incident.place,
        "summary": incident.summary,
        "facts": [list(fact) for fact in incident.facts],
        "evidence": dict(incident.evidence),
        "causes": list(incident.causes),
        "count": incident.count,
        "starts_at": incident.starts_at,
        "updated_at": incident.updated_at,
        "ends_at": incident.ends_at,
        "resolution": incident.resolution,
        "attachments": list(incident.attachments),
        "quiet": incident.quiet,
        "ends_by": incident.ends_by.value,
    }


def incident(fields: Mapping[Any, Any]) -> Incident:
    return Incident(
        id=fields["id"],
        fingerprint=fields["fingerprint"],
        source=fields["source"],
        condition=fields["condition"],
        labels=dict(fields["labels"]),
        severity=Severity(fields["severity"]),
        name=fields["name"],
        place=fields["place"],
        summary=fields["summary"],
        facts=tuple((label, text) for label, text in fields["facts"]),
        evidence=dict(fields["evidence"]),
        causes=tuple(fields["causes"]),
        count=fields["count"],
        starts_at=fields["starts_at"],
        updated_at=fields["updated_at"],
        ends_at=fields["ends_at"],
        resolution=fields["resolution"],
        attachments=tuple(fields["attachments"]),
        quiet=fields["quiet"],
        ends_by=EndsBy(fields.get("ends_by", EndsBy.ABSENCE)),
    )


def notification_content(notification: Notification) -> dict[str, Json]:
    """What of a notification is not a column of its own."""
    return {
        "incidents": [_with_texts(incident_fields(one)) for one in notification.incidents],
        "news": list(notification.news),
        "counted": notification.counted,
        "flapping": list(notification.flapping),
        "silenced": dict(notification.silenced),
    }


def notification(row: Mapping[Any, Any]) -> Notification:
    """row: one of the table of notifications. KeyError, TypeError or ValueError where it makes no sense."""
    content = row["content"]
    return Notification(
        id=row["id"],
        group_key=row["group_key"],
        kind=NotificationKind(row["kind"]),
        created_at=row["created_at"],
        seen_at=row["seen_at"],
        incidents=tuple(incident(_with_instants(one)) for one in content["incidents"]),
        news=tuple(content["news"]),
        counted=content["counted"],
        flapping=tuple(content.get("flapping", ())),
        silenced=dict(content.get("silenced", {})),
    )


def incident_ids(content: Json) -> set[str]:
    """Which incidents a notification is about; empty for content that makes no sense."""
    try:
        return {one["id"] for one in content["incidents"]}
    except (KeyError, TypeError):
        return set()


def without_incidents(content: Json, ids: Collection[str]) -> dict[str, Json]:
    """The content of a notification that is not about these."""
    return {
        **content,
        "incidents": [one for one in content["incidents"] if one["id"] not in ids],
        "news": [one for one in content.get("news", ()) if one not in ids],
        "flapping": [one for one in content.get("flapping", ()) if one not in ids],
    }


def _with_texts(fields: dict[str, Any]) -> dict[str, Json]:
    return fields | {name: fields[name].isoformat() for name in _INSTANTS if fields[name]}


def _with_instants(fields: Mapping[str, Json]) -> dict[str, Any]:
    texts = {name: fields[name] for name in _INSTANTS if fields[name]}
    return dict(fields) | {name: datetime.fromisoformat(text) for name, text in texts.items()}
