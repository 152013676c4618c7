"""`[[routes]]`: who is told of what, as a person writes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from monitor.settings.duration import PositiveDuration
from monitor.settings.given import tables_of
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
    escalate_after: PositiveDuration | None = None
    escalate_to: list[str] = []
    active: list[str] = []
    mute: list[str] = []


def contradictions(given: Mapping[str, Any], targets: Sequence[str]) -> Iterator[str]:
    """What routes say that nothing else in the settings knows of. targets: names of all there are."""
    routes = tables_of(given.get("routes"))
    windows = _strings(
        [one.get("name") for one in tables_of(given.get("windows")) if one.get("kind") == HOURS]
    )
    labels = {name for one in tables_of(given.get("instances")) for name in _names(one.get("labels"))}
    for number, route in enumerate(routes):
        place = f"routes[{number}]"
        yield from _unknown_targets(place, route, targets)
        yield from _unknown_hours(place, route, windows)
        yield from _unknown_matches(place, route, sorted(labels))
        if bool(route.get("escalate_after")) != bool(route.get("escalate_to")):
            yield f"{place}: escalate_after and escalate_to go together"
    names = _strings([one.get("name") for one in routes])
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"two routes are named {name}; give each its own name"


def _unknown_targets(place: str, route: Mapping[str, Any], targets: Sequence[str]) -> Iterator[str]:
    known = ", ".join(targets) or "none: name them in [[targets]] or apprise_urls"
    for field in ("targets", "escalate_to"):
        for name in _strings(route.get(field)):
            if name not in targets:
                yield f"{place}.{field}: there is no target {name}; known are {known}"


def _unknown_hours(place: str, route: Mapping[str, Any], windows: Sequence[str]) -> Iterator[str]:
    known = ", ".join(windows) or f'none: name them in [[windows]], of kind "{HOURS}"'
    for field in ("active", "mute"):
        for name in _strings(route.get(field)):
            if name not in windows:
                yield f"{place}.{field}: there are no hours named {name}; known are {known}"


def _unknown_matches(place: str, route: Mapping[str, Any], labels: Sequence[str]) -> Iterator[str]:
    known = [*MATCHED, *labels]
    for name in _names(route.get("match")):
        if name not in known:
            near = get_close_matches(name, known, n=1, cutoff=0.6)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
            yield f"{place}.match: nothing can be matched by {name}; {hint}"


def _names(given: Any) -> list[str]:
    return [*given] if isinstance(given, Mapping) else []


def _strings(given: Any) -> list[str]:
    return [one for one in given if isinstance(one, str)] if isinstance(given, Sequence) else []
