"""`simulate` and `demo`: what they print can be pasted, and what they cannot do is said first."""

from __future__ import annotations

import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path

import pytest
import requests
from pydantic import SecretStr

from monitor.cli.demo import schedules
from monitor.settings import InstanceSettings, Settings
from monitor.settings.policies import policy
from monitor.simulator import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, SCENARIOS, ManualClock
from monitor.simulator.instant import from_ms, to_ms
from monitor.simulator.schedule import slots
from tests.monitor.cli.conftest import Say

COMMAND = Path(sys.executable).with_name("sfcc-job-monitor")


@pytest.fixture
def taken() -> Iterator[int]:
    """A port somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def exports(directory: Path, *options: str) -> tuple[list[str], subprocess.Popen[str]]:
    """What a simulator prints, and its process, which has begun to serve."""
    process = subprocess.Popen(
        [COMMAND, "simulate", "--scenario", "quiet", "--port", "0", *options],
        cwd=directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    said = process.stderr.readline()
    if said != "serving until Ctrl-C\n":
        process.kill()
        raise AssertionError(said + process.stderr.read())
    lines = ["" for _ in range((12 if "--ca-file" in options else 11) if options else 6)]
    return [process.stdout.readline().rstrip("\n") for _ in lines], process


def ended(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    return process.returncode


def values(lines: list[str]) -> dict[str, str]:
    """As a shell would have them."""
    found = {}
    for line in lines:
        words = shlex.split(line, comments=True)
        if words:
            assert words[0] == "export"
            name, _, value = words[1].partition("=")
            found[name] = value
    return found


def token(server: str, trust: str | None = None) -> int:
    login = (DEMO_CLIENT_ID, DEMO_CLIENT_SECRET)
    grant = {"grant_type": "client_credentials"}
    url = f"{server}/dwsso/oauth2/access_token"
    return requests.post(url, grant, auth=login, verify=trust or True, timeout=10).status_code


def test_the_plain_command_serves_and_prints_what_to_paste(tmp_path: Path) -> None:
    lines, process = exports(tmp_path)
    try:
        found = values(lines)
        assert set(found) == {
            *("SFCC_SERVER", "SFCC_SCAPI_SERVER", "SFCC_ACCOUNT_MANAGER_HOST"),
            *("SFCC_CLIENT_ID", "SFCC_CLIENT_SECRET", "SFCC_TENANT_ID"),
        }
        assert token(found["SFCC_ACCOUNT_MANAGER_HOST"]) == 200
    finally:
        assert ended(process) == 0


def test_by_https_the_last_lines_win_and_name_the_certificate_from_anywhere(tmp_path: Path) -> None:
    lines, process = exports(tmp_path, "--https-port", "0", "--ca-file", "my ca.pem")
    try:
        found = values(lines)
        assert found["SFCC_SERVER"].startswith("127.0.0.1:")
        assert found["SFCC_CA_FILE"] == found["NODE_EXTRA_CA_CERTS"] == str(tmp_path / "my ca.pem")
        assert token(f"https://{found['SFCC_SERVER']}", found["SFCC_CA_FILE"]) == 200
    finally:
        assert ended(process) == 0


def test_without_a_file_for_the_certificate_the_lines_say_not_to_look_at_it(tmp_path: Path) -> None:
    lines, process = exports(tmp_path, "--https-port", "0")
    try:
        assert values(lines)["SFCC_SELFSIGNED"] == "true"
    finally:
        assert ended(process) == 0


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param("simulate --port {taken}", "--port: the port {taken} of 127.0.0.1 is in use", id="port"),
        pytest.param(
            "simulate --port 0 --https-port {taken}",
            "--https-port: the port {taken} of 127.0.0.1 is in use",
            id="port of HTTPS",
        ),
        pytest.param("simulate --host 192.0.2.1", "--host: '192.0.2.1' is no address of this", id="host"),
        pytest.param("simulate --host a..b", "--host: 'a..b' is no address of this machine", id="no host"),
        pytest.param(
            "simulate --port 0 --ca-file ca.pem",
            "--ca-file: there is a certificate only with --https-port",
            id="a certificate without HTTPS",
        ),
        pytest.param(
            "simulate --port 0 --https-port 0 --ca-file no/ca.pem --scenario quiet",
            "--ca-file: cannot write no/ca.pem: No such file or directory",
            id="a certificate nowhere",
        ),
        pytest.param("simulate --port 7 --https-port 7", "--https-port: 7 is the port of HTTP", id="same"),
        pytest.param("demo --listen abc", "--listen: 'abc': write HOST:PORT", id="no address"),
        pytest.param("demo --listen 127.0.0.1:{taken}", "--listen: the port {taken}", id="demo's port"),
    ],
)
@pytest.mark.usefixtures("own_handlers")
def test_what_cannot_be_done_is_one_line_naming_the_option(
    say: Say, taken: int, line: str, said: str
) -> None:
    found = say(*line.format(taken=taken).split())
    assert (found.code, found.out) == (2, "")
    assert found.err.startswith(f"error: {said.format(taken=taken)}")
    assert len(found.err.splitlines()) == 1


@pytest.fixture
def own_handlers() -> Iterator[None]:
    """Signals go on to end the tests, whatever the commands make of them."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_the_scenarios_are_listed_with_a_sentence_each(say: Say) -> None:
    lines = say("simulate", "--list").out.splitlines()
    assert [line.split()[0] for line in lines] == ["akeneo-night", "quiet", "busy"]
    assert all(line.endswith(".") and len(line.split()) > 4 for line in lines)


def test_the_demo_expects_each_job_when_its_instance_runs_it() -> None:
    begin = datetime(2026, 11, 23, tzinfo=UTC)
    world = SCENARIOS["akeneo-night"](ManualClock(begin))
    settings = Settings(jobs=schedules(world.jobs()))
    instance = InstanceSettings(name="demo", server="a.example", client_id="x", client_secret=SecretStr("y"))
    jobs = policy(settings, instance)
    specs = [spec for spec in world.jobs() if spec.cron or spec.every]
    assert sorted(jobs.scheduled) == sorted(spec.job_id for spec in specs)
    for spec in specs:
        simulated = (from_ms(at) for at in slots(spec, to_ms(begin), "UTC"))
        expected = list(takewhile(lambda at: at < begin + timedelta(days=3), simulated))
        schedule = jobs.job(spec.job_id).schedule
        assert schedule is not None
        assert list(schedule.slots(begin, begin + timedelta(days=3))) == expected
