"""A busy instance in a process of its own, whose time goes on by a minute with each line it is sent.

Fifty jobs, one of which runs all the time, and twenty system jobs a minute; half a day of history.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import IO

from monitor.simulator import JobSpec, ManualClock, Outcome, Simulator, World

START = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

Asked = tuple[str, str, str]
"""Method, path and body of a request."""


class Instance:
    """The other process, by the lines it takes and gives."""

    def __init__(self, send: IO[str], answers: IO[str]) -> None:
        self._send = send
        self._answers = answers
        self.url = answers.readline().strip()
        self._asked: list[Asked] = []

    def tick(self) -> None:
        """A minute passes; what it is asked from now on is what `asked` tells."""
        self._line("tick")
        self._asked = []

    def asked(self) -> list[Asked]:
        """What the agent asked in this minute."""
        if not self._asked:
            self._asked = [tuple(one) for one in json.loads(self._line("asked"))]
        return self._asked

    def _line(self, text: str) -> str:
        self._send.write(f"{text}\n")
        self._send.flush()
        return self._answers.readline()


@contextmanager
def busy_instance() -> Iterator[Instance]:
    command = [sys.executable, "-m", "tests.bench.world"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Instance(process.stdin, process.stdout)
        process.stdin.close()  # ends it


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
        for line in sys.stdin:
            if line.strip() == "tick":
                clock.advance(MINUTE)
                world.requests.clear()
                _say("a minute later")
            else:
                _say(json.dumps(_asked(world)))


def _asked(world: World) -> list[Asked]:
    """But for tokens, which are asked for once in half an hour."""
    found = [one for one in world.requests if one.api != "token"]
    return [(one.method, one.path, one.body.decode()) for one in found]


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    serve()
