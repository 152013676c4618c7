"""What is wrong with the settings, in lines a person can act on: place, value, what is allowed. Pure.

A value is shown only where a secret cannot stand: a token typed in the wrong place is still a token.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from difflib import get_close_matches

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from monitor.settings.environment import INSTANCE_FIELDS, PREFIX, table_of
from monitor.settings.model import Settings

_SECRET = {"client_secret", "password", "url", "url_env", "apprise_urls", "state"}
_LONGEST_VALUE = 80
_FIELD_TO_NAME = {"name": "SFCC_INSTANCE"} | {field: name for name, field in INSTANCE_FIELDS.items()}
_FIELD = re.compile(rf"\b({'|'.join(sorted(_FIELD_TO_NAME, key=len, reverse=True))})\b")

Place = tuple[str | int, ...]


def problems(
    error: ValidationError, origin: str, environ: Mapping[str, str], *, by_environment: bool
) -> list[str]:
    """One line each, in the order of the settings. by_environment: the instance is that of `SFCC_*`."""
    lines = []
    for details in error.errors(include_url=False):
        message = _message(details)
        if by_environment and details["loc"][:1] == ("instances",):
            place, message = _named_by_cli(details["loc"], message)
        else:
            place = _place(details["loc"], origin, environ)
        lines.append(f"{place}{_value(details)}: {message}")
    return lines


def _named_by_cli(loc: Place, message: str) -> tuple[str, str]:
    if loc[-1] in _FIELD_TO_NAME:
        return _FIELD_TO_NAME[str(loc[-1])], message
    return "the environment", _FIELD.sub(lambda field: _FIELD_TO_NAME[field.group()], message)


def _place(loc: Place, origin: str, environ: Mapping[str, str]) -> str:
    for length in range(len(loc), 0, -1):
        name = PREFIX + "__".join(str(part).upper() for part in loc[:length])
        if name == f"{PREFIX}APPRISE_URLS" and not environ.get(name):
            name = "APPRISE_URLS"
        if environ.get(name):
            return _under(name, loc[length:])
    return _under(origin, loc)


def _under(start: str, loc: Place) -> str:
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return f"{start}: {text}" if text else start


def _value(details: ErrorDetails) -> str:
    value = details["input"]
    plain = isinstance(value, (str, int, float, datetime, date, time))
    if not plain or details["type"] in {"missing", "extra_forbidden"} or not _is_public(details["loc"]):
        return ""
    text = repr(value)
    if "@" in text:  # a login in an address
        text = f"'***@{text.rpartition('@')[2]}"
    return f" = {text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + '…'}"


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
    if details["type"] == "missing":
        return "is missing"
    return details["msg"].removeprefix("Value error, ")


def _unknown(loc: Place) -> str:
    table = _table(loc)
    names = list(table.model_fields) if table else []
    near = get_close_matches(str(loc[-1]).lower(), names, n=1, cutoff=0.5)
    if near:
        return f"there is no such setting; did you mean {near[0]}?"
    return f"there is no such setting; known here: {', '.join(names)}"


def _table(loc: Sequence[str | int]) -> type[BaseModel] | None:
    """The type of the table that what stands at `loc` is part of; None within a table of free names."""
    table: type[BaseModel] | None = Settings
    for part in loc[:-1]:
        if table is None or isinstance(part, int):
            continue
        field = table.model_fields.get(part)
        table = table_of(field.annotation) if field else None
    return table
