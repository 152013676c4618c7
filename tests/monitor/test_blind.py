"""The monitor tells of itself: that it cannot see, that it cannot read logs, and when either is over."""

from __future__ import annotations

from datetime import timedelta

import pytest
from prometheus_client import generate_latest

from monitor.app import App
from tests.monitor.conftest import Night

BLIND = "blind: the job history on production"


@pytest.fixture
def app(night: Night) -> App:
    return night.agent()


def holding(app: App, condition: str) -> list[str]:
    page = generate_latest(app.metrics.registry).decode()
    lines = [line for line in page.splitlines() if f'condition="{condition}"' in line]
    return [line for line in lines if line.endswith(" 1.0")]


def test_an_outage_of_two_hours_is_told_once_and_its_end_once(night: Night, app: App) -> None:
    night.turn(app)
    night.world.faults.server_error("search", n=None)
    for _ in range(40):
        night.turn(app, minutes=3)
    assert night.titles == [BLIND]
    assert len(holding(app, "blind")) == 1
    night.world.faults.clear()
    for _ in range(10):
        night.turn(app)
    assert night.titles == [BLIND, "resolved: the job history on production (blind)"]
    assert holding(app, "blind") == []


def test_a_short_failure_is_not_told(night: Night, app: App) -> None:
    night.turn(app)
    night.world.faults.server_error("search", n=None)
    for _ in range(3):
        night.turn(app)
    night.world.faults.clear()
    night.turn(app)
    assert night.titles == []


def test_a_new_process_goes_on_where_the_last_one_was_blind(night: Night, app: App) -> None:
    night.turn(app)
    night.world.faults.server_error("search", n=None)
    night.turn(app, minutes=10)
    app = night.agent()
    night.turn(app, minutes=10)
    night.world.faults.clear()
    night.turn(night.agent(), minutes=10)
    assert night.titles == [BLIND, "resolved: the job history on production (blind)"]


def test_what_failed_while_nothing_was_seen_is_told_beside_the_end(night: Night, app: App) -> None:
    night.turn(app)
    night.world.faults.server_error("search", n=None)
    night.turn(app, minutes=10)
    night.world.start("import").finish(code="ERROR")
    night.turn(app, minutes=10)
    night.world.faults.clear()
    night.turn(app, minutes=10)
    assert night.titles[0] == BLIND
    assert sorted(night.titles[1:]) == [
        "failed: import on production",
        "resolved: the job history on production (blind)",
    ]


def test_logs_that_are_refused_are_said_until_one_is_read(night: Night, app: App) -> None:
    night.turn(app)
    night.world.permissions.webdav = False
    night.world.start("import").finish(code="ERROR")
    night.turn(app)
    night.turn(app)
    assert "log_access: the logs of jobs on production" in night.titles
    night.world.permissions.webdav = True
    night.world.start("export").finish(code="ERROR")
    for _ in range(7):
        night.turn(app)
    assert night.titles.count("log_access: the logs of jobs on production") == 1
    assert night.titles.count("resolved: the logs of jobs on production (log_access)") == 1


def test_a_secret_that_ends_soon_is_said_and_exported(night: Night) -> None:
    night.access["expires"] = (night.clock.now() + timedelta(days=10)).date()
    app = night.agent()
    night.turn(app)
    night.turn(app)
    assert night.titles == ["expiring: secret on production"]
    page = generate_latest(app.metrics.registry).decode()
    assert 'sfcc_credential_expiry_timestamp_seconds{credential="secret",sfcc_instance="production"}' in page
