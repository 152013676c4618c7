"""What is known of the watching itself when a poll ends, well or not. Plain data; decides nothing.

By our own clock, not by the instance's: while nothing can be read, `seen_until` stands still.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.errors import Reason


@dataclass(frozen=True, slots=True)
class LogAccess:
    """Since when the instance refuses its logs, and how many runs were told without theirs.

    read_at: when one was read after that; None while none was.
    """

    refused_since: datetime
    refusals: int
    message: str = ""
    read_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """Something we log in with that ends some day. name: as it stands in the settings."""

    name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Watching:
    """One instance at the end of a poll.

    first_asked: when the instance was first polled.
    last_success: the last complete poll before this one.
    failed_at, reason, message: of the last poll after it that was not complete, this one included; None and
        empty where there is none.
    is_complete: whether this one was.
    in_maintenance_window: whether the settings expect it to be down.
    """

    instance: str
    now: datetime
    poll_interval: timedelta
    is_complete: bool
    first_asked: datetime | None = None
    last_success: datetime | None = None
    failed_at: datetime | None = None
    reason: Reason | None = None
    message: str = ""
    in_maintenance_window: bool = False
    logs: LogAccess | None = None
    endings: tuple[Ending, ...] = ()
