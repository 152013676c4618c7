from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.clock import InstanceClock, ManualClock, ScaledClock, SystemClock

START = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Patient(threading.Event):
    """Notes how long it was waited for, and waits for nobody."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout)
        return self.is_set()


# -- the machine's time --------------------------------------------------------------------------


def test_the_system_clock_is_the_machines_in_utc() -> None:
    before = datetime.now(UTC)
    now = SystemClock().now()
    assert now.tzinfo is UTC
    assert before <= now <= datetime.now(UTC)
    assert SystemClock().monotonic() <= time.monotonic()


def test_the_system_clock_waits_for_an_event_at_most_so_long() -> None:
    event = Patient()
    assert not SystemClock().wait(event, 2.5)
    event.set()
    assert SystemClock().wait(event, 3.0)
    assert SystemClock().wait(event, -1.0), "what is late is not waited for"
    assert event.waits == [2.5, 3.0, 0.0]


# -- the demo's time -----------------------------------------------------------------------------


def test_a_scaled_clock_runs_so_many_times_as_fast() -> None:
    before = time.monotonic()
    clock = ScaledClock(START, 60, started=before - 10)
    now, passed = clock.now(), clock.monotonic()
    took = time.monotonic() - before
    assert START + timedelta(seconds=600) <= now <= START + timedelta(seconds=60 * (10 + took))
    assert 600 <= passed <= 60 * (10 + took)


def test_a_scaled_clock_starts_at_its_origin() -> None:
    before = time.monotonic()
    clock = ScaledClock(START, 2)
    assert START <= clock.now() <= START + timedelta(seconds=2 * (time.monotonic() - before))


def test_a_scaled_clock_waits_in_its_own_seconds() -> None:
    event = Patient()
    clock = ScaledClock(START, 60)
    assert not clock.wait(event, 30)
    assert not clock.wait(event, -1)
    assert event.waits == [0.5, 0.0]


# -- the tests' time -----------------------------------------------------------------------------


def test_a_manual_clock_stands_still_until_moved() -> None:
    clock = ManualClock(START)
    assert (clock.now(), clock.monotonic()) == (START, 0.0)
    clock.advance(90 * SECOND)
    assert (clock.now(), clock.monotonic()) == (START + 90 * SECOND, 90.0)


def test_waiting_on_a_manual_clock_moves_it() -> None:
    clock = ManualClock(START)
    assert not clock.wait(threading.Event(), 5)
    assert not clock.wait(threading.Event(), -5)
    assert clock.now() == START + 5 * SECOND


def test_a_manual_clock_may_be_set_back_but_no_time_unpasses() -> None:
    clock = ManualClock(START)
    clock.set(START + 60 * SECOND)
    clock.set(START - 60 * SECOND)
    assert (clock.now(), clock.monotonic()) == (START - 60 * SECOND, 60.0)


# -- an instance's time --------------------------------------------------------------------------


def observed(*offsets: float | None) -> InstanceClock:
    clock = InstanceClock()
    for offset in offsets:
        clock.observe(None if offset is None else timedelta(seconds=offset))
    return clock


@pytest.mark.parametrize(
    ("offsets", "expected"),
    [
        pytest.param([], 0, id="never seen: the agent's own time"),
        pytest.param([None, None], 0, id="answers without a date say nothing"),
        pytest.param([5], 0, id="five seconds are no difference"),
        pytest.param([-5], 0, id="nor behind"),
        pytest.param([5.001], 5.001, id="more than five are"),
        pytest.param([-5.001], -5.001, id="also behind"),
        pytest.param([100, 100, 4000, 100], 100, id="one slow answer is smoothed away"),
        pytest.param([100, 200], 150, id="between two"),
        pytest.param([900, 10, 20, 30, 40, 50], 30, id="only the last five count"),
        pytest.param([10, None, 20, 30], 20, id="no date does not push out an old one"),
        pytest.param([0, 0, 0, 600, 600], 0, id="a corrected clock counts once it is the usual one"),
        pytest.param([0, 0, 600, 600, 600], 600, id="and then it does"),
    ],
)
def test_an_instances_time_is_the_median_of_its_last_five_offsets(
    offsets: Sequence[float | None], expected: float
) -> None:
    clock = observed(*offsets)
    assert clock.offset == timedelta(seconds=expected)


@pytest.mark.parametrize(
    ("offsets", "expected"),
    [
        pytest.param([], 0, id="never seen"),
        pytest.param([600, 600], 600, id="the instance is ahead"),
        pytest.param([-600, -600], -600, id="the instance is behind"),
        pytest.param([0, 0, -3600], -3600, id="our own clock has just jumped ahead"),
        pytest.param([0, 0, 3600], 0, id="our own clock has just jumped back"),
        pytest.param([600, 600, 600, 2], 0, id="the instance's clock was just corrected"),
    ],
)
def test_no_time_is_claimed_that_the_instance_may_not_have_reached(
    offsets: Sequence[float | None], expected: float
) -> None:
    assert observed(*offsets).earliest(START) == START + timedelta(seconds=expected)


@given(st.lists(st.timedeltas(-timedelta(days=1), timedelta(days=1)), min_size=1))
def test_the_earliest_time_is_never_later_than_the_last_answer_said(offsets: list[timedelta]) -> None:
    clock = InstanceClock()
    for offset in offsets:
        clock.observe(offset)
    assert clock.earliest(START) <= START + max(offsets[-1], -5 * SECOND) + 5 * SECOND
