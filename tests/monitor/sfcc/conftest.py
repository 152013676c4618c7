"""A simulated instance on a port, and connections to it whose waiting is only written down."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from monitor.sfcc.connect import Access, Connection, connect
from monitor.sfcc.http import Timeouts
from monitor.simulator import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, ManualClock, Simulator, World

NIGHT = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)


@pytest.fixture
def world() -> World:
    return World(ManualClock(NIGHT))


@pytest.fixture
def simulator(world: World) -> Iterator[Simulator]:
    with Simulator(world) as running:
        yield running


@pytest.fixture
def slept() -> list[float]:
    """Each wait of the connections, in seconds."""
    return []


@pytest.fixture
def counted() -> Counter[tuple[str, str]]:
    """Requests of the connections by API and outcome."""
    return Counter()


@pytest.fixture
def connect_with(
    simulator: Simulator, world: World, slept: list[float], counted: Counter[tuple[str, str]]
) -> Iterator[Callable[..., Connection]]:
    """Connects to the simulator; keywords are fields of `Access`, and `timeouts`."""
    opened: list[Connection] = []

    def make(*, timeouts: Timeouts | None = None, **fields: Any) -> Connection:
        access = Access(
            instance="production",
            server=simulator.url,
            account_manager_host=simulator.url,
            client_id=DEMO_CLIENT_ID,
            client_secret=lambda: DEMO_CLIENT_SECRET,
        )
        connection = connect(
            replace(access, **fields),
            now=world.clock.now,
            monotonic=time.monotonic,
            sleep=slept.append,
            count=lambda api, outcome: counted.update([(api, outcome)]),
            jitter=lambda: 0.5,
            timeouts=timeouts,
        )
        opened.append(connection)
        return connection

    yield make
    for connection in opened:
        connection.close()


@pytest.fixture
def connection(connect_with: Callable[..., Connection]) -> Connection:
    return connect_with()
