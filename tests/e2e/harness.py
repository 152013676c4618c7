"""What the stories need: the installed command as a process, a chat server that can be down, patience.

Nothing sleeps for a fixed time: every wait ends with what it waits for, or fails after `PATIENCE`.
"""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import requests
from prometheus_client.parser import text_string_to_metric_families

from monitor.simulator import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET

PATIENCE = 40.0
COMMAND = Path(sys.executable).with_name("sfcc-job-monitor")

T = TypeVar("T")


def until(what: str, look: Callable[[], T], seconds: float = PATIENCE) -> T:
    """The first true answer of `look`; fails naming what was waited for."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not (answer := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:.0f} s in vain for {what}")
        pause.wait(0.05)
    return answer


@dataclass(frozen=True)
class Received:
    title: str
    body: str
    files: dict[str, bytes]


class Chat:
    """A chat server that takes Apprise's JSON, and can refuse files, be broken, or be down."""

    def __init__(self) -> None:
        self.messages: list[Received] = []
        self.tries = 0
        self.refuse_files_with: int | None = None
        self.answer = 200
        self._server: ThreadingHTTPServer | None = None
        self.port = 0
        self.up()

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.port}/hook"

    def up(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), _handler(self))
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def down(self) -> None:
        """Nobody listens any more; `up` takes the same port again."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def take(self, document: dict[str, Any]) -> int:
        self.tries += 1
        files = {
            one["filename"]: base64.b64decode(one["base64"]) for one in document.get("attachments") or []
        }
        if files and self.refuse_files_with is not None:
            return self.refuse_files_with
        if self.answer == 200:
            self.messages.append(Received(document["title"], document["message"], files))
        return self.answer

    def wait(self, count: int, seconds: float = PATIENCE) -> list[Received]:
        """The messages, once there are that many."""
        try:
            until(f"{count} messages", lambda: len(self.messages) >= count, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; got {[one.title for one in self.messages]}") from None
        return self.messages


class Agent:
    """`sfcc-job-monitor run` as a process of its own."""

    def __init__(self, environ: dict[str, str], directory: Path) -> None:
        self._environ = environ
        self._directory = directory
        self._process: subprocess.Popen[str] | None = None
        self._output: list[str] = []
        self._drain: threading.Thread | None = None

    def start(self, **overrides: str) -> Agent:
        self._process = subprocess.Popen(
            [COMMAND, "run"],
            env=self._environ | overrides,
            cwd=self._directory,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._drain = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._drain.start()
        until("the agent's endpoint", lambda: self.url)
        return self

    @property
    def url(self) -> str:
        found = re.findall(r"metrics at (\S+)/metrics", "".join(self._output))
        if not found and self._process is not None and self._process.poll() is not None:
            raise AssertionError(f"the agent ended early:\n{''.join(self._output)}")
        return found[-1] if found else ""

    @property
    def output(self) -> str:
        return "".join(self._output)

    def stop(self, number: int = signal.SIGTERM, seconds: float = 10.0) -> int:
        """Sends the signal; returns the exit code, or fails when it takes longer."""
        assert self._process is not None
        self._process.send_signal(number)
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise AssertionError(f"did not end within {seconds:.0f} s:\n{self.output}") from None
        finally:
            self._close()
            self._output.clear()

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._close()

    def _close(self) -> None:
        if self._drain is not None:
            self._drain.join()
            self._drain = None

    def metrics(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        page = requests.get(f"{self.url}/metrics", timeout=10).text
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(page)
            for sample in family.samples
        }

    def metric(self, name: str, **labels: str) -> float:
        """The sum of all series of that name with these labels; 0 when there are none."""
        wanted = set(labels.items())
        return sum(value for (of, has), value in self.metrics().items() if of == name and wanted <= has)

    def wait_metric(self, name: str, least: float, **labels: str) -> None:
        until(f"{name}{labels} >= {least}", lambda: self.metric(name, **labels) >= least)

    def wait_polls(self, more: int = 2) -> None:
        """That many more polls, from now on, have been made."""
        goal = self.metric("sfcc_poll_duration_seconds_count") + more
        self.wait_metric("sfcc_poll_duration_seconds_count", goal)

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        with process.stderr:
            for line in process.stderr:
                self._output.append(line)


def environment(server: str, state: Path | str, *targets: str) -> dict[str, str]:
    """An instance by the official names, everything fast."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("SFCC_") and name != "APPRISE_URLS"
    }
    return inherited | {
        "SFCC_SERVER": server,
        "SFCC_ACCOUNT_MANAGER_HOST": server,
        "SFCC_CLIENT_ID": DEMO_CLIENT_ID,
        "SFCC_CLIENT_SECRET": DEMO_CLIENT_SECRET,
        "SFCC_INSTANCE": "production",
        "SFCC_MONITOR_STATE": f"sqlite:///{state}",
        "SFCC_MONITOR_LISTEN": "127.0.0.1:0",
        "SFCC_MONITOR_POLL_INTERVAL": "0.5s",
        "SFCC_MONITOR_GROUP_WAIT": "0.5s",
        "SFCC_MONITOR_GROUP_INTERVAL": "1s",
        "SFCC_MONITOR_LOG_WAIT": "3s",
        "APPRISE_URLS": " ".join(targets),
    }


def command(
    environ: dict[str, str], *arguments: str, seconds: float = 60
) -> subprocess.CompletedProcess[str]:
    """Another command on the same settings."""
    return subprocess.run(
        [COMMAND, *arguments], env=environ, capture_output=True, text=True, timeout=seconds, check=False
    )


def _handler(chat: Chat) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            status = chat.take(json.loads(self.rfile.read(length)))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the library's
            pass

    return Handler
