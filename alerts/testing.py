"""Notifiers and samples for tests, rehearsals and the demo: part of the product, behaving as real ones do."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from alerts.model import Capabilities, DeliveryError, DeliveryReason, Finding, Incident, Message, Severity


@dataclass(slots=True)
class RecordingNotifier:
    """Takes everything and keeps it in `sent`."""

    name: str = "recording"
    capabilities: Capabilities = field(default_factory=Capabilities)
    sent: list[Message] = field(default_factory=list)

    def send(self, message: Message) -> None:
        self.sent.append(message)


_NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def finding(name: str = "import-prices", **changes: Any) -> Finding:
    """A failed job of an instance called production; `changes` are fields of a Finding."""
    place = changes.get("place", "production")
    plain = Finding(
        source=place,
        condition=changes.get("condition", "failed"),
        labels={"sfcc_instance": place, "job_id": name},
        severity=Severity.CRITICAL,
        since=_NOON,
        occurrences=("1",),
        cause="step importPrices: ERROR",
        name=name,
        place=place,
        summary=f"{name} failed in step importPrices.",
    )
    return replace(plain, **changes)


def incident(name: str = "import-prices", **changes: Any) -> Incident:
    """The incident of such a finding, open since noon; `changes` are fields of an Incident."""
    its = finding(name, **{field: changes[field] for field in ("condition", "place") if field in changes})
    plain = Incident(
        id=f"id-{its.condition}-{name}",
        fingerprint=its.fingerprint,
        source=its.source,
        condition=its.condition,
        labels=dict(its.labels),
        severity=its.severity,
        name=its.name,
        place=its.place,
        summary=its.summary,
        facts=(),
        evidence={},
        causes=(its.cause,),
        count=1,
        starts_at=its.since,
        updated_at=its.since,
    )
    return replace(plain, **changes)


Answer = Callable[[Message], None]


class ScriptedNotifier:
    """Answers tries by a script, the last word for ever: `ScriptedNotifier("ops", "fail throttle succeed")`.

    `tried` holds every message it was given, `sent` those it took. Words: see ANSWERS.
    """

    def __init__(self, name: str, script: str, capabilities: Capabilities | None = None) -> None:
        self.name = name
        self.capabilities = capabilities or Capabilities()
        self.tried: list[Message] = []
        self.sent: list[Message] = []
        self._answers = _forever([ANSWERS[word] for word in script.split()])

    def send(self, message: Message) -> None:
        self.tried.append(message)
        next(self._answers)(message)
        self.sent.append(message)


def _forever(answers: Sequence[Answer]) -> Iterator[Answer]:
    return itertools.chain(answers, itertools.repeat(answers[-1]))


def _succeed(_message: Message) -> None:
    pass


def _fail(_message: Message) -> None:
    raise DeliveryError(DeliveryReason.SERVER, "the target answered 500", answered=True)


def _down(_message: Message) -> None:
    raise DeliveryError(DeliveryReason.NETWORK, "the target could not be reached")


def _hang(_message: Message) -> None:
    raise DeliveryError(DeliveryReason.TIMEOUT, "the target did not answer in time")


def _throttle(_message: Message) -> None:
    raise DeliveryError(DeliveryReason.THROTTLED, "the target answered 429", answered=True, retry_after=120)


def _refuse(_message: Message) -> None:
    raise DeliveryError(DeliveryReason.REFUSED, "the target answered 400", permanent=True, answered=True)


def _no_files(message: Message) -> None:
    if message.files:
        raise DeliveryError(DeliveryReason.SERVER, "the target answered 500", answered=True)


def _too_large(message: Message) -> None:
    if message.files:
        raise DeliveryError(DeliveryReason.FILE_REFUSED, "the target answered 413: too large", answered=True)


def _crash(_message: Message) -> None:
    raise RuntimeError("a bug in a notifier")


ANSWERS: dict[str, Answer] = {
    "succeed": _succeed,
    "fail": _fail,
    "down": _down,
    "hang": _hang,
    "throttle": _throttle,
    "refuse": _refuse,
    "no_files": _no_files,  # takes text, answers 500 to files
    "too_large": _too_large,  # takes text, answers 413 to files
    "crash": _crash,
}
