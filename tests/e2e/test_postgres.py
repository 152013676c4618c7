"""The same state on PostgreSQL: told once, also across a kill."""

from __future__ import annotations

import signal

import pytest

from monitor.simulator import Simulator, World
from tests.e2e.harness import Agent, Chat, environment


@pytest.fixture
def environ(simulator: Simulator, chat: Chat, postgres_url: str) -> dict[str, str]:
    return environment(simulator.url, "unused", chat.url) | {"SFCC_MONITOR_STATE": postgres_url}


def test_a_failure_is_told_once_and_the_next_start_goes_on(world: World, agent: Agent, chat: Chat) -> None:
    agent.start()
    agent.wait_polls()
    world.start("import").finish(code="ERROR")
    assert chat.wait(1)[0].files
    agent.stop(signal.SIGKILL)
    world.start("import").finish()
    agent.start()
    chat.wait(2)
    agent.wait_polls(3)
    assert len(chat.messages) == 2
