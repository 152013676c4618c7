"""How far a message got that a target takes in several requests: its next try goes on from there.

In memory: after a restart all of it is sent again, and the keys of the requests tell the target so.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence

from alerts.channels.cases import Case
from alerts.model import Message

_REMEMBERED = 100


class Progress:
    def __init__(self) -> None:
        self._done: OrderedDict[str, int] = OrderedDict()

    def left(self, message: Message, cases: Sequence[Case]) -> Iterator[Case]:
        """Those not sent yet; one counts as sent when the next is asked for."""
        key = message.notification.id if message.notification else ""
        for index in range(self._done.pop(key, 0), len(cases)):
            self._remember(key, index)
            yield cases[index]
        self._done.pop(key, None)

    def _remember(self, key: str, done: int) -> None:
        self._done[key] = done
        while len(self._done) > _REMEMBERED:
            self._done.popitem(last=False)
