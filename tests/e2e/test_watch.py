"""`jobs --watch`: lines where nobody looks, a table in its place at a terminal; Ctrl-C ends it in order."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess

from monitor.simulator import World
from tests.e2e.harness import COMMAND, PATIENCE, command, until

JOB = "3-1-1 Akeneo Differential Import"


def test_what_changes_is_a_further_line(world: World, environ: dict[str, str]) -> None:
    world.start(JOB).finish()
    command(environ, "poll")
    watching = subprocess.Popen(
        [COMMAND, "jobs", "--watch", "-o", "json"],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert watching.stdout is not None
    first = json.loads(watching.stdout.readline())
    assert (first["job_id"], first["last_outcome"]) == (JOB, "ok")
    world.start(JOB).finish(code="ERROR")
    command(environ, "poll")
    second = json.loads(watching.stdout.readline())
    assert (second["last_outcome"], second["conditions"]) == ("failed", ["failed"])
    watching.send_signal(signal.SIGINT)
    rest, err = watching.communicate(timeout=PATIENCE)
    assert (watching.returncode, rest, err) == (0, "", "")


def test_a_terminal_is_left_as_it_was(world: World, environ: dict[str, str]) -> None:
    world.start(JOB).finish(code="ERROR")
    command(environ, "poll")
    ours, theirs = pty.openpty()
    watching = subprocess.Popen([COMMAND, "jobs", "--watch"], env=environ | {"TERM": "xterm"}, stdout=theirs)
    os.close(theirs)
    seen = b""

    def drawn_twice() -> bool:
        nonlocal seen
        seen += os.read(ours, 65536)
        return seen.count(b"Ctrl-C ends it") >= 2

    until("two drawings", drawn_twice)
    watching.send_signal(signal.SIGINT)
    assert watching.wait(PATIENCE) == 0
    os.close(ours)
    text = seen.decode()
    assert JOB in text
    assert "\x1b[?1049h" not in text, "no alternate screen: what was shown stays"
    assert text.rindex("\x1b[?7h") > text.rindex("\x1b[?7l"), "lines are broken again"
    assert "\x1b[3A\r\x1b[J" in text, "in the place of what was drawn before"
