"""What a message says about one incident, most important first. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from alerts.model import Attachment, Incident, Notification, NotificationKind
from alerts.render.document import Block, Code, Facts, Text
from alerts.render.title import one as title_of
from alerts.render.wording import instant, period, span, times

LINES = 12
"""Telling lines of a log in the text; they are there whether or not the file travels."""


def part(
    incident: Incident, notification: Notification, attachment: Attachment | None, why_no_file: str
) -> list[Block]:
    """attachment: None where no log belongs into this message. why_no_file: empty when the file travels."""
    blocks: list[Block] = []
    if len(notification.incidents) > 1:
        prefix = "" if incident.is_open else "resolved: "
        blocks.append(Text(prefix + title_of(incident), strong=True))
    blocks += _what_happened(incident, notification)
    if attachment is not None:
        blocks += _log(attachment, why_no_file)
    blocks.append(Text(f"incident {incident.id}", last=True))
    return blocks


def line(incident: Incident) -> str:
    """The same in one line, for lists."""
    ended = "" if incident.ends_at is None else f" (over since {instant(incident.ends_at)})"
    often = "" if incident.count < 2 else f", {times(incident.count)}"
    return f"{title_of(incident)}{ended}{often}: {incident.summary}"


def newest(incident: Incident, attachments: Mapping[str, Attachment]) -> Attachment | None:
    return attachments.get(incident.attachments[-1]) if incident.attachments else None


def _what_happened(incident: Incident, notification: Notification) -> Sequence[Block]:
    ended = incident.ends_at
    if notification.kind is NotificationKind.RESOLVED and ended is not None:
        return (Text(f"Over. What was wrong: {incident.summary}"), Facts(_recovery(incident, ended)))
    facts = [*incident.facts]
    if ended is not None:
        facts = [*_recovery(incident, ended), *facts]
    elif notification.kind is NotificationKind.REPEAT:
        lasted = span(notification.created_at - incident.starts_at)
        facts.insert(0, ("still open", f"since {instant(incident.starts_at)}, {lasted}"))
    if len(incident.causes) > 1:
        facts.append(("causes so far", str(len(incident.causes))))
    summary = incident.summary if ended is None else f"Over by now: {incident.summary}"
    return (Text(summary), Facts(tuple(facts))) if facts else (Text(summary),)


def _recovery(incident: Incident, ended: datetime) -> tuple[tuple[str, str], ...]:
    facts = [("was wrong", period(incident.starts_at, ended))]
    if incident.resolution:
        facts.append(("how it ended", incident.resolution))
    if incident.count > 1:
        facts.append(("how often", times(incident.count)))
    return tuple(facts)


def _log(attachment: Attachment, why_no_file: str) -> Sequence[Block]:
    blocks: list[Block] = []
    name = attachment.name or "log"
    if attachment.lines:
        blocks.append(Code(f"Telling lines of {name}", tuple(attachment.lines[-LINES:])))
    if attachment.content is None:
        note = f"No log file: {attachment.note or 'there is none.'}"
    else:
        note = " ".join(filter(None, (why_no_file, attachment.note)))
    if note:
        blocks.append(Text(note))
    return blocks
