"""How a command that runs until it is told to stop hears of it. Imports nothing heavy: it has to be first."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading


def stop_event() -> threading.Event:
    """Set by SIGTERM and SIGINT; the handlers stay, so that a second signal does not cut the end short."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    return stop


def leave(*, clean: bool) -> None:
    """Ends the process now if threads are left: what they hold is leased, and void with the process."""
    if not clean:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):  # nowhere to write to is no reason to stay
                stream.flush()
        os._exit(0)
