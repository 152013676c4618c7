"""`--help` by the wall clock: what a person waits for, the interpreter's own start included."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from tests.bench.measure import WallTime, in_turns

COMMAND = Path(sys.executable).with_name("sfcc-job-monitor")
LIMIT = 0.1


def compare(repeats: int) -> WallTime:
    _run(COMMAND, "--help")  # what is read from disk for the first time is not what is measured
    ours, bare = in_turns(
        lambda: _run(COMMAND, "--help"),
        lambda: _run(sys.executable, "-c", "pass"),
        repeats,
        clock=time.perf_counter,
    )
    return WallTime(
        "Start", "`sfcc-job-monitor --help`", "`python -c pass`, for comparison", ours, bare, LIMIT
    )


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True)
