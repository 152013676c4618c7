"""Where the agent goes from one step to the next: what a rehearsal of its end has to try.

A crossing is a moment before or after something that outlives the process: a commit, an answer, a message
handed to a target. Whoever wires the agent can be told of each, in the thread that crosses; nobody keeps a
list of them. Without a listener nothing here is in the way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, Engine, event

from alerts.model import Capabilities, Message
from alerts.notifier import Notifier
from monitor.history.engine import is_reading

Crossing = Callable[[str], object]
"""Called with what is crossed, in words."""

_COMMITTED = "crossed a commit"


def of_transactions(engine: Engine, crossing: Crossing) -> None:
    """Before each commit, and after it; what only reads is left out."""

    def before(connection: Connection) -> None:
        if not is_reading(connection):
            crossing("before a commit")
            connection.info[_COMMITTED] = True

    def after(_connection: Any, record: Any) -> None:
        if record.info.pop(_COMMITTED, False):
            crossing("after a commit")

    event.listen(engine, "commit", before)
    event.listen(engine, "checkin", after)


def of_requests(count: Callable[[str, str], object], crossing: Crossing) -> Callable[[str, str], None]:
    """After each answer, and whatever else a request came to."""

    def counted(api: str, outcome: str) -> None:
        count(api, outcome)
        crossing(f"after a request ({api})")

    return counted


def of_messages(notifiers: Mapping[str, Notifier], crossing: Crossing) -> dict[str, Notifier]:
    """Before each try to send, and after the target took it."""
    return {name: _Watched(notifier, crossing) for name, notifier in notifiers.items()}


class _Watched:
    def __init__(self, notifier: Notifier, crossing: Crossing) -> None:
        self._notifier = notifier
        self._crossing = crossing

    @property
    def name(self) -> str:
        return self._notifier.name

    @property
    def capabilities(self) -> Capabilities:
        return self._notifier.capabilities

    def send(self, message: Message) -> None:
        self._crossing("before a message")
        self._notifier.send(message)
        self._crossing("after a message")
