"""A busy instance in a process of its own, whose time goes on by a minute with each line it is sent.

Fifty jobs, one of which runs all the time, and twenty system jobs a minute; half a day of history.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from monitor.simulator import JobSpec, ManualClock, Outcome, Simulator, World

START = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

Tick = Callable[[], None]


@contextmanager
def busy_instance() -> Iterator[tuple[str, Tick]]:
    """Its address, and what makes a minute pass there."""
    command = [sys.executable, "-m", "tests.bench.world"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        send, answers = process.stdin, process.stdout

        def tick() -> None:
            send.write("tick\n")
            send.flush()
            answers.readline()

        yield answers.readline().strip(), tick
        send.close()  # ends it


def serve() -> None:
    clock = ManualClock(START)
    world = World(clock, seed=11, history=timedelta(hours=12))
    for number in range(50):
        world.add_job(
            JobSpec(
                f"Import-{number:02}",
                every=timedelta(minutes=30 + 15 * (number % 7)),
                offset=timedelta(minutes=number),
                duration=timedelta(minutes=1 + number % 9),
                spread=0.15,
                failure_rate=0.01 if number % 4 == 0 else 0.0,
            )
        )
    world.noise(jobs=20)
    hours = timedelta(hours=8)
    world.start("Full-Import", at=START - hours / 2, outcome=Outcome(duration=hours))
    with Simulator(world) as simulator:
        _say(simulator.url)
        for _ in sys.stdin:
            clock.advance(MINUTE)
            _say("a minute later")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    serve()
