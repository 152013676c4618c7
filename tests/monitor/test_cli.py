"""The command line as a program sees it: help, exit codes, JSON, pipes that close early."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import click
import pytest
import requests
from click.testing import CliRunner
from sqlalchemy import Engine

from monitor import __version__
from monitor.cli import COMMANDS, cli, main
from monitor.cli.common import Moment
from monitor.history import executions as history
from monitor.judgement import judge_for
from monitor.model import Execution, ExitStatus
from monitor.policy import Policy
from monitor.simulator import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, ManualClock, Simulator, World

COMMAND = Path(sys.executable).with_name("sfcc-job-monitor")
GOLDEN = Path(__file__).parents[1] / "golden" / "help.txt"
NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
NOBODY = "http://127.0.0.1:9"

Run = Callable[..., subprocess.CompletedProcess[str]]

# -- help ------------------------------------------------------------------------------------------


def paths(group: click.Group, *above: str) -> Iterator[tuple[str, ...]]:
    """The words of every command and group, the program itself first."""
    yield above
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from paths(command, *above, name)
        else:
            yield (*above, name)


def test_all_help_is_the_golden_one() -> None:
    pages = []
    for words in paths(cli):
        line = " ".join(("sfcc-job-monitor", *words, "--help"))
        found = CliRunner().invoke(cli, [*words, "--help"], prog_name="sfcc-job-monitor", terminal_width=100)
        assert found.exit_code == 0, found.output
        pages.append(f"$ {line}\n{found.output}")
    text = "\n".join(pages)
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_overview_says_what_the_command_itself_says(name: str) -> None:
    """The line stands twice, so that the overview needs none of the modules."""
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.name == name
    assert command.help


def test_help_imports_nothing_that_takes_time() -> None:
    found = subprocess.run(
        [sys.executable, "-X", "importtime", COMMAND, "--help"], capture_output=True, text=True, check=True
    )
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in found.stderr.splitlines()}
    assert "click" in imported
    heavy = {
        "sqlalchemy",
        "alembic",
        "requests",
        "urllib3",
        "apprise",
        "pydantic",
        "prometheus_client",
        "rich",
    }
    assert imported & heavy == set()


# -- exit codes ------------------------------------------------------------------------------------


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory to be in, and an environment without settings."""
    for name in [name for name in os.environ if name.startswith(("SFCC_", "APPRISE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SFCC_MONITOR_STATE", f"sqlite:///{tmp_path / 'state.db'}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(bare: Path, sqlite_url: str) -> Run:
    """The installed command as a process, on a state that is there and empty."""

    def start(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [COMMAND, *arguments],
            cwd=bare,
            env=os.environ | {"SFCC_MONITOR_STATE": sqlite_url} | environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return start


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        pytest.param("--version", 0, __version__, id="the version"),
        pytest.param("--config right.toml config check", 0, "ok: ", id="checked settings are right"),
        pytest.param("simulate --list", 0, "akeneo-night", id="a list"),
        pytest.param("--config wrong.toml config check", 1, "poll_interval", id="checked settings are wrong"),
        pytest.param("--config wrong.toml jobs", 2, "settings: ", id="settings that are used are wrong"),
        pytest.param("--config no.toml jobs", 2, "no such file", id="settings that are not there"),
        pytest.param("run", 2, "SFCC_SERVER", id="no instance to watch"),
        pytest.param("poll", 2, "SFCC_SERVER", id="no instance to poll"),
        pytest.param("test-alert", 2, "APPRISE_URLS", id="no target to try"),
        pytest.param("nonsense", 2, "No such command 'nonsense'", id="unknown command"),
        pytest.param("config nonsense", 2, "No such command 'nonsense'", id="unknown command of a group"),
        pytest.param("--nonsense", 2, "No such option '--nonsense'", id="unknown option"),
        pytest.param("jobs --nonsense", 2, "No such option '--nonsense'", id="unknown option of a command"),
        pytest.param("jobs -o xml", 2, "'table', 'json'", id="unknown form of output"),
        pytest.param("history --since soon", 2, "'soon' is no duration", id="no moment"),
        pytest.param("history --limit 0", 2, "--limit", id="a number out of range"),
        pytest.param("history --status broken", 2, "'broken'", id="unknown outcome"),
        pytest.param("log", 2, "Missing argument 'JOB'", id="an argument is missing"),
        pytest.param("data import nowhere.jsonl", 2, "nowhere.jsonl", id="a file that is not there"),
        pytest.param("simulate --scenario noon", 2, "akeneo-night", id="unknown scenario"),
        pytest.param("demo --seconds 0", 2, "--seconds", id="no time at all"),
    ],
)
def test_exit_codes_without_a_state(
    bare: Path, capsys: pytest.CaptureFixture[str], line: str, code: int, said: str
) -> None:
    (bare / "wrong.toml").write_text('poll_interval = "soon"\n')
    (bare / "right.toml").write_text(
        '[[instances]]\nname = "x"\nserver = "x.example.com"\nclient_id = "x"\nclient_secret = "x"\n'
    )
    with pytest.raises(SystemExit) as left:
        main(line.split())
    output = capsys.readouterr()
    assert (left.value.code or 0) == code, output
    assert said in output.out + output.err
    assert "Traceback" not in output.err


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        pytest.param("jobs", 0, "no job is known yet", id="a query with no answer"),
        pytest.param("jobs --exit-code", 0, "no job is known yet", id="nothing is open"),
        pytest.param("explain nothing", 2, "nothing is known of the job 'nothing'", id="unknown job"),
    ],
)
def test_exit_codes_on_an_empty_state(run: Run, line: str, code: int, said: str) -> None:
    found = run(*line.split())
    assert found.returncode == code
    assert said in found.stderr
    assert found.stdout == ""
    assert "Traceback" not in found.stderr


def test_a_state_that_cannot_be_opened_is_a_sentence_and_exit_code_two(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = run("jobs", SFCC_MONITOR_STATE=f"sqlite:///{tmp_path / 'file' / 'state.db'}")
    assert found.returncode == 2
    assert found.stderr.startswith("error: ")
    assert str(tmp_path / "file" / "state.db") in found.stderr
    assert len(found.stderr.splitlines()) == 1


# -- moments ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("2026-11-23", datetime(2026, 11, 23, tzinfo=UTC), id="a date is its midnight, UTC"),
        pytest.param("2026-11-23T02:00Z", NOW, id="an instant"),
        pytest.param("2026-11-23T02:00", NOW, id="without a zone it is UTC"),
        pytest.param("2026-11-23 02:00:00", NOW, id="with a blank"),
        pytest.param("2026-11-23T03:00+01:00", NOW, id="in another zone"),
        pytest.param(NOW, NOW, id="one that is one already"),
    ],
)
def test_a_moment_is_read(text: object, expected: datetime) -> None:
    found = Moment().convert(text, None, None)
    assert found == expected
    assert found.tzinfo is not None


def test_a_moment_keeps_the_zone_it_was_given_in() -> None:
    found = Moment().convert("2026-11-23T03:00+01:00", None, None)
    assert found.tzinfo == timezone(timedelta(hours=1))


@pytest.mark.parametrize(
    ("text", "back"),
    [
        ("90s", timedelta(seconds=90)),
        ("2h", timedelta(hours=2)),
        ("1h30m", timedelta(minutes=90)),
        ("30d", timedelta(days=30)),
        ("0s", timedelta()),
    ],
)
def test_a_duration_is_a_moment_that_long_ago(text: str, back: timedelta) -> None:
    earliest = datetime.now(UTC) - back
    found = Moment().convert(text, None, None)
    assert earliest <= found <= datetime.now(UTC) - back


@pytest.mark.parametrize(
    "text", ["", "soon", "2", "2 h", "-2h", "2w", "9999d", "2026-13-01", "2026-11-23T25:00", "23.11.2026"]
)
def test_what_is_no_moment_is_refused_with_examples(text: str) -> None:
    with pytest.raises(click.BadParameter) as refused:
        Moment().convert(text, None, None)
    assert refused.value.message.startswith(repr(text))
    assert "2h" in refused.value.message


# -- JSON ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", ["jobs -o json", "history -o json"])
def test_nothing_is_an_empty_list(run: Run, line: str) -> None:
    found = run(*line.split())
    assert json.loads(found.stdout) == []
    assert found.returncode == 0


def test_no_runs_are_no_lines_but_the_head_of_the_columns(run: Run) -> None:
    assert run("data", "export").stdout == ""
    assert run("history", "-o", "csv").stdout.splitlines() == [
        "sfcc_instance,job_id,id,scope,outcome,trigger,code,message,start_time,end_time,duration_seconds,user_login"
    ]


def test_a_poll_of_an_instance_that_never_ran_a_job_is_json(run: Run) -> None:
    with Simulator(World(ManualClock(datetime.now(UTC)))) as simulator:
        found = run("poll", "-o", "json", **access(simulator.url))
    assert found.returncode == 0, found.stderr
    document = json.loads(found.stdout)
    assert document["open"] == []
    assert [(one["sfcc_instance"], one["complete"], one["reason"]) for one in document["polls"]] == [
        ("production", True, None)
    ]


def test_a_poll_that_reaches_nobody_is_json_too(run: Run) -> None:
    found = run("poll", "-o", "json", **access(NOBODY))
    assert found.returncode == 3
    document = json.loads(found.stdout)
    assert [(one["complete"], one["reason"]) for one in document["polls"]] == [(False, "network")]


def access(server: str) -> dict[str, str]:
    return {
        "SFCC_SERVER": server,
        "SFCC_ACCOUNT_MANAGER_HOST": server,
        "SFCC_CLIENT_ID": DEMO_CLIENT_ID,
        "SFCC_CLIENT_SECRET": DEMO_CLIENT_SECRET,
        "SFCC_INSTANCE": "production",
    }


@pytest.mark.parametrize("line", ["config show -o json", "config schema"])
@pytest.mark.usefixtures("bare")
def test_the_settings_of_nobody_are_json(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(line.split())
    assert isinstance(json.loads(capsys.readouterr().out), dict)


# -- simulate --------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [[], ["--https-port", "0"]], ids=["http", "https too"])
def test_a_simulated_instance_says_where_it_is_answers_and_ends_when_told(
    bare: Path, options: list[str]
) -> None:
    process = subprocess.Popen(
        [COMMAND, "simulate", "--scenario", "quiet", "--port", "0", *options],
        cwd=bare,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        url = process.stdout.readline().strip().rpartition("SFCC_SERVER=")[2]
        assert process.stderr.readline() == "serving until Ctrl-C\n"
        login = (DEMO_CLIENT_ID, DEMO_CLIENT_SECRET)
        grant = {"grant_type": "client_credentials"}
        assert requests.post(f"{url}/dwsso/oauth2/access_token", grant, auth=login, timeout=10).ok
        process.terminate()
        assert process.wait(10) == 0
        rest = process.stdout.read()
    finally:
        process.kill()
        process.communicate()
    assert f"SFCC_CLIENT_ID={DEMO_CLIENT_ID}\n" in rest
    assert ("SFCC_SERVER=127.0.0.1:" in rest) == bool(options), "other clients expect a host there"


# -- pipes -----------------------------------------------------------------------------------------


def long_history(engine: Engine, count: int) -> None:
    """More than a pipe holds."""
    runs = [
        Execution(
            instance="production",
            job_id=f"job-{number % 300:03}",
            id=str(number),
            execution_status="finished",
            exit_status=ExitStatus("OK", "x" * 100, "ok"),
            start_time=NOW + timedelta(minutes=number),
            end_time=NOW + timedelta(minutes=number + 1),
            version=str(number),
        )
        for number in range(count)
    ]
    with engine.begin() as connection:
        history.store(connection, "production", runs, seen_at=NOW, backfill=False, judge=judge_for(Policy()))


@pytest.mark.parametrize(
    "line",
    ["history --limit 3000", "history --limit 3000 -o json", "history --limit 3000 -o csv", "data export"],
)
def test_a_reader_that_has_had_enough_is_no_trouble(bare: Path, engine: Engine, line: str) -> None:
    """`sfcc-job-monitor history | head -1`."""
    long_history(engine, 3000)
    # Without buffers the interpreter takes half a write for a whole one, and never notices.
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    process = subprocess.Popen(
        [COMMAND, *line.split()],
        cwd=bare,
        env=environ | {"SFCC_MONITOR_STATE": str(engine.url)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stderr, process.stdout:
        process.stdout.read(10)
        process.stdout.close()
        said = process.stderr.read()
    assert process.wait(30) == 1, "it was cut short"
    assert not re.search("Traceback|Exception|Errno|Broken", said)
