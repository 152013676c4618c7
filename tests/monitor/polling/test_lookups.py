"""What a search left out is asked for by id: once, within bounds, the worst first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta

import pytest

from monitor.app import App
from monitor.history import executions as history
from monitor.history.engine import reading
from monitor.model import Execution
from tests.monitor.conftest import NOW, Night

ASKED_AT_ONCE = 20
"""Runs that ended well, in one poll."""


def asked(night: Night) -> Counter[str]:
    """By the id of the run."""
    return Counter(one.path.rpartition("/")[2] for one in night.world.requests if one.api == "execution")


def runs(app: App) -> Mapping[str, Execution]:
    with reading(app.engine) as connection:
        return {one.execution.id: one.execution for one in history.search(connection, limit=100_000)}


def unknown(app: App) -> set[str]:
    return {name for name, run in runs(app).items() if run.steps is None}


@pytest.fixture
def bare(night: Night) -> Night:
    """An instance whose search tells no steps."""
    night.world.quirks.steps_in_hits = False
    return night


def test_each_ended_run_is_looked_up_once_however_it_ended(bare: Night) -> None:
    app = bare.agent()
    bare.turn(app)
    ids = {bare.world.start("import").finish(code=code).id for code in ("OK", "ERROR", "WARN")}
    active = bare.world.start("export")
    for _ in range(3):
        bare.turn(app)
    assert asked(bare) == dict.fromkeys(ids, 1)
    assert unknown(app) == {active.id}
    bare.turn(bare.agent())
    assert asked(bare) == dict.fromkeys(ids, 1), "nor by the next process"


def test_nothing_is_looked_up_where_the_search_tells_all(night: Night) -> None:
    app = night.agent()
    night.turn(app)
    for code in ("OK", "ERROR"):
        night.world.start("import").finish(code=code)
    night.turn(app)
    assert asked(night) == {}


def test_the_history_of_the_first_read_keeps_its_steps_unknown(bare: Night) -> None:
    for day in range(1, 20):
        start = NOW - timedelta(days=day)
        bare.world.start("import", at=start).finish(at=start + timedelta(minutes=5), code="ERROR")
    app = bare.agent()
    for _ in range(3):
        bare.turn(app)
    assert asked(bare) == {}
    assert len(unknown(app)) == 19


def test_system_jobs_that_are_kept_as_context_are_not_looked_up(bare: Night) -> None:
    app = bare.agent()
    bare.turn(app)
    bare.world.start("sfcc-site-archive-import").finish(code="ERROR")
    bare.turn(app)
    assert len(unknown(app)) == 1
    assert asked(bare) == {}


def test_a_system_job_that_is_watched_is_looked_up(bare: Night) -> None:
    bare.access = {"include_system_jobs": ["sfcc-site-archive-*"]}
    app = bare.agent()
    bare.turn(app)
    watched = bare.world.start("sfcc-site-archive-import").finish(code="ERROR")
    bare.turn(app)
    assert asked(bare) == {watched.id: 1}


def test_of_many_the_failed_ones_come_first_and_of_those_the_newest(bare: Night) -> None:
    app = bare.agent()
    bare.turn(app)
    good, bad = [], []
    for number in range(40):
        good.append(bare.world.start(f"good-{number}").finish().id)
        bad.append(bare.world.start(f"bad-{number}").finish(code="ERROR").id)
        bare.pass_time(seconds=1)
    bare.turn(app)
    order = [one.path.rpartition("/")[2] for one in bare.world.requests if one.api == "execution"]
    assert order == [*reversed(bad), *list(reversed(good))[:ASKED_AT_ONCE]]
    bare.turn(app)
    assert unknown(app) == set()
    assert set(asked(bare).values()) == {1}


def test_what_is_still_owed_survives_a_restart_and_is_no_more_than_that(bare: Night) -> None:
    app = bare.agent()
    bare.turn(app)
    for number in range(30):
        bare.world.start(f"job-{number}").finish()
    bare.turn(app)
    assert len(unknown(app)) == 30 - ASKED_AT_ONCE
    for _ in range(3):
        app = bare.agent()
        bare.turn(app)
        assert unknown(app) == set()
        assert asked(bare).total() == 30


def test_a_day_in_the_dark_owes_the_newest_thousand_good_ones_and_every_failure(bare: Night) -> None:
    bare.turn(bare.agent())
    failed = bare.world.start("import").finish(code="ERROR")
    for number in range(1100):
        if number % 100 == 0:
            bare.pass_time(minutes=30)
        bare.world.start(f"job-{number}").finish()
    bare.pass_time(hours=1)
    app = bare.agent()
    bare.turn(app)
    assert failed.id not in unknown(app)
    for _ in range(60):
        assert app.poll("production").complete
        bare.pass_time(minutes=1)
    assert len(unknown(app)) == 100
    assert asked(bare).total() == 1001


def test_a_run_that_the_platform_fails_to_give_is_not_asked_for_for_ever(bare: Night) -> None:
    app = bare.agent()
    bare.turn(app)
    run = bare.world.start("import").finish(code="ERROR")
    bare.world.faults.server_error("execution", n=1000)
    for _ in range(15):
        bare.turn(app)
    bare.world.faults.clear()
    bare.turn(app)
    assert unknown(app) == {run.id}


def test_without_the_right_to_look_up_it_is_tried_once_an_hour_and_made_up_for(bare: Night) -> None:
    bare.world.permissions.execution = False
    app = bare.agent()
    bare.turn(app)
    for number in range(5):
        bare.world.start(f"job-{number}").finish(code="ERROR")
        bare.turn(app)
    assert asked(bare).total() == 1
    bare.world.permissions.execution = True
    bare.turn(app, hours=1)
    assert unknown(app) == set()


@pytest.mark.parametrize("restarted", [False, True], ids=["same process", "new process"])
def test_attempts_that_could_not_be_looked_up_when_the_gap_closed_are_by_the_next_poll(
    night: Night,
    restarted: bool,  # noqa: FBT001 - a column of the table
) -> None:
    app = night.agent()
    night.turn(app)
    jobs = ("import", "export")
    attempts = [night.world.start(job, retry=(0, 1)).finish(code="ERROR") for job in jobs]
    night.turn(app)
    night.turn(app, minutes=20)  # by now the search does not show them any more
    night.pass_time(minutes=20)
    for job, attempt in zip(jobs, attempts, strict=True):
        attempt.mark("retried")
        night.world.start(job, retry=(1, 1)).finish()
    night.pass_time(hours=5)
    night.world.faults.reset("execution", n=3)  # of which the second would hear as well
    night.turn(app)
    assert {runs(app)[one.id].execution_status for one in attempts} == {"finished"}
    night.turn(night.agent() if restarted else app)
    assert {runs(app)[one.id].execution_status for one in attempts} == {"retried"}
