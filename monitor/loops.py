"""Threads that do a step again and again until told to stop.

Knows nothing of what the steps do. A step that raises is logged and tried again: one bad row, job or
target never ends the agent. Threads are daemons: what a step cannot finish in time is left to the
next start, and nothing is lost by it.
"""

from __future__ import annotations

import functools
import heapq
import logging
import math
import threading
from collections.abc import Callable, Sequence

from monitor.clock import Clock
from monitor.errors import LeaseLostError, MonitorError, StoppingError

log = logging.getLogger(__name__)

MAX_PAUSE = 60.0
"""Seconds between tries while a step keeps failing."""

MAX_DOUBLINGS = 10
"""More of them than any pause has room for; without a limit the number outgrows a float within a day."""

SAME_MOMENT = 1e-6
"""Of an interval: what is nearer to a slot is at it, or rounding would give a key its slot twice."""


class Loop:
    """Calls `step` every `interval` seconds of the clock; at once when woken."""

    def __init__(self, name: str, step: Callable[[], object], clock: Clock, interval: float) -> None:
        self._name = name
        self._step = step
        self._clock = clock
        self._interval = interval
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self.run, name=name, daemon=True)
        self.last_turn = clock.monotonic()

    def start(self) -> None:
        """Runs in a thread of its own."""
        self._thread.start()

    def wake(self) -> None:
        self._wake.set()

    def stop(self) -> None:
        self._stopping.set()
        self._wake.set()

    def join(self, seconds: float) -> bool:
        self._thread.join(max(seconds, 0.0))
        return not self._thread.is_alive()

    def run(self) -> None:
        """Returns when stopped."""
        failures = 0
        while not self._stopping.is_set():
            failures = 0 if attempt(self._name, self._step) else failures + 1
            self.last_turn = self._clock.monotonic()
            self._clock.wait(self._wake, self._pause(failures))
            # Cleared before the step, so that what wakes it meanwhile counts for the next one; and after
            # a failure too, or one call would have a failing step tried again without any pause.
            self._wake.clear()

    def _pause(self, failures: int) -> float:
        longer = self._interval * 2.0 ** min(failures, MAX_DOUBLINGS)
        return max(min(longer, MAX_PAUSE), self._interval)


class Once:
    """Calls `step` in a thread of its own, for those who cannot wait for its end."""

    def __init__(self, name: str, step: Callable[[], object]) -> None:
        self._thread = threading.Thread(target=attempt, args=(name, step), name=name, daemon=True)
        self._thread.start()

    def join(self, seconds: float) -> bool:
        self._thread.join(max(seconds, 0.0))
        return not self._thread.is_alive()


class Rounds:
    """Calls `step(key)` for each key every `interval(key)` seconds, by a few threads; each by one at a time.

    First turns come as soon as there is a worker for them. From then on each key has a slot of its own in the
    interval, evenly spread, so that the turns of hundreds never queue up, whatever brought them together. No
    two turns of a key are further apart than the interval; the second, which is the first in the slot, comes
    sooner. A key that is late is done once, not once for each turn it missed. The interval is asked for after
    each step.
    """

    def __init__(
        self,
        keys: Sequence[str],
        step: Callable[[str], object],
        clock: Clock,
        interval: Callable[[str], float],
        workers: int = 8,
    ) -> None:
        self._step = step
        self._clock = clock
        self._interval = interval
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._start = clock.monotonic()
        self._keys = tuple(keys)
        self._due = [(self._start, place) for place in range(len(keys))]  # a heap: sorted as it is
        self._threads = [
            threading.Thread(target=self.run, name=f"poll-{number}", daemon=True)
            for number in range(min(workers, len(keys)))
        ]

    def start(self) -> None:
        """Runs in as many threads as there are workers."""
        for thread in self._threads:
            thread.start()

    @property
    def alive(self) -> bool:
        """Whether every worker is at it; a long step is no reason for worry, a dead thread is."""
        return all(thread.is_alive() for thread in self._threads)

    def stop(self) -> None:
        self._stopping.set()

    def join(self, deadline: Callable[[], float]) -> bool:
        for thread in self._threads:
            thread.join(max(deadline(), 0.0))
        return not any(thread.is_alive() for thread in self._threads)

    def run(self) -> None:
        """One worker's part: takes the key that is due first, waits for it, does it, gives it back.

        Returns when stopped. There are no more workers than keys, so there is always one left to take.
        """
        while not self._stopping.is_set():
            with self._lock:
                due, place = heapq.heappop(self._due)
            if not self._clock.wait(self._stopping, due - self._clock.monotonic()):
                due = self._turn(due, place)
            with self._lock:
                heapq.heappush(self._due, (due, place))

    def _turn(self, due: float, place: int) -> float:
        """Returns when the next is due."""
        began = max(self._clock.monotonic(), due)  # a wait may end a moment early
        key = self._keys[place]
        attempt(key, functools.partial(self._step, key))
        share = place / len(self._keys)
        return self._start + next_slot(began - self._start, share, self._interval(key))


def next_slot(after: float, share: float, interval: float) -> float:
    """The first moment later than `after` that lies this share into an interval, intervals counted from 0."""
    begun = math.floor(after / interval - share + SAME_MOMENT)
    return (begun + 1 + share) * interval


def attempt(name: str, step: Callable[[], object]) -> bool:
    """Whether the step ran through; what it raised is in the log."""
    try:
        step()
    except StoppingError:
        log.debug("%s: ended early, the agent is stopping", name)
        return False
    except LeaseLostError as error:
        log.info("%s: %s", name, error)
        return False
    except MonitorError as error:
        log.error("%s: %s", name, error)  # noqa: TRY400 - the text says it all; no traceback for a full disk
        return False
    except Exception:
        log.exception("%s: this should not happen; trying again", name)
        return False
    return True
