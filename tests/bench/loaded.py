"""Prints the libraries an agent has loaded once it has polled; its settings come from the environment."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import monitor.cli.run  # noqa: F401 - what the command itself loads belongs to it
from monitor.app import App
from monitor.settings.load import load

OURS = frozenset({"monitor", "alerts", "tests"})


def tell() -> None:
    app = App(load(None, os.environ, Path.cwd()).settings)
    app.start()
    while not app.metrics.registry.get_sample_value("sfcc_up", {"sfcc_instance": "production"}):
        time.sleep(0.05)
    found = third_party()
    app.stop()
    sys.stdout.write(json.dumps(found))


def third_party() -> list[str]:
    """Top-level modules of installed distributions, but for what the interpreter loads at its start."""
    tops = {name.partition(".")[0] for name in sys.modules} - OURS
    files = {name: getattr(sys.modules.get(name), "__file__", "") or "" for name in tops}
    return sorted(
        name for name, file in files.items() if "site-packages" in file and name != "_distutils_hack"
    )


if __name__ == "__main__":
    tell()
