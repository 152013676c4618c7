"""Clocks for a simulated instance: one moved by hand, one that runs faster than the wall.

Knows only time; the world asks `now()` and never sleeps. All instants are aware and in UTC.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime: ...


class ManualClock:
    """Stands still until it is told to move; never goes back."""

    def __init__(self, at: datetime) -> None:
        self._now = _in_utc(at)

    def now(self) -> datetime:
        return self._now

    def advance(self, step: timedelta | float) -> datetime:
        """Move on by a timedelta or by seconds; returns the new time."""
        by = step if isinstance(step, timedelta) else timedelta(seconds=step)
        return self.set(self._now + by)

    def set(self, at: datetime) -> datetime:
        moved = _in_utc(at)
        if moved < self._now:
            raise ValueError(f"a clock does not go back: it is {self._now}, asked for {moved}")
        self._now = moved
        return moved


class ScaledClock:
    """Starts at `origin` and runs `speed` times as fast as real time."""

    def __init__(
        self, origin: datetime, speed: float = 1.0, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        if speed <= 0:
            raise ValueError(f"speed must be above 0, got {speed}")
        self._origin = _in_utc(origin)
        self._speed = speed
        self._monotonic = monotonic
        self._begun = monotonic()

    @property
    def speed(self) -> float:
        return self._speed

    def now(self) -> datetime:
        return self._origin + timedelta(seconds=(self._monotonic() - self._begun) * self._speed)


def _in_utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError(f"{at} has no time zone; write e.g. datetime(…, tzinfo=UTC)")
    return at.astimezone(UTC)
