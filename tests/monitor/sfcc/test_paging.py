from __future__ import annotations

from collections.abc import Callable
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import Reason, SfccError
from monitor.sfcc.paging import MAX_MOVES, MAX_PAGES, Slice, read_all

BETWEEN = st.lists(
    st.none() | st.tuples(st.sampled_from(["append", "remove"]), st.integers(0, 30)), max_size=8
)


class Table:
    """Rows that a search reads at most `page` at a time; `between` happens after each page."""

    def __init__(
        self, rows: list[str], page: int, between: Callable[[Table, int], None] | None = None
    ) -> None:
        self.rows = rows
        self.page = page
        self.asked: list[int] = []
        self._between = between

    def fetch(self, start: int) -> Slice[str]:
        self.asked.append(start)
        part = Slice(tuple(self.rows[start : start + self.page]), len(self.rows))
        if self._between is not None:
            self._between(self, len(self.asked))
        return part

    def read(self) -> list[str]:
        return list(chain.from_iterable(read_all(self.fetch, lambda row: row)))


@given(st.integers(0, 40), st.integers(1, 12))
def test_in_a_still_world_each_row_comes_once_and_in_order(rows: int, page: int) -> None:
    table = Table([str(row) for row in range(rows)], page)
    assert table.read() == table.rows


@pytest.mark.parametrize(
    ("rows", "page", "asked"),
    [
        pytest.param(0, 200, [0], id="nothing"),
        pytest.param(199, 200, [0], id="less than a page"),
        pytest.param(200, 200, [0], id="exactly a page"),
        pytest.param(201, 200, [0, 199], id="the next page begins with the last row of this one"),
        pytest.param(399, 200, [0, 199], id="two pages hold one row less than twice the page"),
        pytest.param(3, 1, [0, 1, 2], id="pages of one row have no room for that"),
        pytest.param(3, 2, [0, 1], id="pages of two rows bring one new row each"),
    ],
)
def test_which_pages_are_asked_for(rows: int, page: int, asked: list[int]) -> None:
    table = Table([str(row) for row in range(rows)], page)
    table.read()
    assert table.asked == asked


@given(st.integers(0, 30), st.integers(2, 9), BETWEEN)
def test_rows_that_stay_are_never_missed_when_others_come_behind_or_go(
    rows: int, page: int, between: list[tuple[str, int] | None]
) -> None:
    there = [str(row) for row in range(rows)]
    stays = set(there)

    def happen(table: Table, asked: int) -> None:
        event = between[asked - 1] if asked <= len(between) else None
        if event is not None and event[0] == "append":
            table.rows.append(f"new {asked}")
        elif event is not None and table.rows:
            stays.discard(table.rows.pop(event[1] % len(table.rows)))

    found = Table(there, page, happen).read()
    assert stays <= set(found)


def test_rows_removed_before_the_page_make_it_read_again() -> None:
    def happen(table: Table, asked: int) -> None:
        if asked == 1:
            del table.rows[:5]

    table = Table([str(row) for row in range(30)], 10, happen)
    found = table.read()
    assert set(map(str, range(30))) == set(found)
    assert table.asked[:3] == [0, 9, 0]


def test_a_row_put_before_the_page_is_found_by_going_back() -> None:
    def happen(table: Table, asked: int) -> None:
        if asked == 2:
            table.rows.insert(12, "came to life late")

    table = Table([str(row) for row in range(40)], 10, happen)
    assert "came to life late" in table.read()


def test_the_answer_shrinking_to_nothing_is_an_end() -> None:
    def happen(table: Table, asked: int) -> None:
        if asked == 1:
            table.rows.clear()

    assert Table([str(row) for row in range(30)], 10, happen).read() == [str(row) for row in range(10)]


def test_without_a_total_an_empty_page_is_the_end() -> None:
    rows = [str(row) for row in range(25)]
    found = read_all(lambda start: Slice(rows[start : start + 10], None), lambda row: row)
    assert list(chain.from_iterable(found)) == rows


def test_fewer_rows_than_promised_are_an_end() -> None:
    found = read_all(lambda start: Slice(["only"][start:], 1000), lambda row: row)
    assert list(found) == [["only"]]


def test_rows_that_never_stand_still_are_an_error() -> None:
    def happen(table: Table, asked: int) -> None:
        table.rows.insert(0, f"again {asked}")

    table = Table([str(row) for row in range(30)], 10, happen)
    with pytest.raises(SfccError, match="came to no end") as caught:
        table.read()
    assert caught.value.reason is Reason.PROTOCOL
    assert len(table.asked) <= 3 * MAX_MOVES


def test_a_search_without_end_is_an_error() -> None:
    asked = []

    def fetch(start: int) -> Slice[str]:
        asked.append(start)
        return Slice([str(start), str(start + 1)], None)

    with pytest.raises(SfccError, match="came to no end"):
        list(read_all(fetch, lambda row: row))
    assert len(asked) == MAX_PAGES
