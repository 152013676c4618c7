from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.sfcc.runs.pagesize import ENOUGH, FIRST, GROWS_AFTER, LEAST, MOST, PageSize

SMALL = 1000  # bytes of a row
LARGE = 30_000


def answered(size: PageSize, row: int, times: int = 1) -> None:
    for _ in range(times):
        size.worked(size.rows, size.rows * row)


def test_each_failure_halves_it_down_to_a_few() -> None:
    size = PageSize()
    tried = [size.rows]
    while size.shrink():
        tried.append(size.rows)
    assert tried == [100, 50, 25, 12, 6]


def test_where_fewer_rows_did_not_help_fewer_are_not_tried_again_before_a_good_answer() -> None:
    size = PageSize()
    while size.shrink():
        pass
    assert size.rows == FIRST
    assert not size.may_shrink
    assert not size.shrink()
    answered(size, LARGE)
    assert size.shrink()


def test_small_rows_are_asked_for_in_pages_as_long_as_the_platform_gives() -> None:
    size = PageSize()
    answered(size, SMALL)
    assert size.rows == MOST
    answered(size, SMALL, 9)
    assert size.rows == MOST


def test_large_rows_are_not_asked_for_in_longer_pages() -> None:
    size = PageSize()
    answered(size, LARGE, 30)
    assert size.rows == FIRST


@pytest.mark.parametrize(
    ("rows", "grows"),
    [pytest.param(49, False, id="less than half a page"), pytest.param(50, True, id="half")],
)
def test_a_page_that_is_nearly_empty_says_little_about_full_ones(rows: int, *, grows: bool) -> None:
    size = PageSize()
    size.worked(rows, rows * SMALL)
    assert (size.rows > FIRST) == grows


@pytest.mark.parametrize(
    ("length", "rows"), [pytest.param(ENOUGH, 100, id="large"), pytest.param(ENOUGH + 1, 50, id="too large")]
)
def test_an_answer_that_comes_near_the_limit_is_the_last_of_its_length(length: int, rows: int) -> None:
    size = PageSize()
    size.worked(100, length)
    assert size.rows == rows


def test_after_a_failure_it_grows_again_after_a_number_of_good_answers() -> None:
    size = PageSize()
    size.shrink()
    answered(size, SMALL, GROWS_AFTER - 1)
    assert size.rows == 50
    answered(size, SMALL)
    assert size.rows == 100


@given(st.lists(st.none() | st.tuples(st.integers(0, 300), st.integers(0, 10**7)), max_size=200))
def test_it_stays_within_its_bounds_whatever_happens(answers: list[tuple[int, int] | None]) -> None:
    size = PageSize()
    for answer in answers:
        if answer is None:
            size.shrink()
        else:
            size.worked(*answer)
        assert LEAST // 2 <= size.rows <= MOST
