"""The agent with nothing to do, against a Python that has imported the same libraries and does nothing.

The libraries are those the agent has to have: every top-level module of an installed distribution that an
agent had loaded after its first poll.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from monitor.simulator import ScaledClock, Simulator, World
from tests.bench.agent import running
from tests.bench.measure import Figures, Held, Result, Unit
from tests.e2e.harness import Chat, environment

AIM = 1.2
POLLS = 10
WHY = """
Two thirds of what the agent has over its libraries come with imports: its own modules, above all the checked
settings, and the dialect of its database. The rest comes with work: one arena for all its threads instead of
one for each would give back a tenth of it all.
"""

_BARE = """
import importlib, re, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
print(re.search(r"VmRSS:\\s+(\\d+)", open("/proc/self/status").read())[1])
"""


def compare(repeats: int) -> Result:
    world = World(ScaledClock(datetime.now(UTC)), history=timedelta(days=1))
    chat = Chat()
    with Simulator(world) as simulator, tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        environ = environment(simulator.url, directory / "state.sqlite", chat.url)
        first = _idle(environ, directory)
        modules = _modules(environ)
        ours, bare = [], []
        for _ in range(repeats):
            ours.append(_idle(environ, directory))
            bare.append(_bare(modules))
    chat.down()
    return Result(
        "Idle",
        f"memory of the agent after {POLLS} polls of one instance, with one target",
        "a Python that has imported the same libraries",
        Figures(tuple(ours)),
        Figures(tuple(bare)),
        AIM,
        held=Held.RATIO,
        unit=Unit.BYTES,
        parts=(("after the very first start, which makes the tables,", Figures((first,)), Unit.BYTES),),
        note=f"the libraries are {', '.join(modules)}",
        why=WHY,
    )


def _idle(environ: dict[str, str], directory: Path) -> float:
    with running(environ, directory) as agent:
        agent.wait_polls(POLLS)
        agent.settle()
        return agent.resident


def _bare(modules: list[str]) -> float:
    return float(_output([sys.executable, "-c", _BARE, *modules])) * 1024


def _modules(environ: dict[str, str]) -> list[str]:
    return list(json.loads(_output([sys.executable, "-m", "tests.bench.loaded"], environ)))


def _output(command: list[str], environ: dict[str, str] | None = None) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environ).stdout
