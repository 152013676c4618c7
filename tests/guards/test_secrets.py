"""Secrets are planted wherever one can be, a night is lived through, and everything that left is searched."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import requests

from monitor.simulator import DEMO_CLIENT_ID, ScaledClock, Simulator, World
from tests.e2e.harness import Agent, Chat, environment, until

JOB = "3-1-1-Akeneo-Differential-Import-Master"
USER = "monitor@example.com"

SECRETS = {
    "client secret": "planted+client/secret=1",
    "client secret that is wrong": "planted-wrong-client-secret",
    "WebDAV password": "planted+webdav/key=1",
    "password of a target": "planted-target-password",
    "token in a target's path": "planted-path-token-0123456789",
    "token in a target's query": "planted-query-token-0123456789",
    "password of the state": "planted-state-password",
    "bearer token in a log": "planted0bearer1token2abcdefgh3456789",
    "JWT in a log": "eyJhbGciOiJIUzI1NiJ9.eyJwbGFudGVkIjoxfQ.plantedsignature",
    "password in a log": "planted-log-password",
    "password in an address in a log": "planted-ftp-password",
    "access token in a log": "planted-log-access-token",
    "password in an exit message": "planted-message-password",
    "bearer token in an exit message": "planted0message1token2abcdefgh3456",
}

TRACE = (
    f"ERROR com.example.Http - GET failed, headers: Authorization: Bearer {SECRETS['bearer token in a log']}",
    f"ERROR com.example.Http - id token {SECRETS['JWT in a log']} is expired",
    f'ERROR com.example.Http - {{"access_token": "{SECRETS["access token in a log"]}", "user": "x"}}',
    f"ERROR com.example.Login - password={SECRETS['password in a log']} was refused",
    f"ERROR com.example.Ftp - sftp://shop:{SECRETS['password in an address in a log']}@files.example.com/in",
)

EXIT_MESSAGE = (
    f"login failed: password={SECRETS['password in an exit message']}, "
    f"Authorization: Bearer {SECRETS['bearer token in an exit message']}"
)

COMMANDS = [
    "config show",
    "config show -o json",
    "config check",
    "jobs",
    "jobs -o json",
    "history",
    "history -o json",
    "history -o csv",
    f"explain {JOB}",
    f"explain {JOB} -o json",
    f"log {JOB}",
    f"log {JOB} --errors",
    "poll",
    "poll -o json",
    "test-alert",
    "test-alert -o json",
    "data export",
]
OTHER_TARGET = {"APPRISE_URLS": f"nosuch://{SECRETS['password of a target']}@example.com"}
OTHER_STATE = {
    "SFCC_MONITOR_STATE": f"postgresql+psycopg://agent:{SECRETS['password of the state']}@127.0.0.1:9/state"
}
CALLS: list[tuple[str, dict[str, str]]] = [
    *((line, {}) for line in COMMANDS),
    ("test-alert", OTHER_TARGET),
    ("config show", OTHER_STATE),
    ("jobs", OTHER_STATE),
]

IN_ONE_PROCESS = """
import contextlib, io, json, os, sys
from monitor.cli import main

said = []
for line, overrides in json.loads(sys.argv[1]):
    os.environ.update(overrides)
    with io.StringIO() as output:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            with contextlib.suppress(SystemExit):
                main(line.split())
        said.append(output.getvalue())
print(json.dumps(said))
"""
"""Twenty commands at the price of one start of the interpreter."""


class Place(NamedTuple):
    """Something that left the process."""

    name: str
    text: str


class Night:
    """A world whose secrets are known, a chat, and the settings of an agent between them."""

    def __init__(self, directory: Path, log_format: str) -> None:
        directory.mkdir()
        self.directory = directory
        self.log_format = log_format
        self.world = World(ScaledClock(datetime.now(UTC)), history=timedelta(hours=1))
        self.world.account_manager.add_client(DEMO_CLIENT_ID, SECRETS["client secret"])
        self.world.webdav_users.add(USER, SECRETS["WebDAV password"])
        self.simulator = Simulator(self.world)
        self.chat = Chat()
        self.tokens: set[str] = set()

    def live(self) -> list[Place]:
        with self.simulator:
            found = [*self._nights_work(), *self._commands(), *self._messages()]
        self.chat.down()
        state = (self.directory / "state.sqlite").read_bytes().decode("latin-1")
        return [*found, Place("the state", state)]

    @property
    def environ(self) -> dict[str, str]:
        path, query = SECRETS["token in a target's path"], SECRETS["token in a target's query"]
        login = f"agent:{SECRETS['password of a target']}@"
        target = f"json://{login}127.0.0.1:{self.chat.port}/hook/{path}?token={query}&+X-Token={query}"
        return environment(self.simulator.url, self.directory / "state.sqlite", target) | {
            "SFCC_CLIENT_SECRET": SECRETS["client secret"],
            "SFCC_USERNAME": USER,
            "SFCC_PASSWORD": SECRETS["WebDAV password"],
            "SFCC_MONITOR_LOG_LEVEL": "debug",
            "SFCC_MONITOR_LOG_FORMAT": self.log_format,
        }

    def _nights_work(self) -> Iterator[Place]:
        """Failures of a job, of the chat and of the instance, then an agent whose secret is wrong."""
        agent = Agent(self.environ, self.directory)
        agent.start()
        try:
            yield from self._trouble(agent)
            yield Place(f"stderr as {self.log_format}", self._end(agent))
            agent.start(SFCC_CLIENT_SECRET=SECRETS["client secret that is wrong"])
            until("the refusal", lambda: "(credentials)" in agent.output)
            yield Place(f"stderr as {self.log_format}, with a wrong secret", self._end(agent))
        finally:
            agent.end()

    def _trouble(self, agent: Agent) -> Iterator[Place]:
        agent.wait_polls()
        self.chat.answer = 500
        self.world.start(JOB).finish(code="ERROR", message=EXIT_MESSAGE, trace=TRACE)
        agent.wait_metric("sfcc_alert_notifications_total", 1, outcome="server")
        with self.world.lock:
            self.tokens |= set(self.world.account_manager._tokens)
            self.world.account_manager.revoke_all()
            self.world.faults.reset("*", n=1)
        self.chat.answer = 200
        self.chat.wait(1)
        for page in ("metrics", "readyz", "healthz"):
            yield Place(f"/{page}", requests.get(f"{agent.url}/{page}", timeout=10).text)

    def _commands(self) -> Iterator[Place]:
        found = subprocess.run(
            [sys.executable, "-c", IN_ONE_PROCESS, json.dumps(CALLS)],
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        for (line, overrides), said in zip(CALLS, json.loads(found.stdout), strict=True):
            yield Place(" ".join([line, *overrides]), said)
        yield Place("stderr of the commands", found.stderr)

    def _messages(self) -> Iterator[Place]:
        for number, message in enumerate(self.chat.messages, start=1):
            yield Place(f"message {number}", f"{message.title}\n{message.body}")
            for name, content in message.files.items():
                yield Place(f"file {name} of message {number}", content.decode())

    def _end(self, agent: Agent) -> str:
        """What it said, up to its last line."""
        process = agent._process
        assert process is not None
        process.terminate()
        process.wait(10)
        agent.end()
        output = agent.output
        agent._output.clear()
        return output


def test_no_secret_leaves(tmp_path: Path) -> None:
    """One test, because the nights take their time: both formats of the log at once."""
    nights = [Night(tmp_path / log_format, log_format) for log_format in ("text", "json")]
    with ThreadPoolExecutor(len(nights)) as at_once:
        places = [place for found in at_once.map(Night.live, nights) for place in found]
    check_that_there_was_something_to_find(places)
    tokens = {f"token {token}": token for night in nights for token in night.tokens}
    assert tokens
    leaks = {name: where(secret, places) for name, secret in (SECRETS | tokens).items()}
    assert {name: found for name, found in leaks.items() if found} == {}


def check_that_there_was_something_to_find(places: list[Place]) -> None:
    found = dict(places)
    for name in ("stderr as text", "stderr as json"):
        assert "apprise-1" in found[name], "that it could not be reached"
        assert "stopping" in found[name]
    assert '"level": "warning"' in found["stderr as json"]
    logs = [place.text for place in places if place.name.startswith(f"file Job-{JOB}")]
    assert len(logs) == 2
    assert all("GET failed, headers" in text and "***" in text for text in logs)
    assert "was refused" in found[f"log {JOB}"]
    assert "sfcc_up" in found["/metrics"]
    assert '"client_secret": "**********"' in found["config show -o json"]
    assert "apprise-1" in found["test-alert"]
    for line in ("jobs", "history", f"explain {JOB}", "data export"):
        assert JOB in found[line]
    for name in ("message 1", f"explain {JOB} -o json", "data export"):
        assert "login failed" in found[name]
    assert "postgresql+psycopg://agent:***@127.0.0.1:9/state" in found["jobs SFCC_MONITOR_STATE"]


def spellings(secret: str) -> set[str]:
    """As it is, in an address, and in a header of basic authentication."""
    quoted = quote(secret, safe="")
    logins = [f"{DEMO_CLIENT_ID}:{secret}", f"{DEMO_CLIENT_ID}:{quoted}", f"{USER}:{secret}"]
    return {secret, quoted, *(base64.b64encode(login.encode()).decode() for login in logins)}


def where(secret: str, places: list[Place]) -> list[str]:
    return [place.name for place in places if any(text in place.text for text in spellings(secret))]


def test_a_secret_that_left_would_be_found() -> None:
    texts = [
        "a planted secret/1",
        "?x=planted%20secret%2F1",
        "Basic bW9uaXRvckBleGFtcGxlLmNvbTpwbGFudGVkIHNlY3JldC8x",
    ]
    places = [Place(str(number), text) for number, text in enumerate(texts)]
    assert where("planted secret/1", places) == ["0", "1", "2"]
