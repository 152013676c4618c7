"""What is wrong with the settings, in lines a person can act on: place, value, what is allowed. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from monitor.settings.environment import INSTANCE_FIELDS, PREFIX, table_of
from monitor.settings.model import Settings

_SECRET = {"client_secret", "password", "url", "apprise_urls"}
_LONGEST_VALUE = 80
_FIELD_TO_NAME = {field: name for name, field in INSTANCE_FIELDS.items()}


def problems(
    error: ValidationError, origin: str, environ: Mapping[str, str], *, by_environment: bool
) -> list[str]:
    """One line each, in the order of the settings."""
    return [
        f"{_place(details['loc'], origin, environ, by_environment=by_environment)}"
        f"{_value(details)}: {_message(details)}"
        for details in error.errors(include_url=False)
    ]


def _place(loc: Sequence[str | int], origin: str, environ: Mapping[str, str], *, by_environment: bool) -> str:
    if by_environment and loc and loc[0] == "instances":
        return _FIELD_TO_NAME.get(str(loc[-1]), "SFCC_SERVER and its companions")
    name = PREFIX + "__".join(str(part).upper() for part in loc)
    if name in environ:
        return name
    if loc and loc[0] == "apprise_urls" and "APPRISE_URLS" in environ:
        return "APPRISE_URLS"
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return f"{origin}: {text}" if text else origin


def _value(details: ErrorDetails) -> str:
    value = details["input"]
    hidden = any(str(part) in _SECRET for part in details["loc"])
    if hidden or isinstance(value, (dict, BaseModel)) or details["type"] == "missing":
        return ""
    text = repr(value)
    return f" = {text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + '…'}"


def _message(details: ErrorDetails) -> str:
    if details["type"] == "extra_forbidden":
        return _unknown(details["loc"])
    if details["type"] == "missing":
        return "is missing"
    return details["msg"].removeprefix("Value error, ")


def _unknown(loc: Sequence[str | int]) -> str:
    model: type[BaseModel] | None = Settings
    for part in loc[:-1]:
        if model is None or isinstance(part, int):
            continue
        field = model.model_fields.get(part)
        model = table_of(field.annotation) if field else None
    names = list(model.model_fields) if model else []
    near = get_close_matches(str(loc[-1]), names, n=1, cutoff=0.5)
    if near:
        return f"there is no such setting; did you mean {near[0]}?"
    return f"there is no such setting; known here: {', '.join(names)}"
