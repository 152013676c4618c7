"""Reading a request document property by property, strictly: each refusal names the place.

Knows shapes, not meanings; `path` is written as `$.query.term_query.fields`.
"""

from typing import Any

from monitor.simulator.exchange import JSON
from monitor.simulator.ocapi_fault import not_in_enum, unknown_property, violated


def as_object(value: Any, what: str, path: str) -> JSON:
    if not isinstance(value, dict):
        raise violated(f"The document '{what}' is an object, got {type(value).__name__}.", path)
    return value


def only(document: JSON, allowed: tuple[str, ...], what: str) -> None:
    for name in document:
        if name not in allowed and name not in {"_v", "_type"}:
            raise unknown_property(name, what)


def needed(document: JSON, name: str, path: str) -> Any:
    if document.get(name) is None:
        raise violated(f"The property '{name}' is required.", f"{path}.{name}")
    return document[name]


def as_number(value: Any, path: str, least: int, most: int | None) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise violated(f"An integer is needed, got {value!r}.", path)
    if value < least or (most is not None and value > most):
        raise violated(f"{value} is outside {least}..{'' if most is None else most}.", path)
    return value


def as_flag(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise violated(f"true or false is needed, got {value!r}.", path)
    return value


def as_text(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise violated(f"Text is needed, got {value!r}.", path)
    return value


def as_list(value: Any, path: str) -> list[Any]:
    if not isinstance(value, list):
        raise violated(f"A list is needed, got {type(value).__name__}.", path)
    return value


def as_texts(value: Any, path: str, least: int = 1) -> list[str]:
    entries = [as_text(entry, path) for entry in as_list(value, path)]
    if len(entries) < least:
        raise violated(f"At least {least} entry is needed.", path)
    return entries


def as_word(value: Any, path: str, allowed: tuple[str, ...]) -> str:
    word = as_text(value, path)
    if word not in allowed:
        raise not_in_enum(word, path, allowed)
    return word
