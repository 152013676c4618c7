"""The image, as far as it can be tried without building it: what its file says, and that the agent lives so.

What a read-only root would refuse is reported by the agent's own process: a hook that the interpreter
calls before it opens or changes a file.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from monitor.simulator import ScaledClock, Simulator, World
from tests.e2e.harness import COMMAND, Chat, environment, until

OTHER_USER = 10001


@dataclass(frozen=True)
class Image:
    """The instructions of the last stage, which is what runs."""

    instructions: tuple[tuple[str, str], ...]
    stages: int

    @classmethod
    def read(cls, root: Path) -> Image:
        text = re.sub(r"^#.*\n", "", (root / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
        lines = [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]
        pairs = [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]
        starts = [number for number, (word, _) in enumerate(pairs) if word == "FROM"]
        return cls(tuple(pairs[starts[-1] :]), len(starts))

    def get(self, word: str) -> str:
        return [rest for name, rest in self.instructions if name == word][-1]

    @property
    def environ(self) -> dict[str, str]:
        return dict(pair.split("=", 1) for pair in self.get("ENV").split())

    @property
    def state(self) -> Path:
        """The directory of the state."""
        return Path(self.environ["SFCC_MONITOR_STATE"].removeprefix("sqlite:///")).parent

    @property
    def health_check(self) -> list[str]:
        command: list[str] = json.loads(self.get("HEALTHCHECK").partition("CMD ")[2])
        return command


@pytest.fixture(scope="module")
def image(root: Path) -> Image:
    return Image.read(root)


# -- what it says ----------------------------------------------------------------------------------


def test_what_runs_is_another_stage_than_what_builds(image: Image) -> None:
    assert image.stages == 2
    assert "--from=build" in image.get("COPY")
    assert not [rest for word, rest in image.instructions if word == "RUN" and "pip" in rest]


def test_it_runs_as_nobody_special_by_number(image: Image) -> None:
    """A number, because Kubernetes cannot tell from a name that it is not root."""
    assert int(image.get("USER")) > 0
    words = [word for word, _ in image.instructions]
    assert words.index("USER") > max(number for number, word in enumerate(words) if word == "RUN")


def test_the_state_is_on_the_volume_and_the_users_own(image: Image) -> None:
    assert image.get("VOLUME") == str(image.state)
    assert f"--home-dir {image.state} --create-home" in image.get("RUN")
    assert f"--uid {image.get('USER')} " in image.get("RUN")


def test_the_port_that_is_shown_is_the_one_that_is_served(image: Image) -> None:
    assert image.environ["SFCC_MONITOR_LISTEN"] == f"0.0.0.0:{image.get('EXPOSE')}"


def test_it_starts_the_command(image: Image) -> None:
    assert json.loads(image.get("ENTRYPOINT")) == [COMMAND.name]
    assert json.loads(image.get("CMD")) == ["run"]


def test_the_build_sees_what_it_copies_and_nothing_that_is_nobodys_business(root: Path) -> None:
    lines = (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (root / "Dockerfile").read_text(), re.MULTILINE)
    sources = {source for line in copied for source in line.split()}
    assert {rule[1:] for rule in rules if rule.startswith("!")} == sources
    assert all((root / source).exists() for source in sources)
    refused = [rule for rule in rules if rule.startswith("**/")]
    for leftover in ("monitor/__pycache__", "monitor/x.pyc", "monitor/state.sqlite", "alerts/a.sqlite-wal"):
        assert any(fnmatch.fnmatch(leftover, rule) for rule in refused)


def test_the_lock_holds_a_fitting_version_of_all_that_is_needed(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [one for some in project["optional-dependencies"].values() for one in some]
    lock = (root / "requirements" / "runtime.txt").read_text(encoding="utf-8")
    locked = {canonicalize_name(name): version for name, version in re.findall(_PIN, lock, re.MULTILINE)}
    for wanted in map(Requirement, [*project["dependencies"], *extras]):
        version = locked.get(canonicalize_name(wanted.name))
        assert version is not None, f"{wanted.name} is not in the lock: make lock"
        assert wanted.specifier.contains(version), f"{wanted} does not fit {version}: make lock"


_PIN = r"^([\w.-]+)(?:\[[\w,-]+\])?==(\S+)"

# -- how it lives ----------------------------------------------------------------------------------

REPORT_WRITES = """
import os, sys

def report(event, args):
    if event == "open":
        path, writes = args[0], args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    elif event in {"os.mkdir", "os.rename", "os.remove", "os.link", "os.symlink", "sqlite3.connect"}:
        path, writes = args[0], True
    else:
        return
    if writes and isinstance(path, (str, bytes)):
        os.write(2, f"WRITES {os.path.abspath(os.fsdecode(path))}\\n".encode())

sys.addaudithook(report)
"""


@dataclass(frozen=True)
class Rights:
    """How to start a process that file permissions hold for, also where the tests run as root."""

    prefix: tuple[str, ...] = ()
    user: int | None = None

    def popen(self, *arguments: str | Path, **options: Any) -> subprocess.Popen[str]:
        if self.user is not None:
            options |= {"user": self.user, "group": self.user, "extra_groups": []}
        return subprocess.Popen([*self.prefix, *arguments], text=True, **options)

    def run(self, *arguments: str | Path, **options: Any) -> tuple[int, str]:
        """Exit code and all output."""
        process = self.popen(*arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
        output, _ = process.communicate(timeout=60)
        return process.returncode, output

    def own(self, directory: Path) -> None:
        if self.user is not None:
            os.chown(directory, self.user, self.user)


@pytest.fixture(scope="module")
def rights() -> Rights:
    """Of another user; where that one cannot reach the interpreter, those of a root without privileges."""
    if os.geteuid() != 0:
        return Rights()
    without = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--")
    reasons = []
    for candidate in (Rights(user=OTHER_USER), Rights(prefix=without)):
        try:
            code, output = candidate.run(COMMAND, "--version", cwd="/", env={})
        except OSError as error:
            code, output = 1, str(error)
        if code == 0:
            return candidate
        reasons.append(output.strip())
    return pytest.skip(f"NO WAY TO GIVE UP ROOT: the agent was not tried without ({'; '.join(reasons)})")


@dataclass(frozen=True)
class Container:
    """Directories like those in a container; `state` alone can be written to."""

    state: Path
    elsewhere: Path
    hook: Path

    def writes(self, output: str) -> set[str]:
        """Where else the process wanted to write."""
        paths = set(re.findall(r"^WRITES (.+)$", output, re.MULTILINE)) - {os.devnull}
        return {path for path in paths if not Path(path).is_relative_to(self.state)}


@pytest.fixture
def container(rights: Rights) -> Iterator[Container]:
    # Not in pytest's own directory, which other users cannot enter.
    with tempfile.TemporaryDirectory(prefix="container-") as name:
        directory = Path(name).resolve()
        directory.chmod(0o755)
        container = Container(directory / "state", directory / "elsewhere", directory / "hook")
        for path in (container.state, container.elsewhere, container.hook):
            path.mkdir()
        (container.hook / "sitecustomize.py").write_text(REPORT_WRITES, encoding="utf-8")
        for path in (container.elsewhere, container.hook, container.hook / "sitecustomize.py"):
            path.chmod(0o555)
        rights.own(container.state)
        container.state.chmod(0o700)
        yield container
        container.state.chmod(0o700)


@pytest.fixture
def world() -> World:
    return World(ScaledClock(datetime.now(UTC)), history=timedelta(hours=1))


@pytest.fixture
def simulator(world: World) -> Iterator[Simulator]:
    with Simulator(world) as simulator:
        yield simulator


@pytest.fixture
def chat() -> Iterator[Chat]:
    chat = Chat()
    yield chat
    chat.down()


@pytest.fixture
def environ(image: Image, container: Container, simulator: Simulator, chat: Chat) -> dict[str, str]:
    """As in the image, but for the places and the port; no home, no directory for temporary files."""
    given = environment(simulator.url, container.state / "state.sqlite", chat.url)
    ours = {name: value for name, value in given.items() if name.startswith("SFCC_")}
    inherited = {"PATH": os.environ["PATH"], "TMPDIR": str(container.elsewhere), "APPRISE_URLS": chat.url}
    own = {name: value for name, value in image.environ.items() if name != "PATH"}
    return own | inherited | ours | {"PYTHONPATH": str(container.hook)}


def test_the_agent_needs_no_home_and_writes_to_its_state_alone(
    image: Image,
    rights: Rights,
    container: Container,
    world: World,
    chat: Chat,
    environ: dict[str, str],
    tmp_path: Path,
) -> None:
    said = tmp_path / "stderr"
    with said.open("w") as file:
        agent = rights.popen(COMMAND, "run", cwd=container.elsewhere, env=environ, stderr=file)
    try:
        until("the endpoint", lambda: "metrics at" in said.read_text() or agent.poll() is not None)
        assert agent.poll() is None, said.read_text()
        port = re.findall(r"metrics at \S+:(\d+)/metrics", said.read_text())[0]
        metrics = f"http://127.0.0.1:{port}/metrics"
        until(
            "a poll",
            lambda: 'sfcc_up{sfcc_instance="production"} 1.0' in requests.get(metrics, timeout=10).text,
        )
        world.start("import").finish(code="ERROR")
        assert chat.wait(1)[0].files
        assert health(image, port) == 0
        agent.terminate()
        assert agent.wait(10) == 0
    finally:
        agent.kill()
        agent.wait()
    assert health(image, port) != 0
    assert "WRITES" in said.read_text(), "the hook reports"
    assert container.writes(said.read_text()) == set()
    assert list(container.state.glob("state.sqlite"))


def health(image: Image, port: str) -> int:
    """The image's own check, at another port, in an environment whose proxy leads nowhere."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        nowhere = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        command = [sys.executable if word == "python" else word for word in image.health_check]
        environ = {"SFCC_MONITOR_LISTEN": f"0.0.0.0:{port}", "http_proxy": nowhere, "HTTP_PROXY": nowhere}
        return subprocess.run(command, env=environ, capture_output=True, timeout=30, check=False).returncode


def test_a_home_that_cannot_be_written_to_is_no_trouble(
    rights: Rights, container: Container, environ: dict[str, str]
) -> None:
    home = {"HOME": str(container.elsewhere)}
    code, output = rights.run(COMMAND, "poll", cwd=container.elsewhere, env=environ | home)
    assert code == 0, output
    assert container.writes(output) == set()


@pytest.mark.parametrize(
    "there", [pytest.param(False, id="a new state"), pytest.param(True, id="an old one")]
)
def test_a_state_that_cannot_be_written_to_is_said_in_a_sentence(
    rights: Rights,
    container: Container,
    environ: dict[str, str],
    there: bool,  # noqa: FBT001 - a value of the table
) -> None:
    if there:
        assert rights.run(COMMAND, "poll", cwd=container.elsewhere, env=environ)[0] == 0
    for path in (*container.state.iterdir(), container.state):
        path.chmod(0o444 if path.is_file() else 0o555)
    code, output = rights.run(COMMAND, "run", cwd=container.elsewhere, env=environ)
    sentences = [line for line in output.splitlines() if not line.startswith("WRITES ")]
    assert code == 2, output
    assert len(sentences) == 1
    assert str(container.state / "state.sqlite") in sentences[0]
    assert re.search("this user (may )?write|write access", sentences[0])
