"""What an execution's document says in each phase of its life."""

from datetime import timedelta
from typing import Any

import pytest

from monitor.simulator import Caller, ManualClock, Outcome, StepSpec, World

STEPS = (StepSpec("read"), StepSpec("import", items=1000), StepSpec("clean"))


def fields(document: dict[str, Any], *names: str) -> list[Any]:
    return [document.get(name) for name in names]


def steps(document: dict[str, Any]) -> list[list[Any]]:
    return [fields(step, "step_id", "status") for step in document.get("step_executions", [])]


def test_a_run_grows_until_it_is_finished(world: World, clock: ManualClock) -> None:
    run = world.start("job")
    clock.advance(12)
    assert fields(run.document(), "execution_status", "status", "duration") == ["running", "RUNNING", 12_000]
    assert "exit_status" not in run.document()
    run.finish()
    clock.advance(60)
    document = run.document()
    assert fields(document, "execution_status", "status", "duration") == ["finished", "OK", 12_000]
    assert document["exit_status"] == {"_type": "status", "code": "OK", "status": "ok"}
    assert document["start_time"] == "2026-11-22T02:00:00.000Z"
    assert document["end_time"] == "2026-11-22T02:00:12.000Z"


def test_a_document_has_no_nulls(world: World) -> None:
    documents = [world.start("a").document(), world.start("b", pending=True).document()]
    assert all(value is not None for document in documents for value in document.values())


def test_a_pending_run_may_lack_a_start(world: World, clock: ManualClock) -> None:
    run = world.start("job", pending=True)
    clock.advance(5)
    document = run.document()
    assert fields(document, "execution_status", "status", "is_log_file_existing") == [
        "pending",
        "PENDING",
        False,
    ]
    assert not {"start_time", "duration", "log_file_path", "step_executions"} & set(document)
    run.begin()
    assert fields(run.document(), "status", "start_time") == ["RUNNING", "2026-11-22T02:00:05.000Z"]


def test_a_pending_run_may_have_a_start_and_a_growing_duration(world: World, clock: ManualClock) -> None:
    run = world.start("job", pending=True, at=clock.now())
    clock.advance(6.667)
    assert fields(run.document(), "status", "start_time", "duration") == [
        "PENDING",
        "2026-11-22T02:00:00.000Z",
        6_667,
    ]


def test_a_start_to_come_leaves_the_run_pending_until_then(world: World, clock: ManualClock) -> None:
    run = world.start("job", at=clock.now() + timedelta(seconds=10), outcome=Outcome())
    assert fields(run.document(), "status", "start_time") == ["PENDING", None]
    clock.advance(10)
    assert world.documents("job")[0]["status"] == "RUNNING"


@pytest.mark.parametrize(
    ("code", "status", "shown"),
    [
        pytest.param("ERROR", None, "error", id="ERROR is an error"),
        pytest.param("NO_FILES_FOUND", None, "ok", id="other codes are well"),
        pytest.param("ERROR_STAGING", "error", "error", id="unless told otherwise"),
        pytest.param("ERROR", "ok", "ok", id="both may contradict each other"),
    ],
)
def test_exit_codes_are_free_text(world: World, code: str, status: str | None, shown: str) -> None:
    document = world.start("job").finish(code=code, status=status).document()
    assert document["status"] == document["exit_status"]["code"] == code
    assert document["exit_status"]["status"] == shown


def test_an_aborted_run_has_no_exit_status(world: World, clock: ManualClock) -> None:
    run = world.start("job")
    clock.advance(30)
    document = run.abort(reason="aborted by user").document()
    assert fields(document, "execution_status", "exit_status", "duration") == ["aborted", None, 30_000]
    assert document["status_metadata"]["reason"] == "aborted by user"


def test_a_marked_run_shows_the_mark_and_ends_it_by_finishing(world: World, clock: ManualClock) -> None:
    run = world.start("job").mark("paused")
    assert fields(run.document(), "execution_status", "status") == ["paused", "PAUSED"]
    clock.advance(1)
    assert run.finish().document()["execution_status"] == "finished"


def test_a_failed_run_may_be_marked_as_retried(world: World) -> None:
    document = world.start("job").finish(code="ERROR").mark("retried", retry=(0, 3)).document()
    assert fields(document, "execution_status", "status") == ["retried", "ERROR"]
    assert document["retry_information"]["max_retries"] == 3


def test_steps_follow_one_another(world: World, clock: ManualClock) -> None:
    run = world.start("job", steps=STEPS)
    assert steps(run.document()) == [["read", "RUNNING"]]
    clock.advance(10)
    run.next_step()
    clock.advance(10)
    assert steps(run.document()) == [["read", "OK"], ["import", "RUNNING"]]
    clock.advance(10)
    assert steps(run.finish().document()) == [["read", "OK"], ["import", "OK"], ["clean", "OK"]]


def test_last_modified_moves_with_the_steps_and_stands_still_between(
    world: World, clock: ManualClock
) -> None:
    run = world.start("job", steps=STEPS)
    begun = run.document()["last_modified"]
    clock.advance(300)
    assert run.document()["last_modified"] == begun
    run.next_step()
    assert run.document()["last_modified"] == "2026-11-22T02:05:00.000Z"
    clock.advance(1)
    assert run.touch().document()["last_modified"] == "2026-11-22T02:05:01.000Z"


def test_the_step_that_runs_is_the_one_that_fails(world: World, clock: ManualClock) -> None:
    run = world.start("job", steps=STEPS)
    clock.advance(10)
    run.next_step()
    clock.advance(10)
    document = run.finish(code="ERROR", message="no connection").document()
    assert steps(document) == [["read", "OK"], ["import", "ERROR"]]
    assert document["step_executions"][1]["exit_status"]["message"] == "no connection"


def test_a_named_step_fails_and_the_job_may_still_end_well(world: World, clock: ManualClock) -> None:
    run = world.start("job", steps=STEPS)
    clock.advance(30)
    document = run.finish(code="OK", failed_step="import").document()
    assert steps(document) == [["read", "OK"], ["import", "ERROR"], ["clean", "OK"]]
    assert document["exit_status"]["status"] == "ok"


def test_a_step_keeps_its_id_until_the_end(world: World, clock: ManualClock) -> None:
    run = world.start("job", steps=STEPS)
    seen = run.document()["step_executions"][0]["id"]
    clock.advance(10)
    assert run.finish().document()["step_executions"][0]["id"] == seen


def test_a_planned_run_goes_through_its_steps_as_time_passes(world: World, clock: ManualClock) -> None:
    run = world.start("job", steps=STEPS, outcome=Outcome(duration=timedelta(seconds=30)))
    seen = []
    for _ in range(4):
        seen.append([status for _, status in steps(run.document())])
        clock.advance(10)
    assert seen == [["RUNNING"], ["OK", "RUNNING"], ["OK", "OK", "RUNNING"], ["OK", "OK", "OK"]]


def test_who_started_it_is_said_only_of_users_and_clients(world: World) -> None:
    scheduled, manual = world.start("a").document(), world.start("b", user_login="jdoe").document()
    by_api = world.start("c", client_id="abc", parameters={"mode": "merge"}).document()
    assert fields(scheduled, "user_login", "client_id") == [None, None]
    assert manual["user_login"] == "jdoe"
    assert by_api["client_id"] == "abc"
    assert by_api["parameters"] == [{"_type": "job_execution_parameter", "name": "mode", "value": "merge"}]


def test_scopes_are_sorted(world: World) -> None:
    assert world.start("a", scope=("Z", "B")).document()["execution_scopes"] == ["B", "Z"]


def test_ids_are_digits_and_increase(world: World) -> None:
    ids = [world.start(job).id for job in "abc"]
    assert all(identity.isdigit() for identity in ids)
    assert sorted(ids, key=int) == ids


def test_a_log_path_has_a_folder_for_each_job_and_26_hex_digits(world: World) -> None:
    document = world.start("3-1-1 Akeneo").document()
    prefix = "/Sites/LOGS/jobs/3-1-1 Akeneo/Job-3-1-1 Akeneo-"
    suffix = document["log_file_path"].removeprefix(prefix).removesuffix(".log")
    assert len(suffix) == 26
    int(suffix, 16)


def test_a_job_without_a_log_has_no_path(world: World) -> None:
    document = world.start("job", log=False).finish().document()
    assert fields(document, "is_log_file_existing", "log_file_path") == [False, None]


def test_a_raw_document_is_shown_as_it_is(world: World, caller: Caller) -> None:
    odd = {"id": "x/1", "job_id": "a b", "execution_status": "levitating", "novelty": {"deep": [1]}}
    world.put(odd)
    assert caller.search().json()["hits"] == [odd]
    assert caller.execution("a b", "x/1").json() == {"_v": "25.6", **odd}


def test_a_raw_document_replaces_the_one_with_its_id(world: World, caller: Caller) -> None:
    world.put({"id": "1", "job_id": "a", "status": "RUNNING"})
    world.put({"id": "1", "job_id": "a", "status": "OK"})
    assert [hit["status"] for hit in caller.search().json()["hits"]] == ["OK"]


def test_a_forgotten_run_is_gone_everywhere(world: World, caller: Caller) -> None:
    run = world.start("job")
    world.forget(run)
    assert caller.execution("job", run.id).status == 404
    assert caller.search().json()["total"] == 0
    assert not world.is_active("job")


def test_a_run_can_be_made_to_fail_at_once(world: World, clock: ManualClock) -> None:
    running = world.start("job")
    clock.advance(5)
    assert world.fail("job").id == running.id
    assert world.fail("job").id != running.id
    assert [run.document()["status"] for run in world.runs("job")] == ["ERROR", "ERROR"]
