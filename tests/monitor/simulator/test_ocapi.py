"""Access to the Data API, single executions, starting jobs, and the shape of refusals."""

from typing import Any

import pytest

from monitor.simulator import DEMO_CLIENT_ID, Caller, JobSpec, ManualClock, World
from monitor.simulator.caller import DATA_API


def fault(response: Any) -> tuple[int, str]:
    return response.status, response.json()["fault"]["type"]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param("", "InvalidAccessTokenException", id="none"),
        pytest.param("Bearer nonsense", "InvalidAccessTokenException", id="unknown token"),
        pytest.param("Basic eDp5", "InvalidAuthorizationHeaderException", id="not a bearer token"),
    ],
)
def test_without_a_valid_token_nothing_is_answered(world: World, header: str, expected: str) -> None:
    caller = Caller(world, authorization=header)
    assert fault(caller.search()) == fault(caller.execution("j", "1")) == (401, expected)


@pytest.mark.parametrize("status", [403, 401])
def test_a_permission_that_is_missing_is_told_in_either_way(
    world: World, caller: Caller, status: int
) -> None:
    run = world.start("j")
    world.permissions.denied_status = status
    world.permissions.search = False
    assert fault(caller.search()) == (status, "ClientAccessForbiddenException")
    assert caller.execution("j", run.id).status == 200
    world.permissions.search, world.permissions.execution = True, False
    assert fault(caller.execution("j", run.id)) == (status, "ClientAccessForbiddenException")
    assert caller.search().status == 200


def test_permissions_may_be_for_some_clients_only(world: World, caller: Caller) -> None:
    world.permissions.clients = frozenset({"another"})
    assert fault(caller.search()) == (403, "ClientAccessForbiddenException")
    world.permissions.clients = frozenset({DEMO_CLIENT_ID})
    assert caller.search().status == 200


def test_an_execution_is_found_by_job_and_id(world: World, caller: Caller) -> None:
    run = world.start("3-1-1 Akeneo/%")
    assert caller.execution("3-1-1 Akeneo/%", run.id).json()["id"] == run.id
    assert fault(caller.execution("other", run.id)) == (404, "JobExecutionNotFoundException")
    assert fault(caller.execution("3-1-1 Akeneo/%", "1")) == (404, "JobExecutionNotFoundException")


def test_the_version_of_the_path_is_that_of_the_documents(world: World, caller: Caller) -> None:
    run = world.start("j")
    for path, version in (("/s/-/dw/data/v19_5", "19.5"), ("/dw/data/v24_10", "24.10")):
        assert caller.call("GET", f"{path}/jobs/j/executions/{run.id}").json()["_v"] == version


def test_a_started_job_is_pending_and_then_runs(world: World, clock: ManualClock, caller: Caller) -> None:
    world.add_job(JobSpec("j"))
    response = caller.start("j", {"parameters": [{"name": "mode", "value": "merge"}]})
    document = response.json()
    assert (response.status, document["status"], document["client_id"]) == (202, "PENDING", DEMO_CLIENT_ID)
    assert "start_time" not in document
    clock.advance(3)
    assert caller.execution("j", document["id"]).json()["status"] == "RUNNING"
    clock.advance(600)
    assert caller.execution("j", document["id"]).json()["status"] == "OK"


def test_a_job_that_runs_is_not_started_again(world: World, clock: ManualClock, caller: Caller) -> None:
    world.add_job(JobSpec("j"))
    assert caller.start("j").status == 202
    assert fault(caller.start("j")) == (400, "JobAlreadyRunningException")
    clock.advance(600)
    assert caller.start("j").status == 202


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        pytest.param({"params": []}, "UnknownPropertyException", id="unknown property"),
        pytest.param({"file_name": "x"}, "UnknownPropertyException", id="a system job's body"),
        pytest.param([], "PropertyConstraintViolationException", id="no object"),
        pytest.param({"parameters": [{"name": "n"}]}, "PropertyConstraintViolationException", id="no value"),
        pytest.param(
            {"parameters": [{"name": "n", "value": "v" * 1001}]},
            "PropertyConstraintViolationException",
            id="long",
        ),
        pytest.param(
            {"parameters": [{"name": "n", "value": 1}]}, "PropertyConstraintViolationException", id="number"
        ),
    ],
)
def test_a_wrong_body_does_not_start_a_job(
    world: World, caller: Caller, document: Any, expected: str
) -> None:
    world.add_job(JobSpec("j"))
    assert fault(caller.start("j", document)) == (400, expected)
    assert world.runs("j") == []


def test_a_system_job_takes_a_body_of_its_own(world: World, caller: Caller) -> None:
    world.add_job(JobSpec("sfcc-site-archive-import"))
    assert caller.start("sfcc-site-archive-import", {"file_name": "x.zip", "mode": "merge"}).status == 202


def test_starting_needs_a_job_and_a_permission(world: World, caller: Caller) -> None:
    assert fault(caller.start("unheard")) == (404, "JobNotFoundException")
    world.permissions.start = False
    assert fault(caller.start("unheard")) == (403, "ClientAccessForbiddenException")


def test_deleting_is_refused_and_seen(world: World, caller: Caller) -> None:
    run = world.start("j").finish()
    assert caller.execution("j", run.id, "DELETE").status == 403
    assert caller.execution("j", run.id).status == 200
    assert [(record.method, record.status) for record in world.requests] == [("DELETE", 403), ("GET", 200)]


def test_each_request_leaves_a_record(world: World, clock: ManualClock, caller: Caller) -> None:
    caller.search(count=7)
    caller.file("/LOGS/x")
    caller.call("GET", "/nowhere")
    assert [(record.api, record.method, record.status) for record in world.requests] == [
        ("search", "POST", 200),
        ("webdav", "GET", 404),
        ("other", "GET", 404),
    ]
    assert world.requests[0].at == clock.now()
    assert b'"count": 7' in world.requests[0].body


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        pytest.param("GET", "/job_execution_search", (405, "MethodNotAllowedException"), id="search by GET"),
        pytest.param("GET", "/jobs/j/executions", (405, "MethodNotAllowedException"), id="there is no list"),
        pytest.param("PATCH", "/jobs/j/executions/1", (405, "MethodNotAllowedException"), id="no changes"),
        pytest.param("GET", "/jobs", (404, "ResourcePathNotFoundException"), id="no list of jobs"),
    ],
)
def test_what_the_api_does_not_have(
    caller: Caller, method: str, path: str, expected: tuple[int, str]
) -> None:
    assert fault(caller.call(method, DATA_API + path)) == expected


@pytest.mark.parametrize(
    ("media", "body", "expected"),
    [
        pytest.param("text/plain", b"{}", (415, "UnsupportedMediaTypeException"), id="text"),
        pytest.param("", b"{}", (415, "UnsupportedMediaTypeException"), id="nothing said"),
        pytest.param("application/json", b"{", (400, "MalformedDocumentException"), id="half a document"),
        pytest.param("application/json", b"\xff", (400, "MalformedDocumentException"), id="no UTF-8"),
        pytest.param("application/json", b"", (400, "MalformedDocumentException"), id="no body"),
        pytest.param("application/json; charset=UTF-8", b'{"query":{"match_all_query":{}}}', None, id="fine"),
    ],
)
def test_the_form_of_a_search(
    caller: Caller, media: str, body: bytes, expected: tuple[int, str] | None
) -> None:
    response = caller.call("POST", DATA_API + "/job_execution_search", body, {"Content-Type": media})
    assert (response.status if expected is None else fault(response)) == (expected or 200)


def test_each_response_carries_the_time_of_the_world(caller: Caller, clock: ManualClock) -> None:
    clock.advance(61)
    responses = [caller.search(), caller.execution("j", "1"), caller.file("/LOGS/x"), caller.call("GET", "/")]
    assert {response.headers["Date"] for response in responses} == {"Sun, 22 Nov 2026 02:01:01 GMT"}
