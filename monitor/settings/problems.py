"""What is wrong with the settings, in lines a person can act on: place, value, what is allowed. Pure.

A value is shown only where a secret cannot stand: a token typed in the wrong place is still a token.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import date, datetime, time
from difflib import get_close_matches

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from monitor.settings.credentials import SECRETS
from monitor.settings.environment import INSTANCE_FIELDS, PREFIX, table_of
from monitor.settings.model import Settings
from monitor.settings.outside import Outside

_SECRET = {*SECRETS, "url", "heartbeat_url", "url_env", "key", "key_env", "apprise_urls", "state"}
_LONGEST_VALUE = 80
_FIELD_TO_NAME = {"name": "SFCC_INSTANCE"} | {field: name for name, field in INSTANCE_FIELDS.items()}
_FIELD = re.compile(rf"\b({'|'.join(sorted(_FIELD_TO_NAME, key=len, reverse=True))})\b")

_WORDS = {
    "missing": "is missing",
    "model_type": "a table is wanted here",
    "dict_type": "a table is wanted here",
    "list_type": "a list is wanted here",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
}
"""Where the library speaks of its own types rather than of settings."""

Place = tuple[str | int, ...]


def problems(error: ValidationError, origin: str, names: Collection[str], outside: Outside) -> list[str]:
    """One line each, in the order of the settings.

    names: the variables that count. outside: the instance, where it is described there.
    """
    lines = []
    for details in error.errors(include_url=False):
        message = _message(details)
        if outside.instance is not None and details["loc"][:1] == ("instances",):
            place, message = _as_spelt(details["loc"], message, outside)
        else:
            place = _place(details["loc"], origin, names)
        lines.append(f"{place}{_value(details)}: {_without_length(message, details['input'])}")
    return lines


def _as_spelt(loc: Place, message: str, outside: Outside) -> tuple[str, str]:
    """By the names of the official command line, in whichever of its two places the field is given."""
    spelt = _FIELD_TO_NAME | dict(outside.spelt)
    if loc[-1] in spelt:
        return spelt[str(loc[-1])], message
    return outside.origin, _FIELD.sub(lambda field: spelt[field.group()].rpartition(": ")[2], message)


def _place(loc: Place, origin: str, names: Collection[str]) -> str:
    for length in range(len(loc), 0, -1):
        own = "__".join(str(part).upper() for part in loc[:length])
        for name in (PREFIX + own, own):  # the latter is APPRISE_URLS
            if name in names:
                return name + _path(loc[length:])
    return f"{origin}: {_path(loc).removeprefix('.')}" if loc else origin


def _path(loc: Place) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)


def _value(details: ErrorDetails) -> str:
    value = details["input"]
    plain = isinstance(value, (str, int, float, datetime, date, time))
    if not plain or details["type"] in {"missing", "extra_forbidden"} or not _is_public(details["loc"]):
        return ""
    text = repr(value)
    if "@" in text[2:]:  # a login in an address; `@daily` is none
        text = f"'***@{text.rpartition('@')[2]}"
    return f" = {text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + '…'}"


def _without_length(message: str, value: object) -> str:
    """A message may quote the value it is about, which may be of any length."""
    if isinstance(value, str) and len(value) > _LONGEST_VALUE:
        return message.replace(value, f"{value[:_LONGEST_VALUE]}…")
    return message


def _is_public(loc: Place) -> bool:
    """Not where a secret belongs, nor where a whole table does."""
    if _SECRET.intersection(str(part) for part in loc):
        return False
    table, field = _table(loc), loc[-1] if loc else None
    if isinstance(field, int):
        return table is None
    return (
        table is None or field not in table.model_fields or not table_of(table.model_fields[field].annotation)
    )


def _message(details: ErrorDetails) -> str:
    if details["type"] == "extra_forbidden":
        return _unknown(details["loc"])
    return _WORDS.get(details["type"]) or details["msg"].removeprefix("Value error, ")


def _unknown(loc: Place) -> str:
    table, name = _table(loc), str(loc[-1])
    names = [field.alias or name for name, field in table.model_fields.items()] if table else []
    if homes := _homes(name):
        return f"there is no such setting here; it belongs into {' or '.join(homes)}"
    near = get_close_matches(name.lower(), names, n=1, cutoff=0.5)
    if near:
        return f"there is no such setting; did you mean {near[0]}?"
    return f"there is no such setting; known here: {', '.join(names)}"


def _homes(name: str) -> list[str]:
    """The tables that have a field of this name: it may stand above the header it was meant to be under."""
    return [
        field
        for field, info in Settings.model_fields.items()
        if (table := table_of(info.annotation)) is not None and name in table.model_fields
    ]


def _table(loc: Sequence[str | int]) -> type[BaseModel] | None:
    """The type of the table that what stands at `loc` is part of; None within a table of free names."""
    table: type[BaseModel] | None = Settings
    for part in loc[:-1]:
        if table is None or isinstance(part, int):
            continue
        field = table.model_fields.get(part)
        table = table_of(field.annotation) if field else None
    return table
