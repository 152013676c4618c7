"""Misbehaviour on order, as the handler gives it; what happens on the wire is in test_server."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from monitor.simulator import Caller, Faults, Mishap, Response, ScapiCaller, World


@pytest.mark.parametrize(
    ("order", "status", "headers"),
    [
        pytest.param(lambda f: f.throttle(retry_after=7), 429, {"Retry-After": "7"}, id="throttled, seconds"),
        pytest.param(
            lambda f: f.throttle(retry_after=datetime(2026, 11, 22, 2, 1, tzinfo=UTC)),
            429,
            {"Retry-After": "Sun, 22 Nov 2026 02:01:00 GMT"},
            id="throttled, a date",
        ),
        pytest.param(
            lambda f: f.throttle(retry_after=None), 429, {"Retry-After": None}, id="throttled, no hint"
        ),
        pytest.param(lambda f: f.unavailable(), 503, {"sfdc_load": None}, id="unavailable"),
        pytest.param(
            lambda f: f.unavailable(load=95),
            503,
            {"sfdc_load": "95", "sfdc_load_status": "THROTTLE"},
            id="load shedding",
        ),
        pytest.param(lambda f: f.gateway_timeout(), 504, {}, id="gateway timeout"),
        pytest.param(
            lambda f: f.server_error(), 500, {"Content-Type": "text/html;charset=UTF-8"}, id="a page of HTML"
        ),
        pytest.param(
            lambda f: f.html(), 200, {"Content-Type": "text/html;charset=UTF-8"}, id="a page, and 200"
        ),
        pytest.param(lambda f: f.wrong_type(), 200, {"Content-Type": "text/plain"}, id="wrong content type"),
    ],
)
def test_an_answer_can_be_ordered(
    world: World, caller: Caller, order: Callable[[Faults], None], status: int, headers: dict[str, str | None]
) -> None:
    order(world.faults)
    response = caller.search()
    assert response.status == status
    assert {name: response.headers.get(name) for name in headers} == headers
    assert "Date" in response.headers
    assert caller.search().headers["Content-Type"] == "application/json;charset=UTF-8"


def test_a_body_can_be_spoilt(world: World, caller: Caller) -> None:
    whole = caller.search().read()
    world.faults.truncated()
    world.faults.empty()
    assert caller.search().read() == whole[: len(whole) // 2]
    assert caller.search().read() == b""


@pytest.mark.parametrize("mishap", list(Mishap))
def test_a_mishap_on_the_wire_is_told_to_the_server(world: World, caller: Caller, mishap: Mishap) -> None:
    getattr(world.faults, mishap.value)("search")
    assert caller.search().mishap is mishap
    assert caller.search().mishap is None


def statuses(times: int, ask: Callable[[], Response]) -> list[int]:
    return [ask().status for _ in range(times)]


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        pytest.param({}, [429, 200, 200, 200], id="once by default"),
        pytest.param({"n": 2}, [429, 429, 200, 200], id="twice"),
        pytest.param({"n": None}, [429, 429, 429, 429], id="until cleared"),
        pytest.param({"after": 2}, [200, 200, 429, 200], id="after two"),
        pytest.param({"n": None, "probability": 0.0}, [200, 200, 200, 200], id="never"),
    ],
)
def test_how_often(world: World, caller: Caller, when: dict[str, Any], expected: list[int]) -> None:
    world.faults.throttle("search", **when)
    assert statuses(4, caller.search) == expected
    world.faults.clear()
    assert caller.search().status == 200


def test_chance_is_decided_by_the_seed(world: World, caller: Caller) -> None:
    world.faults.unavailable("search", n=None, probability=0.5)
    seen = statuses(200, caller.search)
    assert 60 < seen.count(503) < 140
    again = World(world.clock)
    again.faults.unavailable("search", n=None, probability=0.5)
    assert statuses(200, Caller(again).search) == seen


def test_a_fault_strikes_one_api_only(world: World, caller: Caller) -> None:
    world.faults.throttle("webdav", n=None)
    assert caller.search().status == 200
    assert caller.file("/LOGS/x").status == 429
    world.faults.clear("search")
    assert caller.file("/LOGS/x").status == 429
    world.faults.clear("webdav")
    assert caller.file("/LOGS/x").status == 404
    assert world.faults.done == ["webdav throttle"] * 2


def test_faults_are_used_up_in_the_order_they_were_given(world: World, caller: Caller) -> None:
    world.faults.throttle("*")
    world.faults.gateway_timeout("search", n=2)
    assert statuses(4, caller.search) == [429, 504, 504, 200]


def test_a_replaced_answer_does_nothing_and_a_spoilt_one_does(world: World, caller: Caller) -> None:
    world.start("j").finish()
    world.faults.throttle("start")
    world.faults.empty("start")
    caller.start("j")
    assert len(world.runs("j")) == 1
    caller.start("j")
    assert len(world.runs("j")) == 2


def test_a_fault_for_an_unknown_api_is_refused(world: World) -> None:
    with pytest.raises(ValueError, match="no API 'serach'"):
        world.faults.throttle("serach")


def test_a_short_page_says_that_more_follow(world: World, caller: Caller) -> None:
    for number in range(5):
        world.start(f"j{number}")
    world.faults.short_page(keep=2)
    page = caller.search(start=1, count=50).json()
    assert (len(page["hits"]), page["count"], page["total"], page["next"]["start"]) == (2, 2, 5, 3)
    assert len(caller.search().json()["hits"]) == 5
    assert world.faults.done == ["search short_page"]


def test_a_page_that_has_no_more_hits_cannot_be_shortened(world: World, caller: Caller) -> None:
    world.start("j")
    whole = caller.search().read()
    world.faults.short_page(keep=1)
    assert caller.search().read() == whole
    assert world.faults.done == [], "nothing went wrong, so nothing is counted"


def test_one_server_may_tell_a_wrong_time(world: World, caller: Caller) -> None:
    world.faults.misdated("search", by=-3600)
    assert caller.search().headers["Date"] == "Sun, 22 Nov 2026 01:00:00 GMT"
    assert caller.search().headers["Date"] == "Sun, 22 Nov 2026 02:00:00 GMT"


def test_tokens_may_be_revoked_between_two_requests(world: World, caller: Caller) -> None:
    world.faults.revoked("search", after=1)
    assert statuses(3, caller.search) == [200, 401, 401]
    assert Caller(world).search().status == 200
    assert world.faults.done == ["search revoked"]


@pytest.mark.parametrize(
    ("order", "status", "title"),
    [
        pytest.param(lambda f: f.throttle(retry_after=7), 429, "Too Many Requests", id="throttled"),
        pytest.param(lambda f: f.unavailable(load=95), 503, "Service Unavailable", id="load shedding"),
        pytest.param(lambda f: f.gateway_timeout(), 504, "Gateway Timeout", id="timeout"),
        pytest.param(lambda f: f.server_error(), 500, "Internal Server Error", id="error"),
        pytest.param(lambda f: f.maintenance(), 503, "Maintenance", id="maintenance"),
    ],
)
def test_scapi_refuses_with_a_problem_where_ocapi_has_a_page(
    world: World, caller: Caller, order: Callable[[Faults], None], status: int, title: str
) -> None:
    order(world.faults)
    problem = ScapiCaller(world).search()
    order(world.faults)
    page = caller.search()
    assert (problem.status, page.status) == (status, status)
    assert problem.json()["title"] == title
    assert problem.headers["Content-Type"] == "application/problem+json"
    assert page.headers["Content-Type"] == "text/html;charset=UTF-8"
    rest = [{k: v for k, v in each.headers.items() if k != "Content-Type"} for each in (problem, page)]
    assert rest[0] == rest[1]


def test_maintenance_says_so_in_a_header_and_in_the_type(world: World) -> None:
    world.faults.maintenance("scapi", retry_after=60)
    response = ScapiCaller(world).search()
    assert (response.headers["sfdc_maintenance"], response.headers["Retry-After"]) == ("true", "60")
    assert response.json()["type"].endswith("/errors/maintenance")


@pytest.mark.parametrize("status", [413, 503])
def test_a_stopped_sandbox_answers_with_a_page(world: World, caller: Caller, status: int) -> None:
    world.faults.asleep(status=status, n=3)
    for asked in (caller, ScapiCaller(world)):
        response = asked.search()
        assert (response.status, response.headers["Content-Type"]) == (status, "text/html;charset=UTF-8")
    assert caller.file("/LOGS/jobs/x.log").status == status


def test_a_shop_answers_with_a_page_of_its_own(world: World, caller: Caller) -> None:
    world.faults.storefront()
    world.faults.storefront(status=200)
    first, second = caller.search(), caller.search()
    assert (first.status, second.status) == (404, 200)
    assert b"cart" in first.read()


@pytest.mark.parametrize(
    ("api", "struck"),
    [
        ("scapi", ["scapi search", "scapi execution"]),
        ("ocapi", ["ocapi search", "ocapi execution"]),
        ("search", ["scapi search", "ocapi search"]),
        ("scapi search", ["scapi search"]),
        ("ocapi execution", ["ocapi execution"]),
        ("webdav", ["webdav"]),
    ],
)
def test_a_fault_strikes_an_api_a_resource_or_a_resource_of_one_api(
    world: World, caller: Caller, api: str, struck: list[str]
) -> None:
    world.faults.server_error(api, n=None)
    scapi = ScapiCaller(world)
    statuses = {
        "scapi search": scapi.search().status,
        "scapi execution": scapi.execution("a", "1").status,
        "ocapi search": caller.search().status,
        "ocapi execution": caller.execution("a", "1").status,
        "webdav": caller.file("/LOGS/x").status,
    }
    assert {name for name, status in statuses.items() if status == 500} == set(struck)


def test_a_short_page_of_scapi_has_fewer_hits_and_the_same_total(world: World) -> None:
    for _ in range(3):
        world.start("a").finish()
    world.faults.short_page("scapi", keep=2, n=2)
    document = ScapiCaller(world).search(limit=50).json()
    assert (len(document["hits"]), document["total"], document["limit"]) == (2, 3, 50)
    world.quirks.scapi_limit_means = "returned"
    assert ScapiCaller(world).search(limit=50).json()["limit"] == 2
