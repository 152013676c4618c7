"""A notification as one target takes it: title, body in its format and size, files. Pure.

Knows the target's capabilities, not the target. The telling lines of a log are always in the text, because
many targets drop files without a word; the file is the bonus. What does not fit is cut, never dropped, and
the text says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from alerts.model import Attachment, BodyFormat, Capabilities, Message, MessageFile, Notification, Told
from alerts.render.background import NOTHING_KNOWN, Background
from alerts.render.document import Block, Text
from alerts.render.excerpt import cut_file, cut_text
from alerts.render.fit import fit
from alerts.render.formats import escape, one_line
from alerts.render.listing import LIST_NAME, listing
from alerts.render.logs import FULL, Log, is_listed, logs, travelling, worst_first
from alerts.render.parts import part
from alerts.render.title import one as title_of
from alerts.render.title import title
from alerts.render.wording import moment, span

__all__ = ["FULL", "LATE", "LIST_NAME", "Background", "render", "travelling"]

LATE = timedelta(minutes=10)
"""A message that is sent so long after it was decided says how late it is."""

_TITLE_IN_BODY = 250
_TOLD_MAX_BYTES = 8_000
_MARGIN = 32
"""Bytes for what the way to the target adds when it puts the title into the body."""


def render(
    notification: Notification,
    attachments: Mapping[str, Attachment],
    capabilities: Capabilities,
    *,
    file_refused: str | None = None,
    now: datetime | None = None,
    background: Background = NOTHING_KNOWN,
    instead_of: str | None = None,
) -> Message:
    """file_refused: why the target gets the text alone this time; None when files may travel.

    now: when it is sent; one that is LATE by then says so. instead_of: the target it was meant for, which did
    not take it.

    attachments: with the content of those that are `travelling`.
    """
    why_no_file = _why_no_file(capabilities, file_refused)
    known = logs(notification, attachments, with_files=not why_no_file)
    listed = is_listed(notification)
    heading = cut_text(one_line(title(notification, listed=listed)), capabilities.title_max or _TITLE_IN_BODY)
    if capabilities.title_max == 0:
        heading = escape(heading, capabilities.format)
    budget = capabilities.body_max_bytes - len(heading.encode()) - _MARGIN
    parts = _parts(notification, known, why_no_file, background)
    if parts and now is not None and now - notification.created_at >= LATE:
        parts[0].insert(0, Text(_late(notification, now), last=True))
    if parts and instead_of is not None:
        parts[0].insert(0, Text(f"Meant for {instead_of}, which did not take it.", last=True))
    return Message(
        title=heading,
        body=fit(parts, capabilities.format, budget),
        severity=min((one.severity for one in notification.incidents), key=lambda severity: severity.rank),
        resolved=not any(one.is_open for one in notification.incidents),
        files=() if why_no_file else _files(notification, known, capabilities.max_file_bytes),
        notification=notification if capabilities.as_data else None,
        told=tuple(_told(notification, known, background)) if capabilities.as_data else (),
        listed=listed,
        thread=tuple(one.id for one in notification.incidents[:FULL]),
    )


def _told(notification: Notification, known: Mapping[str, Log], background: Background) -> Iterator[Told]:
    for one in notification.incidents:
        alone = replace(notification, incidents=(one,))
        log = known.get(one.id)
        attachment = log.attachment if log else None
        yield Told(
            incident=one,
            title=one_line(title_of(one)),
            text=fit([part(one, alone, log, background=background)], BodyFormat.TEXT, _TOLD_MAX_BYTES),
            labels={**background.labels(one), **one.labels},
            lines=() if attachment is None else tuple(attachment.lines),
            log_note="" if attachment is None else attachment.note,
            log_command="" if attachment is None else attachment.how,
        )


def _why_no_file(capabilities: Capabilities, file_refused: str | None) -> str:
    if not capabilities.files:
        return "this target takes none"
    return "" if file_refused is None else f"stayed behind: {file_refused}"


def _late(notification: Notification, now: datetime) -> str:
    """What it says was so when it was decided."""
    by = span(now - notification.created_at)
    return f"Late by {by}: this is of {moment(notification.created_at, now)}; it was not taken before."


def _parts(
    notification: Notification, known: Mapping[str, Log], why_no_file: str, background: Background
) -> list[list[Block]]:
    remark = _counted(notification)
    if is_listed(notification):
        return [listing(notification, known, why_no_file, remark)]
    last = notification.incidents[-1]
    return [
        part(one, notification, known.get(one.id), why_no_file, remark if one is last else "", background)
        for one in notification.incidents
    ]


def _counted(notification: Notification) -> str:
    if not notification.counted:
        return ""
    verb = "is" if notification.counted == 1 else "are"
    return f"{notification.counted} more of this group {verb} still open."


def _files(notification: Notification, known: Mapping[str, Log], most: int) -> tuple[MessageFile, ...]:
    files: dict[str, bytes] = {LIST_NAME: _details(notification, known)} if is_listed(notification) else {}
    sent: set[str] = set()
    for one in worst_first(notification.incidents):
        log = known.get(one.id)
        if log is None or not log.travels or not log.attachment.content or log.attachment.ref in sent:
            continue
        name = log.attachment.name or "log.txt"
        files[name if name not in files else f"{len(files) + 1}-{name}"] = log.attachment.content
        sent.add(log.attachment.ref)
    return tuple(MessageFile(name, cut_file(content, most)) for name, content in files.items())


def _details(notification: Notification, known: Mapping[str, Log]) -> bytes:
    texts = (
        fit([part(one, notification, known.get(one.id))], BodyFormat.TEXT, 1 << 20)
        for one in worst_first(notification.incidents)
    )
    return ("\n\n" + "-" * 40 + "\n\n").join(texts).encode() + b"\n"
