"""A simulated instance on a port, and inspections of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from monitor.checkup.inspection import Inspection
from monitor.clock import ManualClock
from monitor.settings import InstanceSettings, Settings
from monitor.simulator import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, Simulator, World
from monitor.simulator import ManualClock as WorldClock

NIGHT = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)

Inspect = Callable[..., Inspection]


@pytest.fixture
def world() -> World:
    world = World(WorldClock(NIGHT - timedelta(minutes=10)), history=timedelta(hours=1))
    world.start("prices").finish(code="ERROR")
    world.clock.advance(timedelta(minutes=10))  # type: ignore[attr-defined] # of the manual one
    return world


@pytest.fixture
def simulator(world: World) -> Iterator[Simulator]:
    with Simulator(world, https_port=0) as running:
        yield running


@pytest.fixture
def inspect(simulator: Simulator) -> Inspect:
    """Keywords are fields of the instance's settings; `clock` is ours."""

    def inspect(clock: ManualClock | None = None, **fields: Any) -> Inspection:
        given = {
            "name": "production",
            "server": simulator.url,
            "account_manager_host": simulator.url,
            "client_id": DEMO_CLIENT_ID,
            "client_secret": SecretStr(DEMO_CLIENT_SECRET),
        }
        instance = InstanceSettings(**(given | fields))
        return Inspection(
            Settings(instances=[instance]), instance, clock or ManualClock(NIGHT), threading.Event()
        )

    return inspect
