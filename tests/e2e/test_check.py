"""`check` as a person types it: each right taken away and given back, and what to paste in between."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from monitor.simulator import DEMO_CLIENT_ID, World
from tests.e2e.harness import COMMAND, Chat, command, until

NOWHERE = {"SFCC_SERVER": "http://127.0.0.1:9", "SFCC_ACCOUNT_MANAGER_HOST": "http://127.0.0.1:9"}
OTHER = {"client_id": "other", "resources": [{"resource_id": "/sites/*", "methods": ["get"]}]}


@pytest.fixture(autouse=True)
def a_run_with_a_log(world: World) -> None:
    world.start("import").finish(code="ERROR")


def checked(environ: dict[str, str], *words: str) -> tuple[int, list[dict[str, Any]]]:
    found = command(environ, "check", *words, "-o", "json")
    return found.returncode, json.loads(found.stdout)


def failed(steps: list[dict[str, Any]]) -> list[str]:
    return [step["what"] for step in steps if step["outcome"] == "failed"]


@pytest.mark.parametrize(
    ("right", "what"), [("search", "job search"), ("execution", "single run"), ("webdav", "job log")]
)
def test_a_missing_permission_is_one_row_and_green_once_it_is_given(
    right: str, what: str, world: World, environ: dict[str, str]
) -> None:
    setattr(world.permissions, right, False)
    code, steps = checked(environ)
    assert (code, failed(steps)) == (1, [what])
    (step,) = [step for step in steps if step["outcome"] == "failed"]
    assert step["sfcc_instance"] == "production"
    assert step["page"].startswith("Business Manager > Administration > ")
    assert step["entry"]["client_id"] == DEMO_CLIENT_ID
    setattr(world.permissions, right, True)
    code, steps = checked(environ)
    assert (code, failed(steps)) == (0, [])


def test_the_table_ends_with_each_remedy_once_ready_to_copy(world: World, environ: dict[str, str]) -> None:
    world.permissions.search = world.permissions.execution = False
    found = command(environ, "check")
    assert found.returncode == 1
    assert found.stdout.count("Open Commerce API Settings, type Data, context Global") == 1
    lines = found.stdout.splitlines()
    begin = next(number for number, line in enumerate(lines) if line.startswith('{"client_id"'))
    assert json.loads(" ".join(lines[begin:]))["client_id"] == DEMO_CLIENT_ID
    assert "do not replace what is there" in found.stdout
    assert "2 things missing" in found.stderr
    assert environ["SFCC_CLIENT_SECRET"] not in found.stdout + found.stderr


def test_an_instance_out_of_reach_is_exit_code_three(environ: dict[str, str]) -> None:
    found = command(environ | NOWHERE, "check")
    assert found.returncode == 3
    assert "no connection to 127.0.0.1:9" in found.stdout
    assert "Traceback" not in found.stderr


def test_a_token_for_an_instance_that_is_gone_is_no_reach(environ: dict[str, str]) -> None:
    code, steps = checked(environ | {"SFCC_SERVER": NOWHERE["SFCC_SERVER"]})
    assert (code, failed(steps)) == (3, ["job search"])


def test_a_wrong_secret_is_no_matter_of_reach(environ: dict[str, str]) -> None:
    code, steps = checked(environ | {"SFCC_CLIENT_SECRET": "not-the-secret"})
    assert (code, failed(steps)) == (1, ["token"])


def test_instances_have_a_block_each_and_can_be_named(environ: dict[str, str], tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text(
        "".join(
            f'[[instances]]\nname = "{name}"\nserver = "{server}"\n'
            f'account_manager_host = "{environ["SFCC_SERVER"]}"\nclient_id = "{DEMO_CLIENT_ID}"\n'
            f'client_secret = "{environ["SFCC_CLIENT_SECRET"]}"\n'
            for name, server in (("first", environ["SFCC_SERVER"]), ("second", NOWHERE["SFCC_SERVER"]))
        )
    )
    config = {"SFCC_MONITOR_CONFIG": str(settings)}
    code, steps = checked(environ | config)
    assert code == 1
    assert list(dict.fromkeys(step["sfcc_instance"] for step in steps)) == ["first", "second"]
    code, steps = checked(environ | config, "first")
    assert code == 0
    assert {step["sfcc_instance"] for step in steps} == {"first"}
    wrong = command(environ | config, "check", "frist")
    assert wrong.returncode == 2
    assert "there are first, second" in wrong.stderr


def test_targets_are_tried_on_request_alone(environ: dict[str, str], chat: Chat) -> None:
    command(environ, "check")
    assert chat.messages == []
    code, steps = checked(environ, "--targets")
    assert code == 0
    assert [(step["api"], step["outcome"]) for step in steps if step["what"] == "target"] == [
        ("apprise-1", "ok")
    ]
    assert chat.messages[0].title.startswith("TEST: ")
    chat.down()
    code, steps = checked(environ, "--targets")
    assert (code, failed(steps)) == (1, ["target"])
    assert "/hook" not in str(steps)


def test_the_document_of_the_page_is_printed_with_the_entry_in_it(
    environ: dict[str, str], tmp_path: Path
) -> None:
    """Without asking the instance anything."""
    current = tmp_path / "current.json"
    current.write_text(json.dumps({"_v": "24.5", "clients": [OTHER]}))
    found = command(environ | NOWHERE, "check", "--merge", str(current))
    assert found.returncode == 0
    merged = json.loads(found.stdout)
    assert [one["client_id"] for one in merged["clients"]] == ["other", DEMO_CLIENT_ID]
    assert "type Data, context Global" in found.stderr
    current.write_text(found.stdout)
    again = command(environ, "check", "--merge", str(current))
    assert json.loads(again.stdout) == merged
    assert "nothing was missing" in again.stderr
    current.write_text("{}")
    assert command(environ, "check", "--merge", str(current)).returncode == 2
    empty = command(environ, "check", "--merge", f"webdav:{current}")
    assert json.loads(empty.stdout)["clients"][0]["permissions"] == [
        {"path": "/logs", "operations": ["read"]}
    ]


def test_the_request_asks_for_what_is_missing(world: World, environ: dict[str, str]) -> None:
    assert "nothing to ask anybody for" in command(environ, "check", "--as-request").stderr
    world.permissions.webdav = False
    found = command(environ, "check", "--as-request")
    assert found.returncode == 1
    assert "WebDAV Client Permissions" in found.stdout
    assert '{"path": "/logs", "operations": ["read"]}' in found.stdout
    assert "Open Commerce API Settings" not in found.stdout
    assert environ["SFCC_CLIENT_SECRET"] not in found.stdout + found.stderr


def test_waiting_says_what_is_missing_and_ends_with_ctrl_c(world: World, environ: dict[str, str]) -> None:
    world.permissions.search = False
    process = subprocess.Popen(
        [COMMAND, "check", "--wait"], env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    said: list[str] = []
    with process:
        until("the word that it tries again", lambda: _read(process, said))
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
        rest = process.stderr.read()
    assert "may not use /job_execution_search" in "".join(said)
    assert "Traceback" not in rest


def _read(process: subprocess.Popen[str], said: list[str]) -> bool:
    assert process.stderr is not None
    said.append(process.stderr.readline())
    return "trying again" in said[-1]


def test_waiting_ends_at_once_where_nothing_is_missing(environ: dict[str, str]) -> None:
    found = command(environ, "check", "--wait")
    assert found.returncode == 0
    assert "nothing is missing" in found.stderr


def test_options_that_contradict_each_other_are_said_before_anything_is_tried(
    environ: dict[str, str], world: World
) -> None:
    assert command(environ, "check", "--merge", "x", "--wait").returncode == 2
    assert command(environ, "check", "--as-request", "-o", "json").returncode == 2
    assert not world.requests
