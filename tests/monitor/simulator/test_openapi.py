"""Documents and faults against the published description of the Data API, where that is at hand."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator

from monitor.simulator import SCENARIOS, Caller, JobSpec, ManualClock, Retry, StepSpec, World, demo_origin

ROOT = Path(__file__).resolve().parents[3]
PLACE = Path(os.environ.get("SFCC_OPENAPI", ROOT / "../shared/specs/ocapi-data-jobs.openapi.json"))


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    if not PLACE.is_file():
        pytest.skip("no description of the Data API here; SFCC_OPENAPI names the file")
    loaded: dict[str, Any] = json.loads(PLACE.read_text(encoding="utf-8"))
    return loaded


def check(description: dict[str, Any], name: str, document: Any) -> None:
    schemas = {**description["components"]["schemas"]}
    for schema in schemas.values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
            schema["properties"].setdefault("_type", {"type": "string"})
            schema["properties"].setdefault("_v", {"type": "string"})
    validator = Draft4Validator({"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}})
    assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)] == []


def test_the_check_can_fail(description: dict[str, Any]) -> None:
    with pytest.raises(AssertionError, match="invented"):
        check(description, "job_execution", {"invented": 1})
    with pytest.raises(AssertionError, match="levitating"):
        check(description, "job_execution", {"execution_status": "levitating"})


def test_a_night_of_search_results(description: dict[str, Any]) -> None:
    clock = ManualClock(demo_origin(datetime(2026, 11, 24, tzinfo=UTC)))
    world = SCENARIOS["akeneo-night"](clock)
    clock.advance(timedelta(minutes=33))
    page = Caller(world).search(
        count=200,
        select="(**)",
        start=400,
        sorts=[{"field": "start_time", "sort_order": "desc"}, {"field": "job_id"}],
    )
    check(description, "job_execution_search_result", page.json())


def test_executions_in_every_phase(description: dict[str, Any], world: World, clock: ManualClock) -> None:
    world.add_job(
        JobSpec("r", every=timedelta(minutes=1), failure_rate=1, retry=Retry(1, timedelta(seconds=9)))
    )
    world.start("pending", pending=True, parameters={"a": "b"})
    world.start("running", client_id="c", steps=(StepSpec("chunks", items=500),))
    world.start("failed", user_login="u").finish(code="ERROR", message="m")
    world.start("aborted").abort(reason="maintenance")
    world.start("paused").mark("paused")
    world.noise(jobs=1)
    caller = Caller(world)
    for seconds in (0, 1, 30, 60, 3600):
        clock.advance(seconds)
        page = caller.search(count=200).json()
        check(description, "job_execution_search_result", page)
        for hit in page["hits"]:
            check(description, "job_execution", caller.execution(hit["job_id"], hit["id"]).json())


def test_faults(description: dict[str, Any], world: World, caller: Caller) -> None:
    world.add_job(JobSpec("j"))
    responses = [
        caller.search(count=201),
        caller.search({"x": 1}),
        caller.search(sorts=[{"field": "job_id", "sort_order": "up"}]),
        caller.execution("j", "1"),
        caller.execution("j", "1", "DELETE"),
        caller.start("k"),
        Caller(world, authorization="").search(),
    ]
    for response in responses:
        assert response.status >= 400
        check(description, "fault", response.json())
