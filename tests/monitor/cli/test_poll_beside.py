"""`poll` beside an agent that runs: what that one could not read is not said to be well."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from alerts.owner import owner
from monitor.errors import Reason
from monitor.history import cursor as cursors
from monitor.leases import Leases, of_instance

COMMAND = Path(sys.executable).with_name("sfcc-job-monitor")
NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
SETTINGS = """
[[instances]]
name = "production"
server = "http://127.0.0.1:9"
client_id = "client"
client_secret = "secret"
"""


@pytest.mark.parametrize(
    ("reads", "code", "says"),
    [
        pytest.param((), 3, "which has not read it completely yet", id="the first read is under way"),
        pytest.param((True,), 0, "as of its last complete poll, 2026-11-23 02:00 UTC", id="it was read"),
        pytest.param((True, False), 3, "could not read it: no way there", id="it cannot be read any more"),
        pytest.param((False,), 3, "could not read it: no way there", id="it was never read"),
    ],
)
def test_what_the_agent_that_watches_could_not_read_is_not_known_to_be_well(
    engine: Engine, bare: Path, reads: tuple[bool, ...], code: int, says: str
) -> None:
    with engine.begin() as connection:
        for number, is_complete in enumerate(reads):
            at = NOW + timedelta(minutes=number)
            if is_complete:
                cursors.complete(
                    connection, "production", seen_until=at, at=at, running=0, clock_skew=timedelta()
                )
            else:
                cursors.failed(connection, "production", at=at, reason=Reason.NETWORK, message="no way there")
    assert Leases(engine, owner()).take(of_instance("production"))
    (bare / "settings.toml").write_text(SETTINGS)
    said = subprocess.run(
        [COMMAND, "poll", "--config", "settings.toml"],
        cwd=bare,
        env=os.environ | {"SFCC_MONITOR_STATE": str(engine.url)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (said.returncode, says in said.stderr) == (code, True), said
    assert ("nothing is wrong" in said.stdout + said.stderr) is (code == 0)
    assert ("not known" in said.stdout) is (code == 3)
