"""`jobs`, `history`, `explain`, `log`, `data export`: what they find, refuse, and say about both."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.monitor.cli.conftest import Keep, Say, a_run, running

READING = ["jobs", "history", "explain prices", "log prices", "data export"]
ACCESS = {"SFCC_SERVER": "http://127.0.0.1:9", "SFCC_CLIENT_ID": "id", "SFCC_CLIENT_SECRET": "secret"}


@pytest.mark.parametrize("line", READING)
def test_asking_makes_no_state(say: Say, bare: Path, line: str) -> None:
    found = say(*line.split())
    hint = "has `run` or `poll` been started with these settings?"
    assert found == (2, "", f"error: there is no state at {bare / 'state.db'}; {hint}\n")
    assert list(bare.iterdir()) == []


@pytest.mark.parametrize("line", [*READING[:2], "explain prices", "log prices", "data export"])
def test_an_unknown_instance_is_answered_with_those_there_are(say: Say, keep: Keep, line: str) -> None:
    keep(a_run(1), a_run(1, instance="staging"))
    found = say(*line.split(), "--instance", "prod")
    assert found == (
        2,
        "",
        "error: there is no instance 'prod' (--instance); there are production, staging\n",
    )


@pytest.mark.parametrize("line", ["history", "explain", "log"])
def test_an_unknown_job_is_answered_with_the_nearest(say: Say, keep: Keep, line: str) -> None:
    keep(a_run(1, job="3-1-1-Import-Prices"), a_run(2, job="Export"))
    found = say(line, "3-1-1-import-price")
    assert (found.code, found.out) == (2, "")
    assert found.err == (
        "error: nothing is known of the job '3-1-1-import-price'; did you mean 3-1-1-Import-Prices? "
        "`sfcc-job-monitor jobs` lists those known\n"
    )


def test_a_job_known_elsewhere_only_is_not_known_here(say: Say, keep: Keep) -> None:
    keep(a_run(1), a_run(1, job="stock", instance="staging"))
    assert (
        "nothing is known of the job 'stock' on production"
        in say("history", "stock", "--instance", "production").err
    )


def test_an_instance_of_the_settings_that_was_never_read_has_no_jobs(say: Say, keep: Keep) -> None:
    keep()
    found = say("jobs", "--instance", "production", **ACCESS, SFCC_INSTANCE="production")
    assert found == (0, "", "no job is known yet; has a poll been made?\n")


def test_a_pattern_in_the_place_of_a_job_is_told_where_it_goes(say: Say, keep: Keep) -> None:
    keep(a_run(1))
    found = say("history", "pri*")
    assert found.code == 2
    assert found.err.endswith("a pattern goes with --job: --job 'pri*'\n")
    assert say("history", "--job", "pri*").code == 0
    assert say("history", "--job", "pri*", "prices").code == 2


def test_a_job_may_be_named_like_a_pattern(say: Say, keep: Keep) -> None:
    keep(a_run(1, job="pri[*]"), a_run(2, job="pri*"))
    assert [one["id"] for one in json.loads(say("history", "pri[*]", "-o", "json").out)] == ["1"]


@pytest.mark.parametrize("line", ["history", "data export"])
def test_a_span_that_ends_before_it_begins_is_refused(say: Say, keep: Keep, line: str) -> None:
    keep(a_run(1))
    found = say(*line.split(), "--since", "2026-11-23", "--until", "2026-11-22")
    assert (found.code, found.out) == (2, "")
    assert "--since (2026-11-23 00:00:00 UTC) is after --until (2026-11-22 00:00:00 UTC)" in found.err
    assert say(*line.split(), "--since", "2026-11-22", "--until", "2026-11-22").code == 0


@pytest.mark.parametrize(("limit", "said"), [("2", "2 shown; more with --limit\n"), ("3", "")])
def test_a_limit_that_hides_something_is_said(say: Say, keep: Keep, limit: str, said: str) -> None:
    keep(a_run(1), a_run(2), a_run(3))
    found = say("history", "--limit", limit, "-o", "json")
    assert found.err == said
    assert len(json.loads(found.out)) == int(limit)


def test_the_instance_is_named_where_there_are_several(say: Say, keep: Keep) -> None:
    keep(a_run(1))
    for command in ("jobs", "history"):
        assert say(command).out.split()[0] == "job"
    keep(a_run(1, instance="staging"))
    for command in ("jobs", "history"):
        assert say(command).out.split()[0] == "instance"
        assert say(command, "--instance", "staging").out.split()[0] == "job"


def test_a_table_fits_a_narrow_terminal_and_says_that_its_times_are_utc(say: Say, keep: Keep) -> None:
    keep(a_run(1))
    wide = say("history").out.splitlines()
    assert "started (UTC)" in wide[0]
    narrow = say("history", COLUMNS="40").out.splitlines()
    assert len(narrow) == 2
    assert max(map(len, narrow)) <= 40
    assert "ended (UTC)" in say("jobs", COLUMNS="60").out


def test_the_run_that_ended_and_the_one_that_runs_are_told_apart(say: Say, keep: Keep) -> None:
    began = a_run(1).start_time
    keep(a_run(5), running(a_run(1)))
    (row,) = json.loads(say("jobs", "-o", "json").out)
    assert row["last_outcome"] == "ok"
    assert row["last_duration_seconds"] == 600
    assert 3600 <= row["running_seconds"] < 3660
    assert began is not None
    assert abs((datetime.fromisoformat(row["running_since"]) - began).total_seconds()) < 60
    head, line = say("jobs").out.splitlines()
    assert line[head.index("last ") :].startswith("ok ")
    assert line[head.index("running for") :].startswith("1:00:")


JOBS = {
    "SFCC_INSTANCE": "production",
    "SFCC_MONITOR_JOBS": json.dumps(
        [{"match": "pri*", "cron": "0 2 * * *"}, {"match": "new", "every": "1d", "at": "02:00"}]
    ),
}


def test_a_job_with_a_schedule_says_when_it_is_due_next(say: Say, keep: Keep) -> None:
    keep(a_run(1), a_run(2, job="stock"), a_run(1, instance="elsewhere"))
    found = say("jobs", "-o", "json", **ACCESS, **JOBS)
    due = {(row["sfcc_instance"], row["job_id"]): row["next_due"] for row in json.loads(found.out)}
    slot = due["production", "prices"]
    assert slot.endswith("T02:00:00Z")
    assert due == {
        ("elsewhere", "prices"): None,
        ("production", "new"): slot,
        ("production", "prices"): slot,
        ("production", "stock"): None,
    }
    assert timedelta() < datetime.fromisoformat(slot) - datetime.now(UTC) <= timedelta(days=1)
    head, *rows = say("jobs").out.splitlines()
    assert [row[head.index("next due (UTC)") :].strip()[-5:] for row in rows] == ["", "02:00", "02:00", ""]


def test_without_schedules_there_is_no_column_for_them(say: Say, keep: Keep) -> None:
    keep(a_run(1))
    assert "next due" not in say("jobs").out


def test_what_needs_a_person_comes_first(say: Say, keep: Keep) -> None:
    keep(a_run(1, job="a"), running(a_run(1, job="b")), a_run(1, job="c", code="ERROR"))
    assert [one["job_id"] for one in json.loads(say("jobs", "-o", "json").out)] == ["c", "b", "a"]


@pytest.mark.parametrize(
    ("line", "instants", "durations"),
    [
        ("jobs -o json", {"last_start", "last_end", "last_success"}, {"last_duration_seconds"}),
        ("history -o json", {"start_time", "end_time"}, {"duration_seconds"}),
    ],
)
def test_json_names_things_alike_everywhere(
    say: Say, keep: Keep, line: str, instants: set[str], durations: set[str]
) -> None:
    keep(a_run(1), a_run(2, job="ä", code="ERROR"))
    text = say(*line.split()).out
    assert "ä" in text
    for row in json.loads(text):
        assert row["sfcc_instance"] == "production"
        assert row["job_id"] in {"prices", "ä"}
        assert all(row[name] is None or row[name].endswith("Z") for name in instants)
        assert all(row[name] == 600 for name in durations)


def test_the_settings_may_be_named_after_the_command_too(say: Say, bare: Path) -> None:
    (bare / "other.toml").write_text(f'state = "sqlite:///{bare / "other.db"}"\n')
    (bare / "wrong.toml").write_text('poll_interval = "soon"\n')
    for words in (("--config", "other.toml", "jobs"), ("jobs", "--config", "other.toml")):
        assert "other.db" in say(*words, SFCC_MONITOR_STATE="").err
    assert "other.db" in say("--config", "wrong.toml", "data", "export", "--config", "other.toml").err


def test_how_many_runs_is_said_in_the_right_number(say: Say, keep: Keep) -> None:
    keep(a_run(1))
    assert say("data", "export").err == "1 run\n"
    keep(a_run(2))
    assert say("data", "export").err == "2 runs\n"


def test_explain_of_a_job_of_which_no_time_was_read_completely_says_why_it_says_nothing(
    say: Say, keep: Keep
) -> None:
    keep(a_run(1))
    found = say("explain", "prices")
    assert found.code == 2
    assert "nothing can be judged yet" in found.err
