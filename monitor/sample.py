"""The sample message of `test-alert`: looks like a real alert, says that it is none."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime, timedelta

from alerts.model import (
    Attachment,
    Capabilities,
    Finding,
    Incident,
    Message,
    Notification,
    NotificationKind,
    Severity,
)
from alerts.notifier import Notifier
from alerts.render import render

_MARK = "TEST: "
_LINES = (
    "[{at:%Y-%m-%d %H:%M:%S.000} GMT] ERROR SystemJobThread|1|sample-job|ImportCatalog sample.Step - "
    "this line stands for the last error of a failed step"
)


def send_sample(notifier: Notifier, now: datetime) -> str:
    """What became of it, in words. Raises DeliveryError. Where an alert would stay open it is ended."""
    id_ = uuid.uuid4().hex
    message = sample_message(notifier.capabilities, id_, now)
    notifier.send(message)
    if notifier.capabilities.as_data:
        notifier.send(sample_message(notifier.capabilities, id_, now, ended=True))
        ended = "begun and ended"
    else:
        ended = ""
    file = "with its file" if message.files else "without a file: this service takes none"
    return ", ".join(filter(None, (ended, file)))


def sample_message(
    capabilities: Capabilities, incident_id: str, now: datetime, *, ended: bool = False
) -> Message:
    """What a failed run would look like at this target, or its end."""
    line = _LINES.format(at=now)
    attachment = Attachment("sample", "sample-job.log", (line + "\n").encode(), lines=(line,))
    finding = Finding(
        source="sample",
        condition="failed",
        labels={"sfcc_instance": "sample", "job_id": "sample-job"},
        severity=Severity.INFO,
        since=now - timedelta(minutes=1),
        occurrences=("1",),
        cause="sample",
        name="sample-job",
        place="sample",
        summary=f"{_MARK}this is what a failed job looks like here; none has failed.",
        facts=(("attached", "a log of one line, to see whether files arrive here"),),
        attachments=("sample",),
    )
    incident = Incident(
        id=incident_id,
        fingerprint=finding.fingerprint,
        source=finding.source,
        condition=finding.condition,
        labels=finding.labels,
        severity=finding.severity,
        name=finding.name,
        place=finding.place,
        summary=finding.summary,
        facts=finding.facts,
        evidence={},
        causes=(finding.cause,),
        count=1,
        starts_at=finding.since,
        updated_at=now,
        attachments=finding.attachments,
        ends_at=now if ended else None,
        resolution="the test is over" if ended else "",
    )
    notification = Notification(
        id=f"{incident_id}-end" if ended else incident_id,
        group_key="sample",
        kind=NotificationKind.RESOLVED if ended else NotificationKind.FIRST,
        created_at=now,
        seen_at=now,
        incidents=(incident,),
        news=(incident.id,),
    )
    message = render(notification, {"sample": attachment}, capabilities)
    title = f"{_MARK}{message.title}"
    return replace(message, title=title[: capabilities.title_max] if capabilities.title_max else title)
