"""`trigger` and `log --follow` as a person types them, without an agent and without a state."""

from __future__ import annotations

import json
import signal
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from monitor.simulator import FAILED, JobSpec, Outcome, World
from tests.e2e.harness import COMMAND, PATIENCE, command, until

JOB = "3-1-1-Akeneo-Differential-Import-Master"
FULL = "3-2-1-Akeneo-Full-Import-Master"


@pytest.fixture
def environ(environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.chdir(tmp_path)
    return environ | {"SFCC_MONITOR_STATE": f"sqlite:///{tmp_path / 'none.sqlite'}"}


def has(world: World, job: str = JOB, seconds: float = 2, **spec: object) -> None:
    world.add_job(JobSpec(job, duration=timedelta(seconds=seconds), spread=0, **spec))  # type: ignore[arg-type] # by name


def posts(world: World) -> list[int]:
    """The status of each."""
    return [one.status for one in world.requests if one.method == "POST" and one.path.endswith("/executions")]


def test_a_job_is_started_with_its_parameters_and_sites(world: World, environ: dict[str, str]) -> None:
    has(world)
    found = command(
        environ, "trigger", JOB, "--param", "mode=delta=1", "--site", "DE", "--site", "FR", "-o", "json"
    )
    assert found.returncode == 0, found.stderr
    (run,) = world.runs(JOB)
    document = json.loads(found.stdout)
    assert (document["started"], document["id"], document["outcome"]) == (True, run.id, None)
    assert run.execution.starter.parameters == {
        "mode": "delta=1",
        "SiteScope": '{"named_sites": ["DE", "FR"]}',
    }
    assert not (Path.cwd() / "none.sqlite").exists()


def test_scapi_alone_starts_and_waits(world: World, environ: dict[str, str]) -> None:
    has(world)
    scapi = {
        "SFCC_API_BACKEND": "scapi",
        "SFCC_TENANT_ID": world.tenant,
        "SFCC_SCAPI_SERVER": environ["SFCC_SERVER"],
    }
    found = command(environ | scapi, "trigger", JOB, "--wait", "-o", "json")
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout)["outcome"] == "ok"
    assert {one.path.split("/")[1] for one in world.requests if "jobs" in one.path} == {"operation"}


def test_an_own_client_starts_jobs_and_the_usual_one_looks(world: World, environ: dict[str, str]) -> None:
    has(world)
    world.account_manager.add_client("starter", "its-secret")
    instance = {
        "name": "production",
        "server": environ["SFCC_SERVER"],
        "account_manager_host": environ["SFCC_SERVER"],
        "client_id": environ["SFCC_CLIENT_ID"],
        "client_secret": environ["SFCC_CLIENT_SECRET"],
        "trigger": {"client_id": "starter", "client_secret": "its-secret"},
    }
    found = command(environ | {"SFCC_MONITOR_INSTANCES": json.dumps([instance])}, "trigger", JOB)
    assert found.returncode == 0, found.stderr
    (run,) = world.runs(JOB)
    assert run.execution.starter.client_id == "starter"


def test_a_shell_completes_ids_of_jobs(world: World, environ: dict[str, str], tmp_path: Path) -> None:
    world.start(JOB).finish()
    environ = environ | {"SFCC_MONITOR_STATE": f"sqlite:///{tmp_path / 'state.sqlite'}"}
    command(environ, "poll")
    words = {
        "_SFCC_JOB_MONITOR_COMPLETE": "bash_complete",
        "COMP_WORDS": "sfcc-job-monitor log 3-",
        "COMP_CWORD": "2",
    }
    assert command(environ | words).stdout == f"plain,{JOB}\n"


def test_waiting_ends_with_the_run_and_says_how_it_went(world: World, environ: dict[str, str]) -> None:
    has(world)
    found = command(environ, "trigger", JOB, "--wait")
    assert found.returncode == 0, found.stderr
    (run,) = world.runs(JOB)
    assert found.stdout.startswith(f"{JOB} {run.id} on production: ok after ")


def test_a_run_that_fails_leaves_its_log_and_overwrites_none(world: World, environ: dict[str, str]) -> None:
    has(world, failure_rate=1.0, failure=Outcome("ERROR", "error", "no space left on device"))
    found = command(environ, "trigger", JOB, "--wait", "-o", "json")
    assert found.returncode == 1
    document = json.loads(found.stdout)
    assert document["outcome"] == "failed"
    assert any("ERROR" in line for line in document["lines"])
    first = Path(document["log_file"])
    content = first.read_bytes()
    assert b"SystemJobThread" in content
    world.fail_next(JOB, FAILED)
    again = command(environ, "trigger", JOB, "--wait")
    assert again.returncode == 1
    assert f"{JOB} " in again.stdout
    assert "failed after" in again.stdout
    assert "log saved to " in again.stderr
    assert first.read_bytes() == content
    assert len(list(Path.cwd().glob("Job-3*.log"))) == 2


def test_an_aborted_run_is_a_failure(world: World, environ: dict[str, str]) -> None:
    has(world, seconds=600)
    waiting = subprocess.Popen(
        [COMMAND, "trigger", JOB, "--wait"],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    (run,) = until("the run", lambda: world.runs(JOB))
    run.abort()
    out, _ = waiting.communicate(timeout=PATIENCE)
    assert waiting.returncode == 1
    assert "aborted" in out


def test_a_conflicting_run_refuses_the_start_and_force_says_what_it_overrode(
    world: World, environ: dict[str, str]
) -> None:
    has(world)
    running = world.start(FULL)
    refused = command(environ, "trigger", JOB, "-o", "json")
    assert refused.returncode == 1
    (objection,) = json.loads(refused.stdout)["refused"]
    assert (objection["kind"], objection["job_id"], objection["id"]) == ("conflicting", FULL, running.id)
    assert posts(world) == []
    forced = command(environ, "trigger", JOB, "--force")
    assert forced.returncode == 0
    assert f"overridden: {FULL} has been running since" in forced.stderr
    assert len(posts(world)) == 1


def test_a_job_that_is_due_soon_is_not_started(world: World, environ: dict[str, str]) -> None:
    has(world)
    at = world.now() + timedelta(minutes=3)
    jobs = json.dumps([{"match": "*Full*", "cron": f"{at.minute} {at.hour} * * *"}])
    world.start(FULL, at=world.now() - timedelta(minutes=10)).finish()
    found = command(environ | {"SFCC_MONITOR_JOBS": jobs}, "trigger", JOB)
    assert found.returncode == 1
    assert f"refused: {FULL} is due at " in found.stderr
    assert "nothing was started; --force starts it all the same" in found.stderr
    assert posts(world) == []


def test_a_job_that_runs_is_started_no_second_time_even_by_force(
    world: World, environ: dict[str, str]
) -> None:
    has(world)
    run = world.start(JOB)
    found = command(environ, "trigger", JOB, "--force", "-o", "json")
    assert found.returncode == 1
    document = json.loads(found.stdout)
    assert (document["started"], document["refused"][0]["id"]) == (False, run.id)
    assert len(world.runs(JOB)) == 1
    assert "--force" not in command(environ, "trigger", JOB).stderr, "which would not help"


def test_the_differential_import_is_suggested(world: World, environ: dict[str, str]) -> None:
    has(world, FULL)
    at = world.now() - timedelta(minutes=12)
    world.start(JOB, at=at).finish(at=at + timedelta(minutes=1))
    found = command(environ, "trigger", FULL, "--dry-run")
    assert found.returncode == 0
    assert f"note: {JOB} ended ok the last time" in found.stderr
    assert posts(world) == []


def test_an_unknown_job_and_a_missing_right_say_what_to_do(world: World, environ: dict[str, str]) -> None:
    found = command(environ, "trigger", "nothing")
    assert found.returncode == 2
    assert "has no job of this id" in found.stderr
    has(world)
    world.permissions.start = False
    found = command(environ, "trigger", JOB)
    assert found.returncode == 3
    assert '{"resource_id": "/jobs/*/executions", "methods": ["post"]' in found.stderr
    assert environ["SFCC_CLIENT_ID"] in found.stderr


def test_without_the_right_to_see_what_runs_only_force_starts(world: World, environ: dict[str, str]) -> None:
    has(world)
    world.permissions.search = False
    found = command(environ, "trigger", JOB)
    assert found.returncode == 1
    assert "refused: what is running cannot be asked: " in found.stderr
    assert command(environ, "trigger", JOB, "--force").returncode == 0


def test_a_start_whose_answer_is_lost_is_found_again_and_not_repeated(
    world: World, environ: dict[str, str]
) -> None:
    has(world, seconds=600)
    world.faults.cut(api="start", n=1)
    found = command(environ, "trigger", JOB, "-o", "json")
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout)["id"] == world.runs(JOB)[0].id
    assert "has begun since: it is taken for this one" in found.stderr
    assert len(posts(world)) == len(world.runs(JOB)) == 1


def test_ctrl_c_ends_the_waiting_and_not_the_job(world: World, environ: dict[str, str]) -> None:
    has(world, seconds=600)
    waiting = subprocess.Popen(
        [COMMAND, "trigger", JOB, "--wait"],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert waiting.stderr is not None
    assert "started; Ctrl-C ends the waiting, not the job" in waiting.stderr.readline()
    waiting.send_signal(signal.SIGINT)
    _, rest = waiting.communicate(timeout=PATIENCE)
    assert waiting.returncode == 130
    (run,) = world.runs(JOB)
    assert f"sfcc-job-monitor log {JOB} {run.id} --follow" in rest
    assert world.is_active(JOB)


def test_a_running_log_is_followed_to_its_end(world: World, environ: dict[str, str]) -> None:
    run = world.start(JOB)
    run.write_log(b"")
    following = subprocess.Popen(
        [COMMAND, "log", JOB, "--follow"],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert following.stdout is not None
    assert following.stderr is not None
    assert "has no log yet" in following.stderr.readline()
    run.write_log(b"one\npassword=geheim123 two\nthr")
    assert following.stdout.readline() == "one\n"
    assert following.stdout.readline() == "password=*** two\n"
    run.write_log(b"one\npassword=geheim123 two\nthree\nlast")
    run.finish(code="ERROR")
    out, err = following.communicate(timeout=PATIENCE)
    assert out == "three\nlast\n"
    assert f"{JOB} {run.id} on production: failed" in err
    assert following.returncode == 1


def test_a_log_needs_neither_state_nor_agent(world: World, environ: dict[str, str]) -> None:
    run = world.start(JOB).finish(code="ERROR", message="no space left")
    newest = world.start(JOB).finish()
    for words in (["log", JOB], ["log", JOB, run.id]):
        found = command(environ, *words)
        assert found.returncode == 0, found.stderr
        assert f"{JOB} {run.id} on production: failed" in found.stderr
        assert "SystemJobThread" in found.stdout
    assert command(environ, "log", JOB, newest.id, "--follow").returncode == 0
    assert "has no run 7 of the job" in command(environ, "log", JOB, "7").stderr
