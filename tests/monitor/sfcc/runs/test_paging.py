from __future__ import annotations

from collections.abc import Callable
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import Reason, SfccError
from monitor.sfcc.runs.paging import MAX_PAGES, Slice, read_all

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
        pytest.param(201, 200, [0, 190], id="the next page begins with the last rows of this one"),
        pytest.param(390, 200, [0, 190], id="two pages hold ten rows less than twice the page"),
        pytest.param(3, 1, [0, 1, 0, 2, 1], id="after a page of one row the row before is looked at"),
        pytest.param(3, 2, [0, 1], id="pages of two rows bring one new row each"),
    ],
)
def test_which_pages_are_asked_for(rows: int, page: int, asked: list[int]) -> None:
    table = Table([str(row) for row in range(rows)], page)
    table.read()
    assert table.asked == asked


@given(st.integers(0, 30), st.integers(1, 9), BETWEEN)
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


def test_a_page_of_one_row_is_kept_when_the_row_before_it_is_still_there() -> None:
    def happen(table: Table, asked: int) -> None:
        if asked == 3:  # the first two rows are read, and what the third page will be moves up
            del table.rows[0]

    table = Table(list("abcdef"), 1, happen)
    assert table.read() == list("abcdef"), "none is skipped, and none comes before its turn"


def test_rows_put_before_the_page_do_not_hold_up_the_reading() -> None:
    def happen(table: Table, asked: int) -> None:
        table.rows.insert(0, f"came to life late {asked}")

    there = [str(row) for row in range(400)]
    table = Table(list(there), 20, happen)
    assert set(there) <= set(table.read())
    assert len(table.asked) < 25


def test_rows_that_go_away_all_the_time_do_not_hold_up_the_reading() -> None:
    def happen(table: Table, asked: int) -> None:  # noqa: ARG001 - at each page alike
        del table.rows[:3]

    there = [str(row) for row in range(20_000)]
    table = Table(list(there), 200, happen)
    found = table.read()
    assert set(table.rows) <= set(found)
    assert len(table.asked) < 20_000 / 180


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


def test_an_answer_that_never_moves_on_is_an_error() -> None:
    found = read_all(lambda start: Slice([f"{start}"], 10**9) if start < 3 else Slice(["0", "1"], 10**9), str)
    with pytest.raises(SfccError, match="came to no end") as caught:
        list(found)
    assert caught.value.reason is Reason.PROTOCOL


def test_a_search_without_end_is_an_error() -> None:
    asked = []

    def fetch(start: int) -> Slice[str]:
        asked.append(start)
        return Slice([str(start), str(start + 1)], None)

    with pytest.raises(SfccError, match="came to no end"):
        list(read_all(fetch, lambda row: row))
    assert len(asked) == MAX_PAGES
