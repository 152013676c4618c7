"""A log of two hundred megabytes on its way into chat: what the agent's memory grows by meanwhile."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from monitor.simulator import GeneratedLog, ScaledClock, Simulator, World
from tests.bench.agent import Watched, running
from tests.bench.measure import Figures, Held, Result, Unit
from tests.e2e.harness import Chat, environment

SIZE = 200_000_000
AIM = 20e6
POLLS = 6
WHY = """
Of the file up to 2.3 MB are sent. The library that sends holds it four times over: encoded as base64, as text
of the request, as its bytes, and as it was given; what the thread that fetched it freed is not all given
back.
"""


def compare(repeats: int) -> Result:
    ranged = [_attached(ranges=True) for _ in range(repeats)]
    streamed = [_attached(ranges=False) for _ in range(repeats)]
    return Result(
        "Log",
        f"most memory of the agent while it attaches a log of {SIZE // 1_000_000} MB to an alert",
        "the same agent, idle before",
        Figures(tuple(peak for _, peak in ranged)),
        Figures(tuple(idle for idle, _ in ranged)),
        AIM,
        held=Held.MORE,
        unit=Unit.BYTES,
        parts=(
            (
                "from a server that knows no ranges, so that all of it is read, more by",
                Figures(tuple(peak - idle for idle, peak in streamed)),
                Unit.BYTES,
            ),
        ),
        why=WHY,
    )


def _attached(*, ranges: bool) -> tuple[float, float]:
    """Memory while idle, and the most while the log was fetched, masked, stored and sent."""
    with chatting_world() as (world, chat, agent):
        world.quirks.ranges = ranges
        agent.wait_polls(POLLS)
        agent.settle()
        idle = agent.resident
        agent.forget_peak()
        with world.lock:
            world.start("import", log=GeneratedLog(size=SIZE)).finish(code="ERROR")
        (content,) = chat.wait(1, seconds=120)[0].files.values()
        if len(content) < 1_000_000:
            raise RuntimeError(f"a file of {len(content)} bytes arrived")
        agent.wait_polls()
        return idle, agent.peak


@contextmanager
def chatting_world() -> Iterator[tuple[World, Chat, Watched]]:
    """An instance, an agent that watches it, and the chat it tells."""
    world = World(ScaledClock(datetime.now(UTC)), history=timedelta(days=1))
    chat = Chat()
    try:
        with Simulator(world) as simulator, tempfile.TemporaryDirectory() as name:
            environ = environment(simulator.url, Path(name) / "state.sqlite", chat.url)
            with running(environ, Path(name), SFCC_MONITOR_LOG_WAIT="60s") as agent:
                yield world, chat, agent
    finally:
        chat.down()
