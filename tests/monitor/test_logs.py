from __future__ import annotations

import json
import logging
import subprocess
import sys

import pytest

SECRET = "planted-secret"

SAY = """
import logging, sys, threading, warnings
from monitor import logs

logs.configure("info", {style!r}, ["planted-secret"])
log = logging.getLogger("monitor.test")

def fail():
    raise RuntimeError("with planted-secret")

{what}
"""


def say(what: str, style: str = "text", stderr: str = "") -> str:
    """What a process says whose log is set up; it changes what belongs to the whole process."""
    command = [sys.executable, "-c", SAY.format(style=style, what=what)]
    if stderr:
        command = ["sh", "-c", f'exec "$@" 2>{stderr}', "sh", *command]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


TRY = "try: fail()\nexcept RuntimeError: "


@pytest.mark.parametrize("style", ["text", "json"])
@pytest.mark.parametrize(
    ("what", "said"),
    [
        pytest.param("log.info('with %s', 'planted-secret')", "with ***", id="a message"),
        pytest.param(f"{TRY}log.exception('trouble')", "RuntimeError: with ***", id="a traceback"),
        pytest.param("log.info('password=abcdefgh')", "password=***", id="what only a pattern finds"),
        pytest.param("logging.getLogger('urllib3').warning('planted-secret')", "***", id="a library"),
        pytest.param("warnings.warn('planted-secret')", "***", id="a warning"),
        pytest.param("threading.Thread(target=fail).start()", "RuntimeError: with ***", id="a thread's end"),
    ],
)
def test_nothing_that_is_said_holds_a_secret(what: str, said: str, style: str) -> None:
    found = say(what, style)
    assert said in found
    assert SECRET not in found
    if style == "json":
        assert all(json.loads(line)["level"] for line in found.splitlines())


def test_a_line_that_cannot_be_made_is_said_without_its_arguments() -> None:
    found = say("log.info('a number: %d', 'planted-secret')")
    assert found.startswith("a line of the log could not be made (TypeError; monitor.test, line ")
    assert len(found.splitlines()) == 1


def test_a_log_that_cannot_be_written_ends_nothing() -> None:
    assert say("log.info('x')\nprint('went on')", stderr="/dev/full") == "went on\n"


@pytest.mark.parametrize(
    "name", ["urllib3.connectionpool", "sqlalchemy.engine", "apprise", "alembic", "waitress"]
)
def test_libraries_speak_from_warnings_on(name: str) -> None:
    found = say(f"logging.getLogger({name!r}).info('GET /path'); logging.getLogger({name!r}).debug('x')")
    assert found == ""


def test_the_queue_of_the_endpoint_is_no_news() -> None:
    assert say("logging.getLogger('waitress.queue').warning('Task queue depth is 1')") == ""


def test_the_level_is_that_of_the_settings() -> None:
    assert say("log.debug('x')") == ""
    assert "INFO    x" in say("log.info('x')")
    assert logging.getLogger("monitor.test").level == logging.NOTSET, "of this process nothing was changed"
