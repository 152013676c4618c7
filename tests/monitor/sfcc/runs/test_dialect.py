"""Two spellings of the same: queries there and back, documents of either API as equal runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.sfcc.runs import search, wire
from monitor.sfcc.runs.dialect import ALL_TIME, EVERYTHING, KEYS, Style, as_ocapi, request, respelled
from monitor.sfcc.runs.gaps import gaps
from monitor.sfcc.runs.search import Query
from tests.monitor.mangled import FINISHED, PENDING, RUNNING, documents

SINCE = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
FORMS = [
    *search.recent_forms(SINCE),
    *search.between_forms(SINCE, SINCE + HOUR),
    *search.resumed_forms(SINCE, SINCE + HOUR, SINCE + HOUR / 2),
]


def in_camel_case(value: Any) -> Any:
    """A document as SCAPI would write it: every key of every level, nothing else."""
    if isinstance(value, list):
        return [in_camel_case(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        re.sub(r"_(\w)", lambda found: found[1].upper(), key): in_camel_case(one)
        for key, one in value.items()
    }


def in_snake_case(query: Any) -> Any:
    """Back again, names of fields included; values are left alone."""
    if isinstance(query, list):
        return [in_snake_case(one) for one in query]
    if not isinstance(query, Mapping):
        return query
    return {_snake(key): _back(_snake(key), value) for key, value in query.items()}


def _back(key: str, value: Any) -> Any:
    if key in {"field", "from_field", "to_field"}:
        return _snake(value)
    if key == "fields":
        return [_snake(name) for name in value]
    return value if key == "values" else in_snake_case(value)


def _snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda found: "_" + found[0].lower(), name)


names = st.sampled_from(["id", "job_id", "status", "start_time", "end_time"])
words = st.lists(st.sampled_from(["RUNNING", "start_time", "startTime", "a_b", "ERROR"]), max_size=3)
bounds = st.fixed_dictionaries(
    {}, optional={"from": st.just("2026-11-22T02:00:00.000Z"), "to_inclusive": st.booleans()}
)
leaves: st.SearchStrategy[Query] = st.one_of(
    st.just(EVERYTHING),
    st.builds(
        lambda fields, values: {"term_query": {"fields": fields, "operator": "one_of", "values": values}},
        st.lists(names, min_size=1, max_size=3),
        words,
    ),
    st.builds(lambda field, more: {"range_filter": {"field": field, **more}}, names, bounds),
    st.builds(lambda one, two: {"range2_filter": {"from_field": one, "to_field": two}}, names, names),
)
queries: st.SearchStrategy[Query] = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda parts: {"bool_query": {"must_not": parts, "should": parts}}, st.lists(inner)),
        st.builds(lambda parts: {"bool_filter": {"operator": "or", "filters": parts}}, st.lists(inner)),
        st.builds(lambda one, two: {"filtered_query": {"query": one, "filter": two}}, inner, inner),
    ),
    max_leaves=6,
)


@given(queries, st.sampled_from(Style))
def test_a_query_respelled_and_back_is_the_same(query: Query, style: Style) -> None:
    assert in_snake_case(respelled(query, style)) == query


@given(queries, st.sampled_from(Style))
def test_the_structure_of_a_query_is_in_camel_case_in_either_style(query: Query, style: Style) -> None:
    def keys(value: Any) -> set[str]:
        if isinstance(value, list):
            return {key for one in value for key in keys(one)}
        if not isinstance(value, dict):
            return set()
        return set(value) | {key for one in value.values() for key in keys(one)}

    assert not [key for key in keys(respelled(query, style)) if "_" in key]


@pytest.mark.parametrize(
    ("style", "field"), [(Style.CAMEL, "startTime"), (Style.SNAKE, "start_time")], ids=["camel", "snake"]
)
def test_a_request_has_its_own_document(style: Style, field: str) -> None:
    assert request(ALL_TIME, 40, 20, style) == {
        "query": {
            "filteredQuery": {
                "query": {"matchAllQuery": {}},
                "filter": {"rangeFilter": {"field": field, "from": "2000-01-01T00:00:00.000Z"}},
            }
        },
        "sorts": [{"field": field, "sortOrder": "asc"}],
        "limit": 20,
        "offset": 40,
    }


def test_a_request_that_names_no_field_is_not_sorted_by_one() -> None:
    assert request(EVERYTHING, 0, 1, None) == {"query": {"matchAllQuery": {}}, "limit": 1, "offset": 0}


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_every_search_that_is_made_survives_the_way_there_and_back(form: tuple[Query, ...]) -> None:
    for query in form:
        assert in_snake_case(respelled(query, Style.CAMEL)) == query


@pytest.mark.parametrize("document", [FINISHED, RUNNING, PENDING], ids=["finished", "running", "pending"])
def test_the_same_run_by_either_api_is_the_same(document: dict[str, Any]) -> None:
    theirs = as_ocapi(in_camel_case(document))
    assert wire.parse(theirs, "production") == wire.parse(document, "production")
    assert gaps(theirs, wire.parse(theirs, "production")) == ()


@given(documents())
def test_mangled_documents_are_as_good_or_bad_in_either_spelling(document: dict[str, Any]) -> None:
    theirs = as_ocapi(in_camel_case(document))
    try:
        expected = wire.parse(document, "production")
    except wire.UnreadableError as error:
        with pytest.raises(wire.UnreadableError, match=re.escape(str(error))):
            wire.parse(theirs, "production")
        return
    got = wire.parse(theirs, "production")
    assert replace(got, version="") == replace(expected, version=""), "whole seconds are written in two ways"
    assert wire.is_active(theirs) == wire.is_active(document)
    assert gaps(theirs, expected) == gaps(document, expected)


def test_a_time_without_fractions_makes_no_other_version() -> None:
    whole = {**FINISHED, "end_time": "2026-11-22T02:14:11.000Z"}
    short = in_camel_case({**FINISHED, "end_time": "2026-11-22T02:14:11Z"})
    assert wire.version(as_ocapi(short)) == wire.version(whole)


@given(st.none() | st.integers() | st.text() | st.lists(st.integers()))
def test_what_is_no_document_stays_what_it_is(value: Any) -> None:
    assert as_ocapi(value) is value


def test_every_field_that_is_read_is_known_in_both_spellings() -> None:
    read = set(re.findall(r'get\("([a-z_]+)"\)', (wire.__loader__.get_source(wire.__name__))))  # type: ignore[union-attr]
    assert {name for name in read if "_" in name} <= set(KEYS)
