"""What `run` does around its agents, one of which follows the other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BUILD = """
import logging
from pydantic import SecretStr
from monitor.cli.run import Builder
from monitor.errors import MonitorError
from monitor.settings import InstanceSettings, Loaded, Settings

def loaded(secret, state, level):
    instance = InstanceSettings(
        name="production", server="shop.example", client_id="me", client_secret=SecretStr(secret)
    )
    return Loaded(Settings(instances=[instance], state=state, log_level=level), "test")

build = Builder()
build(loaded("the first secret", "sqlite:///{path}/state.db", "info"))
try:
    build(loaded("another secret", "sqlite:///{path}/state.db/no-folder/state.db", "error"))
except MonitorError:
    logging.getLogger("monitor.test").info("still there: the first secret, another secret")
"""


def test_settings_of_which_no_agent_can_be_made_leave_the_log_as_it_was(tmp_path: Path) -> None:
    command = [sys.executable, "-c", BUILD.format(path=tmp_path)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    assert "still there" in said
    assert "the first secret" not in said
    assert "another secret" not in said
