"""What the agent does around its steps: it says when it is not well, and forgets nothing it should tell."""

from __future__ import annotations

import functools
import socket
from dataclasses import replace

import pytest
from sqlalchemy import text

from monitor.app import App
from tests.monitor.conftest import Night


def up(app: App) -> float | None:
    registry = app.metrics.registry
    value = registry.get_sample_value("sfcc_up", {"sfcc_instance": "production"})
    return None if value is None else float(value)


def test_an_instance_is_down_while_polls_end_in_trouble_of_our_own(night: Night) -> None:
    app = night.agent()
    night.turn(app)
    assert up(app) == 1
    with app.engine.begin() as connection:
        connection.execute(text("ALTER TABLE coverage RENAME TO elsewhere"))
    with pytest.raises(Exception, match="coverage"):
        app.poll("production")
    assert up(app) == 0
    with app.engine.begin() as connection:
        connection.execute(text("ALTER TABLE elsewhere RENAME TO coverage"))
    night.turn(app)
    assert up(app) == 1


def test_an_agent_that_could_not_start_leaves_its_port_and_its_leases_to_the_next(night: Night) -> None:
    with socket.create_server(("127.0.0.1", 0)) as found:
        listen = f"127.0.0.1:{found.getsockname()[1]}"
    app = night.agent(listen=listen)
    with app.engine.begin() as connection:
        connection.execute(text("ALTER TABLE leases RENAME TO elsewhere"))
    with pytest.raises(Exception, match="leases"):
        app.start()
    with app.engine.begin() as connection:
        connection.execute(text("ALTER TABLE elsewhere RENAME TO leases"))
    assert app.stop()
    following = night.beside(listen=listen)
    following.start()
    assert following.url == f"http://{listen}"
    assert following.stop()


def test_an_agent_that_stops_leaves_no_connection_open(night: Night) -> None:
    app = night.agent()
    night.turn(app)
    closed: list[str] = []
    for name, one in app._connections.items():
        app._connections[name] = replace(one, close=functools.partial(closed.append, name))
    assert app.stop()
    assert closed == ["production"]


def test_nothing_is_said_of_an_instance_nobody_asked_yet(night: Night) -> None:
    app = night.agent()
    app._watches["production"].publish()
    assert up(app) is None


def test_the_agent_is_ready_as_long_as_its_state_can_be_reached(night: Night) -> None:
    assert night.agent().trouble() is None
