"""Time, injected: the only place that reads the machine's clock.

Knows no instance and no network. `InstanceClock` keeps an instance's own time from measured offsets,
so that a server whose clock is off by minutes makes no run late.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Protocol

TRUSTED_OFFSET = timedelta(seconds=5)
"""A `Date` header has whole seconds and a network in between: less than this is no difference."""


class Clock(Protocol):
    def now(self) -> datetime:
        """The time of day, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never step back, at the pace of `now`."""
        ...

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Blocks until the event is set (True) or that many seconds of this clock passed (False)."""
        ...


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        return event.wait(max(seconds, 0.0))


class ScaledClock:
    """Starts at `origin` and runs `speed` times as fast as the machine's clock: for the demo."""

    def __init__(self, origin: datetime, speed: float, *, started: float | None = None) -> None:
        self._origin = origin
        self._speed = speed
        self._started = time.monotonic() if started is None else started

    def now(self) -> datetime:
        return self._origin + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return (time.monotonic() - self._started) * self._speed

    def wait(self, event: threading.Event, seconds: float) -> bool:
        return event.wait(max(seconds, 0.0) / self._speed)


class ManualClock:
    """Stands still until told to move: for tests, where nothing may sleep."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._passed = timedelta()

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._passed.total_seconds()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        self.advance(timedelta(seconds=max(seconds, 0.0)))
        return event.is_set()

    def advance(self, by: timedelta) -> None:
        self._now += by
        self._passed += by

    def set(self, now: datetime) -> None:
        """May go back, as real clocks do when they are corrected; the time that passed never does."""
        self._passed += max(now - self._now, timedelta())
        self._now = now


class InstanceClock:
    """An instance's time: the agent's clock plus the median of the last offsets; never steps back."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offsets: deque[timedelta] = deque(maxlen=5)
        self._latest: datetime | None = None

    def observe(self, offset: timedelta | None) -> None:
        if offset is not None:
            self._offsets.append(offset)

    @property
    def offset(self) -> timedelta:
        if not self._offsets:
            return timedelta()
        middle = timedelta(seconds=median(offset.total_seconds() for offset in self._offsets))
        return middle if abs(middle) > TRUSTED_OFFSET else timedelta()

    def now(self) -> datetime:
        now = self._clock.now() + self.offset
        self._latest = now if self._latest is None else max(now, self._latest)
        return self._latest
