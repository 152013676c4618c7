"""Tables as they were given, before anything in them is checked. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel


def has(given: Mapping[str, Any], name: str) -> bool:
    return given.get(name) is not None


def fields_of(table: object) -> Mapping[str, Any]:
    """Of a table as it was read, or of one that was checked already."""
    if isinstance(table, BaseModel):
        return dict(table)
    return table if isinstance(table, Mapping) else {}


def tables_of(given: object) -> list[Mapping[str, Any]]:
    """Of a list of tables; none where it is something else."""
    if not isinstance(given, Sequence) or isinstance(given, str):
        return []
    return [fields_of(one) for one in given]
