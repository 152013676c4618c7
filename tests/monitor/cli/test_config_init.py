"""The first settings file: from options and the environment, or by questions at a terminal."""

from __future__ import annotations

import os
import pty
import stat
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from monitor.simulator import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, ScaledClock, Simulator, World
from tests.monitor.cli.conftest import Say

FILE = Path("sfcc-job-monitor.toml")
SERVER = "production-abcd-acme.demandware.net"


def written() -> dict[str, Any]:
    return tomllib.loads(FILE.read_text(encoding="utf-8"))


def options(**changes: str) -> list[str]:
    given = {"--server": SERVER, "--client-id": "me", "--client-secret-file": "given"} | changes
    return [word for pair in given.items() for word in pair]


@pytest.fixture
def secret(bare: Path) -> Path:
    file = bare / "given"
    file.write_text("hush")
    return file


@pytest.mark.usefixtures("secret")
def test_options_are_enough(say: Say, bare: Path) -> None:
    assert say("config", "init", "--no-check", *options()).code == 0
    assert written()["instances"] == [
        {
            "name": "production-abcd-acme",
            "server": SERVER,
            "client_id": "me",
            "client_secret_file": str(bare / "given"),
        }
    ]
    assert say("config", "check").out.startswith("ok: ")


def test_the_environment_of_the_official_client_is_enough(say: Say, bare: Path) -> None:
    said = say(
        *("config", "init", "--no-check"),
        SFCC_SERVER=SERVER,
        SFCC_CLIENT_ID="me",
        SFCC_CLIENT_SECRET="hush hush",
        SFCC_SHORTCODE="kv7kzm78",
        SFCC_TENANT_ID="zzxy_prd",
    )
    assert said.code == 0, said.err
    [instance] = written()["instances"]
    assert (instance["shortcode"], instance["tenant_id"]) == ("kv7kzm78", "zzxy_prd")
    assert "hush" not in FILE.read_text()
    file = Path(instance["client_secret_file"])
    assert file.read_text() == "hush hush\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert file.is_relative_to(bare)


def test_without_a_terminal_all_that_is_missing_is_said_at_once(say: Say) -> None:
    said = say("config", "init", "--no-check", "--server", SERVER)
    assert said.code == 2
    assert said.err.splitlines() == [
        "settings: client id is not given: --client-id",
        "settings: client secret is not given: --client-secret-file",
    ]
    assert not FILE.exists()


def test_what_cannot_be_right_is_refused_with_a_reason(say: Say) -> None:
    said = say("config", "init", "--no-check", *options(**{"--server": "http://shop.example.com"}))
    assert said.code == 2
    assert "http:// would send secrets readable for all" in said.err
    assert not FILE.exists()


@pytest.mark.usefixtures("secret")
def test_a_file_that_is_there_is_kept_unless_asked_otherwise(say: Say) -> None:
    FILE.write_text("# precious")
    said = say("config", "init", "--no-check", *options())
    assert (said.code, FILE.read_text()) == (2, "# precious")
    assert "give --force to write over it" in said.err
    assert say("config", "init", "--no-check", "--force", *options()).code == 0
    assert written()["instances"]


def test_a_secret_of_another_file_is_kept_unless_asked_otherwise(say: Say) -> None:
    first, second = (["config", "init", "--no-check", "--file", f"{n}.toml"] for n in ("one", "two"))
    given = {"SFCC_SERVER": SERVER, "SFCC_CLIENT_ID": "me", "SFCC_CLIENT_SECRET": "hush"}
    assert say(*first, **given).code == 0
    assert say(*second, **given).code == 0, "the same secret harms nobody"
    said = say(*second, "--force", **given)
    assert said.code == 0
    Path("two.toml").unlink()
    said = say(*second, **given | {"SFCC_CLIENT_SECRET": "other"})
    assert (said.code, Path("two.toml").exists()) == (2, False)
    assert "holds another secret" in said.err
    assert "other" not in said.err.replace("another", "").replace("other settings", "")
    [kept] = Path("secrets").iterdir()
    assert kept.read_text() == "hush\n"
    assert say(*second, "--name", "next", **given).code == 0


@pytest.mark.parametrize(("may_search", "code"), [(True, 0), (False, 1)])
def test_what_it_wrote_is_tried_at_once(say: Say, may_search: bool, code: int) -> None:  # noqa: FBT001 - a case
    world = World(ScaledClock(datetime.now(UTC)))
    world.permissions.search = may_search
    with Simulator(world) as simulator:
        said = say(
            *("config", "init"),
            SFCC_SERVER=simulator.url,
            SFCC_ACCOUNT_MANAGER_HOST=simulator.url,
            SFCC_CLIENT_ID=DEMO_CLIENT_ID,
            SFCC_CLIENT_SECRET=DEMO_CLIENT_SECRET,
        )
    assert said.code == code
    assert ("/job_execution_search" in said.out) is not may_search
    assert FILE.exists(), "it is written also where something is missing yet"
    assert (" would have sent " in said.err) is may_search, said.err


def test_at_a_terminal_it_asks_again_until_the_answer_will_do(bare: Path) -> None:
    answers = ["http://shop.example.com", SERVER, "me", "hush hush", "", "Mars/Olympus", "Europe/Berlin"]
    answers += ["nosuch://planted", ""]
    code, shown = typed(["config", "init", "--no-check"], answers)
    assert code == 0, shown
    assert "would send secrets readable" in shown
    assert "not a known time zone" in shown
    assert "no address of a service that Apprise knows" in shown
    assert "hush" not in shown
    assert "planted" not in shown
    [instance] = written()["instances"]
    assert (instance["server"], instance["timezone"]) == (SERVER, "Europe/Berlin")
    assert Path(instance["client_secret_file"]).read_text() == "hush hush\n"
    assert Path(instance["client_secret_file"]).is_relative_to(bare)


def typed(words: list[str], answers: list[str]) -> tuple[int, str]:
    """The installed command at a terminal of its own; each answer is given when it is asked for."""
    ours, theirs = pty.openpty()
    command = Path(sys.executable).with_name("sfcc-job-monitor")
    with subprocess.Popen([command, *words], stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown, asked = "", 0
        while True:
            try:
                piece = os.read(ours, 4096).decode()
            except OSError:  # the other end is closed
                break
            shown += piece
            if shown.endswith(": ") and asked < len(answers):
                os.write(ours, answers[asked].encode() + b"\n")
                asked += 1
        code = process.wait()
    os.close(ours)
    return code, shown
