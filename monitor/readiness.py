"""Whether the agent is ready, for probes that come when they like: asked of a state that may not answer.

A state behind a dead network answers after minutes or never. Each thread that waited for it would be one
less for scrapes, so one check runs at a time, in a thread of its own, and few wait for it, not for long.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

Check = Callable[[], str | None]
"""None when all is well, else a sentence."""

PATIENCE = 2.0
"""Seconds: less than the time limits probes are usually given, far more than a state takes that is well."""

SEATS = 2
"""Who wait at the same time: fewer than there are threads for all requests."""

_NOT_KNOWN = "the agent is being looked at; ask again"


class Readiness:
    """A check with a time limit, itself a check. Each call asks anew, unless a check is still under way."""

    def __init__(self, check: Check, patience: float = PATIENCE) -> None:
        self._check = check
        self._patience = patience
        self._lock = threading.Lock()
        self._seats = threading.BoundedSemaphore(SEATS)
        self._look: _Look | None = None

    def __call__(self) -> str | None:
        with self._lock:
            if self._look is None or self._look.done.is_set():
                self._look = _Look(self._check)
                threading.Thread(target=self._look.run, name="ready", daemon=True).start()
            look = self._look
        if not self._seats.acquire(blocking=False):
            return look.answer if look.done.is_set() else _NOT_KNOWN
        try:
            look.done.wait(max(look.begun + self._patience - time.monotonic(), 0.0))
        finally:
            self._seats.release()
        if look.done.is_set():
            return look.answer
        return f"the state has not answered for {time.monotonic() - look.begun:.0f} s"


class _Look:
    """One check under way."""

    def __init__(self, check: Check) -> None:
        self.begun = time.monotonic()
        self.done = threading.Event()
        self.answer: str | None = None
        self._check = check

    def run(self) -> None:
        try:
            self.answer = self._check()
        except Exception as error:
            log.exception("whether the agent is ready cannot be told")
            self.answer = f"whether the agent is ready cannot be told ({type(error).__name__})"
        finally:
            self.done.set()
