"""Notifiers for tests, rehearsals and the demo: part of the product, behaving as the real ones do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from alerts.model import Capabilities, DeliveryError, DeliveryReason, Message


@dataclass(slots=True)
class RecordingNotifier:
    """Takes everything and keeps it in `sent`."""

    name: str = "recording"
    capabilities: Capabilities = field(default_factory=Capabilities)
    sent: list[Message] = field(default_factory=list)

    def send(self, message: Message) -> None:
        self.sent.append(message)


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


def _forever(answers: Iterable[Answer]) -> Iterator[Answer]:
    answer = _succeed
    for answer in answers:  # noqa: B007 - the last one goes on below
        yield answer
    while True:
        yield answer


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
