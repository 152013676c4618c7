"""Errors in the logs of runs that ended ok: counted beside the polls, told by the next one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest

from monitor.history import executions as history
from monitor.history.engine import reading
from monitor.model import Logged
from monitor.settings.model import JobSettings
from tests.monitor.conftest import Night

JOB = "import"
COUNTED = JobSettings(match=JOB, log_errors=2)
TWO_ERRORS = b"".join(
    f"[2026-11-23 02:0{minute}:00.000 GMT] {level} SystemJobThread|1|import|load {text}\n".encode()
    for minute, (level, text) in enumerate(
        [
            ("INFO", "begins"),
            ("ERROR", "no price"),
            ("ERROR", "no name"),
            ("INFO", "Execution of job finished"),
        ]
    )
)
CLEAN = b"[2026-11-23 02:00:00.000 GMT] INFO SystemJobThread|1|import Execution of job finished\n"


@pytest.fixture
def night(nights: Callable[[], AbstractContextManager[Night]]) -> Iterator[Night]:
    with nights() as night:
        yield night


def logged(night: Night, job: str = JOB) -> list[Logged | None]:
    with reading(night.agent().engine) as connection:
        return [one.execution.logged for one in history.search(connection, job=job, limit=9)]


def degraded(night: Night) -> list[str]:
    return [title for title in night.titles if "degraded" in title]


def test_a_run_that_ended_ok_with_errors_in_its_log_is_told(night: Night) -> None:
    app = night.agent(jobs=[COUNTED])
    night.turn(app)
    night.world.start(JOB, log=TWO_ERRORS).finish()
    night.turn(app)
    assert degraded(night) == [], "its log was not read when it was judged"
    night.turn(app)
    assert degraded(night) == ["degraded: import on production"]
    assert logged(night) == [Logged(2, 0)]


def test_a_run_with_a_clean_log_repairs_it_once_that_was_read(night: Night) -> None:
    app = night.agent(jobs=[COUNTED])
    night.turn(app)
    for content in (TWO_ERRORS, CLEAN):
        night.world.start(JOB, log=content).finish()
        for _ in range(2):
            night.turn(app)
    assert [one.is_open for one in app.open_incidents() if one.condition == "degraded"] == []
    assert len(degraded(night)) == 1


def test_a_log_is_read_once_and_by_whoever_is_there(night: Night) -> None:
    night.turn(night.agent(jobs=[COUNTED]))
    night.world.start(JOB, log=TWO_ERRORS).finish()
    night.agent().poll("production")
    for _ in range(3):
        night.turn(night.agent())
    assert logged(night) == [Logged(2, 0)]
    assert sum(one.api == "webdav" and one.status in {200, 206} for one in night.world.requests) <= 2


def test_what_the_settings_do_not_ask_for_is_not_read(night: Night) -> None:
    app = night.agent(jobs=[COUNTED])
    night.turn(app)
    night.world.start("other", log=TWO_ERRORS).finish()
    night.world.start(JOB, log=TWO_ERRORS).finish(code="ERROR")
    for _ in range(3):
        night.turn(app)
    assert logged(night, "other") == [None]


def test_a_log_that_cannot_be_had_is_tried_a_few_times_and_then_left(night: Night) -> None:
    app = night.agent(jobs=[COUNTED])
    night.turn(app)
    night.world.faults.unavailable("webdav", n=None)
    night.world.start(JOB, log=TWO_ERRORS).finish()
    for _ in range(12):
        night.turn(app, minutes=3)
    asked = sum(one.api == "webdav" for one in night.world.requests)
    night.turn(app, minutes=3)
    assert sum(one.api == "webdav" for one in night.world.requests) == asked
    assert logged(night) == [None]


def test_history_of_before_is_not_read(night: Night) -> None:
    night.world.start(JOB, log=TWO_ERRORS).finish()
    app = night.agent(jobs=[COUNTED])
    for _ in range(3):
        night.turn(app)
    assert logged(night) == [None]
    night.pass_time(seconds=timedelta(hours=1).total_seconds())
    assert degraded(night) == []
