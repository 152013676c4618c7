"""Durations as users write them: `90s`, `5m`, `2h`, `30d`. Pure."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
_MOST = timedelta(days=3660)


def parse_duration(value: object) -> timedelta:
    """`1h30m` and the like; raises ValueError saying what is allowed."""
    if isinstance(value, timedelta):
        return value
    text = value.strip() if isinstance(value, str) else ""
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError("a duration is a number with a unit, such as 90s, 5m, 2h or 30d")
    total = timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in parts))
    if total > _MOST:
        raise ValueError("more than ten years is not a useful duration")
    return total


def format_duration(value: timedelta) -> str:
    """The shortest text that `parse_duration` reads back as the same."""
    seconds = value.total_seconds()
    for unit, size in sorted(_UNITS.items(), key=lambda item: -item[1]):
        if seconds >= size and seconds % size == 0:
            return f"{int(seconds // size)}{unit}"
    return f"{seconds:g}s"


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
