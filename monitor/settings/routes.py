"""`[[routes]]`: who is told of what, as a person writes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from monitor.settings.given import fields_of
from monitor.settings.table import Table
from monitor.settings.thresholds import CONDITION_NAMES, Globs
from monitor.settings.windows import HOURS

MATCHED = ("severity", "condition", "job_id", "instance", "instance_type", "group", "owner")
"""What every incident can be matched by; labels of instances come in addition."""

SEVERITIES = ("info", "warning", "critical")
_GLOB = "*?["


def _as_list(given: Any) -> Any:
    return [given] if isinstance(given, str) else given


def refuse_unknown(given: Mapping[str, Sequence[str]]) -> None:
    """Raises ValueError for a severity or a condition that there is not."""
    for name, words in (("severity", SEVERITIES), ("condition", CONDITION_NAMES)):
        for glob in given.get(name, ()):
            if glob not in words and not any(sign in glob for sign in _GLOB):
                near = get_close_matches(glob.lower(), words, n=1, cutoff=0.5)
                hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(words)}"
                raise ValueError(f"there is no {name} {glob}; {hint}")


def _known(given: dict[str, Globs]) -> dict[str, Globs]:
    refuse_unknown(given)
    return given


OneOrMore = Annotated[
    Globs,
    BeforeValidator(_as_list),
    Field(min_length=1),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]


class RouteSettings(Table):
    """Read from the top; the first route that takes an incident is the last one asked, unless it continues.

    What none of them takes goes to all targets. A last one without match takes the rest; with no targets it
    says that nobody is told of it. active, mute: names of windows; its news wait until one of the former has
    begun, and until all of the latter are over.
    """

    name: Annotated[str, Field(min_length=1)] | None = None
    match: Annotated[dict[str, OneOrMore], AfterValidator(_known)] = {}
    targets: list[str]
    goes_on: bool = Field(default=False, alias="continue")
    group_by: list[str] | None = None
    active: list[str] = []
    mute: list[str] = []


def contradictions(given: Mapping[str, Any], targets: Sequence[str]) -> Iterator[str]:
    """What routes say that nothing else in the settings knows of. targets: names of all there are."""
    routes = _tables(given.get("routes"))
    windows = _strings([one.get("name") for one in _tables(given.get("windows")) if one.get("kind") == HOURS])
    labels = {name for one in _tables(given.get("instances")) for name in _names(one.get("labels"))}
    for number, route in enumerate(routes):
        for name in _strings(route.get("targets")):
            if name not in targets:
                known = ", ".join(targets) or "none: name them in [[targets]] or apprise_urls"
                yield f"routes[{number}].targets: there is no target {name}; known are {known}"
        for field in ("active", "mute"):
            for name in _strings(route.get(field)):
                if name not in windows:
                    known = ", ".join(windows) or f'none: name them in [[windows]], of kind "{HOURS}"'
                    yield f"routes[{number}].{field}: there are no hours named {name}; known are {known}"
        for name in _names(route.get("match")):
            if name not in MATCHED and name not in labels:
                near = get_close_matches(name, [*MATCHED, *labels], n=1, cutoff=0.6)
                hint = (
                    f"did you mean {near[0]}?"
                    if near
                    else f"known are {', '.join((*MATCHED, *sorted(labels)))}"
                )
                yield f"routes[{number}].match: nothing can be matched by {name}; {hint}"
    names = _strings([one.get("name") for one in routes])
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"two routes are named {name}; give each its own name"


def _tables(given: Any) -> list[Mapping[str, Any]]:
    if not isinstance(given, Sequence) or isinstance(given, str):
        return []
    return [fields_of(one) for one in given]


def _names(given: Any) -> list[str]:
    return [*given] if isinstance(given, Mapping) else []


def _strings(given: Any) -> list[str]:
    return [one for one in given if isinstance(one, str)] if isinstance(given, Sequence) else []
