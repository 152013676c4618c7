"""A schedule as a document of plain values, and back: to keep it, and for programs to read. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from monitor.schedule.model import Schedule

_MINUTE = timedelta(minutes=1)
_DATE = len("2026-11-23")


def encode(schedule: Schedule) -> dict[str, Any]:
    """Only what it says; `every` in minutes, days and times as ISO texts."""
    found = {
        "timezone": schedule.timezone,
        "cron": schedule.cron,
        "every_minutes": None if schedule.every is None else schedule.every // _MINUTE,
        "at": None if schedule.at is None else f"{schedule.at:%H:%M}",
        "weekdays": list(schedule.weekdays) or None,
        "valid_from": _iso(schedule.valid_from),
        "valid_until": _iso(schedule.valid_until),
    }
    return {name: value for name, value in found.items() if value is not None}


def decode(document: Mapping[str, Any]) -> Schedule:
    every, at = document.get("every_minutes"), document.get("at")
    return Schedule(
        timezone=document["timezone"],
        cron=document.get("cron"),
        every=None if every is None else every * _MINUTE,
        at=None if at is None else time.fromisoformat(at),
        weekdays=tuple(document.get("weekdays", ())),
        valid_from=_day(document.get("valid_from")),
        valid_until=_day(document.get("valid_until")),
    )


def _iso(value: date | None) -> str | None:
    return None if value is None else value.isoformat()


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    return date.fromisoformat(text) if len(text) == _DATE else datetime.fromisoformat(text)
