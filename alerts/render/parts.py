"""What a message says about one incident, most important first. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from alerts.model import Incident, Notification, NotificationKind
from alerts.render.background import NOTHING_KNOWN, Background, Fact
from alerts.render.document import Block, Code, Facts, Text
from alerts.render.logs import Log
from alerts.render.title import one as title_of
from alerts.render.wording import period, sentence, span, times

FLAPPING = (
    "It begins and ends over and over: six changes or more within an hour. How it stands will be told once it"
    " has not changed for 30 min."
)

LINES = 12
"""Telling lines of a log in the text; they are there whether or not the file travels."""


def part(
    incident: Incident,
    notification: Notification,
    log: Log | None,
    why_no_file: str = "",
    remark: str = "",
    background: Background = NOTHING_KNOWN,
) -> list[Block]:
    """log: None where none belongs into this message. why_no_file: why files stay behind, or empty."""
    blocks: list[Block] = []
    if len(notification.incidents) > 1:
        blocks.append(Text(title_of(incident), strong=True))
    blocks += _what_happened(incident, notification)
    if log is not None:
        blocks += _log(log, why_no_file)
    if incident.is_open and (fact := background.hint(incident)) is not None:
        blocks.append(Facts((fact,)))
    if incident.id in notification.silenced:
        blocks.append(Facts((("It was silenced", notification.silenced[incident.id]),)))
    if incident.id in notification.flapping:
        blocks.append(Text(FLAPPING, last=True))
    if remark:
        blocks.append(Text(remark, last=True))
    blocks.append(Text(f"incident {incident.id}", last=True))
    return blocks


def _what_happened(incident: Incident, notification: Notification) -> Iterator[Block]:
    ended, summary = incident.ends_at, Text(incident.summary)
    if ended is not None:
        yield Text(_course(incident, ended, notification.created_at))
    yield summary
    if ended is None or notification.kind is not NotificationKind.RESOLVED:
        yield Facts(tuple(_facts(incident, notification)))


def _course(incident: Incident, ended: datetime, read_at: datetime) -> str:
    """`Failed from 02:11 to 02:25 UTC (13 min 55 s): run 12 ended ok at 02:25 UTC.`"""
    often = f", {times(incident.count)}" if incident.count > 1 else ""
    told = f"{incident.condition.capitalize()} {period(incident.starts_at, ended, read_at, often)}"
    return sentence(f"{told}: {incident.resolution}" if incident.resolution else told)


def _facts(incident: Incident, notification: Notification) -> Iterator[Fact]:
    yield "Severity", incident.severity.value
    if notification.kind in {NotificationKind.REPEAT, NotificationKind.ESCALATION}:
        yield "Open for", span(notification.created_at - incident.starts_at)
    yield from incident.facts
    if len(incident.causes) > 1:
        yield "Causes so far", str(len(incident.causes))


def _log(log: Log, why_no_file: str) -> Sequence[Block]:
    attachment = log.attachment
    blocks: list[Block] = []
    if attachment.lines:
        of = f"of {attachment.about}" if attachment.about else ""
        title = " ".join(filter(None, ("From the log", attachment.name, of)))
        blocks.append(Code(title, tuple(attachment.lines[-LINES:])))
    facts = tuple((label, text) for label, text in _about(log, why_no_file) if text)
    return [*blocks, Facts(facts)] if facts else blocks


def _about(log: Log, why_no_file: str) -> Iterator[Fact]:
    attachment = log.attachment
    if attachment.content is None and not attachment.lines:
        yield "No log", attachment.note or "there is none"
    else:
        if log.earlier:
            yield "Newest log", f"not there: {log.missing}" if log.missing else "not there"
            yield "This log", f"is older{f', of {attachment.about}' if attachment.about else ''}"
        if attachment.content is not None and not log.travels:
            yield "Log file", why_no_file
        yield "Log", attachment.note
    if not log.travels:
        yield "To get the log", attachment.how
