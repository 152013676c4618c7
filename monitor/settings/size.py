"""Sizes as users write them: `64KB`, `300MB`, `2GB`. Pure.

A megabyte is a million bytes, and a MiB 1,048,576, as on disks and in the platform's own pages.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_UNITS = {
    "B": 1,
    "KB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "KIB": 1024,
    "MIB": 1024**2,
    "GIB": 1024**3,
}
_NAMES = {"KIB": "KiB", "MIB": "MiB", "GIB": "GiB"}
_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?)\s?([KMG]?I?B)", re.IGNORECASE)


def parse_size(value: object) -> int:
    """Bytes, of `300MB` and the like; raises ValueError saying what is allowed."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value  # as it is after loading; in a file a bare number means bytes
    found = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    unit = _UNITS.get(found[2].upper()) if found else None
    if found is None or unit is None:
        raise ValueError("a size is a number with a unit, such as 64KB, 300MB or 2GB")
    return round(float(found[1]) * unit)


def format_size(value: int) -> str:
    """One whole number and the largest unit that leaves no fraction; `parse_size` reads back the same."""
    fitting = (
        (unit, size) for unit, size in _UNITS.items() if value >= size and value % size == 0 and size > 1
    )
    unit, size = max(fitting, key=lambda found: found[1], default=("B", 1))
    return f"{value // size}{_NAMES.get(unit, unit)}"


SIZE_TEXT = PlainSerializer(format_size, return_type=str)
SIZE_SCHEMA = WithJsonSchema(
    {"type": "string", "pattern": r"^\d+(\.\d+)?\s?([KMG]i?)?B$", "examples": ["300MB", "2GB"]}
)

Size = Annotated[int, BeforeValidator(parse_size), SIZE_TEXT, SIZE_SCHEMA]
