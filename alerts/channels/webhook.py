"""A message as JSON for a program of the user's: text, incidents as data, logs.

docs/webhook.schema.json is the contract; within one `version` fields are added, never changed or taken away.
"""

from __future__ import annotations

import base64
from datetime import datetime

from alerts.channels.http import Endpoint
from alerts.model import BodyFormat, Capabilities, Json, Message, MessageFile, Notification, Told

VERSION = 1
MAX_FILE_BYTES = 1024 * 1024


class WebhookNotifier:
    """address: where it is posted to. token: for `Bearer`."""

    def __init__(self, name: str, address: str, token: str = "") -> None:
        self.name = name
        self.capabilities = Capabilities(
            format=BodyFormat.TEXT, max_file_bytes=MAX_FILE_BYTES, as_data=True, body_max_bytes=32_768
        )
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._endpoint = Endpoint(address, headers, secret=token)

    def send(self, message: Message) -> None:
        """The id is that of the message at each try: who has seen it already can leave it."""
        self._endpoint.post(document(message))


def document(message: Message) -> dict[str, Json]:
    return {
        "version": VERSION,
        **({} if message.notification is None else _about(message.notification)),
        "title": message.title,
        "body": message.body,
        "severity": message.severity.value,
        "status": "resolved" if message.resolved else "firing",
        "incidents": [_incident(one) for one in message.told],
        "files": [_file(one) for one in message.files],
    }


def _about(notification: Notification) -> dict[str, Json]:
    return {
        "id": notification.id,
        "kind": notification.kind.value,
        "group_key": notification.group_key,
        "created_at": notification.created_at.isoformat(),
        "more_open": notification.counted,
    }


def _incident(told: Told) -> dict[str, Json]:
    incident = told.incident
    return {
        "id": incident.id,
        "condition": incident.condition,
        "severity": incident.severity.value,
        "status": "firing" if incident.is_open else "resolved",
        "title": told.title,
        "name": incident.name,
        "place": incident.place,
        "summary": incident.summary,
        "labels": dict(told.labels),
        "facts": [{"label": label, "text": text} for label, text in incident.facts],
        "evidence": dict(incident.evidence),
        "count": incident.count,
        "starts_at": incident.starts_at.isoformat(),
        "ends_at": _instant(incident.ends_at),
        "resolution": incident.resolution,
        "log": {"lines": list(told.lines), "note": told.log_note, "command": told.log_command},
    }


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _file(file: MessageFile) -> dict[str, Json]:
    return {
        "name": file.name,
        "mimetype": file.mimetype,
        "content_base64": base64.b64encode(file.content).decode(),
    }
