"""Servers may give fewer rows than asked for, another number each time."""

from __future__ import annotations

from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

from monitor.sfcc.runs.paging import Slice, read_all


@given(st.integers(0, 60), st.lists(st.integers(1, 30), max_size=40))
def test_every_row_is_read_however_long_the_pages_are(rows: int, lengths: list[int]) -> None:
    there = [str(row) for row in range(rows)]
    left = iter(lengths)

    def fetch(start: int) -> Slice[str]:
        return Slice(there[start : start + next(left, 200)], rows)

    assert list(chain.from_iterable(read_all(fetch, lambda row: row))) == there


def test_a_page_that_has_room_only_for_the_row_laid_over_is_not_the_end() -> None:
    asked = []

    def fetch(start: int) -> Slice[str]:
        asked.append(start)
        length = 1 if len(asked) == 2 else 5
        return Slice([str(row) for row in range(10)][start : start + length], 10)

    assert len(list(chain.from_iterable(read_all(fetch, lambda row: row)))) == 10
    assert asked == [0, 4, 5, 4]
