"""Reading a search page by page while its rows move underneath.

Knows positions and rows; knows no HTTP and no document beyond what `key` tells of it. Each page is
asked for with its first rows laid over the last rows read: when it begins with a row that was read
before, nothing was skipped. When it does not, rows before it went away, and reading goes back a page.
Rows that come in before the ones already read are left to the next search. Servers may give fewer rows
than asked for, down to one: where that leaves no room to lay anything over, the row before such a page is
asked for once more after it. When that one is still there, nothing had gone away by when the page was read.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from monitor.errors import Reason, SfccError

Row = TypeVar("Row")

OVERLAP = 20
"""One row of so many is laid over the last page: a few may go away meanwhile without a step back."""

MAX_PAGES = 5000
MAX_IDLE = 50
"""Pages in a row that bring nothing new: a search that never moves on is no answer."""


@dataclass(frozen=True, slots=True)
class Slice(Generic[Row]):
    """Rows from one position on. `total` is None where the server does not say."""

    rows: Sequence[Row]
    total: int | None


def read_all(fetch: Callable[[int], Slice[Row]], key: Callable[[Row], Hashable]) -> Iterator[list[Row]]:
    """Every row, a list for each page that brings new ones; each row once.

    `fetch` gives the rows from a position on. Raises `SfccError` when there is no end to it.
    """
    seen: set[Hashable] = set()
    bare: Slice[Row] | None = None  # from `end` on, with nothing laid over: good if the row before still is
    start = end = idle = 0
    step, went_back = 1, False
    for _ in range(MAX_PAGES):
        part = fetch(start)
        if start < end and (not part.rows or key(part.rows[0]) not in seen):
            start, went_back, bare, idle = max(0, start - step), True, None, idle + 1
            end = end if start else 0
        elif 0 < start == end:
            bare, start, idle = part, start - 1, idle + 1
        else:
            last = bare or part
            fresh = _unseen([*last.rows, *part.rows] if bare else part.rows, key, seen)
            if fresh:
                yield fresh
            if _ends(part, start) or (bare and _ends(bare, end)):
                return
            reached = max(start + len(part.rows), end + len(bare.rows) if bare else 0)
            if not fresh and reached <= end and not went_back:
                if not last.rows:
                    return  # fewer than promised
                start, idle = end, idle + 1  # a short page, with room for nothing but what was laid over
                continue
            step = max(len(last.rows), 1)
            end, went_back, bare, idle = reached, False, None, 0 if fresh else idle + 1
            start = end - (max(1, step // OVERLAP) if step > 1 else 0)
        if idle > MAX_IDLE:
            break
    raise SfccError(
        Reason.PROTOCOL,
        f"the search for job runs came to no end ({len(seen)} rows read): its rows keep moving",
        retryable=True,
    )


def _ends(part: Slice[Row], start: int) -> bool:
    """Whether there were no rows behind it when it was read."""
    return start + len(part.rows) >= part.total if part.total is not None else not part.rows


def _unseen(rows: Sequence[Row], key: Callable[[Row], Hashable], seen: set[Hashable]) -> list[Row]:
    """Those not read before, which they are from now on."""
    fresh = []
    for row in rows:
        name = key(row)
        if name not in seen:
            seen.add(name)
            fresh.append(row)
    return fresh
