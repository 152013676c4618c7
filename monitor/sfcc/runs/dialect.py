"""SCAPI's spelling of what OCAPI says too: queries there, documents back. Pure.

Knows names; knows no HTTP and no meaning. The one idea: documents are respelled once, as they come, so
that everything behind reads one spelling, and a run has the same `version` whichever API named it. How the
fields of a query are spelled differs from instance to instance, and is the caller's to find out (`Style`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

from monitor.sfcc.runs.search import ORDER, Query, began_since

FIELD_NAMES = frozenset({"field", "from_field", "to_field"})
"""Keys of a query whose value names a field; that of `fields` names several."""

TIMES = ("start_time", "end_time", "creation_date", "last_modified", "modification_time")
KEYS = (
    *("id", "job_id", "execution_status", "status", "exit_status", "duration", "user_login", "client_id"),
    *("execution_scopes", "is_restart", "is_log_file_existing", "log_file_path", "log_file_name"),
    *("retry_information", "current_retry_attempt", "max_retries"),
    *("step_executions", "step_id", "step_type_id", "execution_scope"),
    *TIMES,
)
"""Whatever is read of a run or of its steps."""

ALL_TIME = began_since(datetime(2000, 1, 1, tzinfo=UTC))
"""Finds every run that has started, if fields are spelled as the instance wants them."""

EVERYTHING: Query = {"match_all_query": {}}


class Style(StrEnum):
    """How a query spells `start_time`. The official documents contradict each other."""

    CAMEL = "camel"
    SNAKE = "snake"


@lru_cache(maxsize=256)
def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


NAMES = {camel(key): key for key in KEYS}


def respelled(query: Query, style: Style) -> dict[str, Any]:
    """The same query: its structure in camel case, its fields by `style`, its values as they are."""
    return {camel(key): _respelled(key, value, style) for key, value in query.items()}


def request(query: Query, start: int, limit: int, style: Style | None) -> dict[str, Any]:
    """`style` None: unsorted, for queries that name no field."""
    if style is None:
        return {"query": respelled(query, Style.CAMEL), "limit": limit, "offset": start}
    return {
        "query": respelled(query, style),
        "sorts": [respelled(one, style) for one in ORDER],
        "limit": limit,
        "offset": start,
    }


def as_ocapi(document: Any) -> Any:
    """A run, or one of its steps, spelled as OCAPI does; what is no document stays what it is."""
    if not isinstance(document, dict):
        return document
    found = {NAMES.get(key, key): value for key, value in document.items()}
    for name in TIMES:
        value = found.get(name)
        if isinstance(value, str) and len(value) == 20 and value[-1] == "Z":
            found[name] = value[:-1] + ".000Z"
    if "retry_information" in found:
        found["retry_information"] = as_ocapi(found["retry_information"])
    steps = found.get("step_executions")
    if isinstance(steps, list):
        found["step_executions"] = [as_ocapi(step) for step in steps]
    return found


def _respelled(key: str, value: Any, style: Style) -> Any:
    if key in FIELD_NAMES:
        return _field(value, style)
    if key == "fields":
        return [_field(name, style) for name in value]
    if isinstance(value, Mapping):
        return respelled(value, style)
    if isinstance(value, list):
        return [respelled(one, style) if isinstance(one, Mapping) else one for one in value]
    return value


def _field(name: str, style: Style) -> str:
    return camel(name) if style is Style.CAMEL else name
