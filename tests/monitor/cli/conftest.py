"""The command line called in this process, on a state that holds a little history."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import Engine

from monitor.cli import main
from monitor.history import executions as history
from monitor.judgement import judge_for
from monitor.model import Execution, ExitStatus
from monitor.policy import Policy


class Said(NamedTuple):
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


Say = Callable[..., Said]
Keep = Callable[..., None]


def a_run(number: int, *, job: str = "prices", instance: str = "production", code: str = "OK") -> Execution:
    """One of ten minutes' length that began `number` hours ago."""
    now = datetime.now(UTC).replace(microsecond=0)
    return Execution(
        instance=instance,
        job_id=job,
        id=str(number),
        execution_status="finished",
        exit_status=ExitStatus(code, "übel" if code == "ERROR" else "", code.lower()),
        start_time=now - timedelta(hours=number),
        end_time=now - timedelta(hours=number) + timedelta(minutes=10),
        duration=timedelta(minutes=10),
        version=str(number),
    )


def running(run: Execution) -> Execution:
    return replace(run, execution_status="running", exit_status=None, end_time=None, duration=None)


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory to be in, and an environment without settings."""
    for name in [name for name in os.environ if name.startswith(("SFCC_", "APPRISE_", "COLUMNS"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SFCC_MONITOR_STATE", f"sqlite:///{tmp_path / 'state.db'}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def say(bare: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Say:
    """Types a command, given as words; environment by keywords."""
    del bare

    def say(*words: str, **environ: str) -> Said:
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as left:
            main(list(words))
        output = capsys.readouterr()
        assert isinstance(left.value.code, int)
        return Said(left.value.code, output.out, output.err)

    return say


@pytest.fixture
def keep(engine: Engine) -> Keep:
    """Stores runs in the state that commands of this test read."""

    def keep(*runs: Execution) -> None:
        for instance in {run.instance for run in runs}:
            with engine.begin() as connection:
                history.store(
                    connection,
                    instance,
                    [run for run in runs if run.instance == instance],
                    seen_at=datetime.now(UTC),
                    backfill=False,
                    judge=judge_for(Policy()),
                )

    return keep
