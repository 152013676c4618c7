"""Opsgenie by its Alert API: an alert is created under an alias, noted when there is news, and closed.

Creating it once more under the same alias is counted there and changes no text: what is new goes into a note.
Lengths and fields: https://docs.opsgenie.com/docs/alert-api
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from alerts.channels.cases import Case, cases
from alerts.channels.http import Endpoint
from alerts.channels.progress import Progress
from alerts.model import BodyFormat, Capabilities, Json, Message, Severity
from alerts.render.excerpt import cut_text

ADDRESS = "https://api.opsgenie.com"
MESSAGE_MAX = 130
DESCRIPTION_MAX = 15_000
NOTE_MAX = 25_000
_ENTITY_MAX = 512
_SOURCE_MAX = 100
_TAG_MAX = 50
_BY_ALIAS = {"identifierType": "alias"}
_PRIORITIES: Mapping[Severity, str] = {Severity.CRITICAL: "P1", Severity.WARNING: "P3", Severity.INFO: "P5"}


class OpsgenieNotifier:
    """api_key: of an API integration. address: that of the region, https://api.eu.opsgenie.com in the EU."""

    def __init__(self, name: str, api_key: str, address: str = ADDRESS) -> None:
        self.name = name
        self.capabilities = Capabilities(
            format=BodyFormat.TEXT,
            body_max_bytes=DESCRIPTION_MAX,
            title_max=MESSAGE_MAX,
            files=False,
            as_data=True,
        )
        self._endpoint = Endpoint(address, {"Authorization": f"GenieKey {api_key}"}, secret=api_key)
        self._progress = Progress()

    def send(self, message: Message) -> None:
        for case in self._progress.left(message, cases(message)):
            for one in requests_for(case):
                query = None if one.path == CREATE else _BY_ALIAS
                self._endpoint.post(one.document, *one.path, query=query)


CREATE = ("v2", "alerts")


@dataclass(frozen=True, slots=True)
class Request:
    path: tuple[str, ...]
    document: dict[str, Json]


def requests_for(case: Case) -> Iterator[Request]:
    """In this order."""
    if not case.is_open:
        note = cut_text(f"{case.title}\n\n{case.text}", NOTE_MAX)
        document = {"source": "sfcc-job-monitor", "user": "sfcc-job-monitor", "note": note}
        yield Request((*CREATE, case.key, "close"), document)
        return
    yield Request(CREATE, _alert(case))
    if case.told is not None and len(case.told.incident.causes) > 1:
        yield Request((*CREATE, case.key, "notes"), {"note": cut_text(case.text, NOTE_MAX)})


def _alert(case: Case) -> dict[str, Json]:
    alert: dict[str, Json] = {
        "message": cut_text(case.title, MESSAGE_MAX),
        "alias": case.key,
        "description": cut_text(case.text, DESCRIPTION_MAX),
        "priority": _PRIORITIES[case.severity],
        "source": "sfcc-job-monitor",
    }
    if case.told is not None:
        incident = case.told.incident
        alert |= {
            "source": cut_text(incident.place, _SOURCE_MAX),
            "entity": cut_text(incident.name, _ENTITY_MAX),
            "tags": [cut_text(one, _TAG_MAX) for one in ("sfcc", incident.condition)],
            "details": dict(case.told.labels),
        }
    return alert
