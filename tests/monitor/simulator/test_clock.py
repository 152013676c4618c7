from datetime import UTC, datetime, timedelta, timezone

import pytest

from monitor.simulator import ManualClock, ScaledClock

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_a_manual_clock_stands_still_until_it_is_moved() -> None:
    clock = ManualClock(NOON)
    assert clock.now() == clock.now() == NOON
    assert clock.advance(90) == NOON + timedelta(seconds=90)
    assert clock.advance(timedelta(hours=1)) == clock.now()


def test_a_manual_clock_never_goes_back() -> None:
    with pytest.raises(ValueError, match="does not go back"):
        ManualClock(NOON).set(NOON - timedelta(seconds=1))


def test_a_scaled_clock_runs_at_its_speed() -> None:
    real = [100.0]
    clock = ScaledClock(NOON, 60, monotonic=lambda: real[0])
    real[0] += 40
    assert clock.now() == NOON + timedelta(minutes=40)


def test_a_clock_needs_a_time_zone_and_answers_in_utc() -> None:
    east = timezone(timedelta(hours=1))
    assert (
        ManualClock(datetime(2026, 11, 22, 13, tzinfo=east)).now().isoformat() == "2026-11-22T12:00:00+00:00"
    )
    with pytest.raises(ValueError, match="no time zone"):
        ManualClock(datetime(2026, 11, 22, 12))  # noqa: DTZ001 - the mistake under test


def test_a_clock_that_would_not_run_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        ScaledClock(NOON, 0)
