"""A notification as one target takes it: title, body in its format and size, files. Pure.

Knows the target's capabilities, not the target. The telling lines of a log are always in the text, because
many targets drop files without a word; the file is the bonus. What does not fit is cut, never dropped, and
the text says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from alerts.model import (
    Attachment,
    BodyFormat,
    Capabilities,
    Incident,
    Message,
    MessageFile,
    Notification,
    NotificationKind,
)
from alerts.render.document import Block, Items, Text
from alerts.render.excerpt import cut_file, cut_text
from alerts.render.fit import fit
from alerts.render.formats import escape
from alerts.render.parts import line, newest, part
from alerts.render.title import title

FULL = 5
"""More incidents than these are listed with a line each, and in full in a file."""
LOGS = 5
"""Log files in one message."""
LIST_NAME = "incidents.txt"
_TITLE_IN_BODY = 250
_MARGIN = 32
"""Bytes for what the way to the target adds when it puts the title into the body."""


def render(
    notification: Notification,
    attachments: Mapping[str, Attachment],
    capabilities: Capabilities,
    *,
    file_refused: str | None = None,
) -> Message:
    """file_refused: why the target gets the text alone this time; None when files may travel."""
    listed = len(notification.incidents) > FULL
    logs = {} if notification.kind in _WITHOUT_LOGS else attachments
    why_no_file = _why_no_file(capabilities, file_refused)
    files = () if why_no_file else _files(notification, logs, capabilities, listed=listed)
    heading = cut_text(title(notification, listed=listed), capabilities.title_max or _TITLE_IN_BODY)
    if capabilities.title_max == 0:
        heading = escape(heading, capabilities.format)
    parts = _listing(notification, why_no_file) if listed else _in_full(notification, logs, why_no_file)
    budget = capabilities.body_max_bytes - len(heading.encode()) - _MARGIN
    return Message(
        title=heading,
        body=fit(parts, capabilities.format, budget),
        severity=min((one.severity for one in notification.incidents), key=lambda severity: severity.rank),
        resolved=not any(one.is_open for one in notification.incidents),
        files=files,
    )


_WITHOUT_LOGS = frozenset({NotificationKind.RESOLVED, NotificationKind.REPEAT})
"""The log went with the first message."""


def _why_no_file(capabilities: Capabilities, file_refused: str | None) -> str:
    if not capabilities.files:
        return "This target takes no files."
    return "" if file_refused is None else f"The file stayed behind: {file_refused}"


def _in_full(
    notification: Notification,
    attachments: Mapping[str, Attachment],
    why_no_file: str,
) -> list[list[Block]]:
    parts = (part(one, notification, newest(one, attachments), why_no_file) for one in notification.incidents)
    return [*parts, *_counted(notification)]


def _listing(notification: Notification, why_no_file: str) -> list[list[Block]]:
    items = Items(tuple(line(one) for one in notification.incidents))
    ids = f"notification {notification.id}"
    note = why_no_file or f"All of them, with details, are in {LIST_NAME}."
    return [
        [
            items,
            Text(note, last=True),
            *(block for one in _counted(notification) for block in one),
            Text(ids, last=True),
        ]
    ]


def _counted(notification: Notification) -> list[list[Block]]:
    if not notification.counted:
        return []
    verb = "is" if notification.counted == 1 else "are"
    return [[Text(f"{notification.counted} more of this group {verb} still open.", last=True)]]


def _files(
    notification: Notification,
    attachments: Mapping[str, Attachment],
    capabilities: Capabilities,
    *,
    listed: bool,
) -> tuple[MessageFile, ...]:
    files: list[MessageFile] = []
    if listed:
        files.append(MessageFile(LIST_NAME, _details(notification, attachments)))
    files += _logs(notification.incidents, attachments)
    return tuple(
        MessageFile(one.name, cut_file(one.content, capabilities.max_file_bytes), one.mimetype)
        for one in files
    )


def _logs(incidents: Sequence[Incident], attachments: Mapping[str, Attachment]) -> list[MessageFile]:
    """The newest of each incident, and of many incidents those of the latest."""
    latest = sorted(incidents, key=lambda one: one.starts_at, reverse=True)
    found = {log.ref: log for one in latest if (log := newest(one, attachments)) and log.content}
    files: dict[str, MessageFile] = {}
    for log in list(found.values())[:LOGS]:
        name = log.name if log.name not in files else f"{len(files) + 1}-{log.name}"
        files[name] = MessageFile(name, log.content or b"")
    return list(files.values())


def _details(notification: Notification, attachments: Mapping[str, Attachment]) -> bytes:
    texts = (
        fit([part(one, notification, newest(one, attachments), "")], BodyFormat.TEXT, 1 << 20)
        for one in notification.incidents
    )
    return ("\n\n" + "-" * 40 + "\n\n").join(texts).encode() + b"\n"
