"""A still world at 02:00 of a November night, and a client in memory for it."""

from datetime import UTC, datetime

import pytest

from monitor.simulator import Caller, ManualClock, World


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 11, 22, 2, 0, tzinfo=UTC))


@pytest.fixture
def world(clock: ManualClock) -> World:
    return World(clock)


@pytest.fixture
def caller(world: World) -> Caller:
    return Caller(world)
