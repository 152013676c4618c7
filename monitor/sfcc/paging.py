"""Reading a search page by page while its rows move underneath.

Knows positions and rows; knows no HTTP and no document beyond what `key` tells of it. A page is asked
for with its first row laid over the last row read: when that row is still where it was, nothing was
skipped. When it is not, rows came or went before it, and reading goes back until a page begins with the
row that stood there before. Servers may give fewer rows than asked for, down to one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from monitor.errors import Reason, SfccError

Row = TypeVar("Row")

MAX_PAGES = 1000
MAX_MOVES = 20
"""How often rows may be found moved in one search; a search that never stands still is no answer."""


@dataclass(frozen=True, slots=True)
class Slice(Generic[Row]):
    """Rows from one position on. `total` is None where the server does not say."""

    rows: Sequence[Row]
    total: int | None


def read_all(fetch: Callable[[int], Slice[Row]], key: Callable[[Row], str]) -> Iterator[list[Row]]:
    """Every row, a list for each page; rows may come twice when they moved, and only then.

    `fetch` gives the rows from a position on. Raises `SfccError` when there is no end to it.
    """
    order: list[str] = []  # the key of the row that stood at each position when it was read
    start, length, moves = 0, 1, 0
    overlapping = True
    for _ in range(MAX_PAGES):
        part = fetch(start)
        if start < len(order) and (not part.rows or key(part.rows[0]) != order[start]):
            moves += 1
            if moves > MAX_MOVES:
                break
            start = max(0, start - length)
            del order[start + 1 if start else 0 :]
            continue
        fresh = part.rows[len(order) - start :]
        length = max(len(part.rows), 1)
        order += [key(row) for row in fresh]
        if fresh:
            yield list(fresh)
        overlapping = overlapping and len(part.rows) > 1
        if not part.rows or (part.total is not None and len(order) >= part.total):
            return
        start = len(order) - 1 if overlapping else len(order)
    raise SfccError(
        Reason.PROTOCOL,
        f"the search for job runs came to no end ({len(order)} rows read): its rows keep moving",
        retryable=True,
    )
