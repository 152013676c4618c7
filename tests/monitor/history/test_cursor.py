from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine

from monitor.errors import Reason
from monitor.history import cursor as cursors
from monitor.history.cursor import Cursor, cover, coverage, load, save
from monitor.history.engine import reading
from monitor.model import Interval

At = Callable[[float], datetime]


def test_an_instance_nothing_is_known_of_has_an_empty_cursor(state: Engine) -> None:
    with reading(state) as conn:
        assert load(conn, "production") == Cursor("production")


def test_a_cursor_comes_back_as_it_was_saved(state: Engine, at: At) -> None:
    cursor = Cursor(
        "production",
        first_read_done=True,
        seen_until=at(1),
        read_until=at(2),
        change=7,
        judged_change=6,
        last_poll_at=at(3),
        last_success_at=at(4),
        last_error="no answer",
        last_reason="timeout",
        running=3,
        clock_skew=timedelta(seconds=-5),
    )
    with state.begin() as conn:
        save(conn, cursor)
        assert load(conn, "production") == cursor
        assert load(conn, "staging") == Cursor("staging")


@pytest.mark.parametrize(
    "mark", ["seen_until", "read_until", "last_poll_at", "last_success_at", "change", "judged_change"]
)
def test_no_mark_steps_back(state: Engine, at: At, mark: str) -> None:
    low, high = (1, 2) if "change" in mark else (at(1), at(2))
    with state.begin() as conn:
        for value in (low, high, low, None if isinstance(low, datetime) else 0):
            save(conn, replace(Cursor("production"), **{mark: value}))  # type: ignore[arg-type]
        assert getattr(load(conn, "production"), mark) == high


def test_the_first_read_is_done_only_once(state: Engine) -> None:
    with state.begin() as conn:
        save(conn, Cursor("production", first_read_done=True))
        save(conn, Cursor("production"))
        assert load(conn, "production").first_read_done


def test_a_complete_poll_clears_the_error_of_the_last_one(state: Engine, at: At) -> None:
    with state.begin() as conn:
        cursors.failed(conn, "production", at=at(1), reason=Reason.TIMEOUT, message="no answer")
        stored = load(conn, "production")
        assert (stored.last_reason, stored.last_error) == ("timeout", "no answer")
        assert (stored.last_poll_at, stored.last_success_at) == (at(1), None)
        cursors.complete(
            conn, "production", seen_until=at(2), at=at(3), running=4, clock_skew=timedelta(seconds=1)
        )
        assert load(conn, "production") == Cursor(
            "production",
            first_read_done=True,
            seen_until=at(2),
            read_until=at(2),
            last_poll_at=at(3),
            last_success_at=at(3),
            running=4,
            clock_skew=timedelta(seconds=1),
        )


def test_a_poll_that_fails_leaves_what_was_read(state: Engine, at: At) -> None:
    with state.begin() as conn:
        cursors.complete(conn, "production", seen_until=at(2), at=at(3), running=4, clock_skew=None)
        cursors.read_until(conn, "production", at(9), "ocapi")
        cursors.judged(conn, "production", 12)
        cursors.failed(conn, "production", at=at(5), reason=Reason.NETWORK, message="unplugged")
        stored = load(conn, "production")
    assert (stored.seen_until, stored.read_until, stored.judged_change) == (at(2), at(9), 12)
    assert (stored.last_poll_at, stored.last_success_at, stored.running) == (at(5), at(3), 4)


@pytest.mark.parametrize(
    ("read", "covered"),
    [
        pytest.param([(0, 10)], [(0, 10)], id="one poll"),
        pytest.param([(0, 10), (10, 20)], [(0, 20)], id="touching ones become one"),
        pytest.param([(0, 10), (11, 20)], [(0, 10), (11, 20)], id="a gap stays a gap"),
        pytest.param([(0, 10), (20, 30), (5, 25)], [(0, 30)], id="one that closes a gap"),
        pytest.param([(0, 30), (10, 20)], [(0, 30)], id="one within another"),
        pytest.param([(10, 20), (0, 30)], [(0, 30)], id="one around another"),
        pytest.param([(10, 10), (20, 10)], [], id="no time at all"),
    ],
)
def test_what_was_read_completely(
    state: Engine, at: At, read: list[tuple[int, int]], covered: list[tuple[int, int]]
) -> None:
    with state.begin() as conn:
        for start, end in read:
            cover(conn, "production", at(start), at(end))
        assert coverage(conn, "production") == tuple(Interval(at(a), at(b)) for a, b in covered)
        assert coverage(conn, "staging") == ()


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    intervals=st.lists(st.tuples(st.integers(0, 30), st.integers(1, 8)), max_size=8),
    data=st.data(),
)
def test_coverage_is_the_union_whatever_the_order(
    engine: Engine,
    at: At,
    empty: Callable[[Connection], None],
    intervals: list[tuple[int, int]],
    data: st.DataObject,
) -> None:
    with engine.begin() as conn:
        empty(conn)
        for start, length in data.draw(st.permutations(intervals)):
            cover(conn, "production", at(start), at(start + length))
        found = coverage(conn, "production")
    minutes = {minute for start, length in intervals for minute in range(start, start + length)}
    assert {minute for minute in range(40) if any(a <= at(minute) < b for a, b in found)} == minutes
    assert all(one.end < other.start for one, other in pairwise(found))
