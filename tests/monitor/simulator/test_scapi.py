"""SCAPI Jobs: the same runs in other documents, by scopes, and with each of the platform's uncertainties."""

from datetime import timedelta
from typing import Any

import pytest

from monitor.simulator import (
    DEMO_CLIENT_ID,
    Caller,
    JobSpec,
    ManualClock,
    Response,
    ScapiCaller,
    StepSpec,
    World,
)

JOBS: dict[str, Any] = {"termQuery": {"fields": ["jobId"], "operator": "is", "values": ["a"]}}
JOBS_SNAKE: dict[str, Any] = {"termQuery": {"fields": ["job_id"], "operator": "is", "values": ["a"]}}


@pytest.fixture
def scapi(world: World) -> ScapiCaller:
    return ScapiCaller(world)


def ids(page: Response) -> list[str]:
    assert page.status == 200, page.read()
    return [hit["id"] for hit in page.json()["hits"]]


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def in_camel(value: Any) -> Any:
    if isinstance(value, dict):
        return {camel(name): in_camel(part) for name, part in value.items() if name[0] != "_"}
    return [in_camel(part) for part in value] if isinstance(value, list) else value


def refused(response: Response, status: int, kind: str) -> None:
    document = response.json()
    assert (response.status, document["type"].rpartition("/")[2]) == (status, kind)
    assert response.headers["Content-Type"] == "application/problem+json"
    assert set(document) == {"title", "type", "detail"}


def test_both_apis_show_the_same_runs_by_the_same_ids_with_the_same_values(
    world: World, caller: Caller, scapi: ScapiCaller, clock: ManualClock
) -> None:
    world.start("a", user_login="u", steps=(StepSpec("s", items=9),)).finish(code="ERROR", message="m")
    world.start("a", parameters={"with_underscore": "kept_as_it_is"})
    world.start("b").abort(reason="r")
    world.noise(jobs=1)
    clock.advance(timedelta(minutes=2))
    theirs, ours = caller.search(count=200).json(), scapi.search(limit=200).json()
    assert ours["hits"] == in_camel(theirs["hits"])
    assert (ours["total"], ours["offset"]) == (theirs["total"], 0)
    for hit in theirs["hits"]:
        one = scapi.execution(hit["job_id"], hit["id"]).json()
        assert one == in_camel(caller.execution(hit["job_id"], hit["id"]).json())


def test_a_window_is_searched_sorted_and_paged(world: World, scapi: ScapiCaller, clock: ManualClock) -> None:
    first = world.start("a").finish()
    clock.advance(60)
    second, third = world.start("a").finish(), world.start("b").finish()
    query = {
        "filteredQuery": {
            "query": {
                "boolQuery": {"mustNot": [JOBS, {"textQuery": {"fields": ["id"], "searchPhrase": "x"}}]}
            },
            "filter": {"rangeFilter": {"field": "startTime", "from": "2026-11-22T02:00:30Z"}},
        }
    }
    assert ids(scapi.search(query)) == [second.id, third.id]
    sorts = [{"field": "id", "sortOrder": "desc"}]
    assert ids(scapi.search(sorts=sorts)) == [third.id, second.id, first.id]
    page = scapi.search(sorts=sorts, limit=2, offset=2)
    assert ids(page) == [first.id]
    assert {name: page.json()[name] for name in ("limit", "offset", "total", "sorts", "query")} == {
        "limit": 2,
        "offset": 2,
        "total": 3,
        "sorts": sorts,
        "query": {"matchAllQuery": {}},
    }


@pytest.mark.parametrize(
    ("style", "totals"),
    [("camel", (1, 0)), ("snake", (0, 1)), ("both", (1, 1))],
)
@pytest.mark.parametrize("unknown", ["refuse", "match_nothing"])
def test_field_names_are_taken_in_one_spelling_or_both(
    world: World, scapi: ScapiCaller, style: Any, unknown: Any, totals: tuple[int, int]
) -> None:
    world.start("a").finish()
    world.quirks.search_fields, world.quirks.unknown_fields = style, unknown
    for query, found in zip((JOBS, JOBS_SNAKE), totals, strict=True):
        page = scapi.search(query)
        if found:
            assert page.json()["total"] == 1
        elif unknown == "refuse":
            refused(page, 400, "bad-request")
        else:
            assert (page.status, page.json()["total"], page.json()["hits"]) == (200, 0, [])


@pytest.mark.parametrize(
    ("leaf", "total"),
    [
        pytest.param({"rangeFilter": {"field": "start_time", "from": "2026-11-01"}}, 0, id="range"),
        pytest.param(
            {"range2Filter": {"fromField": "start_time", "toField": "endTime", "toValue": "2027-01-01"}},
            0,
            id="two ranges",
        ),
        pytest.param({"termFilter": {"field": "job_id", "operator": "is", "values": ["a"]}}, 0, id="term"),
        pytest.param({"queryFilter": {"query": JOBS_SNAKE}}, 0, id="query"),
        pytest.param(
            {"queryFilter": {"query": {"termQuery": JOBS["termQuery"] | {"fields": ["job_id", "jobId"]}}}},
            1,
            id="a known field beside it",
        ),
    ],
)
def test_what_is_silently_unknown_matches_nothing(
    world: World, scapi: ScapiCaller, leaf: Any, total: int
) -> None:
    world.start("a").finish()
    world.quirks.search_fields, world.quirks.unknown_fields = "camel", "match_nothing"
    page = scapi.search(
        {"filteredQuery": {"query": {"matchAllQuery": {}}, "filter": leaf}},
        sorts=[{"field": "start_time"}],
    )
    assert page.json()["total"] == total


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        pytest.param({"limit": 1}, "'query' is required", id="no query"),
        pytest.param({"query": {"matchAllQuery": {}}, "limit": 201}, "201", id="limit"),
        pytest.param({"query": {"matchAllQuery": {}}, "limit": 0}, "0 is outside", id="no limit"),
        pytest.param({"query": {"matchAllQuery": {}}, "offset": -1}, "-1", id="offset"),
        pytest.param({"query": {"matchAllQuery": {}}, "count": 1}, "'count'", id="count of OCAPI"),
        pytest.param({"query": {"matchAllQuery": {}}, "select": "(**)"}, "'select'", id="select"),
        pytest.param({"query": {"match_all_query": {}}}, "'match_all_query'", id="a query of OCAPI"),
        pytest.param({"query": {"matchAllQuery": {"_type": "x"}}}, "'_type'", id="a type"),
        pytest.param(
            {"query": {"matchAllQuery": {}}, "sorts": [{"field": "id", "sort_order": "asc"}]},
            "'sort_order'",
            id="an order of OCAPI",
        ),
        pytest.param(
            {"query": {"matchAllQuery": {}}, "sorts": [{"field": "duration"}]}, "'duration'", id="sort"
        ),
        pytest.param(
            {"query": {"termQuery": {"fields": ["executionStatus"], "operator": "is", "values": ["x"]}}},
            "'executionStatus' is not searchable",
            id="a field that is not searched",
        ),
        pytest.param(
            {"query": {"boolQuery": {"must": [{"termQuery": {"fields": [], "operator": "is"}}]}}},
            "$.query.boolQuery.must[0].termQuery",
            id="the place is named in camelCase",
        ),
        pytest.param([], "an object", id="a list"),
    ],
)
def test_what_the_search_does_not_take_is_a_problem_that_names_it(
    scapi: ScapiCaller, request_: Any, named: str
) -> None:
    response = scapi.post("/job-execution-search", request_)
    refused(response, 400, "bad-request")
    assert named in response.json()["detail"]


@pytest.mark.parametrize(
    ("scope", "search", "start"),
    [("sfcc.jobs", 200, 403), ("sfcc.jobs.rw", 200, 200), ("mail", 403, 403)],
)
def test_reading_needs_a_scope_and_starting_another(
    world: World, scope: str, search: int, start: int
) -> None:
    world.add_job(JobSpec("a"))
    caller = ScapiCaller(world, scope=scope)
    assert (caller.search().status, caller.start("a").status) == (search, start)
    assert caller.execution("a", "1").status == (404 if search == 200 else 403)


def test_a_token_without_the_tenant_or_of_another_is_forbidden(world: World) -> None:
    for scope in ("sfcc.jobs", "sfcc.jobs SALESFORCE_COMMERCE_API:zzxy_002"):
        token = world.account_manager.issue(DEMO_CLIENT_ID, scope)
        refused(ScapiCaller(world, authorization=f"Bearer {token}").search(), 403, "forbidden")


def test_an_unknown_organization_is_not_found_and_a_bad_token_unauthorized(
    world: World, scapi: ScapiCaller
) -> None:
    refused(ScapiCaller(world, authorization="Bearer x").search(), 401, "unauthorized")
    world.organization = "f_ecom_zzxy_prd"
    path = "/operation/jobs/v1/organizations/f_ecom_zzxy_001/job-execution-search"
    refused(scapi.call("POST", path), 404, "not-found")
    assert (world.tenant, ScapiCaller(world).search().status) == ("zzxy_prd", 200)


def test_without_the_permission_everything_is_forbidden_and_ocapi_is_not(
    world: World, caller: Caller, scapi: ScapiCaller
) -> None:
    world.permissions.scapi = False
    refused(scapi.search(), 403, "forbidden")
    assert caller.search().status == 200
    world.permissions.scapi, world.permissions.search = True, False
    assert (scapi.search().status, caller.search().status) == (200, 403)


def test_a_job_is_started_once_and_deleted_never(world: World, scapi: ScapiCaller) -> None:
    world.add_job(JobSpec("a"))
    started = scapi.start("a", {"parameters": [{"name": "Mode", "value": "full"}]})
    assert (started.status, started.json()["executionStatus"]) == (200, "pending")
    assert started.json()["parameters"] == [{"name": "Mode", "value": "full"}]
    assert started.json()["clientId"] == DEMO_CLIENT_ID
    refused(scapi.start("a"), 400, "job-already-running")
    refused(scapi.start("nobody"), 404, "job-not-found")
    refused(scapi.start("a", {"mode": "full"}), 400, "bad-request")
    refused(scapi.start("a", {"parameters": [{"name": "", "value": "x"}]}), 400, "bad-request")
    refused(scapi.execution("a", started.json()["id"], "DELETE"), 403, "forbidden")
    refused(scapi.execution("a", "0"), 404, "job-execution-not-found")
    refused(scapi.execution("a", "0", "PUT"), 405, "method-not-allowed")


def test_the_limit_of_a_result_may_say_what_was_asked_or_what_came(world: World, scapi: ScapiCaller) -> None:
    world.start("a").finish()
    assert scapi.search(limit=50).json()["limit"] == 50
    world.quirks.scapi_limit_means = "returned"
    assert scapi.search(limit=50).json()["limit"] == 1


def test_runs_may_have_other_ids_than_ocapi_gives_them(world: World, scapi: ScapiCaller) -> None:
    run = world.start("a").finish()
    world.quirks.scapi_ids = "other"
    (found,) = ids(scapi.search())
    assert found != run.id
    assert scapi.execution("a", found).json()["id"] == found
    assert scapi.execution("a", run.id).status == 404
    by_id = {"termQuery": {"fields": ["id"], "operator": "one_of", "values": [found, run.id]}}
    assert ids(scapi.search(by_id)) == [found]


def test_steps_and_log_may_be_missing_from_hits(world: World, scapi: ScapiCaller, caller: Caller) -> None:
    run = world.start("a").finish()
    world.quirks.scapi_steps_in_hits = False
    world.quirks.log_path_in_hits = False
    (hit,) = scapi.search().json()["hits"]
    assert not {"stepExecutions", "logFilePath"} & set(hit)
    assert {"stepExecutions", "logFilePath"} <= set(scapi.execution("a", run.id).json())
    assert "step_executions" in caller.search().json()["hits"][0]


def test_a_log_without_a_folder_of_its_own_has_a_path_all_the_same(world: World, scapi: ScapiCaller) -> None:
    world.quirks.legacy_log_name = True
    run = world.start("a").finish()
    path = scapi.execution("a", run.id).json()["logFilePath"]
    assert path.startswith("/Sites/IMPEX/log/Job-a-")
    assert scapi.file(path).status == 200


@pytest.mark.parametrize(("most", "status"), [(2_000, 200), (400, 500)])
def test_an_answer_that_is_too_large_fails_on_both(
    world: World, scapi: ScapiCaller, caller: Caller, most: int, status: int
) -> None:
    world.start("a", log=False).finish()
    world.quirks.max_answer_bytes = most
    assert [scapi.search().status, caller.search().status] == [status, status]


@pytest.mark.parametrize(
    ("load", "told"),
    [(None, None), (0, None), (79, None), (80, "WARN"), (89, "WARN"), (90, "THROTTLE"), (100, "THROTTLE")],
)
def test_the_load_is_told_in_headers(
    world: World, scapi: ScapiCaller, load: int | None, told: str | None
) -> None:
    world.quirks.load = load
    headers = scapi.search().headers
    assert headers.get("sfdc_load") == (None if load is None else str(load))
    assert headers.get("sfdc_load_status") == told


def test_the_correlation_id_comes_back_and_is_recorded(world: World, scapi: ScapiCaller) -> None:
    path = "/operation/jobs/v1/organizations/f_ecom_zzxy_001/jobs/a/executions/1"
    answer = scapi.call("GET", path, headers={"correlation-id": "abc"})
    assert answer.headers["x-correlation-id"] == "abc"
    assert scapi.search().headers["x-correlation-id"] not in {"", "abc"}
    first, second = world.requests
    assert (first.correlation_id, first.backend, first.api) == ("abc", "scapi", "execution")
    assert (second.correlation_id, second.backend, second.api) == ("", "scapi", "search")


def test_a_pending_run_may_have_no_start_time_though_it_is_known(world: World, scapi: ScapiCaller) -> None:
    with_start = world.start("a", pending=True, at=world.now())
    world.quirks.pending_without_start = True
    without = world.start("a", pending=True, at=world.now())
    found = {hit["id"]: "startTime" in hit for hit in scapi.search().json()["hits"]}
    assert found == {with_start.id: True, without.id: False}
    assert without.begin().start_time is not None


@pytest.mark.parametrize("name", ["bulk-import", "/jobs/a", ""])
def test_other_resources_do_not_exist(scapi: ScapiCaller, name: str) -> None:
    path = f"/operation/jobs/v1/organizations/f_ecom_zzxy_001/{name}"
    refused(scapi.call("GET", path), 404, "not-found")


def test_a_body_that_is_no_json_is_refused(scapi: ScapiCaller) -> None:
    path = "/operation/jobs/v1/organizations/f_ecom_zzxy_001/job-execution-search"
    refused(scapi.call("POST", path, b"{}"), 415, "unsupported-media-type")
    json = {"Content-Type": "application/json; charset=utf-8"}
    refused(scapi.call("POST", path, b"{", json), 400, "bad-request")
    refused(scapi.call("GET", path), 405, "method-not-allowed")
