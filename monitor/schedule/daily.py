"""A fixed time of every day in a time zone, and where each of these days begins. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time
from typing import NamedTuple
from zoneinfo import ZoneInfo

from monitor.schedule.calendar import DAY
from monitor.schedule.walltime import moment, wall_of


class Day(NamedTuple):
    """begins: its first instant; at: the time of day on it."""

    begins: datetime
    at: datetime


def days(at: time, timezone: str, start: datetime, end: datetime) -> Iterator[Day]:
    """Those whose time is in [start, end), in order."""
    zone = ZoneInfo(timezone)
    day = wall_of(start, zone).date()
    while True:
        found = Day(moment(datetime.combine(day, time()), zone), moment(datetime.combine(day, at), zone))
        if found.at >= end:
            return
        if found.at >= start:
            yield found
        day += DAY
