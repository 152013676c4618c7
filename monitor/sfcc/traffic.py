"""What goes to one instance, over all of its APIs: how much at once, how soon again, how carefully.

Knows load headers, `Retry-After` and a budget of requests; knows no document and sends nothing. One budget
for all: steady polls never notice it, whoever reads the history of weeks is paced by it, and what is only
nice to know takes what is left (`spare`). Safe for threads; waiting may raise to end it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from monitor.errors import Reason, SfccError
from monitor.pacing.pace import LOADED, LONGEST_ASKED, OVERLOADED, slowdown

LOAD, LOAD_STATUS = "sfdc_load", "sfdc_load_status"
STATUS_LOADS = {"WARN": LOADED, "THROTTLE": OVERLOADED}
JOB_APIS = ("token", "ocapi", "scapi")
"""Those that a poll cannot do without: a log that has to wait holds up no poll."""

KEPT_FOR_POLLS = 8
"""Requests of the budget that only those take who need them; half of what may go at once, if that is less."""


class Traffic:
    """`monotonic`, `sleep`: by the same clock. `per_minute` is for good; half of it may go at once."""

    def __init__(
        self, per_minute: float, *, monotonic: Callable[[], float], sleep: Callable[[float], None]
    ) -> None:
        self.cautious = False  # one try for each request, until one succeeds: no answer is expected
        self.load = 0
        self._rate = per_minute / 60.0
        self._most = max(per_minute / 2.0, 1.0)
        self._left = self._most
        self._monotonic = monotonic
        self._sleep = sleep
        self._at = monotonic()
        self._lock = threading.Lock()
        self._back_at: dict[str, float] = {}

    def admit(self) -> None:
        """Returns when the next request may go."""
        with self._lock:
            self._refill()
            self._left -= slowdown(self.load)
            wait = -self._left / self._rate
        if wait > 0:
            self._sleep(wait)

    def spare(self) -> int:
        """Requests that may go now without a poll having to wait for it."""
        with self._lock:
            self._refill()
            return max(int((self._left - min(KEPT_FOR_POLLS, self._most / 2)) / slowdown(self.load)), 0)

    def heard(self, api: str, headers: Mapping[str, str]) -> None:
        """Of each answer, good or bad: the last one counts."""
        if api in JOB_APIS and api != "token":
            self.load = load_of(headers)

    def succeeded(self, api: str) -> None:
        """Who answers is worth the usual patience: what takes many requests would never be done otherwise."""
        if api in JOB_APIS and api != "token":
            self.cautious = False

    def told(self, api: str, seconds: float) -> None:
        """To come back after so many seconds."""
        self._back_at[api] = self._monotonic() + min(seconds, LONGEST_ASKED)

    def asked(self, *apis: str) -> float:
        """Seconds until the last of these (those a poll needs, for none) may be asked again."""
        return max(max(self._back_at.get(api, 0.0) for api in apis or JOB_APIS) - self._monotonic(), 0.0)

    def check(self, api: str, host: str) -> None:
        """Raises `SfccError` where the API is not to be asked yet."""
        if (left := self.asked(api)) > 0:
            text = f"{host} asked for a pause, and is left alone for another {left:.0f} s"
            raise SfccError(Reason.THROTTLED, text, retry_after=left)

    def _refill(self) -> None:
        now = self._monotonic()
        self._left = min(self._left + (now - self._at) * self._rate, self._most)
        self._at = now


def load_of(headers: Mapping[str, str]) -> int:
    """Percent; 0 where nothing is said."""
    text = headers.get(LOAD, "").strip().rstrip("%")[:6]
    percent = int(float(text)) if text.replace(".", "", 1).isdigit() and text.isascii() else 0
    return max(percent, STATUS_LOADS.get(headers.get(LOAD_STATUS, "").strip().upper(), 0))
