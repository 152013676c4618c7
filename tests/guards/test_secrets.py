"""Secrets are planted wherever one can be, a night is lived through, and everything that left is searched."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import pytest
import requests

from monitor.simulator import DEMO_CLIENT_ID, ScaledClock, Simulator, World
from tests.e2e.harness import Agent, Chat, command, environment, until

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
}

TRACE = (
    f"ERROR com.example.Http - GET failed, headers: Authorization: Bearer {SECRETS['bearer token in a log']}",
    f"ERROR com.example.Http - id token {SECRETS['JWT in a log']} is expired",
    f'ERROR com.example.Http - {{"access_token": "{SECRETS["access token in a log"]}", "user": "x"}}',
    f"ERROR com.example.Login - password={SECRETS['password in a log']} was refused",
    f"ERROR com.example.Ftp - sftp://shop:{SECRETS['password in an address in a log']}@files.example.com/in",
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


class Place(NamedTuple):
    """Something that left the process."""

    name: str
    text: str


class Night:
    """A world whose secrets are known, a chat, and the settings of an agent between them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.world = World(ScaledClock(datetime.now(UTC)), history=timedelta(hours=1))
        self.world.account_manager.add_client(DEMO_CLIENT_ID, SECRETS["client secret"])
        self.world.webdav_users.add(USER, SECRETS["WebDAV password"])
        self.simulator = Simulator(self.world)
        self.chat = Chat()
        self.tokens: set[str] = set()

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
        }

    def live(self, log_format: str) -> Iterator[Place]:
        """Failures of a job, of the chat and of the instance, then an agent whose secret is wrong."""
        agent = Agent(self.environ | {"SFCC_MONITOR_LOG_FORMAT": log_format}, self.directory)
        agent.start()
        try:
            yield from self._trouble(agent)
            yield Place(f"stderr as {log_format}", self._end(agent))
            agent.start(SFCC_CLIENT_SECRET=SECRETS["client secret that is wrong"])
            until("the refusal", lambda: "(credentials)" in agent.output)
            yield Place(f"stderr as {log_format}, with a wrong secret", self._end(agent))
        finally:
            agent.end()

    def _trouble(self, agent: Agent) -> Iterator[Place]:
        before = len(self.chat.messages)
        agent.wait_polls()
        self.chat.answer = 500
        self.world.start(JOB).finish(code="ERROR", message=f"import {before} failed", trace=TRACE)
        agent.wait_metric("sfcc_alert_notifications_total", 1, outcome="server")
        with self.world.lock:
            self._note_tokens()
            self.world.account_manager.revoke_all()
            self.world.faults.reset("*", n=2)
        self.chat.answer = 200
        self.chat.wait(before + 1)
        agent.wait_polls()
        for page in ("metrics", "readyz", "healthz"):
            yield Place(f"/{page}", requests.get(f"{agent.url}/{page}", timeout=10).text)

    def commands(self) -> Iterator[Place]:
        for line in COMMANDS:
            yield self._said(line)
        yield self._said("test-alert", APPRISE_URLS=f"nosuch://{SECRETS['password of a target']}@example.com")
        state = f"postgresql+psycopg://agent:{SECRETS['password of the state']}@127.0.0.1:9/state"
        for line in ("config show", "jobs"):
            yield self._said(line, SFCC_MONITOR_STATE=state)

    def _said(self, line: str, **overrides: str) -> Place:
        found = command(self.environ | overrides, *line.split())
        return Place(" ".join([line, *overrides]), found.stdout + found.stderr)

    def messages(self) -> Iterator[Place]:
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

    def _note_tokens(self) -> None:
        self.tokens |= set(self.world.account_manager._tokens)


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    night = Night(tmp_path_factory.mktemp("night"))
    with night.simulator:
        yield night
        night.chat.down()


@pytest.fixture(scope="module")
def places(night: Night) -> list[Place]:
    found = [*night.live("text"), *night.live("json"), *night.commands()]
    state = (night.directory / "state.sqlite").read_bytes().decode("latin-1")
    return [*found, *night.messages(), Place("the state", state)]


def spellings(secret: str) -> set[str]:
    """As it is, in an address, and in a header of basic authentication."""
    quoted = quote(secret, safe="")
    logins = [f"{DEMO_CLIENT_ID}:{secret}", f"{DEMO_CLIENT_ID}:{quoted}", f"{USER}:{secret}"]
    return {secret, quoted, *(base64.b64encode(login.encode()).decode() for login in logins)}


def where(secret: str, places: list[Place]) -> list[str]:
    return [place.name for place in places if any(text in place.text for text in spellings(secret))]


def test_the_night_was_as_it_should_be(night: Night, places: list[Place]) -> None:
    """What is searched is really there: else nothing would be found for want of anything to find."""
    found = dict(places)
    for name in ("stderr as text", "stderr as json"):
        assert "polled in" in found[name]
        assert "stopping" in found[name]
    assert '"level": "warning"' in found["stderr as json"]
    assert night.tokens
    logs = [place.text for place in places if place.name.startswith(f"file Job-{JOB}")]
    assert len(logs) == 2
    assert all("GET failed, headers" in text and "***" in text for text in logs)
    assert "was refused" in found[f"log {JOB}"]
    assert "sfcc_up" in found["/metrics"]
    assert '"client_secret": "**********"' in found["config show -o json"]
    assert "apprise-1" in found["test-alert"]
    for line in ("jobs", "history", f"explain {JOB}", "data export"):
        assert JOB in found[line]
    assert "postgresql+psycopg://agent:***@127.0.0.1:9/state" in found["jobs SFCC_MONITOR_STATE"]


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_no_secret_leaves(secret: str, places: list[Place]) -> None:
    assert where(secret, places) == []


def test_no_token_of_the_account_manager_leaves(night: Night, places: list[Place]) -> None:
    assert [name for token in night.tokens for name in where(token, places)] == []


def test_a_secret_that_left_would_be_found() -> None:
    texts = [
        "a planted secret/1",
        "?x=planted%20secret%2F1",
        "Basic bW9uaXRvckBleGFtcGxlLmNvbTpwbGFudGVkIHNlY3JldC8x",
    ]
    places = [Place(str(number), text) for number, text in enumerate(texts)]
    assert where("planted secret/1", places) == ["0", "1", "2"]
