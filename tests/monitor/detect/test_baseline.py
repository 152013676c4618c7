from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.detect.baseline import Pace, Ruler, baseline, duration, of_durations
from monitor.model import Execution


def minutes(*values: float) -> list[timedelta]:
    return [timedelta(minutes=value) for value in values]


def limits(values: Sequence[float]) -> tuple[float, float]:
    """Lower and upper in minutes."""
    found = of_durations(minutes(*values))
    assert found is not None
    return found.lower / timedelta(minutes=1), found.upper / timedelta(minutes=1)


def test_five_runs_are_needed() -> None:
    assert of_durations(minutes(10, 10, 10, 10)) is None
    assert of_durations(minutes(10, 10, 10, 10, 10)) is not None


def test_runs_of_no_time_do_not_count() -> None:
    assert of_durations(minutes(10, 0, 10, 0, 10, 10)) is None
    found = of_durations(minutes(10, 0, 10, 0, 10, 10, 10))
    assert found is not None
    assert found.n == 5


def test_the_limits_follow_the_definition() -> None:
    found = of_durations(minutes(9.3, 9.6, 10, 10.4, 10.8))
    assert found is not None
    logs = sorted(math.log(value * 60) for value in (9.3, 9.6, 10, 10.4, 10.8))
    sigma = 1.4826 * sorted(abs(log - logs[2]) for log in logs)[2] * (1 + 6 / 5)
    assert found.median == timedelta(minutes=10)
    assert found.sigma == pytest.approx(sigma)
    assert found.p90 == timedelta(minutes=10.64)
    assert found.upper.total_seconds() == pytest.approx(600 * math.exp(5 * sigma))
    assert 900 < found.upper.total_seconds() < 3 * 648
    assert found.lower == timedelta(minutes=2)


@pytest.mark.parametrize(
    ("values", "upper"),
    [
        pytest.param([10] * 8, 15, id="half as long again where all are alike"),
        pytest.param([0.1] * 8, 2.1, id="a short job may take two minutes more"),
        pytest.param([10] * 6 + [20] * 2, 30, id="half as long again as the tenth that takes longest"),
        pytest.param([1, 1, 1, 2, 100, 200, 300, 400], 1200, id="at most three times the longest"),
    ],
)
def test_upper_limit(values: list[float], upper: float) -> None:
    assert limits(values)[1] == pytest.approx(upper)


@pytest.mark.parametrize(
    ("values", "lower"),
    [
        pytest.param([10] * 8, 2, id="a fifth of the usual where all are alike"),
        pytest.param([1, 60, 60] * 4, 0.5, id="half of the tenth that takes shortest"),
    ],
)
def test_lower_limit(values: list[float], lower: float) -> None:
    assert limits(values)[0] == pytest.approx(lower)


def test_empty_and_real_deltas_are_both_usual() -> None:
    lower, upper = limits([1, 60] * 10)
    assert lower < 1
    assert upper > 60


def test_few_runs_are_judged_more_widely_than_many() -> None:
    assert limits([9, 9.5, 10, 10.5, 11])[1] > 1.2 * limits([9, 9.5, 10, 10.5, 11] * 6)[1]


def test_only_the_last_thirty_runs_count() -> None:
    assert limits([12] * 20 + [10] * 30) == limits([10] * 30)


def test_five_runs_alike_after_a_genuine_change_start_it_anew() -> None:
    usual = [10] * 20
    assert limits([*usual, 40, 41, 42, 43])[1] < 100
    lower, upper = limits([*usual, 40, 41, 42, 43, 44])
    assert lower > 8 / 5
    assert upper == pytest.approx(42 * 1.5, rel=0.2)
    found = of_durations(minutes(*usual, 40, 41, 42, 43, 44))
    assert found is not None
    assert found.n == 5


@pytest.mark.parametrize(
    "tail",
    [
        pytest.param([40, 41, 10, 42, 43, 44], id="one in between as before"),
        pytest.param([40, 60, 80, 100, 120], id="long, but each time otherwise"),
        pytest.param([40, 41, 0.5, 42, 43, 44], id="one on the other side"),
    ],
)
def test_scattered_outliers_are_no_change(tail: list[float]) -> None:
    found = of_durations(minutes(*[10.0] * 20, *tail))
    assert found is not None
    assert found.n == 20 + len(tail)
    assert found.median < timedelta(minutes=11)


def test_a_single_outlier_moves_nothing_much() -> None:
    """One bad night must neither hide the next one nor call it usual."""
    assert limits([10] * 20 + [90])[1] < 20


def test_only_good_runs_count_and_degraded_ones_are_good(
    story: Callable[[str], tuple[Execution, ...]],
) -> None:
    good = "a 00:00-00:10, a 01:00-01:10 warn, a 02:00-02:10, a 03:00-03:10, a 04:00-04:10"
    bad = (
        "a 05:00-07:00 failed, a 08:00-10:00 aborted, a 11:00-13:00 retried, a 14:00-?, a 15:00-16:00 unknown"
    )
    found = baseline(story(f"{good}, {bad}"))
    assert found is not None
    assert found.n == 5
    assert found.median == timedelta(minutes=10)


def test_the_order_of_arrival_does_not_matter(story: Callable[[str], tuple[Execution, ...]]) -> None:
    told = ", ".join(f"a {hour:02}:00-{hour:02}:{10 if hour < 10 else 40}" for hour in range(16))
    assert baseline(story(told)) == baseline(reversed(story(told)))


def test_a_duration_is_what_the_platform_says_or_the_time_between(
    story: Callable[[str], tuple[Execution, ...]],
) -> None:
    run, active = story("a 00:00-00:10, a 01:00-?")
    assert duration(run) == timedelta(minutes=10)
    assert duration(active) is None
    said = Execution("production", "a", "1", duration=timedelta(seconds=3), start_time=run.start_time)
    assert duration(said) == timedelta(seconds=3)


BEGINNING = datetime(2026, 11, 1, tzinfo=UTC)


@given(
    values=st.lists(st.sampled_from((8, 9, 10, 10, 11, 12, 40, 41, 42, 1)), max_size=80),
    hours=st.lists(st.integers(0, 85), max_size=6),
)
def test_at_each_instant_the_ruler_knows_the_runs_that_had_ended(values: list[int], hours: list[int]) -> None:
    """In whatever order one asks."""
    lengths = minutes(*values)
    ruler = Ruler(
        [
            (BEGINNING + timedelta(hours=hour), one.total_seconds())
            for hour, one in enumerate(lengths, start=1)
        ]
    )
    for hour in hours:
        pace = ruler.at(BEGINNING + timedelta(hours=hour))
        assert pace.baseline == of_durations(lengths[:hour])
        assert len(pace) == (pace.baseline.n if pace.baseline else min(hour, len(lengths)))


def test_asked_for_an_earlier_instant_the_ruler_steps_back_far_enough() -> None:
    lengths = minutes(*[10] * 20, *[40] * 20, *[10, 11, 12] * 10)
    ruler = Ruler(
        [(BEGINNING + timedelta(hours=hour), one.total_seconds()) for hour, one in enumerate(lengths)]
    )
    for hour in (69, 60, 45, 30, 50):
        assert ruler.at(BEGINNING + timedelta(hours=hour)).baseline == of_durations(lengths[: hour + 1])


def test_a_run_that_ended_as_another_began_is_among_those_it_is_measured_by() -> None:
    ruler = Ruler([(BEGINNING, 600.0)] * 5)
    assert ruler.at(BEGINNING - timedelta(seconds=1)).limits is None
    assert ruler.at(BEGINNING).limits is not None


@given(
    values=st.lists(st.floats(min_value=1, max_value=1e4), max_size=40),
    length=st.floats(min_value=0.1, max_value=1e5),
)
def test_what_is_surely_within_is_neither_slow_nor_fast(values: list[float], length: float) -> None:
    pace = Pace()
    for value in values:
        pace.add(value)
    limits = pace.limits
    if limits is not None and pace.is_surely_within(length):
        assert limits.lower <= length <= limits.upper


@given(st.lists(st.floats(min_value=1e-6, max_value=1e7), min_size=5, max_size=60))
def test_usual_runs_lie_between_the_limits(values: list[float]) -> None:
    found = of_durations([timedelta(seconds=value) for value in values])
    if found is not None:
        assert timedelta() <= found.lower < found.median < found.upper
        assert found.upper >= found.median + timedelta(minutes=2)
