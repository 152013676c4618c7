"""The query language of OCAPI searches: request document -> checked `Search`, or a refusal.

Knows fields, operators and limits of `job_execution_search`; knows no executions. Everything that a
request may say becomes a `Condition`, which `matching` evaluates. Strict on purpose:
a client that sends something doubtful shall learn of it here and not from an instance.
"""

from collections.abc import Callable
from typing import Any

from monitor.simulator.checks import (
    as_flag,
    as_list,
    as_number,
    as_object,
    as_text,
    as_texts,
    as_word,
    needed,
    only,
)
from monitor.simulator.condition import (
    Anything,
    Between,
    Condition,
    Contains,
    Either,
    Every,
    Missing,
    Not,
    OneOf,
    Search,
    Sort,
    Value,
)
from monitor.simulator.exchange import JSON
from monitor.simulator.instant import parse_iso
from monitor.simulator.ocapi_fault import OcapiError, unknown_property, violated

MAX_COUNT = 200
DEFAULT_COUNT = 25
OPERATORS = ("is", "one_of", "is_null", "is_not_null", "less", "greater", "not_in", "neq")
STRINGS = ("id", "job_id", "status")
DATES = ("start_time", "end_time")
SORTABLE = ("job_id", "start_time", "end_time", "status")
# Fields the document has, but the search refuses.
UNSEARCHABLE = frozenset(
    {
        "job_description",
        "execution_status",
        "exit_status",
        "duration",
        "effective_duration",
        "creation_date",
        "last_modified",
        "modification_time",
        "client_id",
        "user_login",
        "executed_server_id",
        "execution_scopes",
        "parameters",
        "is_restart",
        "is_log_file_existing",
        "log_file_path",
        "retry_information",
        "continue_information",
        "status_metadata",
        "step_executions",
    }
)


def parse_search(body: Any, *, refuse_combined: bool = False, sortable: tuple[str, ...] = SORTABLE) -> Search:
    """Raises OcapiError for whatever the resource would not take."""
    document = as_object(body, "search_request", "$")
    only(
        document,
        ("query", "count", "start", "sorts", "select", "expand", "db_start_record_"),
        "search_request",
    )
    if "query" not in document:
        raise violated("The property 'query' is required.", "$.query")
    as_texts(document.get("expand", []), "$.expand", least=0)
    as_number(document.get("db_start_record_", 0), "$.db_start_record_", 0, None)
    return Search(
        condition=_query(document["query"], "$.query", refuse_combined=refuse_combined),
        sorts=tuple(
            _sort(entry, f"$.sorts[{i}]", sortable)
            for i, entry in enumerate(as_list(document.get("sorts", []), "$.sorts"))
        ),
        start=as_number(document.get("start", 0), "$.start", 0, None),
        count=as_number(document.get("count", DEFAULT_COUNT), "$.count", 1, MAX_COUNT),
        select=None if "select" not in document else as_text(document["select"], "$.select"),
    )


def _query(value: Any, path: str, *, refuse_combined: bool) -> Condition:
    name, inner, where = _single(value, path, "query", tuple(_QUERIES))

    def nested(part: Any, at: str) -> Condition:
        return _query(part, at, refuse_combined=refuse_combined)

    if refuse_combined and name == "bool_query" and "filtered_query" in _keys(inner):
        raise violated("A filtered_query inside a bool_query is not supported by this search.", where)
    return _QUERIES[name](inner, where, nested)


def _filter(value: Any, path: str, nested: "Nested") -> Condition:
    name, inner, where = _single(value, path, "filter", tuple(_FILTERS))
    return _FILTERS[name](inner, where, nested)


Nested = Callable[[Any, str], Condition]
Parser = Callable[[JSON, str, Nested], Condition]


def _match_all(inner: JSON, _path: str, _nested: Nested) -> Condition:
    only(inner, (), "match_all_query")
    return Anything()


def _term_query(inner: JSON, path: str, _nested: Nested) -> Condition:
    only(inner, ("fields", "operator", "values"), "term_query")
    fields = [_searchable(name, f"{path}.fields") for name in as_texts(needed(inner, "fields", path), path)]
    parts = [_term(name, inner, path) for name in fields]
    return parts[0] if len(parts) == 1 else Either(tuple(parts))


def _term_filter(inner: JSON, path: str, _nested: Nested) -> Condition:
    only(inner, ("field", "operator", "values"), "term_filter")
    return _term(_searchable(needed(inner, "field", path), f"{path}.field"), inner, path)


def _term(name: str, inner: JSON, path: str) -> Condition:
    operator = as_word(needed(inner, "operator", path), f"{path}.operator", OPERATORS)
    raw = as_list(inner.get("values", []), f"{path}.values")
    if operator in {"is_null", "is_not_null"}:
        if raw:
            raise violated(f"The operator '{operator}' takes no values.", f"{path}.values")
        return Missing(name) if operator == "is_null" else Not(Missing(name))
    values = [_value(name, entry, f"{path}.values[{i}]") for i, entry in enumerate(raw)]
    if not values or (operator not in {"one_of", "not_in"} and len(values) != 1):
        expected = "at least one value" if operator in {"one_of", "not_in"} else "exactly one value"
        raise violated(f"The operator '{operator}' takes {expected}, got {len(values)}.", f"{path}.values")
    if operator in {"less", "greater"}:
        raise violated(
            f"The operator '{operator}' is not supported by this search; use a range_filter.",
            f"{path}.operator",
        )
    found = OneOf(name, frozenset(values))
    return found if operator in {"is", "one_of"} else Not(found)


def _text_query(inner: JSON, path: str, _nested: Nested) -> Condition:
    only(inner, ("fields", "search_phrase"), "text_query")
    names = [_searchable(name, f"{path}.fields") for name in as_texts(needed(inner, "fields", path), path)]
    if dates := [name for name in names if name in DATES]:
        raise violated(f"'{dates[0]}' is a date; a text_query needs text.", f"{path}.fields")
    phrase = as_text(needed(inner, "search_phrase", path), f"{path}.search_phrase")
    return Contains(tuple(names), tuple(phrase.lower().split()))


def _bool_query(inner: JSON, path: str, nested: Nested) -> Condition:
    only(inner, ("must", "must_not", "should"), "bool_query")

    def group(key: str) -> list[Condition]:
        entries = as_list(inner.get(key, []), f"{path}.{key}")
        return [nested(entry, f"{path}.{key}[{i}]") for i, entry in enumerate(entries)]

    parts = group("must")
    # "NOT (a AND b)": the clauses of must_not are taken together, as the description's example has it.
    if excluded := group("must_not"):
        parts.append(Not(Every(tuple(excluded))))
    if wanted := group("should"):
        parts.append(Either(tuple(wanted)))
    return Every(tuple(parts))


def _filtered_query(inner: JSON, path: str, nested: Nested) -> Condition:
    only(inner, ("query", "filter"), "filtered_query")
    query = nested(needed(inner, "query", path), f"{path}.query")
    return Every((query, _filter(needed(inner, "filter", path), f"{path}.filter", nested)))


def _nested_query(_inner: JSON, path: str, _nested: Nested) -> Condition:
    raise violated("job_execution has no nested path to search.", path)


def _range_filter(inner: JSON, path: str, _nested: Nested) -> Condition:
    only(inner, ("field", "from", "to", "from_inclusive", "to_inclusive"), "range_filter")
    name = _searchable(needed(inner, "field", path), f"{path}.field")
    return Between(name, *_bounds(name, inner, path, "from", "to"))


def _range2_filter(inner: JSON, path: str, _nested: Nested) -> Condition:
    only(
        inner,
        ("from_field", "to_field", "filter_mode", "from_value", "to_value", "from_inclusive", "to_inclusive"),
        "range2_filter",
    )
    begin = _searchable(needed(inner, "from_field", path), f"{path}.from_field")
    end = _searchable(needed(inner, "to_field", path), f"{path}.to_field")
    mode = as_word(
        inner.get("filter_mode", "overlap"), f"{path}.filter_mode", ("overlap", "containing", "contained")
    )
    low, high, with_low, with_high = _bounds(begin, inner, path, "from_value", "to_value")
    if mode == "overlap":
        return _both(
            Between(begin, None, high, with_high=with_high), Between(end, low, None, with_low=with_low)
        )
    if mode == "containing":
        return _both(
            Between(begin, None, low, with_high=with_low), Between(end, high, None, with_low=with_high)
        )
    return _both(Between(begin, low, None, with_low=with_low), Between(end, None, high, with_high=with_high))


def _both(begin: Between, end: Between) -> Condition:
    return Every(tuple(part for part in (begin, end) if (part.low, part.high) != (None, None)))


def _bool_filter(inner: JSON, path: str, nested: Nested) -> Condition:
    only(inner, ("operator", "filters"), "bool_filter")
    operator = as_word(needed(inner, "operator", path), f"{path}.operator", ("and", "or", "not"))
    entries = as_list(inner.get("filters", []), f"{path}.filters")
    if not entries:
        raise violated("A bool_filter needs at least one filter.", f"{path}.filters")
    parts = tuple(_filter(entry, f"{path}.filters[{i}]", nested) for i, entry in enumerate(entries))
    if operator == "and":
        return Every(parts)
    return Either(parts) if operator == "or" else Not(Either(parts))


def _query_filter(inner: JSON, path: str, nested: Nested) -> Condition:
    only(inner, ("query",), "query_filter")
    return nested(needed(inner, "query", path), f"{path}.query")


_QUERIES: dict[str, Parser] = {
    "match_all_query": _match_all,
    "term_query": _term_query,
    "text_query": _text_query,
    "bool_query": _bool_query,
    "filtered_query": _filtered_query,
    "nested_query": _nested_query,
}
_FILTERS: dict[str, Parser] = {
    "term_filter": _term_filter,
    "range_filter": _range_filter,
    "range2_filter": _range2_filter,
    "bool_filter": _bool_filter,
    "query_filter": _query_filter,
}


def _bounds(
    name: str, inner: JSON, path: str, low: str, high: str
) -> tuple[Value | None, Value | None, bool, bool]:
    if inner.get(low) is None and inner.get(high) is None:
        raise violated(f"At least one of '{low}' and '{high}' is required.", path)
    first, last = (
        None if inner.get(key) is None else _value(name, inner[key], f"{path}.{key}") for key in (low, high)
    )
    with_low = as_flag(inner.get("from_inclusive", True), f"{path}.from_inclusive")
    return first, last, with_low, as_flag(inner.get("to_inclusive", True), f"{path}.to_inclusive")


def _sort(value: Any, path: str, sortable: tuple[str, ...]) -> Sort:
    entry = as_object(value, "sort", path)
    only(entry, ("field", "sort_order"), "sort")
    name = as_text(needed(entry, "field", path), f"{path}.field")
    if name not in sortable:
        raise _refused_field(name, f"{path}.field", "sortable", sortable)
    order = as_word(entry.get("sort_order", "asc"), f"{path}.sort_order", ("asc", "desc"))
    return Sort(name, descending=order == "desc")


def _searchable(value: Any, path: str) -> str:
    name = as_text(value, path)
    if name not in STRINGS and name not in DATES:
        raise _refused_field(name, path, "searchable", (*STRINGS, *DATES))
    return name


def _refused_field(name: str, path: str, quality: str, allowed: tuple[str, ...]) -> OcapiError:
    if name in UNSEARCHABLE or name in STRINGS:
        return violated(
            f"The attribute '{name}' is not {quality}; {quality} are: {', '.join(allowed)}.", path
        )
    return unknown_property(name, "job_execution")


def _value(name: str, value: Any, path: str) -> Value:
    if not isinstance(value, str):
        raise violated(f"'{name}' is compared with text, got {value!r}.", path)
    if name not in DATES:
        return value
    try:
        return parse_iso(value)
    except ValueError:
        raise violated(f"'{value}' is no date such as 2007-01-01T00:00:00.000Z.", path) from None


def _single(value: Any, path: str, what: str, allowed: tuple[str, ...]) -> tuple[str, JSON, str]:
    document = as_object(value, what, path)
    names = [name for name in document if not name.startswith("_")]
    if len(names) != 1:
        raise violated(f"A {what} has exactly one property, got {len(names)}: {', '.join(names)}.", path)
    if names[0] not in allowed:
        raise unknown_property(names[0], what)
    where = f"{path}.{names[0]}"
    return names[0], as_object(document[names[0]], names[0], where), where


def _keys(value: Any) -> set[str]:
    """All property names at any depth."""
    if isinstance(value, dict):
        return set(value).union(*(_keys(part) for part in value.values()))
    return set().union(*(_keys(part) for part in value)) if isinstance(value, list) else set()
