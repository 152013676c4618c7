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
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Rest:
    """Until the next turn: the next slot of an interval so long or, not in_slot, so many seconds from now."""

    seconds: float
    in_slot: bool = True


class Rounds:
    """Calls `step(key)` for each key, again after its `rest(key)`, by a few threads; each by one at a time.

    First turns come as soon as there is a worker for them. From then on each key has a slot of its own in the
    interval, evenly spread, so that the turns of hundreds never queue up, whatever brought them together. No
    two turns of a key are further apart than the interval; the second, which is the first in the slot, comes
    sooner. A key that is late is done once, not once for each turn it missed. The rest is asked for after
    each step.

    A turn that takes long, as with a server that never answers, is not counted against the few: another
    worker is hired for as long as it lasts, so that keys that are quick never wait for those that hang.
    """

    def __init__(
        self,
        keys: Sequence[str],
        step: Callable[[str], object],
        clock: Clock,
        rest: Callable[[str], Rest],
        workers: int = 8,
        *,
        most: int = 64,
        long: float = 2.0,
    ) -> None:
        """most: workers in all. long: seconds after which a turn is one that takes long."""
        self._step = step
        self._clock = clock
        self._rest = rest
        self._workers = min(workers, len(keys))
        self._most = min(most, len(keys))
        self._long = long
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._start = clock.monotonic()
        self._keys = tuple(keys)
        self._due = [(self._start, place) for place in range(len(keys))]  # a heap: sorted as it is
        self._under_way: dict[int, float] = {}
        self._hired = 0
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Runs in as many threads as there are workers, and one that hires more."""
        self.hire()
        if self._keys:
            self._begin(self._look_after, "poll-hiring")

    @property
    def alive(self) -> bool:
        """Whether every worker is at it; a long step is no reason for worry, a dead thread is."""
        with self._lock:
            threads = tuple(self._threads)
        return all(thread.is_alive() for thread in threads)

    def stop(self) -> None:
        self._stopping.set()

    def join(self, deadline: Callable[[], float]) -> bool:
        with self._lock:
            threads = tuple(self._threads)
        for thread in threads:
            thread.join(max(deadline(), 0.0))
        return not any(thread.is_alive() for thread in threads)

    def hire(self) -> int:
        """Workers for all that is due but held up; how many were missing."""
        with self._lock:
            missing = 0 if self._stopping.is_set() else max(self._wanted() - self._hired, 0)
            self._hired += missing
        for _ in range(missing):
            self._begin(self.run, "poll")
        return missing

    def run(self) -> None:
        """One worker's part: takes the key that is due first, waits for it, does it, gives it back.

        Returns when stopped, or when there are enough without it. There are no more workers than keys, so
        there is always one left to take.
        """
        while not self._stopping.is_set():
            with self._lock:
                due, place = heapq.heappop(self._due)
            # Who leaves gives back a key that may be due before those the others wait for: look again soon.
            left = due - self._clock.monotonic()
            if not self._clock.wait(self._stopping, min(left, self._long)) and left <= self._long:
                due = self._turn(due, place)
            with self._lock:
                heapq.heappush(self._due, (due, place))
                if self._hired > self._wanted():
                    self._hired -= 1
                    self._threads.remove(threading.current_thread())
                    return

    def _turn(self, due: float, place: int) -> float:
        """Returns when the next is due."""
        began = max(self._clock.monotonic(), due)  # a wait may end a moment early
        key = self._keys[place]
        with self._lock:
            self._under_way[place] = began
        attempt(key, functools.partial(self._step, key))
        with self._lock:
            del self._under_way[place]
        rest = self._rest(key)
        if not rest.in_slot:
            return self._clock.monotonic() + rest.seconds
        share = place / len(self._keys)
        return self._start + next_slot(began - self._start, share, rest.seconds)

    def _wanted(self) -> int:
        """To be asked under the lock."""
        now = self._clock.monotonic()
        held_up = sum(now - began >= self._long for began in self._under_way.values())
        return min(self._workers + held_up, self._most)

    def _look_after(self) -> None:
        while not self._clock.wait(self._stopping, self._long / 2):
            self.hire()

    def _begin(self, work: Callable[[], object], name: str) -> None:
        thread = threading.Thread(target=work, name=name, daemon=True)
        with self._lock:
            self._threads.append(thread)
        thread.start()


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
