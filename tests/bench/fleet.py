"""Three hundred instances with forty jobs each, polled every minute by one agent on one CPU.

The instances are one simulated world behind three hundred addresses, served on another CPU: to the agent,
which knows each by its address alone, they are three hundred. When each poll was complete is read from the
agent's state, so that looking costs the agent nothing; it is scraped once a minute, as Prometheus would.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import requests

from monitor.simulator import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, JobSpec, ScaledClock, Simulator, World
from tests.bench.agent import Watched, on_cpus, running
from tests.bench.measure import Figures, Held, Result, Unit
from tests.e2e.harness import until

INSTANCES = 300
JOBS = 40
INTERVAL = 60.0
LATE = INTERVAL / 10
LOOK_EVERY = 1.0
AIM = 0.5
CADENCES = (15, 30, 60, 60, 60, 120, 240, 1440)  # minutes: 30 to 40 runs an hour, as many shops have
WHY = """
Each poll pays for its requests (`requests` and `urllib3` in Python), for reading and writing SQLite by one
writer at a time, and for writing the series of the jobs that changed; a scrape puts them together. Each
instance has a slot of its own in the interval: a poll that comes late waited for the CPU, a worker or the
writer.
"""


def compare(minutes: int) -> Result:
    cpus = sorted(os.sched_getaffinity(0))
    with (
        on_cpus(set(cpus[1:]) or set(cpus)),
        _served() as port,
        tempfile.TemporaryDirectory() as name,
        running(_environment(port, Path(name)), Path(name), cpus={cpus[0]}) as agent,
        closing(_Watch(Path(name) / "state.sqlite")) as watch,
    ):
        until("a complete poll of each instance", watch.all_polled, 600)
        watch.look_for(INTERVAL)  # what the first read left over
        watch.forget()
        shares = Figures(tuple(_minute(agent, watch, scrape=True) for _ in range(minutes)))
        alone = Figures((_minute(agent, watch, scrape=False),))
        page = requests.get(f"{agent.url}/metrics", timeout=60).content
        memory = agent.resident
    late = watch.late
    return Result(
        "Fleet",
        f"share of one CPU for {INSTANCES} instances of {JOBS} jobs, each polled every {INTERVAL:.0f} s",
        "",
        shares,
        None,
        AIM,
        held=Held.ITSELF,
        unit=Unit.SHARE,
        parts=(
            ("without scrapes", alone, Unit.SHARE),
            ("a page of", Figures((len(page),)), Unit.BYTES),
            ("memory", Figures((memory,)), Unit.BYTES),
            (f"of {len(watch.gaps):,} polls the latest came late by", Figures((watch.worst,)), Unit.SECONDS),
        ),
        note=f"scraped once a minute; {'its CPU is not theirs' if len(cpus) > 1 else 'on one CPU with them'}",
        why=WHY,
        failed=f"{late:,} of {len(watch.gaps):,} polls came late by more than {LATE:.0f} s" if late else "",
    )


def _minute(agent: Watched, watch: _Watch, *, scrape: bool) -> float:
    """The share of the CPU that the agent takes in the next minute."""
    cpu, began = agent.cpu_seconds, time.monotonic()
    if scrape:
        requests.get(f"{agent.url}/metrics", timeout=60)
    watch.look_for(INTERVAL - (time.monotonic() - began))
    return (agent.cpu_seconds - cpu) / (time.monotonic() - began)


class _Watch:
    """When the polls of each instance were complete, from the agent's state. `gaps`: between two of them."""

    def __init__(self, state: Path) -> None:
        self._connection = sqlite3.connect(f"file:{state}?mode=ro", uri=True, timeout=10)
        self._seen: dict[str, float] = {}
        self.gaps: list[float] = []

    def close(self) -> None:
        self._connection.close()

    def look(self) -> None:
        rows = self._connection.execute("SELECT instance, last_success_at FROM cursors").fetchall()
        for instance, at in rows:
            if at is None:
                continue
            before = self._seen.get(instance)
            if before is not None and at / 1e6 != before:
                self.gaps.append(at / 1e6 - before)
            self._seen[instance] = at / 1e6

    def look_for(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.look()
            time.sleep(min(LOOK_EVERY, left))

    def all_polled(self) -> bool:
        self.look()
        return len(self._seen) == INSTANCES

    def forget(self) -> None:
        self.gaps.clear()

    @property
    def worst(self) -> float:
        """Seconds by which the latest of them came late."""
        return max(max(self.gaps) - INTERVAL, 0.0)

    @property
    def late(self) -> int:
        return sum(gap > INTERVAL + LATE for gap in self.gaps)


def _environment(port: int, directory: Path) -> dict[str, str]:
    settings = directory / "settings.toml"
    settings.write_text("\n".join(_settings(port, directory)), encoding="utf-8")
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("SFCC_", "APPRISE_"))
    }
    return inherited | {"SFCC_MONITOR_CONFIG": str(settings)}


def _settings(port: int, directory: Path) -> Iterator[str]:
    yield f'state = "sqlite:///{directory / "state.sqlite"}"'
    yield 'listen = "127.0.0.1:0"'
    yield f'poll_interval = "{INTERVAL:.0f}s"'
    for number in range(INSTANCES):
        yield "[[instances]]"
        yield f'name = "shop-{number:03}"'
        yield f'server = "http://127.0.{1 + number // 200}.{1 + number % 200}:{port}"'
        yield f'account_manager_host = "http://127.0.0.1:{port}"'
        yield f'client_id = "{DEMO_CLIENT_ID}"'
        yield f'client_secret = "{DEMO_CLIENT_SECRET}"'


@contextmanager
def _served() -> Iterator[int]:
    command = [sys.executable, "-m", "tests.bench.fleet"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield int(process.stdout.readline().rpartition(":")[2])
        process.stdin.close()  # ends it


def serve() -> None:
    world = World(ScaledClock(datetime.now(UTC)), seed=5, history=timedelta(hours=2))
    for number in range(JOBS):
        world.add_job(
            JobSpec(
                f"Import-{number:02}",
                every=timedelta(minutes=CADENCES[number % len(CADENCES)]),
                offset=timedelta(minutes=number),
                duration=timedelta(minutes=1 + number % 9),
                spread=0.15,
                failure_rate=0.01 if number % 4 == 0 else 0.0,
            )
        )
    world.noise(jobs=20)
    with Simulator(world, host="0.0.0.0") as simulator:
        sys.stdout.write(f"{simulator.url}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    serve()
