"""A SCAPI search request as an OCAPI one, so that one parser knows what may be asked.

The structure is camelCase beyond doubt. About the names of fields inside it the official sources contradict
each other, hence the two switches: which spelling is taken, and whether another is refused or matches
nothing without a word.
"""

import re
from typing import Any

from monitor.simulator.checks import as_object, only
from monitor.simulator.exchange import JSON
from monitor.simulator.model import Quirks
from monitor.simulator.ocapi_fault import OcapiError, unknown_property
from monitor.simulator.query import DATES, STRINGS
from monitor.simulator.spelling import camel

OTHER_ID = "x-"  # what runs are called where SCAPI has ids of its own
SORTABLE = (*STRINGS, *DATES)

_STRUCTURE = {
    camel(name): name
    for name in (
        *("bool_query", "filtered_query", "match_all_query", "nested_query", "term_query", "text_query"),
        *("bool_filter", "query_filter", "range_filter", "range2_filter", "term_filter"),
        *("must_not", "search_phrase", "filter_mode", "from_field", "to_field", "from_value", "to_value"),
        *("from_inclusive", "to_inclusive", "sort_order", "score_mode"),
    )
}
_SNAKE = frozenset(_STRUCTURE.values())
_WORD = re.compile(r"\b[a-z0-9]+(?:_[a-z0-9]+)+\b")
_LEAVES = ("termQuery", "textQuery", "termFilter", "rangeFilter", "range2Filter")
_NEVER = "\0"  # the id of no execution


class Unsearched(Exception):  # noqa: N818 - not an error: it says that a part of the request matches nothing
    """A field that the search does not know, and does not mention."""


def as_ocapi(body: Any, quirks: Quirks) -> JSON:
    """Raises OcapiError for what the dialect does not have; the rest is checked by who reads the result."""
    document = as_object(body, "SearchRequest", "$")
    only(document, ("query", "sorts", "limit", "offset"), "SearchRequest")
    translation = _Translation(quirks)
    wanted: JSON = {}
    if "query" in document:
        wanted["query"] = translation.node(document["query"])
    if "sorts" in document:
        wanted["sorts"] = translation.sorts(document["sorts"])
    wanted |= {
        theirs: document[ours]
        for ours, theirs in (("limit", "count"), ("offset", "start"))
        if ours in document
    }
    return wanted


def detail_of(error: OcapiError) -> str:
    """A refusal's text in the words of who asked; an unknown property is quoted as it was written."""
    if error.fault_type == "UnknownPropertyException":
        return error.message
    place = f" ({error.arguments['path']})" if "path" in error.arguments else ""
    spelt = _WORD.sub(
        lambda match: camel(match[0]) if match[0] in _SNAKE else match[0], error.message + place
    )
    return spelt.replace("$.count", "$.limit").replace("$.start", "$.offset")


class _Translation:
    def __init__(self, quirks: Quirks) -> None:
        self._quirks = quirks
        names = (*STRINGS, *DATES)
        self._fields: dict[str, str] = {}
        if quirks.search_fields != "snake":
            self._fields |= {camel(name): name for name in names}
        if quirks.search_fields != "camel":
            self._fields |= {name: name for name in names}

    def node(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.node(part) for part in value]
        if not isinstance(value, dict):
            return value
        return dict(self._entry(name, part) for name, part in value.items())

    def sorts(self, value: Any) -> Any:
        """A sort by a field that is unknown without a word is no sort."""
        if not isinstance(value, list):
            return value
        kept = []
        for entry in value:
            try:
                kept.append(self._leaf(entry) if isinstance(entry, dict) else entry)
            except Unsearched:
                continue
        return kept

    def _entry(self, name: str, part: Any) -> tuple[str, Any]:
        if name in _LEAVES and isinstance(part, dict):
            try:
                return _STRUCTURE[name], self._leaf(part)
            except Unsearched:
                return _nothing(name)
        return _structural(name), self.node(part)

    def _leaf(self, part: JSON) -> JSON:
        found = {_structural(name): value for name, value in part.items()}
        for name in ("field", "from_field", "to_field"):
            if isinstance(found.get(name), str):
                found[name] = self._field(found[name])
        if isinstance(found.get("fields"), list):
            found["fields"] = self._known(found["fields"])
        if self._quirks.scapi_ids == "other" and "id" in (found.get("field"), *found.get("fields", ())):
            found["values"] = [_inner_id(value) for value in found.get("values", [])]
        return found

    def _known(self, names: list[Any]) -> list[Any]:
        """Of several fields those that the search has; that it has none means that nothing matches."""
        known = []
        for name in names:
            try:
                known.append(self._field(name) if isinstance(name, str) else name)
            except Unsearched:
                continue
        if names and not known:
            raise Unsearched
        return known

    def _field(self, name: str) -> str:
        if name in self._fields:
            return self._fields[name]
        if self._quirks.unknown_fields == "match_nothing":
            raise Unsearched
        raise OcapiError(
            400,
            "UnknownPropertyException",
            f"The field '{name}' is not searchable; searchable are: {', '.join(self._fields)}.",
        )


def own_id(execution_id: str, quirks: Quirks) -> str:
    return OTHER_ID + execution_id if quirks.scapi_ids == "other" else execution_id


def world_id(execution_id: str, quirks: Quirks) -> str:
    """Which execution is meant; one that nobody has where the id is not of SCAPI's making."""
    return str(_inner_id(execution_id)) if quirks.scapi_ids == "other" else execution_id


def _inner_id(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return value.removeprefix(OTHER_ID) if value.startswith(OTHER_ID) else _NEVER


def _structural(name: str) -> str:
    if name in _SNAKE or name.startswith("_"):
        raise unknown_property(name, "SearchRequest")
    return _STRUCTURE.get(name, name)


def _nothing(kind: str) -> tuple[str, JSON]:
    if kind.endswith("Query"):
        return "term_query", {"fields": ["id"], "operator": "is", "values": [_NEVER]}
    return "term_filter", {"field": "id", "operator": "is", "values": [_NEVER]}
