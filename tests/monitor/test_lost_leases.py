"""What is lost with a lease, and what must not be: where the state fails, or an agent is away for a while."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import OperationalError

from monitor.app import App
from monitor.errors import LeaseLostError
from monitor.history.engine import BUSY_TIMEOUT, is_reading
from monitor.leases import DISPATCHER, Leases, of_instance
from tests.monitor.conftest import Night
from tests.monitor.test_two_agents import lose_leases

PRODUCTION = of_instance("production")


def up(app: App) -> float | None:
    return app.metrics.registry.get_sample_value("sfcc_up", {"sfcc_instance": "production"})


def test_a_lease_whose_taking_was_committed_without_an_answer_is_ours(state: Engine) -> None:
    """Else we stand by for ourselves, and renew for ever what we wait for."""
    ours = Leases(state, "host:1:nonce", is_gone=lambda _: False)
    ours.take(DISPATCHER)
    broken: list[str] = []

    def breaks(connection: Connection) -> None:
        if not broken and not is_reading(connection):
            broken.append("the connection")
            connection.exec_driver_sql("COMMIT")
            raise OperationalError(None, None, Exception("the server closed the connection"))

    event.listen(state, "commit", breaks)
    with pytest.raises(OperationalError):
        ours.take(PRODUCTION)
    event.remove(state, "commit", breaks)
    ours.renew()
    assert ours.take(PRODUCTION) is not None


def test_who_finds_a_lease_lost_waits_for_nobody_who_waits_for_the_state(state: Engine) -> None:
    ours, theirs = (Leases(state, f"host:{pid}:nonce", is_gone=lambda _: False) for pid in (1, 2))
    lease = ours.take("a")
    assert lease is not None
    ours.take("b")
    lose_leases(state)
    theirs.take("a")
    renewal = threading.Thread(target=ours.renew, daemon=True)

    def go_on() -> None:
        with state.begin() as connection:
            connection.exec_driver_sql("UPDATE leases SET epoch = epoch WHERE name = 'b'")
            renewal.start()
            _wait_until_asking(ours)
            ours.fence(lease)(connection)

    began = time.monotonic()
    with pytest.raises(LeaseLostError):
        go_on()
    renewal.join(5)
    assert time.monotonic() - began < BUSY_TIMEOUT / 2
    assert ours.take("b") is not None
    assert ours.take("a") is None


def _wait_until_asking(some: Leases) -> None:
    while not some._asking.locked():
        pass


def test_what_is_lost_is_not_exported_until_the_next_poll(night: Night) -> None:
    first, second = night.agent(), night.beside()
    night.turn(first)
    lose_leases(first.engine)
    night.turn(second)
    first._renew()
    assert (up(first), up(second)) == (None, 1)


def test_renewals_that_fail_are_tried_again_at_the_usual_pace(
    night: Night, caplog: pytest.LogCaptureFixture
) -> None:
    """A pause that grows would outlast the lease."""
    app = night.agent()
    night.turn(app)
    broken = [True]

    def breaks(_connection: Connection) -> None:
        if broken:
            raise OperationalError(None, None, Exception("the server does not answer"))

    event.listen(app.engine, "begin", breaks)
    for _ in range(2):
        app._renew()
    broken.clear()
    app._renew()
    assert sum("cannot be renewed" in text for text in caplog.messages) == 1


def test_one_cycle_by_hand_keeps_its_leases_however_long_it_takes(night: Night) -> None:
    """Cron starts the next one meanwhile: if each were overtaken by the next, none would ever end."""
    renewed = threading.Event()

    def crossing(what: str) -> None:
        if what == "after a commit" and threading.current_thread().name == "leases":
            renewed.set()

    first = night.beside(crossing=crossing)
    first._leases.take(PRODUCTION)
    lose_leases(first.engine)
    with first.by_hand():
        assert renewed.wait(10)
        assert night.beside().poll("production").watched_by
    assert night.beside().poll("production").complete


@pytest.mark.parametrize("away", ["restarted", "cut off"])
def test_an_agent_with_other_settings_ends_nothing_of_one_that_is_away(night: Night, away: str) -> None:
    first, other = night.agent(), night.beside(instance="staging")
    night.turn(first)
    night.world.start("import").finish(code="ERROR")
    night.turn(first)
    other._leases.take(of_instance("staging"))
    if away == "restarted":
        first.release()
        night.kill(first)
        first = night.beside()
    else:
        lose_leases(first.engine)
    other._teller.abandon()
    night.turn(first)
    night.world.start("import").finish()
    night.turn(first)
    night.pass_time(minutes=5)
    night.tell(other)
    assert night.titles == ["failed: import on production", "resolved: import on production (failed)"]


def test_what_nobody_watches_any_more_is_ended_by_whoever_tells(night: Night) -> None:
    first, other = night.agent(), night.beside(instance="staging")
    night.turn(first)
    night.world.start("import").finish(code="ERROR")
    night.turn(first)
    first.release()
    for minutes, still_open in ((0, True), (50, True), (9, True), (10, False)):
        night.clock.advance(timedelta(minutes=minutes))
        other._teller.abandon()
        assert bool(other.open_incidents()) is still_open, minutes
