from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from monitor.detect.hindsight import looked
from monitor.model import Execution, ExitStatus, Step


@pytest.mark.parametrize(
    ("time", "steps"),
    [
        pytest.param("02:04", [("one", "running")], id="while the first runs"),
        pytest.param("02:05", [("one", "finished"), ("two", "running")], id="as the second begins"),
        pytest.param("02:09", [("one", "finished"), ("two", "running")], id="while the second runs"),
        pytest.param("02:10", [("one", "finished"), ("two", "finished")], id="when all is over"),
    ],
)
def test_a_step_is_there_from_its_start_on(
    story: Callable[[str], tuple[Execution, ...]],
    at: Callable[[str], datetime],
    time: str,
    steps: list[tuple[str, str]],
) -> None:
    ended: dict[str, Any] = {"execution_status": "finished", "exit_status": ExitStatus("OK", None, "ok")}
    one = Step("one", start_time=at("02:00"), end_time=at("02:05"), **ended)
    two = Step("two", start_time=at("02:05"), end_time=at("02:10"), **ended)
    (run,) = story("a 02:00-02:10")
    then = looked(replace(run, steps=(one, two)), at(time))
    assert [(step.step_id, step.execution_status) for step in then.steps or ()] == steps
    assert all((step.end_time is None) == (step.execution_status == "running") for step in then.steps or ())
