"""The query language: which rows each condition finds, and what is refused and how."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from monitor.simulator import Caller, ManualClock, Outcome, World

DAY = datetime(2026, 11, 22, tzinfo=UTC)
AT_2, AT_3 = "2026-11-22T02:00:00.000Z", "2026-11-22T03:00:00.000Z"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(DAY + timedelta(hours=4))


@pytest.fixture
def caller(world: World) -> Caller:
    """1 a 01:00-02:00 OK · 2 b 02:00-03:00 ERROR · 3 a 03:00-03:30 WARN · 4 b since 03:45 · 5 c pending."""
    for name, job, hour, minutes, code in (
        ("1", "a", 1, 60, "OK"),
        ("2", "b", 2, 60, "ERROR"),
        ("3", "a", 3, 30, "WARN"),
    ):
        world.start(
            job,
            at=DAY + timedelta(hours=hour),
            execution_id=name,
            outcome=Outcome(code, "error" if code == "ERROR" else "ok", duration=timedelta(minutes=minutes)),
        )
    world.start("b", at=DAY + timedelta(hours=3, minutes=45), execution_id="4")
    world.start("c", pending=True, execution_id="5")
    return Caller(world)


def term(field: str, operator: str, *values: Any) -> dict[str, Any]:
    return {"term_query": {"fields": [field], "operator": operator, "values": list(values)}}


def filtered(condition: Any, query: Any = None) -> dict[str, Any]:
    return {"filtered_query": {"query": query or {"match_all_query": {}}, "filter": condition}}


def between(field: str, **bounds: Any) -> dict[str, Any]:
    return {"range_filter": {"field": field, **bounds}}


def during(mode: str | None, start: str | None, stop: str | None, **more: Any) -> dict[str, Any]:
    return {
        "range2_filter": {
            "from_field": "start_time",
            "to_field": "end_time",
            **({"filter_mode": mode} if mode else {}),
            **({"from_value": start} if start else {}),
            **({"to_value": stop} if stop else {}),
            **more,
        }
    }


A = term("job_id", "is", "a")
B = term("job_id", "is", "b")
ERROR = term("status", "is", "ERROR")
TERM_FILTER_A = {"term_filter": {"field": "job_id", "operator": "is", "values": ["a"]}}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        pytest.param({"match_all_query": {}}, "12345", id="everything, unstarted last"),
        pytest.param(A, "13", id="one job"),
        pytest.param(term("job_id", "one_of", "a", "b"), "1234", id="several jobs"),
        pytest.param(term("job_id", "one_of", "A"), "", id="ids are told apart by case"),
        pytest.param(term("job_id", "neq", "a"), "245", id="all jobs but one"),
        pytest.param(term("job_id", "not_in", "a", "c"), "24", id="all jobs but some"),
        pytest.param(term("id", "is", "3"), "3", id="by id"),
        pytest.param(term("status", "one_of", "RUNNING", "PENDING"), "45", id="active ones, in upper case"),
        pytest.param(term("status", "is", "running"), "", id="lower case finds nothing"),
        pytest.param(term("status", "is", "OK"), "1", id="the code OK"),
        pytest.param(term("status", "one_of", "OK", "ERROR"), "12", id="codes with OK among them"),
        pytest.param(term("end_time", "is_null"), "45", id="without an end"),
        pytest.param(term("start_time", "is_not_null"), "1234", id="with a start"),
        pytest.param(term("start_time", "is", AT_2), "2", id="a date to the millisecond"),
        pytest.param(
            {"term_query": {"fields": ["id", "job_id"], "operator": "one_of", "values": ["3", "c"]}},
            "35",
            id="several fields are alternatives",
        ),
        pytest.param({"text_query": {"fields": ["status"], "search_phrase": "err"}}, "2", id="text within"),
        pytest.param(
            {"text_query": {"fields": ["status"], "search_phrase": "run ning"}}, "4", id="all words"
        ),
        pytest.param({"bool_query": {"must": [B, ERROR]}}, "2", id="must: all of them"),
        pytest.param({"bool_query": {"should": [A, ERROR]}}, "123", id="should: any of them"),
        pytest.param({"bool_query": {"must_not": [A]}}, "245", id="must_not"),
        pytest.param(
            {"bool_query": {"must_not": [B, ERROR]}}, "1345", id="must_not takes its parts together"
        ),
        pytest.param({"bool_query": {"must": [B], "must_not": [ERROR]}}, "4", id="groups are joined by and"),
        pytest.param({"bool_query": {}}, "12345", id="an empty bool finds everything"),
        pytest.param(filtered(between("start_time", **{"from": AT_2})), "234", id="since, inclusive"),
        pytest.param(
            filtered(between("start_time", **{"from": AT_2, "from_inclusive": False})), "34", id="after"
        ),
        pytest.param(filtered(between("start_time", to=AT_3)), "123", id="until, inclusive"),
        pytest.param(filtered(between("start_time", to=AT_3, to_inclusive=False)), "12", id="before"),
        pytest.param(
            filtered(between("start_time", **{"from": "2026-11-22T03:00:00+01:00"})), "234", id="an offset"
        ),
        pytest.param(filtered(between("start_time", **{"from": AT_2}), B), "24", id="since, of one job"),
        pytest.param(
            filtered(between("start_time", **{"from": AT_2}), ERROR), "2", id="since, of one status"
        ),
        pytest.param(filtered(between("end_time", **{"from": AT_3})), "23", id="ended since"),
        pytest.param(filtered(between("job_id", **{"from": "b"})), "245", id="text has an order too"),
        pytest.param(filtered(TERM_FILTER_A), "13", id="term filter"),
        pytest.param(
            filtered(
                {"bool_filter": {"operator": "and", "filters": [TERM_FILTER_A, between("end_time", to=AT_2)]}}
            ),
            "1",
            id="filters joined by and",
        ),
        pytest.param(
            filtered(
                {"bool_filter": {"operator": "or", "filters": [TERM_FILTER_A, between("end_time", to=AT_3)]}}
            ),
            "123",
            id="filters joined by or",
        ),
        pytest.param(
            filtered(
                {"bool_filter": {"operator": "not", "filters": [TERM_FILTER_A, between("end_time", to=AT_3)]}}
            ),
            "45",
            id="not is none of them",
        ),
        pytest.param(filtered({"query_filter": {"query": ERROR}}), "2", id="a query as filter"),
        pytest.param(filtered(during(None, AT_2, AT_3)), "123", id="overlap is the default, ends included"),
        pytest.param(
            filtered(during("overlap", AT_2, AT_3, from_inclusive=False, to_inclusive=False)),
            "2",
            id="overlap without touching",
        ),
        pytest.param(filtered(during("contained", AT_2, AT_3)), "2", id="contained"),
        pytest.param(filtered(during("containing", AT_2, AT_2)), "12", id="containing"),
        pytest.param(filtered(during("overlap", AT_3, None)), "23", id="overlap with an open end"),
        pytest.param({"_type": "query", "match_all_query": {}}, "12345", id="what says its type is taken"),
    ],
)
def test_a_query_finds(caller: Caller, query: Any, found: str) -> None:
    document = caller.search(query).json()
    assert "".join(hit["id"] for hit in document["hits"]) == found
    assert document["total"] == document["count"] == len(found)


@pytest.mark.parametrize(
    ("sorts", "order"),
    [
        pytest.param([{"field": "start_time"}], "12345", id="ascending by default"),
        pytest.param([{"field": "start_time", "sort_order": "desc"}], "43215", id="unstarted stay last"),
        pytest.param([{"field": "end_time", "sort_order": "desc"}], "32145", id="without an end stay last"),
        pytest.param([{"field": "status"}], "21543", id="by status"),
        pytest.param(
            [{"field": "job_id", "sort_order": "desc"}, {"field": "start_time", "sort_order": "desc"}],
            "54231",
            id="by two fields",
        ),
    ],
)
def test_hits_are_sorted(caller: Caller, sorts: Any, order: str) -> None:
    assert "".join(hit["id"] for hit in caller.search(sorts=sorts).json()["hits"]) == order


CONSTRAINT, UNKNOWN, ENUM = (
    "PropertyConstraintViolationException",
    "UnknownPropertyException",
    "EnumConstraintViolationException",
)
ALL: dict[str, Any] = {"match_all_query": {}}


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        pytest.param({}, CONSTRAINT, id="no query"),
        pytest.param([], CONSTRAINT, id="no object"),
        pytest.param({"query": ALL, "count": 0}, CONSTRAINT, id="count below 1"),
        pytest.param({"query": ALL, "count": 201}, CONSTRAINT, id="count above 200"),
        pytest.param({"query": ALL, "count": "25"}, CONSTRAINT, id="count as text"),
        pytest.param({"query": ALL, "start": -1}, CONSTRAINT, id="start below 0"),
        pytest.param({"query": ALL, "limit": 5}, UNKNOWN, id="a property of the other API"),
        pytest.param({"query": {}}, CONSTRAINT, id="an empty query"),
        pytest.param({"query": {**ALL, **A}}, CONSTRAINT, id="two queries in one object"),
        pytest.param({"query": {"termQuery": {}}}, UNKNOWN, id="camel case"),
        pytest.param({"query": {"nested_query": {}}}, CONSTRAINT, id="nested query"),
        pytest.param({"query": term("startTime", "is", AT_2)}, UNKNOWN, id="unknown field"),
        pytest.param({"query": term("execution_status", "is", "running")}, CONSTRAINT, id="not searchable"),
        pytest.param({"query": term("job_id", "equals", "a")}, ENUM, id="unknown operator"),
        pytest.param({"query": term("job_id", "is", "a", "b")}, CONSTRAINT, id="is with two values"),
        pytest.param({"query": term("job_id", "one_of")}, CONSTRAINT, id="one_of without values"),
        pytest.param({"query": term("end_time", "is_null", "x")}, CONSTRAINT, id="is_null with a value"),
        pytest.param({"query": term("start_time", "greater", AT_2)}, CONSTRAINT, id="greater: not supported"),
        pytest.param({"query": term("start_time", "is", "yesterday")}, CONSTRAINT, id="no date"),
        pytest.param({"query": term("job_id", "is", 7)}, CONSTRAINT, id="a number as id"),
        pytest.param(
            {"query": {"term_query": {"fields": [], "operator": "is", "values": ["a"]}}},
            CONSTRAINT,
            id="no fields",
        ),
        pytest.param(
            {"query": {"term_query": {"fields": ["id"], "values": ["a"]}}}, CONSTRAINT, id="no operator"
        ),
        pytest.param(
            {"query": {"text_query": {"fields": ["end_time"], "search_phrase": "x"}}},
            CONSTRAINT,
            id="text in a date",
        ),
        pytest.param(
            {"query": {"filtered_query": {"query": ALL}}}, CONSTRAINT, id="filtered without a filter"
        ),
        pytest.param({"query": filtered(between("start_time"))}, CONSTRAINT, id="a range without bounds"),
        pytest.param({"query": filtered(between("start_time", gte=AT_2))}, UNKNOWN, id="a bound unheard of"),
        pytest.param(
            {"query": filtered({"match_all_query": {}})}, UNKNOWN, id="a query where a filter is due"
        ),
        pytest.param(
            {"query": filtered({"bool_filter": {"operator": "xor", "filters": [TERM_FILTER_A]}})},
            ENUM,
            id="xor",
        ),
        pytest.param(
            {"query": filtered({"bool_filter": {"operator": "and", "filters": []}})},
            CONSTRAINT,
            id="and of nothing",
        ),
        pytest.param({"query": filtered(during("inside", AT_2, AT_3))}, ENUM, id="unknown filter mode"),
        pytest.param({"query": ALL, "sorts": [{"field": "id"}]}, CONSTRAINT, id="id is not sortable"),
        pytest.param({"query": ALL, "sorts": [{"field": "startTime"}]}, UNKNOWN, id="unknown sort field"),
        pytest.param(
            {"query": ALL, "sorts": [{"field": "job_id", "sort_order": "up"}]}, ENUM, id="unknown order"
        ),
        pytest.param({"query": ALL, "expand": [1]}, CONSTRAINT, id="expand is text"),
    ],
)
def test_a_doubtful_request_is_refused(caller: Caller, document: Any, fault: str) -> None:
    response = caller.post("/job_execution_search", document)
    assert (response.status, response.json()["fault"]["type"]) == (400, fault)


def test_a_refusal_names_the_place(caller: Caller) -> None:
    query = {"bool_query": {"must": [ALL, term("job_id", "is")]}}
    arguments = caller.search(query).json()["fault"]["arguments"]
    assert arguments["path"]["value"] == "$.query.bool_query.must[1].term_query.values"


def test_some_instances_refuse_a_filtered_query_inside_a_bool_query(caller: Caller, world: World) -> None:
    query = {"bool_query": {"must": [filtered(TERM_FILTER_A)]}}
    assert caller.search(query).status == 200
    world.quirks.refuse_combined = True
    assert caller.search(query).status == 400
    assert caller.search(filtered({"query_filter": {"query": A}})).status == 200
