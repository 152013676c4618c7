"""Two agents on one state as processes: one works, the other stands by and takes over."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from monitor.simulator import Simulator, World
from tests.e2e.harness import Agent, Chat, environment, until


@pytest.fixture(params=["sqlite_url", "postgres_url"], ids=["sqlite", "postgresql"])
def environ(request: pytest.FixtureRequest, simulator: Simulator, chat: Chat) -> dict[str, str]:
    state = request.getfixturevalue(request.param)
    return environment(simulator.url, "unused", chat.url) | {"SFCC_MONITOR_STATE": state}


@pytest.fixture
def second(environ: dict[str, str], tmp_path: Path) -> Iterator[Agent]:
    agent = Agent(environ, tmp_path)
    yield agent
    agent.end()


def test_the_second_one_takes_over_at_once_when_the_first_is_killed(
    world: World, agent: Agent, second: Agent, chat: Chat
) -> None:
    agent.start()
    agent.wait_polls()
    second.start()
    until("a word of it", lambda: "watched by another agent" in second.output)
    world.start("import").finish(code="ERROR")
    assert chat.wait(1)[0].files
    assert not any(name.startswith("sfcc_job_") for (name, _labels) in second.metrics())
    agent.wait_metric("sfcc_alert_notifications_total", 1, outcome="sent")  # the kill repeats nothing
    agent.stop(signal.SIGKILL)
    world.start("import").finish()
    chat.wait(2)
    second.wait_metric("sfcc_up", 1)
    second.wait_polls(3)
    assert len(chat.messages) == 2


def test_the_second_one_takes_over_when_the_first_ends(
    world: World, agent: Agent, second: Agent, chat: Chat
) -> None:
    agent.start()
    agent.wait_polls()
    second.start()
    until("a word of it", lambda: "watched by another agent" in second.output)
    assert agent.stop() == 0
    world.start("import").finish(code="ERROR")
    chat.wait(1)
    second.wait_polls(3)
    assert len(chat.messages) == 1


def test_one_that_was_frozen_finds_another_in_its_place_and_stands_by(
    world: World, agent: Agent, second: Agent, chat: Chat, environ: dict[str, str]
) -> None:
    """It is not gone, only silent: the other one waits until the lease has run out."""
    agent.start()
    agent.wait_polls()
    second.start()
    until("frozen", lambda: is_frozen_between_two_transactions(agent, environ["SFCC_MONITOR_STATE"]))
    world.start("import").finish(code="ERROR")
    chat.wait(1)
    agent.signal(signal.SIGCONT)
    until("a word of it", lambda: "watched by another agent" in agent.output)
    world.start("other").finish(code="ERROR")
    chat.wait(2)
    second.wait_polls(3)
    assert len(chat.messages) == 2
    assert agent.stop() == 0


def is_frozen_between_two_transactions(agent: Agent, state: str) -> bool:
    """Amid one its locks would hold up everybody on the state until the database gives the session up."""
    agent.signal(signal.SIGSTOP)
    engine = create_engine(state, connect_args={"timeout": 0.1} if state.startswith("sqlite") else {})
    try:
        with engine.connect() as connection:
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                for table in ("leases", "cursors"):
                    connection.exec_driver_sql(f"SELECT * FROM {table} FOR UPDATE NOWAIT")
            connection.rollback()
    except OperationalError:
        agent.signal(signal.SIGCONT)
        return False
    finally:
        engine.dispose()
    return True
