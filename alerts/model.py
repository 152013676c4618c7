"""The contract of this package, owned by its consumer: what a source of findings hands over.

Knows nothing of where findings come from. Labels identify, everything else describes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

Json = Any
"""A value that `json.dumps` takes."""


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 is the worst: sorts worst first."""
        return (Severity.CRITICAL, Severity.WARNING, Severity.INFO).index(self)


class EndsBy(StrEnum):
    """How the end of something is known."""

    FACT = "fact"  # a finding with `ends_at` says so; one that is merely gone was not seen to end
    ABSENCE = "absence"  # it is over when nobody finds it any more


def fingerprint(condition: str, labels: Mapping[str, str]) -> str:
    """What makes two findings the same thing: the condition and its labels, in any order."""
    text = json.dumps([condition, sorted(labels.items())], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that holds now, or that began and ended since the last look (`ends_at` set).

    source: whose findings are compared with each other; a finding of this source that is no longer
        reported is resolved.
    occurrences: the facts behind it, oldest first; a fact is told at most once, ever.
    cause: equal text means the same trouble again (counted), other text is news (told).
    causes: those of all its occurrences, oldest first, where they are not all the same.
    each: every new occurrence is told, not only that of another cause.
    name, place: what a person calls the thing and where it is; together with the condition the title.
    summary: one sentence in plain English.
    facts: lines for the message, most important first, as (label, text).
    evidence: the numbers and ids that decided it, for machines.
    attachments: references to files wanted with the message, newest last.
    quiet: why nobody is told (yet), in one word; None when it is news.
    ends_by: FACT where a real end is always reported as a finding that is over.
    """

    source: str
    condition: str
    labels: Mapping[str, str]
    severity: Severity
    since: datetime
    occurrences: Sequence[str]
    cause: str
    name: str
    place: str
    summary: str
    facts: Sequence[tuple[str, str]] = ()
    evidence: Mapping[str, Json] = field(default_factory=dict)
    ends_at: datetime | None = None
    resolution: str = ""
    attachments: Sequence[str] = ()
    quiet: str | None = None
    ends_by: EndsBy = EndsBy.ABSENCE
    causes: Sequence[str] = ()
    each: bool = False

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.condition, self.labels)


@dataclass(frozen=True, slots=True)
class Incident:
    """One finding over its life: opened, updated while it holds, resolved once.

    count: how many different occurrences it has seen. causes: every cause so far, oldest first.
    resolution: how it ended, one sentence; empty while it is open or where nobody knows.
    attachments: of its newest findings, newest last; the older ones stand in for one that is not there.
    """

    id: str
    fingerprint: str
    source: str
    condition: str
    labels: Mapping[str, str]
    severity: Severity
    name: str
    place: str
    summary: str
    facts: Sequence[tuple[str, str]]
    evidence: Mapping[str, Json]
    causes: Sequence[str]
    count: int
    starts_at: datetime
    updated_at: datetime
    ends_at: datetime | None = None
    resolution: str = ""
    attachments: Sequence[str] = ()
    quiet: str | None = None
    ends_by: EndsBy = EndsBy.ABSENCE

    @property
    def is_open(self) -> bool:
        return self.ends_at is None


class EventKind(StrEnum):
    OPENED = "opened"
    CAUSE = "cause"  # open already, and now for a reason that was not told yet, or worse than it was
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class IncidentEvent:
    """A change of an incident that may have to be told. `late`: found while catching up after a stop.

    planned_for: the routes that have decided about it, while another one still holds it back.
    """

    id: int | None
    incident_id: str
    kind: EventKind
    at: datetime
    late: bool = False
    planned_for: frozenset[str] = frozenset()


class AttachmentState(StrEnum):
    WANTED = "wanted"
    STORED = "stored"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file kept for messages.

    content: what may leave, already masked and cut; None when there is no file, and nothing of it where
        only its existence was asked for.
    lines: its telling lines. note: what was cut or masked, or why there is no file.
    about: what it is the file of, in words ("run 4711"). how: the command that shows it to a person. Both
        are as `attachments.want` was told.
    """

    ref: str
    name: str
    content: bytes | None
    lines: Sequence[str] = ()
    note: str = ""
    masked: int = 0
    about: str = ""
    how: str = ""


class FetchFailed(Exception):  # noqa: N818 - reads as what happened
    """The file cannot be had; the text says why and what to do. `final`: asking again is useless."""

    def __init__(self, message: str, *, final: bool = False) -> None:
        super().__init__(message)
        self.final = final


class NotificationKind(StrEnum):
    """Why a message is sent; the same word in logs, in the outbox and in `explain`."""

    FIRST = "first"  # a group nobody heard of yet
    NEW = "new"  # something new in a group that was told before, a new cause included
    RESOLVED = "resolved"  # all that was told is over
    REPEAT = "repeat"  # still there after repeat_interval
    SUMMARY = "summary"  # too many at once for one message each
    CATCH_UP = "catch_up"  # what happened while the monitor was down
    ESCALATION = "escalation"  # nobody has acknowledged it in time


@dataclass(frozen=True, slots=True)
class Notification:
    """One message to one or more targets: incidents as they were when it was decided.

    seen_at: when the news was found; the start of the delivery time.
    news: ids of the incidents that made this message due. counted: open ones of the group not listed.
    flapping: ids of those of which nothing more is told until they have been quiet for a while.
    silenced: by id, who had silenced it meanwhile, and why.
    """

    id: str
    group_key: str
    kind: NotificationKind
    created_at: datetime
    seen_at: datetime
    incidents: Sequence[Incident]
    news: Sequence[str] = ()
    counted: int = 0
    flapping: Sequence[str] = ()
    silenced: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MessageFile:
    name: str
    content: bytes
    mimetype: str = "text/plain"


@dataclass(frozen=True, slots=True)
class Told:
    """One incident of a message, for targets that take it as data.

    text: in full, as plain text without its title. labels: what identifies it, and what the settings say of
    its instance and its job. lines, log_note, log_command: of its log, as `Attachment` has them.
    """

    incident: Incident
    title: str
    text: str
    labels: Mapping[str, str] = field(default_factory=dict)
    lines: Sequence[str] = ()
    log_note: str = ""
    log_command: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """Text ready for one target; for those that take incidents as data, these as well.

    notification, told: of what it was made; None and empty for targets that take text alone. listed: the
    body is a list of many. thread: ids of incidents it belongs together with other messages by, some of many.
    """

    title: str
    body: str
    severity: Severity
    resolved: bool = False
    files: Sequence[MessageFile] = ()
    notification: Notification | None = None
    told: Sequence[Told] = ()
    listed: bool = False
    thread: Sequence[str] = ()


class BodyFormat(StrEnum):
    TEXT = "text"
    MARKDOWN = "markdown"
    HTML = "html"
    SLACK = "slack"  # mrkdwn: looks like Markdown and has no escapes


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What one target can take.

    title_max: characters; 0 where a title has no place of its own and becomes the first line of the body.
    files: whether it takes a log file at all; max_file_bytes: the largest worth trying.
    as_data: whether it takes incidents as data beside the text. refresh_every: how often it has to hear of
    what still holds, else it takes that for over; None where it remembers.
    """

    format: BodyFormat = BodyFormat.TEXT
    body_max_bytes: int = 32_768
    title_max: int = 250
    files: bool = True
    max_file_bytes: int = 8 * 1024 * 1024
    as_data: bool = False
    refresh_every: timedelta | None = None


class DeliveryReason(StrEnum):
    """How a try to deliver ended; the `outcome` label of `sfcc_alert_notifications_total`."""

    SENT = "sent"
    THROTTLED = "throttled"
    NETWORK = "network"
    TIMEOUT = "timeout"
    SERVER = "server"
    CREDENTIALS = "credentials"
    REFUSED = "refused"  # the target does not take this message
    FILE_REFUSED = "file_refused"  # the target answered, and it is the file that it does not take
    UNKNOWN = "unknown"


class DeliveryError(Exception):
    """A target did not take a message. `answered`: it was there and said no (as against not reachable)."""

    def __init__(
        self,
        reason: DeliveryReason,
        message: str,
        *,
        permanent: bool = False,
        answered: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.permanent = permanent
        self.answered = answered
        self.retry_after = retry_after
