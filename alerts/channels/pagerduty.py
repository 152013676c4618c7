"""PagerDuty by its Events API v2: an incident is triggered, triggered again when there is news, and resolved.

Lengths and fields: https://developer.pagerduty.com/docs/send-alert-event
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from alerts.channels.cases import Case, cases
from alerts.channels.http import Endpoint
from alerts.channels.progress import Progress
from alerts.model import BodyFormat, Capabilities, Json, Message, Severity, Told
from alerts.render.excerpt import cut_text

ADDRESS = "https://events.pagerduty.com/v2/enqueue"
SUMMARY_MAX = 1024
_TEXT_MAX = 16_000
_SEVERITIES: Mapping[Severity, str] = {
    Severity.CRITICAL: "critical",
    Severity.WARNING: "warning",
    Severity.INFO: "info",
}


class PagerDutyNotifier:
    """routing_key: of an integration "Events API v2" of a service."""

    def __init__(self, name: str, routing_key: str, address: str = ADDRESS) -> None:
        self.name = name
        self.capabilities = Capabilities(
            format=BodyFormat.TEXT,
            body_max_bytes=_TEXT_MAX,
            title_max=SUMMARY_MAX,
            files=False,
            as_data=True,
        )
        self._key = routing_key
        self._endpoint = Endpoint(address, secret=routing_key)
        self._progress = Progress()

    def send(self, message: Message) -> None:
        for one in self._progress.left(message, cases(message)):
            self._endpoint.post({"routing_key": self._key, **event(one)})


def event(case: Case) -> dict[str, Json]:
    """All but the key of the integration."""
    if not case.is_open:
        return {"event_action": "resolve", "dedup_key": case.key}
    return {
        "event_action": "trigger",
        "dedup_key": case.key,
        "client": "sfcc-job-monitor",
        "payload": _payload(case),
        "links": [{"href": url, "text": label} for label, url in _links(case.told)],
    }


def _payload(case: Case) -> dict[str, Json]:
    payload: dict[str, Json] = {
        "summary": cut_text(case.title, SUMMARY_MAX),
        "source": "sfcc-job-monitor",
        "severity": _SEVERITIES[case.severity],
        "custom_details": {"text": case.text},
    }
    if case.told is not None:
        incident = case.told.incident
        payload |= {
            "source": incident.place,
            "component": incident.name,
            "class": incident.condition,
            "timestamp": incident.starts_at.isoformat(),
            "custom_details": {"text": case.text, "labels": dict(case.told.labels)},
        }
        if group := case.told.labels.get("group"):
            payload["group"] = group
    return payload


def _links(told: Told | None) -> Iterator[tuple[str, str]]:
    """Facts that are addresses, such as the runbook."""
    for label, text in told.incident.facts if told else ():
        if text.startswith(("https://", "http://")) and not text.split()[1:]:
            yield label, text
