"""`--help` by the wall clock: what a person waits for, the interpreter's own start included."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from tests.bench.measure import Held, Result, in_turns
from tests.e2e.harness import COMMAND

AIM = 0.1
WHY = """
By the wall clock a busy machine makes all of it longer: see by how much the bare figure beside it is spread.
"""


def compare(repeats: int) -> Result:
    _run(COMMAND, "--help")  # what is read from disk for the first time is not what is measured
    ours, bare = in_turns(
        lambda: _run(COMMAND, "--help"),
        lambda: _run(sys.executable, "-c", "pass"),
        repeats,
        clock=time.perf_counter,
    )
    return Result(
        "Help",
        "`sfcc-job-monitor --help`, by the wall clock",
        "`python -c pass`, for comparison",
        ours,
        bare,
        AIM,
        held=Held.ITSELF,
        why=WHY,
    )


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True)
