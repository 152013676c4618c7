"""`run` told to stop while it cannot start: the state is another process's for now."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine

from monitor.history.engine import BUSY_TIMEOUT

COMMAND = Path(sys.executable).with_name("sfcc-job-monitor")
SETTINGS = """
listen = "127.0.0.1:0"
[[instances]]
name = "production"
server = "http://127.0.0.1:9"
client_id = "client"
client_secret = "secret"
"""


@pytest.mark.parametrize("prepared", [True, False], ids=["in use", "new"])
def test_waiting_for_the_state_ends_with_the_signal(engine: Engine, bare: Path, *, prepared: bool) -> None:
    (bare / "settings.toml").write_text(SETTINGS)
    with engine.connect() as holder:
        if not prepared:
            holder.exec_driver_sql("DROP TABLE alembic_version")
            holder.commit()
        with holder.begin(), _running(bare, engine) as run:
            while not _waits(run.pid):
                assert run.poll() is None
            run.terminate()
            assert run.wait(BUSY_TIMEOUT - 1) == 0


def _running(bare: Path, engine: Engine) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [COMMAND, "run", "--config", "settings.toml"],
        cwd=bare,
        env=os.environ | {"SFCC_MONITOR_STATE": str(engine.url)},
        stderr=subprocess.DEVNULL,
    )


def _waits(pid: int) -> bool:
    """Has the state open: there it waits for the lock."""
    try:
        return any(".db" in str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir())
    except FileNotFoundError:  # closed meanwhile
        return False
