"""Durations as users write them: `90s`, `5m`, `2h`, `30d`. Pure."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smhd])")
_MOST = timedelta(days=3660)
_MICROSECOND = timedelta(microseconds=1)


def parse_duration(value: object) -> timedelta:
    """`1h30m` and the like; raises ValueError saying what is allowed."""
    if isinstance(value, timedelta):
        return _allowed(value.total_seconds())
    text = value.strip() if isinstance(value, str) else ""
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError("a duration is a number with a unit, such as 90s, 5m, 2h or 30d")
    return _allowed(sum(float(number) * _UNITS[unit] for number, unit in parts))


def format_duration(value: timedelta) -> str:
    """One number and a unit, the largest that leaves no fraction; `parse_duration` reads back the same."""
    seconds, rest = divmod(value // _MICROSECOND, 1_000_000)
    if rest:
        return f"{seconds}.{rest:06}".rstrip("0") + "s"
    unit = next((unit for unit, size in _UNITS.items() if seconds >= size and seconds % size == 0), "s")
    return f"{seconds // _UNITS[unit]}{unit}"


def _allowed(seconds: float) -> timedelta:
    if seconds < 0:
        raise ValueError("a duration cannot be negative")
    if seconds > _MOST.total_seconds():
        raise ValueError("more than ten years is not a useful duration")
    return timedelta(seconds=seconds)


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta():
        raise ValueError("must be longer than 0s")
    return value


_TEXT = PlainSerializer(format_duration, return_type=str)
_SCHEMA = WithJsonSchema({"type": "string", "pattern": r"^(\d+(\.\d+)?[smhd])+$", "examples": ["90s", "5m"]})

Duration = Annotated[timedelta, BeforeValidator(parse_duration), _TEXT, _SCHEMA]
PositiveDuration = Annotated[
    timedelta, BeforeValidator(lambda value: _positive(parse_duration(value))), _TEXT, _SCHEMA
]
