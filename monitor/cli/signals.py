"""How a command that runs until it is told to stop hears of it. Imports nothing heavy: it has to be first."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")

START_SECONDS = 3.0
"""Far less than a supervisor waits before it kills."""

_LOOK_SECONDS = 0.2


def stop_event() -> threading.Event:
    """Set by SIGTERM and SIGINT; the handlers stay, so that a second signal does not cut the end short."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    return stop


@dataclass(slots=True)
class Told:
    """What signals have told the process. Each sets `woken`; `reload` is for the reader to clear."""

    stop: threading.Event
    woken: threading.Event = field(default_factory=threading.Event)
    reload: bool = False

    def wait(self, seconds: float) -> None:
        """Until it is told something, or that much time has passed."""
        if not self.stop.is_set():
            self.woken.wait(seconds)
        self.woken.clear()


def told() -> Told:
    """SIGTERM and SIGINT say stop, SIGHUP says reload."""
    found = Told(threading.Event())

    def stop(_number: int, _frame: object) -> None:
        found.stop.set()
        found.woken.set()

    def reload(_number: int, _frame: object) -> None:
        found.reload = True
        found.woken.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, reload)
    return found


def interruptible(step: Callable[[], T], stop: threading.Event) -> T:
    """For what may wait for long, such as for a state that another process holds: told to stop, the process
    ends in the middle of it after START_SECONDS.

    In a thread of its own: signals are heard by the main one, and not while it waits for a database.
    """
    from concurrent.futures import ThreadPoolExecutor, wait

    with ThreadPoolExecutor(1, "start") as pool:
        result = pool.submit(step)
        while not wait([result], _LOOK_SECONDS).done:
            if stop.is_set() and not wait([result], START_SECONDS).done:
                leave(clean=False)
        return result.result()


def leave(*, clean: bool) -> None:
    """Ends the process now if threads are left: what they hold is leased, and void with the process."""
    if not clean:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):  # nowhere to write to is no reason to stay
                stream.flush()
        os._exit(0)
