"""`log`: which run it is, where the log may go, and how it ends when there is none."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from alerts import attachments
from alerts.model import Attachment
from monitor.detect.refs import attachment_ref
from monitor.model import Execution
from monitor.simulator import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, ManualClock, Simulator, World
from tests.monitor.cli.conftest import Keep, Say, a_run, running

NOBODY = "http://127.0.0.1:9"


def access(server: str) -> dict[str, str]:
    return {
        "SFCC_SERVER": server,
        "SFCC_ACCOUNT_MANAGER_HOST": server,
        "SFCC_CLIENT_ID": DEMO_CLIENT_ID,
        "SFCC_CLIENT_SECRET": DEMO_CLIENT_SECRET,
        "SFCC_INSTANCE": "production",
    }


def fetched(engine: Engine, run: Execution) -> None:
    """The agent has this run's log."""
    now = datetime.now(UTC)
    log = Attachment(
        attachment_ref(run.key),
        "Job-prices.log",
        b"one\ntwo\x0cthree\nfour\n",
        lines=("two",),
        note="1 secret masked",
        masked=1,
    )
    with engine.begin() as connection:
        attachments.want(connection, [log.ref], now)
        attachments.stored(connection, log, now)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", "one\ntwo\x0cthree\nfour\n"),
        ("--tail 1", "four\n"),
        ("--tail 9", "one\ntwo\x0cthree\nfour\n"),
        ("--errors", "two\n"),
    ],
)
def test_a_kept_log_needs_no_instance(
    say: Say, keep: Keep, engine: Engine, options: str, expected: str
) -> None:
    run = a_run(1, code="ERROR")
    keep(run)
    fetched(engine, run)
    found = say("log", "prices", *options.split())
    assert (found.code, found.out) == (0, expected)
    first, second = found.err.splitlines()
    assert first.startswith("prices 1 on production: failed, ended ")
    assert first.endswith(" UTC")
    assert second == "Job-prices.log (1 secret masked)"


def test_the_last_failed_run_is_shown_though_later_ones_ended_well(
    say: Say, keep: Keep, engine: Engine
) -> None:
    failed = a_run(2, code="ERROR")
    keep(a_run(1), failed, a_run(3, code="ERROR"))
    fetched(engine, failed)
    assert say("log", "prices").err.startswith("prices 2 on production: failed, ended ")


def test_without_a_failed_run_the_newest_is_shown_and_it_is_said(
    say: Say, keep: Keep, engine: Engine
) -> None:
    newest = running(a_run(1))
    keep(newest, a_run(2))
    fetched(engine, newest)
    heading = say("log", "prices").err
    assert heading.startswith(
        "no failed run is known, this is the newest: prices 1 on production: running since "
    )
    assert say("log", "prices", "1").err.startswith("prices 1 on production: running since ")


def test_several_instances_with_the_job_are_a_question(say: Say, keep: Keep, engine: Engine) -> None:
    keep(a_run(1, code="ERROR"), a_run(2, instance="staging"))
    fetched(engine, a_run(2, instance="staging"))
    found = say("log", "prices")
    assert found == (
        2,
        "",
        "error: several instances have the job prices (production, staging): choose with --instance\n",
    )
    assert say("log", "prices", "--instance", "staging").code == 0
    assert say("log", "prices", "2").code == 0


def test_an_id_that_several_instances_know_is_a_question(say: Say, keep: Keep) -> None:
    keep(a_run(1), a_run(1, instance="staging"))
    assert "several instances have the run 1 (production, staging)" in say("log", "prices", "1").err


def test_an_unknown_id_is_told_where_the_known_ones_are(say: Say, keep: Keep) -> None:
    keep(a_run(1))
    found = say("log", "prices", "7")
    assert found.code == 2
    assert found.err == (
        "error: this run is not in the history; `sfcc-job-monitor history prices` lists those that are\n"
    )


def test_an_unknown_id_among_several_instances_is_told_how_to_ask_one(say: Say, keep: Keep) -> None:
    keep(a_run(1))
    secret = 'server = "x.demandware.net"\nclient_id = "me"\nclient_secret = "hush"\n'
    names = ("production", "staging")
    Path("two.toml").write_text("".join(f'[[instances]]\nname = "{name}"\n{secret}' for name in names))
    found = say("--config", "two.toml", "log", "prices", "7")
    assert found.code == 2
    assert found.err.endswith("with --instance NAME, that instance is asked for it\n")


def test_a_log_is_saved_as_it_is(say: Say, keep: Keep, engine: Engine, tmp_path: Path) -> None:
    keep(a_run(1))
    fetched(engine, a_run(1))
    found = say("log", "prices", "--save", "saved.log")
    assert (found.code, found.out) == (0, "")
    assert (tmp_path / "saved.log").read_bytes() == b"one\ntwo\x0cthree\nfour\n"


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("nowhere/saved.log", "--save: there is no directory nowhere"),
        ("taken/saved.log", "--save: there is no directory taken"),
    ],
)
def test_a_place_that_takes_no_file_is_noticed_before_anything_is_fetched(
    say: Say, tmp_path: Path, file: str, said: str
) -> None:
    (tmp_path / "taken").touch()
    assert say("log", "prices", "--save", file) == (2, "", f"error: {said}\n")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (None, "no log: the platform says that this run has none"),
        ("/Sites/../../etc/passwd", "no log: the path the platform gives for it is not one to follow"),
        ("/Sites/LOGS/jobs/prices/gone.log", "no log: "),
    ],
)
def test_no_log_is_a_sentence_and_exit_code_one(say: Say, keep: Keep, path: str | None, said: str) -> None:
    keep(replace(a_run(1), log_file_path=path))
    with Simulator(World(ManualClock(datetime.now(UTC)))) as simulator:
        found = say("log", "prices", **access(simulator.url))
    assert (found.code, found.out) == (1, "")
    assert found.err.splitlines()[-1].startswith(said)


def test_an_instance_out_of_reach_is_exit_code_three(say: Say, keep: Keep) -> None:
    keep(replace(a_run(1), log_file_path="/Sites/LOGS/jobs/prices/a.log"))
    found = say("log", "prices", **access(NOBODY))
    assert (found.code, found.out) == (3, "")
    assert found.err.splitlines()[-1].startswith("sfcc: no log: ")
