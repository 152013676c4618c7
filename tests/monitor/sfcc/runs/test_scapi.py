"""What is SCAPI's own: spellings that have to be found out, page sizes, scopes, correlation ids."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from itertools import chain
from typing import Any

import pytest

from monitor.errors import Reason, SfccError
from monitor.sfcc import JobsApi, Page
from monitor.sfcc.connect import Connection
from monitor.sfcc.runs.dialect import Style
from monitor.simulator import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, World

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)

Connect = Callable[..., Connection]
Counted = Counter[tuple[str, str]]


def ids(pages: Iterable[Page]) -> list[str]:
    return [run.id for run in chain.from_iterable(page.executions for page in pages)]


def searches(world: World) -> list[dict[str, Any]]:
    return [json.loads(record.body) for record in world.requests if record.api == "search"]


def ran(world: World, count: int, **more: Any) -> list[str]:
    first = world.now() - 50 * MINUTE
    begun = [first + timedelta(seconds=number) for number in range(count)]
    return [
        world.start("import", at=at, **more).finish(at=at + timedelta(milliseconds=500)).id for at in begun
    ]


@pytest.fixture
def jobs(connect_with: Connect) -> JobsApi:
    return connect_with(api_backend="scapi").jobs


def poll(jobs: JobsApi, world: World) -> list[str]:
    return ids(jobs.recent(world.now() - HOUR, {}))


def test_a_search_is_written_as_scapi_wants_it(world: World, jobs: JobsApi) -> None:
    ran(world, 1)
    poll(jobs, world)
    asked = searches(world)[-1]
    assert list(asked) == ["query", "sorts", "limit", "offset"]
    assert asked["sorts"] == [{"field": "startTime", "sortOrder": "asc"}]
    assert (asked["limit"], asked["offset"]) == (100, 0)
    began, ended, active = asked["query"]["boolQuery"]["should"]
    since = "2026-11-22T01:00:00.000Z"
    assert began["filteredQuery"]["filter"] == {"rangeFilter": {"field": "startTime", "from": since}}
    assert ended["filteredQuery"]["filter"] == {"rangeFilter": {"field": "endTime", "from": since}}
    assert active["termQuery"]["operator"] == "one_of"
    assert {"RUNNING", "PENDING", "RETRYING"} <= set(active["termQuery"]["values"])


def test_the_scope_to_read_jobs_and_the_tenant_in_the_filter_are_enough(world: World, jobs: JobsApi) -> None:
    world.account_manager.add_client(
        DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, scopes=("sfcc.jobs",), tenants=("zzxy_001",)
    )
    runs = ran(world, 2)
    assert poll(jobs, world) == runs


@pytest.mark.parametrize("tenant", ["zzxy_001", "ZZXY-001", "f_ecom_zzxy_001"])
def test_the_organization_is_the_same_however_the_tenant_is_written(
    tenant: str, world: World, connect_with: Connect
) -> None:
    poll(connect_with(api_backend="scapi", tenant_id=tenant).jobs, world)
    assert [record.path for record in world.requests if record.api == "search"] == [
        "/operation/jobs/v1/organizations/f_ecom_zzxy_001/job-execution-search"
    ]


@pytest.mark.parametrize(
    ("fields", "unknown", "style", "asked"),
    [
        pytest.param("camel", "refuse", "auto", 2, id="camel case"),
        pytest.param("snake", "refuse", "auto", 3, id="snake case, else refused"),
        pytest.param("snake", "match_nothing", "auto", 3, id="snake case, else nothing"),
        pytest.param("camel", "match_nothing", "camel", 2, id="camel case as set"),
        pytest.param("snake", "match_nothing", "snake", 2, id="snake case as set"),
    ],
)
def test_how_fields_are_spelled_is_found_out_once(
    fields: Any, unknown: Any, style: str, asked: int, world: World, connect_with: Connect
) -> None:
    runs = ran(world, 3)
    world.quirks.search_fields, world.quirks.unknown_fields = fields, unknown
    jobs = connect_with(api_backend="scapi", search_field_style=style).jobs
    assert poll(jobs, world) == runs
    assert len(searches(world)) == asked + 1
    assert poll(jobs, world) == runs
    assert len(searches(world)) == asked + 2


@pytest.mark.parametrize(
    ("fields", "unknown", "style"),
    [
        pytest.param("snake", "match_nothing", "camel", id="nothing is found in camel case"),
        pytest.param("camel", "match_nothing", "snake", id="nothing is found in snake case"),
        pytest.param("snake", "refuse", "camel", id="camel case is refused"),
    ],
)
def test_finding_nothing_in_the_spelling_that_was_set_is_not_that_nothing_ran(
    fields: Any, unknown: Any, style: str, world: World, connect_with: Connect
) -> None:
    ran(world, 3)
    world.quirks.search_fields, world.quirks.unknown_fields = fields, unknown
    with pytest.raises(SfccError, match="SCAPI has 3 runs of f_ecom_zzxy_001 and finds none") as caught:
        poll(connect_with(api_backend="scapi", search_field_style=style).jobs, world)
    assert caught.value.reason is Reason.PROTOCOL


def test_finding_nothing_in_any_spelling_is_not_that_nothing_ran(
    connect_with: Connect, scripted: Callable[..., str], world: World
) -> None:
    def script(asked: Any) -> tuple[int, bytes, Mapping[str, str]]:
        found = 9 if b"rangeFilter" not in asked.body else 0
        return 200, json.dumps({"hits": [], "total": found, "limit": 1, "offset": 0}).encode(), {}

    jobs = connect_with(api_backend="scapi", scapi_server=scripted(script)).jobs
    for _ in range(2):
        with pytest.raises(SfccError, match="with fields in camel or snake case") as caught:
            poll(jobs, world)
        assert not caught.value.retryable


def test_an_instance_where_nothing_ever_ran_is_empty_and_asked_anew(world: World, jobs: JobsApi) -> None:
    world.quirks.search_fields, world.quirks.unknown_fields = "snake", "match_nothing"
    assert [poll(jobs, world), poll(jobs, world)] == [[], []]
    assert [asked["query"] for asked in searches(world)] == [{"matchAllQuery": {}}] * 2
    runs = ran(world, 1)
    assert poll(jobs, world) == runs


def test_an_instance_that_begins_to_refuse_a_spelling_is_asked_in_the_other(
    world: World, jobs: JobsApi
) -> None:
    runs = ran(world, 3)
    world.quirks.search_fields = "camel"
    assert poll(jobs, world) == runs
    world.quirks.search_fields = "snake"
    assert poll(jobs, world) == runs


def test_an_instance_that_begins_to_find_nothing_by_a_spelling_is_asked_in_the_other_within_an_hour(
    world: World, jobs: JobsApi
) -> None:
    world.quirks.unknown_fields = "match_nothing"
    world.quirks.search_fields = "camel"
    ran(world, 3)
    poll(jobs, world)
    world.quirks.search_fields = "snake"
    world.clock.advance(HOUR)  # type: ignore[attr-defined] # the fixture's clock is one moved by hand
    runs = ran(world, 2)
    asked = len(searches(world))
    assert poll(jobs, world) == runs
    assert len(searches(world)) == asked + 5, (
        "as before, all there is, in either spelling, and the poll's own"
    )
    poll(jobs, world)
    assert len(searches(world)) == asked + 6, "and sure for an hour again"


def test_both_spellings_are_tried_with_camel_case_first() -> None:
    assert list(Style) == ["camel", "snake"]


def test_an_answer_that_would_be_too_large_is_asked_for_in_smaller_ones(
    world: World, jobs: JobsApi, slept: list[float]
) -> None:
    runs = ran(world, 90)
    world.quirks.max_answer_bytes = 30_000
    assert poll(jobs, world) == runs
    limits = [asked["limit"] for asked in searches(world)[2:]]
    assert limits[:3] == [100, 50, 25]
    assert set(limits[3:]) <= {25, 12}
    assert slept == []
    before = len(limits)
    assert poll(jobs, world) == runs
    assert 100 not in [asked["limit"] for asked in searches(world)[2 + before :]]


def test_small_runs_are_read_in_the_longest_pages_from_the_second_search_on(
    world: World, jobs: JobsApi
) -> None:
    runs = ran(world, 190)
    poll(jobs, world)
    assert poll(jobs, world) == runs
    assert [asked["limit"] for asked in searches(world)[2:]] == [100, 200, 200]


@pytest.mark.parametrize("name", ["server_error", "gateway_timeout"])
def test_a_server_in_trouble_is_asked_a_few_times_and_not_for_fewer_rows_for_ever(
    name: str, world: World, jobs: JobsApi
) -> None:
    ran(world, 3)
    poll(jobs, world)
    before = len(searches(world))
    getattr(world.faults, name)("search", n=None)
    for asked in (5 + 2, 3):
        with pytest.raises(SfccError) as caught:
            poll(jobs, world)
        assert caught.value.reason is Reason.SERVER
        assert len(searches(world)) - before == asked
        before = len(searches(world))
    world.faults.clear()
    assert len(poll(jobs, world)) == 3


def test_an_answer_that_comes_too_slowly_is_asked_for_in_a_smaller_one_by_the_next_poll(
    world: World, connect_with: Connect
) -> None:
    from monitor.sfcc.http import Timeouts

    ran(world, 3)
    jobs = connect_with(api_backend="scapi", timeouts=Timeouts(read=0.05)).jobs
    poll(jobs, world)
    world.faults.stall("search", n=3)
    with pytest.raises(SfccError) as caught:
        poll(jobs, world)
    assert caught.value.reason is Reason.TIMEOUT
    assert len(poll(jobs, world)) == 3
    assert [asked["limit"] for asked in searches(world)[-2:]] == [100, 50]


def test_every_request_has_an_id_of_its_own_that_is_logged(
    world: World, jobs: JobsApi, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    run = world.start("import")
    poll(jobs, world)
    jobs.execution("import", run.id)
    sent = [record.correlation_id for record in world.requests if record.backend == "scapi"]
    assert len(set(sent)) == len(sent) == 4
    logged = [record.getMessage() for record in caplog.records if "correlation-id" in record.getMessage()]
    assert [text.rpartition(" ")[2] for text in logged] == sent


def test_a_failure_carries_the_id_beside_its_text(world: World, jobs: JobsApi) -> None:
    world.permissions.scapi = False
    with pytest.raises(SfccError) as caught:
        poll(jobs, world)
    assert caught.value.correlation_id == world.requests[-1].correlation_id
    assert caught.value.correlation_id not in str(caught.value)


@pytest.mark.parametrize("header", ["x-correlation-id", "correlationID"])
def test_the_id_that_the_platform_gives_is_the_one_that_counts(
    header: str, connect_with: Connect, scripted: Callable[..., str], world: World
) -> None:
    jobs = connect_with(
        api_backend="scapi", scapi_server=scripted(lambda _: (403, b"{}", {header: "theirs"}))
    ).jobs
    with pytest.raises(SfccError) as caught:
        poll(jobs, world)
    assert caught.value.correlation_id == "theirs"


def test_a_run_that_is_gone_is_told_from_an_organization_that_never_was(
    world: World, connect_with: Connect
) -> None:
    right = connect_with(api_backend="scapi").jobs
    assert right.execution("import", "1") is None
    world.account_manager.add_client(
        DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, scopes=("sfcc.jobs",), tenants=("zzxy_002",)
    )
    wrong = connect_with(api_backend="scapi", tenant_id="zzxy_002").jobs
    with pytest.raises(SfccError, match="knows no jobs of f_ecom_zzxy_002") as caught:
        wrong.execution("import", "1")
    assert caught.value.reason is Reason.NOT_FOUND


def test_a_404_of_something_in_front_is_not_that_the_run_is_gone(
    connect_with: Connect, scripted: Callable[..., str]
) -> None:
    server = scripted(lambda _: (404, b"<title>Not Found</title>", {}))
    with pytest.raises(SfccError, match="knows no jobs of f_ecom_zzxy_001"):
        connect_with(api_backend="scapi", scapi_server=server).jobs.execution("import", "1")


@pytest.mark.parametrize(
    ("fields", "backend"),
    [
        pytest.param({"api_backend": "auto"}, "scapi", id="both set up"),
        pytest.param({"api_backend": "auto", "tenant_id": None}, "ocapi", id="no tenant"),
        pytest.param({"api_backend": "auto", "scapi_server": None}, "ocapi", id="no short code"),
        pytest.param(
            {"api_backend": "auto", "scapi_server": None, "shortcode": "kv7kzm78"}, "scapi", id="a short code"
        ),
        pytest.param({"api_backend": "auto", "scapi": None}, "ocapi", id="no client for it"),
        pytest.param({"api_backend": "auto", "ocapi": None}, "scapi", id="no client for the other"),
        pytest.param({"api_backend": "ocapi"}, "ocapi", id="as set"),
        pytest.param({"api_backend": "scapi"}, "scapi", id="as set, the other one"),
    ],
)
def test_which_api_is_asked(fields: dict[str, Any], backend: str, connect_with: Connect) -> None:
    assert connect_with(**fields).jobs.backend == backend


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        pytest.param({"tenant_id": "zzxy"}, "'zzxy' is no tenant", id="a tenant that is none"),
        pytest.param({"tenant_id": None}, "'' is no tenant", id="no tenant"),
        pytest.param({"scapi_server": None}, "'' is no short code", id="no short code"),
        pytest.param({"scapi": None}, "give client_id and client_secret", id="no client"),
    ],
)
def test_what_scapi_lacks_is_said_before_anything_is_sent(
    fields: dict[str, Any], text: str, world: World, connect_with: Connect
) -> None:
    with pytest.raises(ValueError, match=text):
        connect_with(api_backend="scapi", **fields)
    assert not list(world.requests)


def test_where_scapi_is_not_allowed_ocapi_is_asked_from_the_next_search_on(
    world: World, connect_with: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    runs = ran(world, 2)
    world.account_manager.add_client(DEMO_CLIENT_ID, DEMO_CLIENT_SECRET)
    jobs = connect_with(api_backend="auto").jobs
    with pytest.raises(SfccError) as caught:
        poll(jobs, world)
    assert caught.value.reason is Reason.PERMISSION
    assert jobs.backend == "ocapi"
    assert poll(jobs, world) == runs
    assert "asking ocapi instead of scapi" in caplog.text


def test_requests_are_counted_as_scapis(world: World, jobs: JobsApi, counted: Counted) -> None:
    poll(jobs, world)
    assert counted == {("token", "ok"): 1, ("scapi", "ok"): 1}
