"""Secrets are planted wherever one can be, a night is lived through, and everything that left is searched."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import NamedTuple
from urllib.parse import quote, quote_plus, unquote_plus

import pytest
import requests

from monitor.cli import COMMANDS as COMMAND_NAMES
from monitor.simulator import DEMO_CLIENT_ID, ScaledClock, Simulator, World
from tests.e2e.harness import Agent, Chat, command, environment, until

JOB = "3-1-1-Akeneo-Differential-Import-Master"
OTHER_JOB = "3-2-1-Akeneo-Prices"
USER = "monitor@example.com"

SECRETS = {
    "client secret": 'planted+client/secret="1"',
    "client secret in a file": "planted-client-secret-of-a-file",
    "client secret that is wrong": "planted-wrong-client-secret",
    "WebDAV password": "planted+webdav/key=1",
    "password of a target": "planted-target-password",
    "token in a target's path": "planted-path-token-0123456789",
    "token in a target's query": "planted-query-token-0123456789",
    "password of the state": "planted-state-password",
    "password of a proxy": "planted-proxy-password",
    "token in a file of a target": "planted-file-token-0123456789",
    "refresh token": "planted-refresh-token-0123456789",
    "id token": "eyJhbGciOiJIUzI1NiJ9.eyJpZF90b2tlbiI6MX0.plantedidsignature",
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
    f"ERROR com.example.Echo - called with {SECRETS['client secret']}, by {SECRETS['WebDAV password']}",
    f"ERROR com.example.Echo - and escaped {json.dumps(SECRETS['client secret'])}",
    f"ERROR com.example.Echo - and quoted {quote(SECRETS['client secret'], safe='')}",
    f"ERROR com.example.Echo - and as a form {quote_plus(SECRETS['WebDAV password'])}",
    f"ERROR com.example.Ftp - sftp://shop:{SECRETS['password in an address in a log']}@files.example.com/in",
)

EXIT_MESSAGE = (
    f"login failed: password={SECRETS['password in an exit message']}, "
    f"Authorization: Bearer {SECRETS['bearer token in an exit message']}, {SECRETS['client secret']} it was"
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
    "check",
    "check -o json",
    "check --as-request",
    "check --targets",
    "test-alert",
    "test-alert -o json",
    "data export",
    "config schema",
    "--help",
    *(f"{name} --help" for name in COMMAND_NAMES),
]
OTHER_TARGET = {"APPRISE_URLS": f"nosuch://{SECRETS['password of a target']}@example.com"}
OTHER_STATE = {
    "SFCC_MONITOR_STATE": f"postgresql+psycopg://agent:{SECRETS['password of the state']}@127.0.0.1:9/state"
}
BEHIND_THE_PROXY = {"SFCC_ACCOUNT_MANAGER_HOST": "localhost:9"}
CALLS: list[tuple[str, dict[str, str]]] = [
    *((line, {}) for line in COMMANDS),
    ("test-alert", OTHER_TARGET),
    ("config show", OTHER_STATE),
    ("jobs", OTHER_STATE),
    ("poll", {"APPRISE_URLS": "", "SFCC_MONITOR_STATE": "sqlite:///another.sqlite"} | BEHIND_THE_PROXY),
]
"""What is overridden stays so for the next."""

DEFECTS = """
import io, json, os, sys, threading, warnings
from pathlib import Path
from monitor import logs
from monitor.cli import main
from monitor.confidential import secrets_of
from monitor.loops import attempt
from monitor.settings import load

settings = load(None, os.environ, Path.cwd()).settings
logs.configure("debug", settings.log_format, secrets_of(settings, os.environ))
secrets = json.loads(sys.argv[1])

class Told:
    def __repr__(self):
        return f"told {secrets}"

def defect(*_):
    local = secrets
    try:
        raise KeyError(str(local))
    except KeyError as error:
        raise RuntimeError(f"headers {local} {local!r}") from error

attempt("step", defect)
logs.log.warning("with arguments %s", Told())
logs.log.warning("that do not fit %d", Told())
thread = threading.Thread(target=defect, name="thread")
thread.start()
thread.join()
warnings.warn(str(Told()), stacklevel=1)

class Broken(io.RawIOBase):
    readable = lambda self: True
    readinto = defect

sys.stdin = io.TextIOWrapper(io.BufferedReader(Broken()))
main(["replay", "--from", "-"])
"""
"""Mistakes of our own that nobody planned, with every secret of the settings in their text."""

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


class Echo:
    """A server that answers with what it was sent, each time in another way."""

    def __init__(self) -> None:
        self._count = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, authorization: str) -> tuple[int, str]:
        scheme, _, word = authorization.partition(" ")
        login = base64.b64decode(word).decode() if scheme == "Basic" else ""
        said = f"{login} that is {unquote_plus(login)} that is {authorization}"
        answers = (
            (400, json.dumps({"fault": {"type": "Echo", "message": said}})),
            (401, json.dumps({"error": "invalid_client", "error_description": said})),
            (200, json.dumps({"refresh_token": SECRETS["refresh token"], "id_token": SECRETS["id token"]})),
            (200, f"<title>{login.partition(':')[2]} {SECRETS['id token']}</title>{said}"),
            (403, f"<title>{unquote_plus(login.partition(':')[2])}</title>{said}"),
        )
        self._count += 1
        return answers[(self._count - 1) % len(answers)]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        answer = self._answer

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, text = answer(self.headers.get("Authorization", ""))
                self.send_response(status)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_PROPFIND = do_POST  # noqa: N815 - the library's names

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
                pass

        return Handler


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
        self.echo = Echo()
        self.secret_file = directory / "secret"
        self.secret_file.write_text(SECRETS["client secret in a file"])
        self.chat = Chat()
        self.tokens: set[str] = set()

    def live(self) -> list[Place]:
        with self.simulator:
            found = [*self._nights_work(), *self._commands(), *self._defects(), *self._messages()]
        self.chat.down()
        self.echo.close()
        files = [path for path in self.directory.glob("*.sqlite*") if path.is_file()]
        return [*found, *(Place(path.name, path.read_bytes().decode("latin-1")) for path in files)]

    @property
    def environ(self) -> dict[str, str]:
        path, query = SECRETS["token in a target's path"], SECRETS["token in a target's query"]
        login = f"agent:{SECRETS['password of a target']}@"
        target = f"json://{login}127.0.0.1:{self.chat.port}/hook/{path}?token={query}&+X-Token={query}"
        return environment(self.simulator.url, self.directory / "state.sqlite", target) | {
            "SFCC_CLIENT_SECRET": SECRETS["client secret"],
            "SFCC_USERNAME": USER,
            "SFCC_PASSWORD": SECRETS["WebDAV password"],
            "HTTPS_PROXY": f"http://agent:{SECRETS['password of a proxy']}@127.0.0.1:9",
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
            yield from self._echoes(agent)
        finally:
            agent.end()

    def _echoes(self, agent: Agent) -> Iterator[Place]:
        """Servers that quote what they were sent: where logs are, then where tokens are."""
        agent.start(SFCC_WEBDAV_SERVER=self.echo.url)
        agent.wait_polls()
        said = len(self.chat.messages)
        self.world.start(OTHER_JOB).finish(code="ERROR")
        self.chat.wait(said + 1)
        yield Place(f"stderr as {self.log_format}, with an echo for logs", self._end(agent))
        by_file = {"SFCC_CLIENT_SECRET": "", "SFCC_CLIENT_SECRET_FILE": str(self.secret_file)}
        overrides = {"SFCC_ACCOUNT_MANAGER_HOST": self.echo.url}
        for where_from, more in (("environment", overrides), ("file", overrides | by_file)):
            agent.start(**more)
            until("the answers", lambda: agent.output.count("poll failed") >= 3)
            yield Place(f"stderr as {self.log_format}, an echo, {where_from}", self._end(agent))
        for line in ("poll", "poll -o json", "check", "check -o json", "check --as-request"):
            done = command(self.environ | overrides | by_file, *line.split())
            yield Place(f"{line} with an echo", done.stdout + done.stderr)

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
        assert agent._process is not None
        yield Place("the command line", Path(f"/proc/{agent._process.pid}/cmdline").read_text())

    def _commands(self) -> Iterator[Place]:
        found = subprocess.run(
            [sys.executable, "-c", IN_ONE_PROCESS, json.dumps(CALLS)],
            env=self.environ,
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=100,
            check=True,
        )
        for (line, overrides), said in zip(CALLS, json.loads(found.stdout), strict=True):
            yield Place(" ".join([line, *overrides]), said)
        yield Place("stderr of the commands", found.stderr)

    def _defects(self) -> Iterator[Place]:
        names = ("client secret", "client secret in a file", "WebDAV password", "password of a target")
        targets = ("token in a target's path", "token in a target's query", "token in a file of a target")
        known = [SECRETS[name] for name in (*names, *targets, "password of the state", "password of a proxy")]
        done = subprocess.run(
            [sys.executable, "-c", DEFECTS, json.dumps(known)],
            env=self.environ | OTHER_STATE | {"SFCC_MONITOR_CONFIG": str(self._settings_file())},
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 70, done.stderr
        yield Place(f"defects as {self.log_format}", done.stdout + done.stderr)

    def _settings_file(self) -> Path:
        """What the environment has no name for."""
        address, file = self.directory / "address", self.directory / "settings.toml"
        address.write_text(f"slack://{SECRETS['token in a file of a target']}/B/C")
        file.write_text(
            f'[[targets]]\nname = "x"\nurl_file = "{address}"\n'
            f'[[instances]]\nname = "second"\nserver = "localhost:9"\nclient_id = "{DEMO_CLIENT_ID}"\n'
            f'client_secret_file = "{self.secret_file}"\nusername = "{USER}"\n'
            f'password = "{SECRETS["WebDAV password"]}"\n'
            f'[instances.ocapi]\nclient_id = "y"\nclient_secret = {json.dumps(SECRETS["client secret"])}\n'
        )
        return file

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


@pytest.mark.slow
@pytest.mark.timeout(300)
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
    assert all(found[f"defects as {style}"].count("RuntimeError") >= 3 for style in ("text", "json"))
    assert "echo" in " ".join(found)
    assert "check HTTPS_PROXY" in found["poll APPRISE_URLS SFCC_MONITOR_STATE SFCC_ACCOUNT_MANAGER_HOST"]
    for line in ("jobs", "history", f"explain {JOB}", "data export"):
        assert JOB in found[line]
    for name in ("message 1", f"explain {JOB} -o json", "data export"):
        assert "login failed" in found[name]
    assert "postgresql+psycopg://agent:***@127.0.0.1:9/state" in found["jobs SFCC_MONITOR_STATE"]


def spellings(secret: str) -> set[str]:
    """As it is, in an address, in JSON and in JSON within it, and in a header of basic authentication."""
    quoted, escaped = quote(secret, safe=""), json.dumps(secret)[1:-1]
    logins = [f"{DEMO_CLIENT_ID}:{secret}", f"{DEMO_CLIENT_ID}:{quoted}", f"{USER}:{secret}"]
    return {
        secret,
        quoted,
        quote(secret),
        escaped,
        json.dumps(escaped)[1:-1],
        *(base64.b64encode(login.encode()).decode() for login in logins),
    }


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
