"""The commands as a person types them, on a state an agent has filled."""

from __future__ import annotations

import json
from pathlib import Path

from monitor.simulator import World
from tests.e2e.harness import Agent, Chat, command

JOB = "3-1-1 Akeneo Differential Import"


def test_one_poll_by_hand_reads_alerts_and_says_what_is_wrong(
    world: World, environ: dict[str, str], chat: Chat
) -> None:
    world.start(JOB).finish()
    assert command(environ, "poll").returncode == 0
    world.start(JOB).finish(code="ERROR", message="no space left")
    found = command(environ, "poll", "-o", "json")
    assert found.returncode == 1
    assert [one["condition"] for one in json.loads(found.stdout)["open"]] == ["failed"]
    assert [one.title for one in chat.messages] == [f"failed: {JOB} on production"]


def test_an_instance_out_of_reach_is_exit_code_three(environ: dict[str, str]) -> None:
    found = command(
        environ | {"SFCC_SERVER": "http://127.0.0.1:9", "SFCC_ACCOUNT_MANAGER_HOST": "http://127.0.0.1:9"},
        "poll",
    )
    assert found.returncode == 3
    assert "Traceback" not in found.stderr


def test_jobs_history_log_and_explain_tell_the_same_story(
    world: World, agent: Agent, environ: dict[str, str], chat: Chat
) -> None:
    agent.start()
    agent.wait_polls()
    world.start(JOB).finish(code="ERROR", message="no space left", failed_step="import-catalog")
    chat.wait(1)
    rows = json.loads(command(environ, "jobs", "-o", "json").stdout)
    assert [(one["job_id"], one["last_outcome"], one["conditions"]) for one in rows] == [
        (JOB, "failed", ["failed"])
    ]
    runs = json.loads(command(environ, "history", JOB, "-o", "json").stdout)
    assert [one["outcome"] for one in runs] == ["failed"]
    assert "SystemJobThread" in command(environ, "log", JOB).stdout
    explained = command(environ, "explain", JOB)
    assert explained.returncode == 0
    assert "failed" in explained.stdout
    assert JOB in explained.stdout
    assert "no space left" in command(environ, "explain", JOB, "-o", "json").stdout
    for words in (["jobs"], ["history", JOB], ["explain", JOB], ["poll"]):
        text = command(environ, *words, "-o", "json").stdout
        assert '"sfcc_instance": "production"' in text
        assert f'"job_id": "{JOB}"' in text
        assert "+00:00" not in text, f"{words}: instants end in Z"


def test_history_goes_out_and_in(world: World, environ: dict[str, str], tmp_path: Path) -> None:
    for _ in range(3):
        world.start(JOB).finish()
    command(environ, "poll")
    exported = command(environ, "data", "export").stdout
    assert len(exported.splitlines()) == 3
    file = tmp_path / "history.jsonl"
    file.write_text(exported + "not json\n")
    elsewhere = environ | {"SFCC_MONITOR_STATE": f"sqlite:///{tmp_path / 'other.sqlite'}"}
    imported = command(elsewhere, "data", "import", str(file))
    assert "3 of 3 runs" in imported.stderr
    assert "line 4" in imported.stderr
    assert imported.returncode == 1
    assert command(elsewhere, "data", "export").stdout == exported


def test_wrong_settings_are_exit_code_two_with_every_problem(environ: dict[str, str]) -> None:
    found = command(environ | {"SFCC_MONITOR_POLL_INTERVAL": "soon", "SFCC_MONITOR_GROUP_WIAT": "1s"}, "run")
    assert found.returncode == 2
    assert "SFCC_MONITOR_POLL_INTERVAL" in found.stderr
    assert "did you mean SFCC_MONITOR_GROUP_WAIT?" in found.stderr


def test_no_secret_is_shown(environ: dict[str, str]) -> None:
    shown = command(environ, "config", "show")
    assert shown.returncode == 0
    assert environ["SFCC_CLIENT_SECRET"] not in shown.stdout + shown.stderr
    assert "/hook" not in shown.stdout + shown.stderr


def test_a_test_alert_arrives_with_its_file(environ: dict[str, str], chat: Chat) -> None:
    found = command(environ, "test-alert")
    assert found.returncode == 0, found.stderr
    (message,) = chat.messages
    assert message.title.startswith("TEST: ")
    assert "TEST: " in message.body
    assert message.files


def test_the_demo_ends_by_itself_and_shows_a_failure_an_overlap_and_a_recovery(
    environ: dict[str, str],
) -> None:
    found = command(environ, "demo", "--seconds", "40", "--listen", "127.0.0.1:0", seconds=90)
    assert found.returncode == 0, found.stderr
    for text in ("failed: 3-1-1-Akeneo", "overlap: 3-2-1-Akeneo-Full", "resolved: ", ".log"):
        assert text in found.stdout
