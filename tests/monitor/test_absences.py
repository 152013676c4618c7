"""The agent on jobs that have slots: what did not happen is told once, and what it could not see is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest

from alerts import store
from alerts.model import Incident
from monitor.app import App
from monitor.history.engine import reading
from monitor.settings.model import JobSettings
from tests.monitor.conftest import NOW, Night

JOB = "Hourly-Export"
HOURLY = JobSettings(match=JOB, every=timedelta(hours=1))
ABSENCES = {"late", "missed", "stale", "unexpected", "moved"}


@pytest.fixture
def night(nights: Callable[[], AbstractContextManager[Night]]) -> Iterator[Night]:
    with nights() as night:
        yield night


def incidents(app: App) -> list[Incident]:
    """But for what the first read found: that the job did not run before it was there."""
    with reading(app.engine) as connection:
        found = store.current(connection, NOW - timedelta(days=30))
    return [one for one in found if one.quiet is None]


def absences(app: App) -> list[tuple[str, bool]]:
    return sorted((one.condition, one.is_open) for one in incidents(app) if one.condition in ABSENCES)


def run_for(
    night: Night, app: App, hours: int, *, without: tuple[int, ...] = (), polled: bool = True
) -> None:
    """From a full hour on: a run of a minute at each but those, and polls after 2, 10, 30 and 60 minutes."""
    for hour in range(hours):
        run = None if hour in without else night.world.start(JOB)
        night.pass_time(minutes=1)
        if run is not None:
            run.finish()
        for minutes in (1, 8, 20, 30):
            night.pass_time(minutes=minutes)
            if polled:
                app.poll("production")
                night.tell_at_once(app)


def watching(night: Night) -> App:
    """It has read everything once, and the job has run on time before."""
    night.world.start(JOB).finish()
    app = night.agent(jobs=[HOURLY], group_wait=timedelta())
    run_for(night, app, 2)
    return app


def test_a_slot_that_nobody_fills_is_late_first_and_then_missed_and_told_once_each(night: Night) -> None:
    app = watching(night)
    run_for(night, app, 3, without=(0,))
    assert absences(app) == [("late", False), ("missed", False)]
    assert [title.partition(" ")[0] for title in night.titles if "recovered" not in title.lower()] != []


def test_a_run_that_comes_late_ends_it_and_nothing_was_missed(night: Night) -> None:
    app = watching(night)
    night.pass_time(minutes=10)
    app.poll("production")
    assert absences(app) == [("late", True)]
    night.world.start(JOB).finish()
    night.pass_time(minutes=1)
    app.poll("production")
    assert absences(app) == [("late", False)]


def test_an_outage_of_two_hours_makes_no_absence_of_runs_that_were_there(night: Night) -> None:
    app = watching(night)
    night.world.faults.unavailable("*", n=None)
    run_for(night, app, 2)
    night.world.faults.clear()
    run_for(night, app, 1)
    assert absences(app) == []
    assert [one.condition for one in incidents(app)] == ["blind"]


def test_a_slot_that_was_empty_during_an_outage_is_missed_once_at_its_time(night: Night) -> None:
    app = watching(night)
    night.world.faults.unavailable("*", n=None)
    began = night.clock.now()
    run_for(night, app, 2, without=(0,))
    night.world.faults.clear()
    run_for(night, app, 1)
    found = [one for one in incidents(app) if one.condition == "missed"]
    assert [(one.starts_at, one.is_open) for one in found] == [(began, False)]


def test_an_agent_that_was_down_over_a_slot_finds_the_run_that_filled_it(night: Night) -> None:
    watching(night)
    run_for(night, night.agent(), 3, polled=False)
    app = night.agent()
    run_for(night, app, 1)
    assert absences(app) == []


def test_an_agent_that_was_down_tells_of_what_did_not_run_meanwhile_once(night: Night) -> None:
    watching(night)
    run_for(night, night.agent(), 2, without=(0,), polled=False)
    app = night.agent()
    run_for(night, app, 2)
    assert [what for what, _ in absences(app)].count("missed") == 1


def test_the_first_read_announces_no_absence_of_days_ago(night: Night) -> None:
    app = night.agent(jobs=[HOURLY], group_wait=timedelta())
    night.pass_time(minutes=1)
    app.poll("production")
    night.tell_at_once(app)
    assert night.titles == []


def test_what_is_in_force_for_a_sandbox_expects_no_run(night: Night) -> None:
    night.access["type"] = "sandbox"
    app = watching(night)
    run_for(night, app, 3, without=(0, 1, 2))
    assert absences(app) == []


@pytest.mark.parametrize("minutes", [-5, 5])
def test_an_agent_whose_clock_is_minutes_off_finds_no_run_late_or_unexpected(
    night: Night, minutes: int
) -> None:
    night.clock.advance(timedelta(minutes=minutes))
    app = watching(night)
    run_for(night, app, 5)
    assert absences(app) == []
    run_for(night, app, 1, without=(0,))
    assert absences(app) == [("late", True)]
