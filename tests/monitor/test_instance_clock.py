"""Whose clock is wrong: ours, the instance's, or that of one of its servers for an answer or two."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.clock import InstanceClock

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
NOTHING = timedelta()


def known(*offsets: timedelta) -> InstanceClock:
    """Followed since noon."""
    clock = InstanceClock()
    clock.follow(NOON, 0.0)
    for offset in offsets:
        clock.observe(offset)
    return clock


@pytest.mark.parametrize("pages", [1, 2, 50])
@pytest.mark.parametrize("wrong", [HOUR, -HOUR])
def test_the_answers_of_one_poll_do_not_outvote_those_of_others(pages: int, wrong: timedelta) -> None:
    clock = known(NOTHING, NOTHING, NOTHING, wrong)
    for _ in range(pages - 1):
        clock.correct(wrong)
    assert clock.offset == NOTHING


def test_of_the_answers_of_one_poll_the_least_counts() -> None:
    clock = known(HOUR)
    clock.correct(NOTHING)
    clock.correct(HOUR)
    assert clock.offset == NOTHING


def test_there_is_nothing_to_correct_before_any_answer() -> None:
    clock = known()
    clock.correct(HOUR)
    clock.observe(None)
    clock.correct(None)
    assert not clock.is_known


@pytest.mark.parametrize("step", [HOUR, -HOUR])
def test_our_own_clock_being_set_moves_every_offset_at_once(step: timedelta) -> None:
    clock = known(*[2 * HOUR] * 5)
    clock.follow(NOON + step + timedelta(seconds=30), 30.0)
    assert clock.offset == 2 * HOUR - step
    assert clock.earliest(NOON + step) == NOON + 2 * HOUR


@pytest.mark.parametrize(
    ("seconds", "moved"),
    [pytest.param(5.0, False, id="five seconds are no step"), pytest.param(5.5, True, id="more are")],
)
def test_what_counts_as_being_set(seconds: float, moved: bool) -> None:  # noqa: FBT001 - a column of the table
    clock = known(HOUR)
    clock.follow(NOON + timedelta(seconds=seconds), 0.0)
    assert (clock.offset != HOUR) is moved


@given(st.lists(st.sampled_from([-HOUR, NOTHING, HOUR]), min_size=1, max_size=8), st.booleans())
def test_no_time_to_come_is_claimed_however_our_clock_is_set(
    steps: list[timedelta],
    wrong_date: bool,  # noqa: FBT001 - drawn
) -> None:
    """The instance goes right; one answer of each five says an hour too much."""
    clock, passed = known(), 0
    for number, off in enumerate(steps):
        passed += 60
        right = NOON + timedelta(seconds=passed)
        clock.follow(right + off, float(passed))
        lie = HOUR if wrong_date and number % 5 == 4 else NOTHING
        clock.observe(lie - off)
        assert clock.earliest(right + off) <= right
