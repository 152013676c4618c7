"""What happened while nothing could be read is found afterwards, as if somebody had looked all the time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from monitor.app import App
from monitor.history import cursor as cursors
from monitor.history import executions as history
from monitor.history.engine import reading
from monitor.model import Outcome
from monitor.settings.thresholds import DetectionSettings
from tests.monitor.conftest import Night

CLOSE_TOGETHER = DetectionSettings(buffer=timedelta())
"""Nobody minds that one follows the other at once."""


def outcomes(app: App, job: str) -> list[Outcome]:
    with reading(app.engine) as connection:
        return sorted(one.outcome for one in history.search(connection, job=job, limit=1000))


@pytest.mark.parametrize("restarted", [False, True], ids=["same process", "new process"])
def test_a_failure_is_told_however_many_runs_of_the_job_came_after_it(
    night: Night,
    restarted: bool,  # noqa: FBT001 - a column of the table
) -> None:
    app = night.agent()
    night.turn(app)
    for number in range(100):
        night.world.start("every minute").finish(code="ERROR" if number == 1 else "OK")
        night.pass_time(minutes=1)
    night.turn(night.agent() if restarted else app)
    assert night.titles == ["resolved: every minute on production (failed)"]


def test_an_attempt_that_was_marked_as_retried_in_the_dark_is_read_again(night: Night) -> None:
    app = night.agent()
    night.turn(app)
    attempt = night.world.start("import", retry=(0, 1)).finish(code="ERROR")
    night.turn(app, minutes=1)
    night.turn(app, minutes=20)  # by now the search does not show it any more
    night.pass_time(minutes=20)
    attempt.mark("retried")
    night.world.start("import", retry=(1, 1)).finish()
    night.turn(app, hours=3)
    assert outcomes(app, "import") == [Outcome.OK, Outcome.SUPERSEDED]
    assert night.titles == []


def test_each_cause_of_what_failed_in_the_dark_is_known(night: Night) -> None:
    app = night.agent()
    night.turn(app)
    for message in ("disk full", "no such file", "disk full"):
        night.world.start("import").finish(code="ERROR", message=message)
        night.pass_time(minutes=10)
    night.turn(app)
    (incident,) = app.open_incidents()
    assert [cause.rpartition(" | ")[2] for cause in incident.causes] == ["disk full", "no such file"]


@pytest.mark.parametrize("hours", [1, -1])
def test_our_clock_being_set_amid_a_poll_does_not_make_it_see_the_future(night: Night, hours: int) -> None:
    app = night.agent()
    night.turn(app)
    off = timedelta(hours=hours)
    night.clock.step(off)
    night.world.quirks.after_search = lambda: night.clock.step(-off)
    night.turn(app)
    with reading(app.engine) as connection:
        seen = cursors.load(connection, "production").seen_until
    assert seen is not None
    assert seen <= night.world.now()


def test_a_run_that_began_after_the_wait_for_a_retry_ends_the_wait(night: Night) -> None:
    app = night.agent()
    night.turn(app)
    night.world.start("import", retry=(0, 1)).finish(code="ERROR", message="no such file")
    night.pass_time(minutes=75)
    night.world.start("import", retry=(1, 1)).finish()
    night.world.faults.misdated("search", by=-2 * 3600)
    night.turn(app)
    assert night.titles == ["resolved: import on production (failed)"]


def test_a_run_that_began_during_the_poll_is_not_said_to_have_met_what_was_active_before(
    night: Night,
) -> None:
    app = night.agent(detection=CLOSE_TOGETHER)
    night.turn(app)
    full = night.world.start("1-Akeneo-Full")

    def during_the_poll() -> None:
        night.world.quirks.after_search = None
        night.pass_time(seconds=1)
        full.finish()
        night.pass_time(seconds=1)
        night.world.start("2-Akeneo-Differential")

    night.world.faults.short_page(keep=1)
    for number in range(3):  # the next page shows what has come meanwhile
        night.world.start(f"other-{number}")
    night.world.quirks.after_search = during_the_poll
    night.turn(app)
    night.turn(app)
    assert night.titles == []


def test_what_did_meet_during_the_poll_is_told_by_the_next(night: Night) -> None:
    app = night.agent()
    night.turn(app)
    night.world.start("1-Akeneo-Full")
    night.world.start("other")

    def during_the_poll() -> None:
        night.world.quirks.after_search = None
        night.pass_time(seconds=1)
        night.world.start("2-Akeneo-Differential")

    night.world.faults.short_page(keep=1)
    night.world.quirks.after_search = during_the_poll
    night.turn(app)
    night.turn(app)
    assert night.titles == ["overlap: 2-Akeneo-Differential with 1-Akeneo-Full on production"]


def test_a_run_that_was_deleted_before_another_began_has_not_met_it(night: Night) -> None:
    app = night.agent(detection=CLOSE_TOGETHER)
    night.turn(app)
    full = night.world.start("1-Akeneo-Full")
    night.turn(app)
    night.world.forget(full)
    night.pass_time(minutes=1)
    night.world.start("2-Akeneo-Differential")
    for _ in range(3):
        night.turn(app)
    assert night.titles == []


@pytest.mark.parametrize("goes_on", [True, False], ids=["still runs", "had ended before"])
def test_a_run_that_came_and_went_during_the_poll_met_what_is_seen_active_afterwards(
    night: Night,
    goes_on: bool,  # noqa: FBT001 - a column of the table
) -> None:
    app = night.agent(detection=CLOSE_TOGETHER)
    night.turn(app)
    full = night.world.start("1-Akeneo-Full")
    night.world.start("other")

    def during_the_poll() -> None:
        night.world.quirks.after_search = None
        night.pass_time(seconds=1)
        if not goes_on:
            full.finish()
        night.pass_time(seconds=1)
        short = night.world.start("2-Akeneo-Differential")
        night.pass_time(seconds=1)
        short.finish()

    night.world.faults.short_page(keep=1)
    night.world.quirks.after_search = during_the_poll
    for _ in range(3):
        night.turn(app)
    told = ["resolved: 2-Akeneo-Differential with 1-Akeneo-Full on production (overlap)"]
    assert night.titles == (told if goes_on else [])


def test_a_run_that_could_not_be_looked_up_when_it_failed_is_looked_up_by_the_next_poll(night: Night) -> None:
    night.world.quirks.steps_in_hits = False
    app = night.agent()
    night.turn(app)
    night.world.start("import").finish(code="ERROR", failed_step="load-prices")
    night.world.faults.server_error("execution", n=3)
    night.turn(app)
    night.turn(app)
    with reading(app.engine) as connection:
        ((run, *_),) = history.search(connection, job="import", limit=1)
    assert [step.step_id for step in run.steps or ()] == ["load-prices"]


def test_a_client_that_may_not_look_up_does_not_ask_for_the_same_run_for_ever(night: Night) -> None:
    night.world.permissions.execution = False
    night.world.quirks.steps_in_hits = False
    app = night.agent()
    night.turn(app)
    night.world.start("import").finish(code="ERROR")
    for _ in range(4):
        night.turn(app)
    assert sum(one.api == "execution" for one in night.world.requests) == 1


@pytest.mark.parametrize(
    ("first", "other"),
    [
        pytest.param("1-Akeneo-Full", "2-Akeneo-Differential", id="the one seen active ended first"),
        pytest.param("2-Akeneo-Differential", None, id="the one seen active goes on"),
    ],
)
def test_an_overlap_whose_end_was_seen_in_part_is_told_with_its_real_end(
    night: Night, first: str, other: str | None
) -> None:
    app = night.agent()
    night.turn(app)
    runs = {"1-Akeneo-Full": night.world.start("1-Akeneo-Full")}
    night.pass_time(seconds=1)
    runs["2-Akeneo-Differential"] = night.world.start("2-Akeneo-Differential")
    night.turn(app)

    def during_the_poll() -> None:
        night.world.quirks.after_search = None
        for job in (first, other):
            night.pass_time(seconds=2)
            if job is not None:
                runs[job].finish()

    night.world.faults.short_page(keep=1)
    night.world.quirks.after_search = during_the_poll
    night.turn(app)
    night.turn(app)
    night.turn(app, minutes=10)
    opening, end = night.titles
    assert opening == "overlap: 2-Akeneo-Differential with 1-Akeneo-Full on production"
    assert end == "resolved: 2-Akeneo-Differential with 1-Akeneo-Full on production (overlap)"
    assert f"{first} (run {runs[first].id}) ended at" in night.chat.sent[-1].body
