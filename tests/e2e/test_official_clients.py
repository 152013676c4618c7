"""The platform's own command-line clients, unchanged, against the simulator by HTTPS.

They are looked for in the directory that OFFICIAL_CLIENTS names, else on the PATH; `.ci/run` installs them.
What they take for an instance is one: a proof of the simulator that does not come from us.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor.simulator import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, JobSpec, Simulator, World

PLACES = os.pathsep.join(filter(None, (os.environ.get("OFFICIAL_CLIENTS"), os.environ.get("PATH"))))
COMMAND = Path(sys.executable).with_name("sfcc-job-monitor")
PATIENCE = 50

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def instance(world: World) -> Iterator[Simulator]:
    world.add_job(JobSpec("import-catalog", duration=timedelta(seconds=2), spread=0))
    world.add_job(JobSpec("import-broken", duration=timedelta(seconds=2), spread=0, failure_rate=1))
    world.noise(jobs=1)
    with Simulator(world, https_port=0) as simulator:
        yield simulator


@pytest.fixture
def settings(instance: Simulator, tmp_path: Path) -> dict[str, str]:
    """What both clients read, each by its own names."""
    authority = tmp_path / "authority.pem"
    authority.write_bytes(instance.ca_pem)
    host = instance.https_url.removeprefix("https://")
    return {
        "NODE_EXTRA_CA_CERTS": str(authority),
        "SFCC_SERVER": host,
        "SFCC_ACCOUNT_MANAGER_HOST": host,
        "SFCC_CLIENT_ID": DEMO_CLIENT_ID,
        "SFCC_CLIENT_SECRET": DEMO_CLIENT_SECRET,
        "SFCC_LOGIN_URL": host,
        "SFCC_OAUTH_CLIENT_ID": DEMO_CLIENT_ID,
        "SFCC_OAUTH_CLIENT_SECRET": DEMO_CLIENT_SECRET,
    }


def client(name: str, package: str, settings: dict[str, str], directory: Path) -> Run:
    program = shutil.which(name, path=PLACES)
    if program is None:
        pytest.skip(
            f"NO {name.upper()}: npm install {package}; OFFICIAL_CLIENTS names the directory of its program"
        )
    home = directory / "home"
    home.mkdir(exist_ok=True)
    environment = {
        "PATH": PLACES,
        "HOME": str(home),
        "NO_COLOR": "1",
        "SFCC_DISABLE_TELEMETRY": "true",
        **settings,
    }

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program, *words],
            env=environment,
            cwd=home,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    return run


@pytest.fixture
def b2c(settings: dict[str, str], tmp_path: Path) -> Run:
    return client("b2c", "@salesforce/b2c-cli", settings, tmp_path)


@pytest.fixture
def sfcc_ci(settings: dict[str, str], tmp_path: Path) -> Run:
    return client("sfcc-ci", "sfcc-ci", settings, tmp_path)


def said(result: subprocess.CompletedProcess[str]) -> str:
    return result.stdout + result.stderr


def test_the_b2c_cli_finds_executions(world: World, b2c: Run) -> None:
    run = world.start("nightly").finish(code="ERROR", message="no file")
    world.start("nightly").finish()
    result = b2c("job", "search", "--job-id", "nightly", "--status", "ERROR", "--json")
    assert result.returncode == 0, said(result)
    found: dict[str, Any] = json.loads(result.stdout)
    assert [hit["id"] for hit in found["hits"]] == [run.id]


def test_the_b2c_cli_starts_a_job_waits_for_it_and_reads_its_log(world: World, b2c: Run) -> None:
    result = b2c("job", "run", "import-catalog", "--wait", "-P", "Mode=full")
    assert result.returncode == 0, said(result)
    (run,) = world.runs("import-catalog")
    assert run.document()["client_id"] == DEMO_CLIENT_ID
    assert [entry["value"] for entry in run.document()["parameters"]] == ["full"]
    log = b2c("job", "log", "import-catalog")
    assert log.returncode == 0, said(log)
    assert f"Executing job [import-catalog][{run.id}]" in log.stdout


def test_the_b2c_cli_shows_the_log_of_a_run_that_fails(b2c: Run) -> None:
    result = b2c("job", "run", "import-broken", "--wait")
    assert result.returncode != 0
    assert "JobStepExecutionException" in said(result)
    assert "finished with status [ERROR]" in said(result)


def test_the_older_client_starts_a_job_and_asks_for_its_state(
    world: World, settings: dict[str, str], sfcc_ci: Run
) -> None:
    login = sfcc_ci("client:auth")
    assert "Authentication succeeded" in said(login)
    host = settings["SFCC_SERVER"]
    result = sfcc_ci("job:run", "import-catalog", "-i", host, "-s", "-f")
    assert result.returncode == 0, said(result)
    assert "finished (OK)" in result.stdout
    (run,) = world.runs("import-catalog")
    state = sfcc_ci("job:status", "import-catalog", run.id, "-i", host)
    assert state.returncode == 0, said(state)
    assert "finished (OK)" in state.stdout
    (path,) = [word for word in result.stdout.split() if "/webdav/Sites/" in word]
    assert path.endswith(".log")


def test_what_simulate_prints_is_enough_for_the_b2c_cli(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [
            COMMAND,
            "simulate",
            "--scenario",
            "quiet",
            "--port",
            "0",
            "--https-port",
            "0",
            "--ca-file",
            "ca.pem",
        ],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        b2c = client("b2c", "@salesforce/b2c-cli", printed(process), tmp_path)
        result = b2c("job", "search", "--json")
        assert result.returncode == 0, said(result)
        assert json.loads(result.stdout)["total"] > 0
    finally:
        process.terminate()
        process.communicate(timeout=20)


def printed(process: subprocess.Popen[str]) -> dict[str, str]:
    """The last line wins, as in a shell."""
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stderr.readline() == "serving until Ctrl-C\n"
    found: dict[str, str] = {}
    while "NODE_EXTRA_CA_CERTS" not in found:
        words = shlex.split(process.stdout.readline(), comments=True)
        if words:
            name, _, value = words[1].partition("=")
            found[name] = value
    return found
