"""How long to wait before a message is tried again. Pure arithmetic."""

from __future__ import annotations

from datetime import timedelta

FIRST_SECONDS = 5.0
EARLY_SECONDS = 60.0
"""The longest gap during the first hour: a target that is back is used within a minute."""
LATE_SECONDS = 900.0
_EARLY = timedelta(hours=1)
_RETRY_AFTER_MAX_SECONDS = 3600.0


def delay(attempts: int, age: timedelta, jitter: float, retry_after: float | None = None) -> timedelta:
    """attempts: tries so far, 1 or more. jitter: random, 0 up to 1. retry_after: the target's wish, in s."""
    # Past the first hour the gaps grow with the age instead of jumping.
    longest = EARLY_SECONDS if age < _EARLY else min(LATE_SECONDS, age.total_seconds() / 10)
    doubled = FIRST_SECONDS * 2 ** min(attempts - 1, 20)
    # Between half of it and all of it, so that many messages do not come back together.
    seconds = min(doubled, longest) * (0.5 + jitter / 2)
    if retry_after is not None:
        seconds = max(seconds, min(retry_after, _RETRY_AFTER_MAX_SECONDS))
    return timedelta(seconds=seconds)
