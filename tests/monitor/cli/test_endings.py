"""How the program ends when nobody planned it: Ctrl-C, a mistake of its own, a signal while it starts."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.monitor.cli.conftest import Say

COMMAND = Path(sys.executable).with_name("sfcc-job-monitor")


class Broken(io.RawIOBase):
    """Standard input that does not go well."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def readable(self) -> bool:
        return True

    def readinto(self, _buffer: object) -> int:
        raise self._error


def broken(error: BaseException) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BufferedReader(Broken(error)))


def test_ctrl_c_is_an_exit_code_and_no_words(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", broken(KeyboardInterrupt()))
    found = say("data", "import", "-")
    assert (found.code, found.out, found.err.strip()) == (130, "", "")


def test_a_mistake_of_the_program_is_told_from_what_it_checks(
    say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", broken(RuntimeError("password=planted-password of nobody")))
    found = say("data", "import", "-")
    assert (found.code, found.out) == (70, "")
    assert found.err.startswith("Traceback")
    assert "RuntimeError" in found.err
    assert found.err.splitlines()[-1].startswith("error: this should not have happened; please report it")
    assert "planted-password" not in found.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_the_agent_starts_ends_it_well(bare: Path, number: signal.Signals) -> None:
    """Whoever started it may change their mind while it is still importing."""
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", COMMAND, "run"],
        cwd=bare,
        env=os.environ
        | {"SFCC_SERVER": "127.0.0.1:9", "SFCC_CLIENT_ID": "x", "SFCC_CLIENT_SECRET": "y"}
        | {"SFCC_MONITOR_LISTEN": "127.0.0.1:0"},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        assert "sqlalchemy" not in line, "the heavy part begins before anybody listens to signals"
        if "pydantic" in line:  # the first import after the handlers
            process.send_signal(number)
            break
    _, rest = process.communicate(timeout=30)
    assert process.returncode == 0, rest
    assert "Traceback" not in rest


def test_characters_the_terminal_lacks_do_not_end_the_program(bare: Path) -> None:
    found = subprocess.run(
        [COMMAND, "config", "check", "--config", "\u20ac.toml"],
        cwd=bare,
        env=os.environ | {"PYTHONIOENCODING": "latin-1:strict"},
        capture_output=True,
        encoding="latin-1",
        timeout=30,
        check=False,
    )
    assert found.returncode == 1
    assert "\\u20ac.toml: there is no such file" in found.stdout
