"""Prometheus' Alertmanager by its API v2: each incident is an alert, posted again for as long as it holds.

It forgets what it does not hear of any more, and groups, repeats and routes by itself. Labels identify, so
nothing that differs from run to run is among them. https://prometheus.io/docs/alerting/latest/alerts_api/
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from alerts.channels.http import Endpoint
from alerts.model import BodyFormat, Capabilities, Json, Message, Told
from alerts.render.excerpt import cut_text

REFRESH_EVERY = timedelta(minutes=1)
LIFE = 5 * REFRESH_EVERY
"""How long an alert holds that is not heard of again: Alertmanager's own resolve_timeout."""
BATCH = 64
"""Alerts of one request, as Prometheus sends them."""
_ANNOTATION_MAX = 8_000
_NO_LABEL = re.compile(r"[^a-zA-Z0-9_]")


class AlertmanagerNotifier:
    """address: as a browser shows it, with a path where it is served under one. token: for `Bearer`."""

    def __init__(self, name: str, address: str, token: str = "") -> None:
        self.name = name
        self.capabilities = Capabilities(
            format=BodyFormat.TEXT, files=False, as_data=True, refresh_every=REFRESH_EVERY
        )
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._endpoint = Endpoint(address, headers, secret=token)

    def send(self, message: Message) -> None:
        if message.notification is None:
            return
        alerts = [alert(one, message.notification.created_at) for one in message.told]
        for start in range(0, len(alerts), BATCH):
            self._endpoint.post(alerts[start : start + BATCH], "api", "v2", "alerts")


def alert(told: Told, now: datetime) -> dict[str, Json]:
    """now: when it was looked at; what is open holds from there for its LIFE."""
    incident = told.incident
    until = incident.ends_at or now + LIFE
    annotations = {
        "summary": told.title,
        "description": cut_text(told.text, _ANNOTATION_MAX),
        "incident": incident.id,
        "log": "\n".join(told.lines),
        "runbook_url": next(_runbooks(incident.facts), ""),
    }
    return {
        "labels": labels(told),
        "annotations": {name: text for name, text in annotations.items() if text},
        "startsAt": incident.starts_at.isoformat(),
        "endsAt": max(until, incident.starts_at).isoformat(),
    }


def labels(told: Told) -> dict[str, str]:
    """alertname: SfccJobFailed, SfccJobTooOften, …; one without a value is none."""
    words = re.split(r"[_\W]+", told.incident.condition)
    given = {_NO_LABEL.sub("_", name): value for name, value in told.labels.items() if value}
    whole = "Instance" if "job_id" not in given else "Job"
    return {
        **{name if not name[:1].isdigit() else f"_{name}": value for name, value in given.items()},
        "alertname": f"Sfcc{whole}{''.join(word.capitalize() for word in words)}",
        "condition": told.incident.condition,
        "severity": told.incident.severity.value,
    }


def _runbooks(facts: Sequence[tuple[str, str]]) -> Iterator[str]:
    return (text for label, text in facts if label.lower() == "runbook" and text.startswith("http"))
