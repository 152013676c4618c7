"""When a message is tried again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.backoff import delay

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("attempts", "age", "jitter", "seconds"),
    [
        pytest.param(1, MINUTE, 1.0, 5, id="the first retry comes after five seconds at the latest"),
        pytest.param(1, MINUTE, 0.0, 2.5, id="and not before half of that"),
        pytest.param(2, MINUTE, 1.0, 10, id="then the gap doubles"),
        pytest.param(4, MINUTE, 1.0, 40, id="and doubles"),
        pytest.param(5, MINUTE, 1.0, 60, id="up to a minute"),
        pytest.param(500, HOUR - MINUTE, 1.0, 60, id="which it stays during the first hour"),
        pytest.param(70, HOUR, 1.0, 360, id="later the gaps grow with the age"),
        pytest.param(500, 48 * HOUR, 1.0, 900, id="up to a quarter of an hour"),
    ],
)
def test_gaps(attempts: int, age: timedelta, jitter: float, seconds: float) -> None:
    assert delay(attempts, age, jitter) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        pytest.param(120.0, 120, id="a target that names a time gets it"),
        pytest.param(1.0, 5, id="but is not tried earlier than otherwise"),
        pytest.param(86_400.0, 3600, id="and not later than in an hour"),
    ],
)
def test_the_target_may_say_when(retry_after: float, seconds: float) -> None:
    assert delay(1, MINUTE, 1.0, retry_after) == timedelta(seconds=seconds)


@given(st.integers(1, 10_000), st.floats(0, 1), st.integers(0, 259_200))
def test_gaps_are_never_zero_and_never_longer_than_a_quarter_of_an_hour(
    attempts: int, jitter: float, age: int
) -> None:
    gap = delay(attempts, timedelta(seconds=age), jitter)
    assert timedelta(seconds=2) < gap <= timedelta(minutes=15)
    if age < 3600:
        assert gap <= MINUTE
