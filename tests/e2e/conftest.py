"""A world in real time, a chat server, and an agent between them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.simulator import ScaledClock, Simulator, World
from tests.e2e.harness import Agent, Chat, environment


@pytest.fixture
def world() -> World:
    return World(ScaledClock(datetime.now(UTC)), history=timedelta(days=1))


@pytest.fixture
def simulator(world: World) -> Iterator[Simulator]:
    with Simulator(world) as simulator:
        yield simulator


@pytest.fixture
def chat() -> Iterator[Chat]:
    chat = Chat()
    yield chat
    chat.down()


@pytest.fixture
def environ(simulator: Simulator, chat: Chat, tmp_path: Path) -> dict[str, str]:
    return environment(simulator.url, tmp_path / "state.sqlite", chat.url)


@pytest.fixture
def agent(environ: dict[str, str], tmp_path: Path) -> Iterator[Agent]:
    agent = Agent(environ, tmp_path)
    yield agent
    agent.end()
