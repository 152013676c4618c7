"""How many rows to ask for at once, so that answers stay well below the 10 MB that the platform sends.

Pure, but for what it remembers. An answer above the limit is an error that names no cause, the same as any
trouble of the server: where fewer rows did not help, their number was not it, and fewer are not tried again
before there has been a good answer.
"""

from __future__ import annotations

MOST = 200  # rows; what the platform takes
FIRST = 100  # before it is known how large they are: with many steps a run has 50 kB and more
LEAST = 10
ENOUGH = 4_000_000  # bytes of an answer; rows differ, so a good deal less than the limit
GROWS_AFTER = 20
"""Good answers in a row after a failure, until more rows are dared again."""


class PageSize:
    """`rows` is what to ask for now."""

    def __init__(self) -> None:
        self.rows = FIRST
        self._quarantine = 0
        self._is_pointless = False

    @property
    def may_shrink(self) -> bool:
        return self.rows > LEAST and not self._is_pointless

    def shrink(self) -> bool:
        """After a failure that may be the size's: whether it is worth asking again for fewer."""
        if self.may_shrink:
            self.rows //= 2
            self._quarantine = GROWS_AFTER
            return True
        if self.rows < FIRST:
            self.rows, self._is_pointless = FIRST, True
        return False

    def worked(self, rows: int, size: int) -> None:
        """`size` of an answer with so many rows, in bytes."""
        self._is_pointless = False
        self._quarantine = max(self._quarantine - 1, 0)
        if size > ENOUGH and self.rows > LEAST:
            self.rows //= 2
        elif not self._quarantine and rows * 2 >= self.rows and size * 2 <= ENOUGH:
            self.rows = min(self.rows * 2, MOST)
