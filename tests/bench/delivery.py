"""From the end of a run to the alert at its target, by the wall clock, while a hundred jobs fail a minute."""

from __future__ import annotations

import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from monitor.simulator import ScaledClock, Simulator, World
from tests.bench.agent import Watched, running
from tests.bench.measure import Figures, Held, Result, Unit
from tests.e2e.harness import Chat, environment, until

A_MINUTE = 100
POLL_SECONDS = 15
GROUP_WAIT_SECONDS = 2
AIM = POLL_SECONDS + GROUP_WAIT_SECONDS + 1.0
QUIET_SECONDS = 30.0


class Timed(Chat):
    """Knows when each message came."""

    def __init__(self) -> None:
        self.came: dict[str, float] = {}
        super().__init__()

    def take(self, document: dict[str, Any]) -> int:
        self.came.setdefault(document["title"], time.monotonic())
        return super().take(document)


def compare(minutes: int) -> Result:
    world = World(ScaledClock(datetime.now(UTC)), history=timedelta(days=1))
    chat = Timed()
    try:
        with Simulator(world) as simulator, tempfile.TemporaryDirectory() as name:
            environ = environment(simulator.url, Path(name) / "state.sqlite", chat.url)
            environ |= {
                "SFCC_MONITOR_POLL_INTERVAL": f"{POLL_SECONDS}s",
                "SFCC_MONITOR_GROUP_WAIT": f"{GROUP_WAIT_SECONDS}s",
                "SFCC_MONITOR_STORM_THRESHOLD": "10000",  # each by itself: the most there can be to do
            }
            with running(environ, Path(name)) as agent:
                return _measured(world, chat, agent, minutes)
    finally:
        chat.down()


def _measured(world: World, chat: Timed, agent: Watched, minutes: int) -> Result:
    agent.wait_first_poll()
    agent.settle()
    idle = _cpu_share(agent, QUIET_SECONDS)
    before, began = agent.cpu_seconds, time.monotonic()
    ended = _fail(world, minutes * A_MINUTE)
    until("the last alert", lambda: len(chat.came) >= len(ended), seconds=2 * AIM)
    cpu = agent.cpu_seconds - before - idle * (time.monotonic() - began)
    took = sorted(chat.came[f"failed: {name} on production"] - at for name, at in ended.items())
    return Result(
        "Delivery",
        f"99th percentile from the end of a run to its alert, log and all, at the target; {A_MINUTE} runs"
        f" fail a minute, polled every {POLL_SECONDS} s, `group_wait` {GROUP_WAIT_SECONDS} s",
        "",
        Figures((took[int(len(took) * 0.99)],)),
        None,
        AIM,
        held=Held.ITSELF,
        parts=(
            ("the median", Figures((took[len(took) // 2],)), Unit.SECONDS),
            ("CPU of the agent for each alert", Figures((cpu / len(ended),)), Unit.SECONDS),
        ),
        note=f"{len(ended)} alerts, each a message of its own",
    )


def _fail(world: World, count: int) -> dict[str, float]:
    """By job, when its run ended."""
    ended: dict[str, float] = {}
    pause = threading.Event()
    began = time.monotonic()
    for number in range(count):
        name = f"feed-{number:04}"
        world.start(name).finish(code="ERROR", message="the feed is broken")
        ended[name] = time.monotonic()
        pause.wait(max(began + (number + 1) * 60 / A_MINUTE - time.monotonic(), 0))
    return ended


def _cpu_share(agent: Watched, seconds: float) -> float:
    before = agent.cpu_seconds
    threading.Event().wait(seconds)
    return (agent.cpu_seconds - before) / seconds
