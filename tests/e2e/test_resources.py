"""Space, files, locks, the network and connections run out: said in a sentence, survived, nothing lost."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import shutil
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from monitor.simulator import Simulator, World
from tests.e2e.harness import COMMAND, Agent, Chat, command, until

FAILED = ["failed: import on production"]

MOUNTED = ("unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o size=$0 tmpfs "$1" && shift && exec "$@"')
"""Runs a command with a small disk of its own at a directory, which nobody else sees mounted."""


class Boxed(Agent):
    """Started by another command, which gives it what it has to do with; `stderr` may go elsewhere."""

    def start_by(self, *prefix: str, port: int, stderr: Path | None = None, **overrides: str) -> None:
        self._port = port
        with open(stderr or os.devnull, "w") as elsewhere:  # noqa: PTH123 - a device is opened as well
            self._process = subprocess.Popen(
                [*prefix, str(COMMAND), "run"],
                env=self._environ | {"SFCC_MONITOR_LISTEN": f"127.0.0.1:{port}"} | overrides,
                cwd=self._directory,
                stdout=subprocess.DEVNULL,
                stderr=elsewhere if stderr else subprocess.PIPE,
                text=True,
            )
        if stderr is None:
            self._drain = threading.Thread(target=self._read, args=(self._process,), daemon=True)
            self._drain.start()
        until("the endpoint", self.answers)

    def answers(self) -> bool:
        assert self.process.poll() is None, f"the agent ended early:\n{self.output}"
        with contextlib.suppress(requests.ConnectionError):
            return requests.get(f"{self.url}/healthz", timeout=10).ok
        return False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def process(self) -> subprocess.Popen[str]:
        assert self._process is not None
        return self._process

    def seen_at(self, path: Path) -> Path:
        """A path as this process sees it."""
        return Path(f"/proc/{self.process.pid}/root{path}")

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def open_files(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))  # noqa: PTH208 - only their number

    @contextlib.contextmanager
    def limited(self, what: int, most: int) -> Iterator[None]:
        before = resource.prlimit(self.process.pid, what)
        resource.prlimit(self.process.pid, what, (most, before[1]))
        try:
            yield
        finally:
            resource.prlimit(self.process.pid, what, before)


@pytest.fixture
def boxed(environ: dict[str, str], tmp_path: Path) -> Iterator[Boxed]:
    agent = Boxed(environ, tmp_path)
    yield agent
    agent.end()


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """Where a small disk can be mounted."""
    directory = tmp_path / "disk"
    directory.mkdir()
    try:
        done = subprocess.run([*MOUNTED, "1m", str(directory), "true"], capture_output=True, check=False)
    except FileNotFoundError as error:
        pytest.skip(f"NO SMALL DISK: what a full one does was not tried ({error})")
    if done.returncode:
        pytest.skip(f"NO SMALL DISK: what a full one does was not tried ({done.stderr.decode().strip()})")
    return directory


def check_nothing_is_lost(world: World, agent: Agent, chat: Chat) -> None:
    """The failure that happened amid the trouble was told once, and what comes next is told too."""
    chat.wait(1)
    world.start("import").finish()
    chat.wait(2)
    agent.wait_polls()
    assert [one.title for one in chat.messages] == [*FAILED, "resolved: import on production (failed)"]
    assert agent.metric("sfcc_up") == 1
    assert "Traceback" not in agent.output


def fail_amid_the_trouble(world: World, agent: Agent, said: str) -> None:
    world.start("import").finish(code="ERROR", message="x" * 500)
    until(said, lambda: re.search(said, agent.output))
    until("sfcc_up to be 0", lambda: agent.metric("sfcc_up") == 0)


# -- space ---------------------------------------------------------------------------------------


def test_a_disk_that_is_full_is_said_and_gone_on_from_when_there_is_room(
    world: World, boxed: Boxed, chat: Chat, disk: Path, port: int
) -> None:
    state = disk / "state.sqlite"
    boxed.start_by(*MOUNTED, "3m", str(disk), port=port, SFCC_MONITOR_STATE=f"sqlite:///{state}")
    boxed.wait_metric("sfcc_up", 1)
    filler = boxed.seen_at(disk / "filler")
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(b"x" * 4096):
            pass
    fail_amid_the_trouble(world, boxed, r"state .*state\.sqlite: .*full; free some space on its disk")
    assert requests.get(f"{boxed.url}/healthz", timeout=10).ok
    filler.unlink()
    check_nothing_is_lost(world, boxed, chat)
    assert boxed.stop() == 0


def test_a_file_that_may_not_grow_is_said_and_gone_on_from(
    world: World, boxed: Boxed, chat: Chat, port: int
) -> None:
    boxed.start_by(port=port)
    boxed.wait_metric("sfcc_up", 1)
    with boxed.limited(resource.RLIMIT_FSIZE, 8192):
        fail_amid_the_trouble(world, boxed, r"state .*state\.sqlite: .*(disk I/O error|full); ")
    check_nothing_is_lost(world, boxed, chat)


def test_a_log_that_cannot_be_written_ends_nothing(world: World, boxed: Boxed, chat: Chat, port: int) -> None:
    boxed.start_by(port=port, stderr=Path("/dev/full"), SFCC_MONITOR_LOG_LEVEL="debug")
    boxed.wait_polls()
    world.start("import").finish(code="ERROR")
    assert chat.wait(1)[0].files
    check_nothing_is_lost(world, boxed, chat)
    assert boxed.stop() == 0


def test_an_agent_whose_output_is_closed_writes_nowhere_else(
    world: World, boxed: Boxed, chat: Chat, port: int, tmp_path: Path
) -> None:
    boxed.start_by("sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", port=port, SFCC_MONITOR_LOG_LEVEL="debug")
    boxed.wait_metric("sfcc_up", 1)
    world.start("import").finish(code="ERROR")
    chat.wait(1)
    assert b"import" in (tmp_path / "state.sqlite-wal").read_bytes()
    assert b"DEBUG" not in (tmp_path / "state.sqlite-wal").read_bytes()
    assert boxed.stop() == 0


def test_a_disk_without_any_room_ends_the_start_in_a_sentence(environ: dict[str, str], disk: Path) -> None:
    environ |= {"SFCC_MONITOR_STATE": f"sqlite:///{disk / 'state.sqlite'}"}
    line = [*MOUNTED, "60k", str(disk), str(COMMAND), "run"]
    done = subprocess.run(line, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert re.search(
        r"state .*state\.sqlite: .*(full|I/O error); .*(free some space|the room on it)", done.stderr
    )


def test_a_full_temporary_directory_keeps_no_log_from_its_alert(
    world: World, boxed: Boxed, chat: Chat, disk: Path, port: int
) -> None:
    boxed.start_by(*MOUNTED, "4k", str(disk), port=port, TMPDIR=str(disk))
    boxed.wait_metric("sfcc_up", 1)
    boxed.seen_at(disk / "filler").write_bytes(b"x" * 4096)
    world.start("import").finish(
        code="ERROR", trace=tuple(f"ERROR line {number}" for number in range(20_000))
    )
    assert sum(map(len, chat.wait(1)[0].files.values())) > 100_000
    check_nothing_is_lost(world, boxed, chat)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param("config schema >/dev/full", 1, "the output cannot be written: No space", id="a result"),
        pytest.param("config schema >/dev/full 2>/dev/full", 1, "", id="a result and what is said of it"),
        pytest.param("jobs -o nothing 2>/dev/full", 2, "", id="wrong usage"),
        pytest.param("jobs --config nowhere.toml 2>/dev/full", 2, "", id="wrong settings"),
        pytest.param("jobs 2>/dev/full", 2, "", id="no state"),
        pytest.param("config schema <&- >&- 2>&-", 0, "", id="everything is closed"),
    ],
)
def test_output_that_cannot_be_written_is_an_exit_code_and_no_traceback(
    environ: dict[str, str], arguments: str, code: int, said: str
) -> None:
    line = f"exec {COMMAND} {arguments}"
    done = subprocess.run(["sh", "-c", line], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == bool(said)


# -- the file of the state -----------------------------------------------------------------------


def test_a_state_that_another_process_holds_is_said_and_gone_on_from(
    world: World, agent: Agent, chat: Chat, tmp_path: Path
) -> None:
    agent.start()
    agent.wait_metric("sfcc_up", 1)
    with contextlib.closing(sqlite3.connect(tmp_path / "state.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        fail_amid_the_trouble(world, agent, r"database is locked; another process holds it")
        assert requests.get(f"{agent.url}/readyz", timeout=10).ok, "it can be read, and needs no new start"
        other.rollback()
    check_nothing_is_lost(world, agent, chat)


def test_a_state_that_another_process_has_for_itself_ends_the_start_in_a_sentence(
    environ: dict[str, str], tmp_path: Path
) -> None:
    assert command(environ, "poll").returncode == 0
    with contextlib.closing(sqlite3.connect(tmp_path / "state.sqlite", isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN IMMEDIATE")
        other.execute("UPDATE cursors SET instance = instance")
        began = time.monotonic()
        done = command(environ, "run")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "state.sqlite: database is locked; another process holds it" in done.stderr
    assert time.monotonic() - began < 30, "a supervisor is told soon"


@pytest.mark.parametrize("replaced", [pytest.param(False, id="deleted"), pytest.param(True, id="replaced")])
def test_a_state_that_goes_away_amid_the_work_is_said_and_gone_on_from_when_it_is_back(
    world: World,
    agent: Agent,
    chat: Chat,
    tmp_path: Path,
    replaced: bool,  # noqa: FBT001 - a value of the table
) -> None:
    agent.start()
    agent.wait_metric("sfcc_up", 1)
    state, aside = tmp_path / "state.sqlite", tmp_path / "aside"
    if replaced:
        shutil.copyfile(state, aside)
    with contextlib.ExitStack() as put_back:
        os.link(state, tmp_path / "kept")
        put_back.callback(os.replace, tmp_path / "kept", state)
        aside.replace(state) if replaced else state.unlink()
        fate = "was replaced" if replaced else "is gone"
        fail_amid_the_trouble(world, agent, rf"its file {fate} while it was in use; put the file back")
        answer = requests.get(f"{agent.url}/readyz", timeout=10)
        assert (answer.status_code, fate in answer.text) == (503, True)
        assert replaced or not state.exists(), "no empty one is made in its place"
    check_nothing_is_lost(world, agent, chat)


def test_a_state_whose_rights_are_taken_away_amid_the_work_loses_nothing(
    world: World, boxed: Boxed, chat: Chat, tmp_path: Path, port: int
) -> None:
    boxed.start_by(*without_privileges(), port=port)
    boxed.wait_metric("sfcc_up", 1)
    files = list(tmp_path.glob("state.sqlite*"))
    for path in (*files, tmp_path):
        path.chmod(0o444 if path in files else 0o555)
    world.start("import").finish(code="ERROR")
    boxed.wait_polls(3)
    for path in (tmp_path, *files):
        path.chmod(0o600 if path in files else 0o700)
    check_nothing_is_lost(world, boxed, chat)


def without_privileges() -> tuple[str, ...]:
    """Rights of files hold for root too, then."""
    if os.geteuid():
        return ()
    prefix = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--")
    try:
        subprocess.run([*prefix, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"NO WAY TO GIVE UP ROOT: a state without rights was not tried ({error})")
    return prefix


# -- the network ---------------------------------------------------------------------------------


def test_an_instance_and_a_target_that_come_up_after_the_agent_are_no_loss(
    world: World, agent: Agent, chat: Chat, port: int
) -> None:
    chat.down()
    nowhere = f"http://127.0.0.1:{port}"
    agent.start(SFCC_SERVER=nowhere, SFCC_ACCOUNT_MANAGER_HOST=nowhere)
    until("the reason", lambda: re.search(r"poll failed \(network\): .*Connection refused", agent.output))
    assert agent.metric("sfcc_up", sfcc_instance="production") == 0
    assert ("sfcc_up", frozenset({("sfcc_instance", "production")})) in agent.metrics()
    assert requests.get(f"{agent.url}/readyz", timeout=10).ok
    with Simulator(world, port=port):
        agent.wait_metric("sfcc_up", 1)
        world.start("import").finish(code="ERROR")
        agent.wait_metric("sfcc_alert_outbox_messages", 1)
        until("the target's trouble", lambda: "apprise-1: not taken" in agent.output)
        chat.up()
        check_nothing_is_lost(world, agent, chat)


def test_a_name_that_nobody_knows_is_said_and_no_reason_to_start_anew(agent: Agent) -> None:
    agent.start(SFCC_SERVER="nowhere.invalid", SFCC_ACCOUNT_MANAGER_HOST="nowhere.invalid")
    until("the reason", lambda: "poll failed (network)" in agent.output)
    assert "the name nowhere.invalid cannot be resolved" in agent.output
    assert agent.metric("sfcc_up") == 0
    assert requests.get(f"{agent.url}/readyz", timeout=10).ok
    assert agent.stop() == 0


def test_a_black_hole_holds_up_neither_the_endpoint_nor_the_end(agent: Agent) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hole = f"http://127.0.0.1:{silent.getsockname()[1]}"
        agent.start(SFCC_SERVER=hole, SFCC_ACCOUNT_MANAGER_HOST=hole)
        contacted, _ = silent.accept()
        with contacted:  # a poll is under way
            assert requests.get(f"{agent.url}/metrics", timeout=2).ok
            assert requests.get(f"{agent.url}/readyz", timeout=2).ok
            assert agent.stop(seconds=10) == 0


def test_a_port_in_use_ends_the_start_in_a_sentence(environ: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        done = command(environ | {"SFCC_MONITOR_LISTEN": listen}, "run")
    assert done.returncode == 2
    assert done.stderr == (
        f"error: cannot listen on {listen}: Address already in use; is another agent running? "
        "Set SFCC_MONITOR_LISTEN to a free HOST:PORT of this machine\n"
    )


# -- connections ---------------------------------------------------------------------------------

CROWD = 3000


class Crowd:
    """Clients that never come to the point: every second one says nothing, the others a byte now and then."""

    def __init__(self, port: int, count: int) -> None:
        self._leaving = threading.Event()
        self._clients = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(count)]
        for client in self._clients:
            client.setblocking(False)
        self._thread = threading.Thread(target=self._drip, daemon=True)
        self._thread.start()

    def _drip(self) -> None:
        for byte in b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 10_000:
            for client in self._clients[::2]:
                with contextlib.suppress(OSError):  # it was sent away
                    client.send(bytes([byte]))
            if self._leaving.wait(0.05):
                return

    def leave(self) -> None:
        self._leaving.set()
        self._thread.join()
        for client in self._clients:
            client.close()


@pytest.fixture
def crowds() -> Iterator[Callable[[int, int], Crowd]]:
    """Lets them in; they leave in the end."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < CROWD + 500:
        pytest.skip(f"TOO FEW FILES: {hard} are allowed here, so no crowd of {CROWD} was tried")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, CROWD + 500), hard))
    crowds: list[Crowd] = []

    def come(port: int, count: int) -> Crowd:
        crowds.append(Crowd(port, count))
        return crowds[-1]

    yield come
    for crowd in crowds:
        crowd.leave()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def scrape_seconds(agent: Agent) -> float:
    began = time.monotonic()
    assert requests.get(f"{agent.url}/metrics", timeout=10).ok
    return time.monotonic() - began


@pytest.mark.parametrize("files", [pytest.param(1024, id="usual"), pytest.param(256, id="few files")])
def test_a_crowd_of_silent_and_slow_clients_keeps_no_scrape_and_no_poll_waiting(
    world: World, boxed: Boxed, chat: Chat, port: int, crowds: Callable[[int, int], Crowd], files: int
) -> None:
    boxed.start_by("sh", "-c", f'ulimit -n {files} && exec "$@"', "sh", port=port)
    boxed.wait_metric("sfcc_up", 1)
    crowds(port, CROWD)
    world.start("import").finish(code="ERROR")
    times = [scrape_seconds(boxed) for _ in range(20)]
    assert max(times) < 2, times
    assert boxed.open_files() < files * 3 / 4
    check_nothing_is_lost(world, boxed, chat)
    assert boxed.output.count("those that wait longest are sent away") == 1
    assert "poll failed" not in boxed.output


def test_no_file_left_is_said_once_costs_no_time_and_is_gone_on_from(
    world: World, boxed: Boxed, chat: Chat, port: int, crowds: Callable[[int, int], Crowd]
) -> None:
    boxed.start_by(port=port)
    boxed.wait_metric("sfcc_up", 1)
    with boxed.limited(resource.RLIMIT_NOFILE, boxed.open_files()):
        crowds(port, 200)
        until("the sentence", lambda: "cannot take a connection: Too many open files" in boxed.output)
        began, used = time.monotonic(), boxed.cpu_seconds()
        world.start("import").finish(code="ERROR")
        until("two seconds", lambda: time.monotonic() - began > 2)
        assert boxed.cpu_seconds() - used < 1.2, "it does not turn at full speed"
    assert boxed.output.count("cannot take a connection") == 1
    check_nothing_is_lost(world, boxed, chat)
