"""What of an instance could not be read: each document counted once, and said once with where it was.

Knows nothing of documents, only their keys. The same ones come with every poll for as long as the search
finds them, so what one complete poll met is remembered until the next one: in bounds, however much it is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from monitor.sfcc import Unreadable

log = logging.getLogger(__name__)

SAID = 20
"""Lines a poll: when the platform changes a field, all of history is unreadable in the same way."""

KEPT = 100_000


class UnreadableDocuments:
    """Of one instance; not to be shared by threads. `count` is called once for each document."""

    def __init__(self, instance: str, count: Callable[[], None]) -> None:
        self._instance = instance
        self._count = count
        self._before: set[int] = set()
        self._met: set[int] = set()
        self._said = 0

    def note(self, found: Iterable[Unreadable]) -> None:
        for one in found:
            mark = hash(one.key)
            is_new = mark not in self._met and mark not in self._before
            if len(self._met) < KEPT:
                self._met.add(mark)
            if is_new:
                self._count()
                self._say(one.text)

    def turn(self) -> None:
        """A poll is complete: what it did not meet is gone."""
        self._before, self._met, self._said = self._met, set(), 0

    def _say(self, text: str) -> None:
        self._said += 1
        level = logging.WARNING if self._said <= SAID else logging.DEBUG
        log.log(level, "%s: %s", self._instance, text)
        if self._said == SAID:
            log.warning("%s: more such documents of this poll are said at log_level debug", self._instance)
