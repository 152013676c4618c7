"""When a request is asked again: at most three tries, waiting with jitter, and never for long.

Knows no HTTP. Waiting goes through the injected `sleep`, which may raise to end it: that is how a
stopping process gets out of here. The long patience lies with the poller, where it can be seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import TypeVar

from monitor.errors import SfccError

T = TypeVar("T")

TRIES = 3
LONGEST_WAIT = 30.0  # seconds; who asks for more is left alone until a later poll
PATIENCE = 40.0  # seconds of waiting in all
ENOUGH = 60.0  # seconds after the first try, when no new one begins: tries themselves can be slow


@dataclass(frozen=True, slots=True)
class Pace:
    """Time from outside. `jitter` gives a number from 0 to 1; `sleep` may raise to abort."""

    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    sleep: Callable[[float], None]
    jitter: Callable[[], float]


def retrying(attempt: Callable[[], T], pace: Pace, *, deadline: float | None = None, tries: int = TRIES) -> T:
    """The first result; raises the last `SfccError`. `deadline`: by `monotonic`, no try begins after it."""
    last_start = pace.monotonic() + ENOUGH
    if deadline is not None:
        last_start = min(last_start, deadline)
    waited = 0.0
    for tried in count(1):
        try:
            return attempt()
        except SfccError as error:
            pause = _pause(error, tried, tries, pace.jitter())
            if pause is None or waited + pause > PATIENCE or pace.monotonic() + pause >= last_start:
                raise
        pace.sleep(pause)
        waited += pause
    raise AssertionError("unreachable")


def _pause(error: SfccError, tried: int, tries: int, jitter: float) -> float | None:
    """Seconds before the next try; None when there is none."""
    if not error.retryable or tried >= tries:
        return None
    if error.retry_after is None:
        return 2.0 ** (tried - 1) * (0.5 + jitter)
    return error.retry_after + jitter if error.retry_after <= LONGEST_WAIT else None
