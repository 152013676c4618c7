"""What reading one log may cost, with the bounds within which that makes sense. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator

from monitor.settings.duration import Duration, format_duration
from monitor.settings.size import Size, format_size

SHORTEST, LONGEST = timedelta(seconds=1), timedelta(minutes=2)
"""A log that takes longer holds up those of other jobs, and looks as if the agent hung."""
SMALLEST, LARGEST = 5 * 1000**2, 10 * 1000**3
"""Not below what is kept of a log; not above what can be read in the longest time."""


def _time_limit(value: timedelta) -> timedelta:
    if not SHORTEST <= value <= LONGEST:
        raise ValueError(f"write {format_duration(SHORTEST)} to {format_duration(LONGEST)}")
    return value


def _size_limit(value: int) -> int:
    if not SMALLEST <= value <= LARGEST:
        raise ValueError(f"write {format_size(SMALLEST)} to {format_size(LARGEST)}")
    return value


LogTimeLimit = Annotated[Duration, AfterValidator(_time_limit)]
LogSizeLimit = Annotated[Size, AfterValidator(_size_limit)]
