"""A sandbox that is stopped for the night: not read, known to be asleep, and nobody is called."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from prometheus_client import generate_latest

from monitor.app import App
from monitor.errors import Reason
from tests.monitor.conftest import Night


@pytest.fixture
def app(night: Night) -> App:
    night.access["type"] = "sandbox"
    return night.agent()


def lines(app: App, word: str) -> list[str]:
    page = generate_latest(app.metrics.registry).decode()
    return [line for line in page.splitlines() if word in line and not line.startswith("#")]


ASLEEP = 'sfcc_instance_condition{condition="asleep",severity="info",sfcc_instance="production"}'
UP = 'sfcc_up{sfcc_instance="production"}'


def test_it_is_not_up_and_asleep_until_it_wakes(night: Night, app: App) -> None:
    night.turn(app)
    assert lines(app, "asleep,") == []
    night.world.faults.asleep("search", n=None)
    assert night.turn(app).reason is Reason.ASLEEP
    assert lines(app, 'condition="asleep"') == [f"{ASLEEP} 1.0"]
    assert lines(app, "sfcc_up") == [f"{UP} 0.0"]
    night.world.faults.clear()
    assert night.turn(app).complete
    assert lines(app, 'condition="asleep"') == [f"{ASLEEP} 0.0"]
    assert lines(app, "sfcc_up") == [f"{UP} 1.0"]
    night.turn(app, minutes=61)
    assert lines(app, 'condition="asleep"') == []
    assert night.titles == []


def test_one_request_is_enough_to_see_it(night: Night, app: App) -> None:
    night.turn(app)
    night.world.faults.asleep("search", n=None)
    before = night.searches()
    night.turn(app)
    assert night.searches() == before + 1


def test_it_is_said_when_it_falls_asleep_and_when_it_wakes(
    night: Night, app: App, caplog: pytest.LogCaptureFixture
) -> None:
    night.turn(app)
    night.world.faults.asleep("search", n=None)
    caplog.set_level(logging.INFO, "monitor.watch")
    for _ in range(5):
        night.turn(app)
    night.world.faults.clear()
    for _ in range(3):
        night.turn(app)
    said = [record for record in caplog.records if record.name == "monitor.watch"]
    assert {record.levelno for record in said} == {logging.INFO}
    first, second = (record.getMessage() for record in said)
    assert "the sandbox is asleep" in first
    assert second.startswith("production: polled in ")


def test_what_failed_before_it_fell_asleep_is_neither_forgotten_nor_over(night: Night, app: App) -> None:
    night.turn(app)
    night.world.start("import").finish(code="ERROR")
    night.turn(app)
    night.world.faults.asleep("search", n=None)
    night.turn(app, hours=30)
    (incident,) = app.open_incidents()
    assert incident.condition == "failed"
    assert night.clock.now() - incident.starts_at > timedelta(hours=30)
