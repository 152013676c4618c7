"""The installed agent as a process of its own, and what the kernel says of it: memory and CPU time."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.harness import Agent, until

SETTLE_SECONDS = 1.0


class Watched(Agent):
    """An agent whose process is looked at from outside."""

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def resident(self) -> float:
        """Bytes of memory the process has now."""
        return _status(self.pid, "VmRSS")

    @property
    def peak(self) -> float:
        """The most it had since `forget_peak`."""
        return _status(self.pid, "VmHWM")

    def forget_peak(self) -> None:
        Path(f"/proc/{self.pid}/clear_refs").write_text("5", encoding="ascii")

    @property
    def cpu_seconds(self) -> float:
        """Of all its threads so far, in the kernel as well."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def wait_first_poll(self) -> None:
        self.wait_metric("sfcc_poll_duration_seconds_count", 1)
        until("a complete poll", lambda: self.metric("sfcc_up") >= 1)

    def settle(self) -> None:
        """Until its memory stays as it is: what a start needs once is over."""
        before, pause = 0.0, threading.Event()
        while abs(self.resident - before) > 100_000:
            before = self.resident
            pause.wait(SETTLE_SECONDS)


@contextmanager
def running(
    environ: dict[str, str], directory: Path, *, cpus: set[int] | None = None, **overrides: str
) -> Iterator[Watched]:
    """Ended with SIGTERM, so that it leaves its state whole. cpus: where alone it may run."""
    agent = Watched(environ, directory)
    try:
        with on_cpus(cpus or os.sched_getaffinity(0)):
            agent.start(**overrides)
        yield agent
        agent.stop()
    finally:
        agent.end()


@contextmanager
def on_cpus(cpus: set[int]) -> Iterator[None]:
    """Processes begun meanwhile stay on these."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _status(pid: int | str, name: str) -> float:
    found = re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="ascii"))
    if found is None:
        raise RuntimeError(f"/proc/{pid}/status does not tell {name}: this figure needs Linux")
    return float(found[1]) * 1024
