"""From the start of the process to the end of its first complete poll, by the wall clock."""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from monitor.simulator import JobSpec, ScaledClock, Simulator, World
from tests.bench.agent import running
from tests.bench.measure import Figures, Held, Result, Unit
from tests.e2e.harness import environment

JOBS = 40


def compare(repeats: int) -> Result:
    world = World(ScaledClock(datetime.now(UTC)), history=timedelta(days=1))
    for number in range(JOBS):
        world.add_job(
            JobSpec(f"Import-{number:02}", every=timedelta(hours=1), offset=timedelta(minutes=number))
        )
    first, again = [], []
    with Simulator(world) as simulator:
        for _ in range(repeats):
            with tempfile.TemporaryDirectory() as name:
                environ = environment(simulator.url, Path(name) / "state.sqlite")
                first.append(_until_polled(environ, Path(name)))
                again.append(_until_polled(environ, Path(name)))
    return Result(
        "Start",
        f"from the start of `run` to its first complete poll, {JOBS} jobs with a day of history, empty state",
        "",
        Figures(tuple(first)),
        None,
        None,
        held=Held.ITSELF,
        parts=(
            ("by the wall clock, to 50 ms; started again on that state", Figures(tuple(again)), Unit.SECONDS),
        ),
    )


def _until_polled(environ: dict[str, str], directory: Path) -> float:
    began = time.monotonic()
    with running(environ, directory) as agent:
        agent.wait_first_poll()
        return time.monotonic() - began
