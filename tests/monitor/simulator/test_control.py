"""Steering by hand, on a path that no instance has."""

import json

import pytest

from monitor.simulator import Caller, JobSpec, World


def steer(caller: Caller, method: str, path: str, **document: object) -> tuple[int, dict[str, object]]:
    response = caller.call(method, f"/__simulator__/{path}", json.dumps(document).encode())
    return response.status, response.json()


def test_faults_are_ordered_and_cleared(caller: Caller) -> None:
    status, answer = steer(caller, "POST", "faults", api="search", kind="throttle", n=2, retry_after=9)
    assert (status, answer) == (200, {"faults": ["search throttle"]})
    assert caller.search().headers["Retry-After"] == "9"
    assert steer(caller, "DELETE", "faults") == (200, {"faults": []})
    assert caller.search().status == 200


def test_a_wrong_order_is_explained(caller: Caller) -> None:
    for document in (
        {},
        {"kind": "explode"},
        {"kind": "throttle", "api": "x"},
        {"kind": "throttle", "often": 1},
    ):
        status, answer = steer(caller, "POST", "faults", **document)
        assert status == 400
        assert answer["error"]


def test_quirks_are_switched_while_it_runs(world: World, caller: Caller) -> None:
    status, answer = steer(caller, "POST", "quirks", search_fields="snake", load=85, ranges=False)
    assert status == 200
    assert (world.quirks.search_fields, world.quirks.load, world.quirks.ranges) == ("snake", 85, False)
    assert answer == {"quirks": steer(caller, "GET", "state")[1]["quirks"]}
    assert steer(caller, "POST", "quirks", load=None)[0] == 200
    assert world.quirks.load is None


@pytest.mark.parametrize(
    ("quirk", "value", "named"),
    [
        ("searching", 1, "there are: "),
        ("search_fields", "kebab", "'camel' or 'snake' or 'both'"),
        ("load", "85", "int or null"),
        ("ranges", 1, "bool"),
        ("after_search", None, "there are: "),
    ],
)
def test_a_wrong_quirk_changes_nothing_and_is_explained(
    world: World, caller: Caller, quirk: str, value: object, named: str
) -> None:
    status, answer = steer(caller, "POST", "quirks", **{"short_pages": 7, quirk: value})
    assert (status, world.quirks.short_pages) == (400, None)
    assert named in str(answer["error"])
    assert caller.call("POST", "/__simulator__/quirks", b"[]").status == 400


def test_a_job_is_made_to_fail_or_started(world: World, caller: Caller) -> None:
    world.add_job(JobSpec("my job"))
    assert steer(caller, "POST", "start/my%20job")[1]["status"] == "RUNNING"
    assert steer(caller, "POST", "fail/my%20job")[1]["status"] == "ERROR"
    assert [run.document()["status"] for run in world.runs("my job")] == ["ERROR"]
    assert steer(caller, "POST", "fail/none")[0] == 404


def test_the_state_counts_requests_but_not_its_own(world: World, caller: Caller) -> None:
    world.add_job(JobSpec("j"))
    caller.search()
    _, state = steer(caller, "GET", "state")
    assert state["jobs"] == ["j"]
    assert state["requests"] == {"search POST 200": 1}
    assert steer(caller, "GET", "nothing")[0] == 404
