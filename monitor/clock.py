"""Time, injected: the only place that reads the machine's clock.

Knows no instance and no network. `InstanceClock` tells an instance's own time by measured offsets, so
that a server whose clock is off by minutes makes no run late. That its time never steps back is kept by
the cursor of its history.
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

    def step(self, by: timedelta) -> None:
        """Is set forth or back, as real clocks are; no time passes."""
        self._now += by

    def set(self, now: datetime) -> None:
        """May go back, as real clocks do when they are corrected; the time that passed never does."""
        self._passed += max(now - self._now, timedelta())
        self._now = now


class InstanceClock:
    """An instance's time, by the offsets its answers show: the median of the last few is believed.

    One offset for each poll, the least that its answers show: the pages of one poll must not outvote all
    others, and any of them may come from a server whose clock is wrong. Our own clock is no witness
    either: when it is set, by which nothing happens to the instance, the offsets move with it.
    """

    def __init__(self) -> None:
        self._offsets: deque[timedelta] = deque(maxlen=5)
        self._origin: datetime | None = None

    def follow(self, now: datetime, monotonic: float) -> None:
        """Our own two clocks at one moment: where they moved apart, the time of day was set."""
        origin = now - timedelta(seconds=monotonic)
        step = _trusted(origin - (self._origin or origin))
        self._offsets = deque((offset - step for offset in self._offsets), maxlen=5)
        self._origin = origin

    def observe(self, offset: timedelta | None) -> None:
        """The first answer of a poll."""
        if offset is not None:
            self._offsets.append(offset)

    def correct(self, offset: timedelta | None) -> None:
        """A later answer of the same poll."""
        if offset is not None and self._offsets:
            self._offsets[-1] = min(self._offsets[-1], offset)

    @property
    def is_known(self) -> bool:
        return bool(self._offsets)

    @property
    def offset(self) -> timedelta:
        """How far the instance is ahead of us; zero below `TRUSTED_OFFSET`."""
        if not self._offsets:
            return timedelta()
        return _trusted(timedelta(seconds=median(one.total_seconds() for one in self._offsets)))

    def earliest(self, ours: datetime) -> datetime:
        """What the instance's clock showed at least when ours showed that.

        The last offset counts beside the median: where our own clock has just jumped, only that one
        knows, and a time claimed to be seen must not lie in the instance's future.
        """
        latest = _trusted(self._offsets[-1]) if self._offsets else timedelta()
        return ours + min(self.offset, latest)


def _trusted(offset: timedelta) -> timedelta:
    return offset if abs(offset) > TRUSTED_OFFSET else timedelta()
