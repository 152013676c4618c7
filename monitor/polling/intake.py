"""How what was read of an instance gets into its state: masked, judged, and only while it is ours to write.

Knows transactions and what counts as history; knows no request. Each call of `keep` belongs to a transaction
of `writing`, in which everything else that says the same is written as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Connection, Engine

from monitor.history import executions as history
from monitor.history.cursor import Cursor
from monitor.history.executions import Judge
from monitor.masking import Mask, masked
from monitor.model import Execution
from monitor.polling.polltime import PollTime

Fence = Callable[[Connection], None]


class Intake:
    """Of one instance. fence: called first in each transaction that writes; raises when it is not ours."""

    def __init__(
        self, instance: str, engine: Engine, fence: Fence, judge: Judge, mask: Mask, time: PollTime
    ) -> None:
        self._instance = instance
        self._engine = engine
        self._fence = fence
        self._judge = judge
        self._mask = mask
        self.time = time

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        with self._engine.begin() as connection:
            self._fence(connection)
            yield connection

    def is_news(self, run: Execution, cursor: Cursor) -> bool:
        """History is what had ended before the first poll began; what fails during a first read is news."""
        if cursor.first_read_done:
            return True
        first_asked = (cursor.first_poll_at or self.time.now) + self.time.offset
        return run.ended is None or run.ended > first_asked

    def keep(
        self, connection: Connection, runs: Iterable[Execution], cursor: Cursor, seen_at: datetime
    ) -> int:
        """Returns how many are new or changed."""
        parts: dict[bool, list[Execution]] = {True: [], False: []}
        for run in runs:
            parts[self.is_news(run, cursor)].append(masked(run, self._mask))
        return sum(
            history.store(
                connection, self._instance, part, seen_at=seen_at, backfill=not news, judge=self._judge
            )
            for news, part in parts.items()
            if part
        )
