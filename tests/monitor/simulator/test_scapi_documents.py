"""Documents and problems against the published description of SCAPI Jobs 1.0.0, told here in short.

A property of `record` that ends with an underscore is required.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from jsonschema import Draft4Validator

from monitor.simulator import (
    SCENARIOS,
    JobSpec,
    ManualClock,
    Retry,
    ScapiCaller,
    StepSpec,
    World,
    demo_origin,
)

PHASES = (
    "pending running pausing paused resuming resumed restarting restarted retrying retried aborting aborted "
    "finished unknown"
)
MOMENT = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"}
NUMBER = {"type": "integer"}
FLAG = {"type": "boolean"}


def text(most: int, least: int = 0) -> dict[str, Any]:
    return {"type": "string", "maxLength": most, "minLength": least}


def one_of(words: str) -> dict[str, Any]:
    return {"enum": words.split()}


def many(entry: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": entry}


def record(**properties: dict[str, Any]) -> dict[str, Any]:
    required = [name.rstrip("_") for name in properties if name.endswith("_")]
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {name.rstrip("_"): kind for name, kind in properties.items()},
        **({"required": required} if required else {}),
    }


NAME = text(256)
EXIT = record(code=NAME, message=text(4000), status=one_of("ok error"))
METADATA = record(clientId=NAME, reason=text(4000), userLogin=NAME)
TIMES = {"startTime": MOMENT, "endTime": MOMENT, "duration": NUMBER, "modificationTime": MOMENT}
STATE = {
    "executionStatus": one_of(PHASES),
    "exitStatus": EXIT,
    "statusMetadata": METADATA,
}
STEP = record(
    id=text(256, 1),
    stepId=text(256, 1),
    stepDescription=text(4000),
    stepTypeId=NAME,
    stepTypeInfo=text(4000),
    executionScope=NAME,
    status=NAME,
    includeStepsFromJobId=NAME,
    isChunkOriented=FLAG,
    chunkSize=NUMBER,
    itemFilterCount=NUMBER,
    itemWriteCount=NUMBER,
    totalItemCount=NUMBER,
    **TIMES,
    **STATE,
)
EXECUTION = record(
    id_=text(256, 1),
    jobId_=text(256, 1),
    status_=NAME,
    jobDescription=text(4000),
    clientId=NAME,
    userLogin=NAME,
    creationDate=MOMENT,
    lastModified=MOMENT,
    effectiveDuration=NUMBER,
    executedServerId=NAME,
    isLogFileExisting=FLAG,
    isRestart=FLAG,
    logFilePath=text(4000),
    parameters=many(record(name_=text(256, 1), value_=text(1000))),
    executionScopes=many(NAME),
    retryInformation=record(currentRetryAttempt=NUMBER, maxRetries=NUMBER),
    continueInformation=record(isPending=FLAG, continueStatus=NAME),
    stepExecutions=many(STEP),
    **TIMES,
    **STATE,
)
RESULT = record(
    limit_=NUMBER,
    offset_=NUMBER,
    total_={"type": "integer", "minimum": 0},
    query_={"type": "object", "minProperties": 1, "maxProperties": 1},
    hits_=many(EXECUTION),
    sorts=many(record(field_=NAME, sortOrder=one_of("asc desc"))),
)
PROBLEM = record(title_=text(256), type_=text(2048), detail_={"type": "string"}, instance=text(2048))


def check(schema: dict[str, Any], document: Any) -> None:
    found = [f"{error.json_path}: {error.message}" for error in Draft4Validator(schema).iter_errors(document)]
    assert found == []


def test_the_check_can_fail() -> None:
    for document in ({"id": "1", "jobId": "a"}, {"id": "1", "jobId": "a", "status": "OK", "job_id": "a"}):
        with pytest.raises(AssertionError, match=r"status|job_id"):
            check(EXECUTION, document)


def test_a_night_of_search_results() -> None:
    clock = ManualClock(demo_origin(datetime(2026, 11, 24, tzinfo=UTC)))
    world = SCENARIOS["akeneo-night"](clock)
    clock.advance(timedelta(minutes=33))
    page = ScapiCaller(world).search(
        limit=200, offset=400, sorts=[{"field": "startTime", "sortOrder": "desc"}, {"field": "jobId"}]
    )
    assert len(page.json()["hits"]) == 200
    check(RESULT, page.json())


def test_executions_in_every_phase(world: World, clock: ManualClock) -> None:
    world.add_job(
        JobSpec("r", every=timedelta(minutes=1), failure_rate=1, retry=Retry(1, timedelta(seconds=9)))
    )
    world.start("pending", pending=True, parameters={"a": "b"})
    world.start("running", client_id="c", steps=(StepSpec("chunks", items=500),))
    world.start("failed", user_login="u").finish(code="ERROR", message="m")
    world.start("aborted").abort(reason="maintenance")
    world.start("paused").mark("paused")
    world.noise(jobs=1)
    caller = ScapiCaller(world)
    for seconds in (0, 1, 30, 60, 3600):
        clock.advance(seconds)
        page = caller.search(limit=200).json()
        check(RESULT, page)
        for hit in page["hits"]:
            check(EXECUTION, caller.execution(hit["jobId"], hit["id"]).json())


def test_a_start(world: World) -> None:
    world.add_job(JobSpec("j"))
    check(EXECUTION, ScapiCaller(world).start("j").json())


def test_problems(world: World) -> None:
    caller = ScapiCaller(world)
    for name in ("throttle", "unavailable", "gateway_timeout", "server_error", "maintenance"):
        getattr(world.faults, name)("scapi")
    responses = [
        *(caller.search() for _ in range(5)),
        caller.search(limit=201),
        caller.search({"x": 1}),
        caller.execution("j", "1"),
        caller.execution("j", "1", "DELETE"),
        caller.start("k"),
        ScapiCaller(world, authorization="").search(),
    ]
    for response in responses:
        assert response.status >= 400
        check(PROBLEM, response.json())
