"""`schedule` as a person at a terminal, or a program, meets it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine

from monitor import timetables
from monitor.history import cursor as cursors
from monitor.history import executions as history
from monitor.history.engine import reading
from monitor.judgement import judge_for
from monitor.model import Execution
from monitor.policy import Policy

DAY = timedelta(days=1)
SETTINGS = """
[[instances]]
name = "production"
server = "x.example.com"
client_id = "x"
client_secret = "x"
timezone = "Europe/Berlin"

[[jobs]]
match = "configured"
cron = "0 2 * * *"
"""


def trigger(job: str, at: str = "02:00:00.000Z", interval: str = "1d", enabled: str = "true") -> str:
    return (
        f'<job job-id="{job}"><triggers><run-recurring enabled="{enabled}"><recurrence>'
        f"<date-from>2025-01-01</date-from><start-time>{at}</start-time><interval>{interval}</interval>"
        "</recurrence></run-recurring></triggers></job>"
    )


@pytest.fixture
def export(bare: Path) -> Callable[..., str]:
    def export(*jobs: str) -> str:
        file = bare / "jobs.xml"
        file.write_text(f"<jobs>{''.join(jobs)}</jobs>", encoding="utf-8")
        return str(file)

    (bare / "settings.toml").write_text(SETTINGS, encoding="utf-8")
    return export


@pytest.fixture
def do(say: Callable[..., Any], export: Callable[..., str]) -> Callable[..., Any]:
    """Types a command of the group, with settings."""
    del export

    def do(*words: str) -> Any:
        return say("--config", "settings.toml", "schedule", *words)

    return do


@pytest.fixture
def watched(engine: Engine) -> Callable[..., None]:
    """Reads runs of `job` that started daily at some hour UTC, the last days, and learns of them."""

    def watch(job: str, *hours: float) -> None:
        now = datetime.now(UTC).replace(microsecond=0)
        midnight = now.replace(hour=0, minute=0, second=0)
        begun = [
            midnight - (len(hours) - number) * DAY + timedelta(hours=at) for number, at in enumerate(hours)
        ]
        runs = [
            Execution(
                "production",
                job,
                f"{job}-{number}",
                execution_status="finished",
                status="OK",
                start_time=at,
                end_time=at + timedelta(minutes=1),
                version="1",
            )
            for number, at in enumerate(begun)
        ]
        with engine.begin() as conn:
            history.store(conn, "production", runs, seen_at=now, backfill=False, judge=judge_for(Policy()))
            cursors.cover(conn, "production", now - 30 * DAY, now)
            cursors.complete(conn, "production", seen_until=now, at=now, running=0, clock_skew=None)
            timetables.refresh(conn, "production", Policy(timezone="Europe/Berlin"), now)

    return watch


def test_an_import_is_taken_and_shown(do: Callable[..., Any], export: Callable[..., str]) -> None:
    file = export(trigger("feed", "02:00:00"), trigger("off", enabled="false"), trigger("odd", interval="1x"))
    found = do("import", file)
    assert found.code == 1
    assert "every 1d at 02:00" in found.out
    assert "not understood: odd: <interval> '1x'" in found.err
    assert "disabled: off" in found.err
    assert "1 schedule of 3 jobs was taken" in found.err
    rows = {row["job_id"]: row for row in json.loads(do("show", "-o", "json").out)}
    assert (rows["feed"]["source"], rows["feed"]["schedule"]) == ("imported", "every 1d at 02:00")
    assert len(rows["feed"]["next"]) == 3
    assert rows["configured"]["source"] == "configured"


def test_a_dry_run_keeps_nothing(do: Callable[..., Any], export: Callable[..., str], engine: Engine) -> None:
    found = do("import", export(trigger("feed")), "--dry-run", "-o", "json")
    assert json.loads(found.out)["taken"]["feed"][0]["at"] == "03:00"
    with reading(engine) as conn:
        assert timetables.load(conn, "production", Policy()) == {}


def test_what_is_no_export_is_refused_in_a_sentence(do: Callable[..., Any], bare: Path) -> None:
    (bare / "bad.xml").write_text("<!DOCTYPE jobs><jobs/>", encoding="utf-8")
    found = do("import", "bad.xml")
    assert (found.code, found.out) == (2, "")
    assert "bad.xml: line 1: it declares a DOCTYPE" in found.err


def test_the_runs_decide_what_a_time_with_a_zone_means(
    do: Callable[..., Any], export: Callable[..., str], watched: Callable[..., None]
) -> None:
    midnight = datetime.now(UTC).replace(hour=0, minute=0)
    two = midnight.astimezone(ZoneInfo("Europe/Berlin")).replace(hour=2).astimezone(UTC)
    watched("feed", *[two.hour] * 3)
    with_zone = export(trigger("feed", "02:00:00.000Z"))
    found = do("import", with_zone, "--dry-run", "-o", "json")
    assert json.loads(found.out)["taken"]["feed"][0]["at"] == "02:00"
    assert "--times written: so the runs of 1 job fit" in found.err
    given = do("import", with_zone, "--dry-run", "--times", "utc", "-o", "json")
    assert json.loads(given.out)["taken"]["feed"][0]["timezone"] == "UTC"


@pytest.mark.usefixtures("engine")
def test_what_differs_from_the_export_is_listed(do: Callable[..., Any], export: Callable[..., str]) -> None:
    same = trigger("configured", "02:00:00")
    assert do("diff", export(same), "--exit-code").code == 0
    found = do("diff", export(trigger("configured", "03:00:00"), trigger("new")), "--exit-code", "-o", "json")
    assert found.code == 1
    states = {row["job_id"]: row["state"] for row in json.loads(found.out)}
    assert states == {"configured": "different", "new": "only_there"}
    found = do("diff", export(trigger("configured", enabled="false")))
    assert found.code == 0
    assert "only here" in found.out
    assert "disabled" in found.out


def test_what_was_learned_is_printed_as_settings_and_never_written_over(
    do: Callable[..., Any], watched: Callable[..., None], bare: Path
) -> None:
    watched("feed", *[3.5] * 20)
    watched("odd", *[3, 9, 1, 17, 5, 12, 20, 3, 8, 22, 4, 13])
    found = do("learn")
    (table,) = tomllib.loads(found.out)["jobs"]
    assert (table["match"], table["every"]) == ("feed", "1d")
    assert "of 2 jobs without a schedule in the settings, 1 show one" in found.err
    (bare / "d").mkdir()
    assert do("learn", "--write", "d").code == 0
    assert tomllib.loads((bare / "d" / "learned-schedules.toml").read_text())["jobs"] == [table]
    again = do("learn", "--write", "d")
    assert again.code == 2
    assert "is there already" in again.err
    assert "no time of day was kept" in do("learn", "odd").err


def test_a_schedule_that_was_moved_is_accepted(
    do: Callable[..., Any], export: Callable[..., str], watched: Callable[..., None]
) -> None:
    do("import", export(trigger("feed", "02:00:00Z")), "--times", "utc")
    watched("feed", 2, 2, 2, 3.5, 3.5)
    found = do("accept", "feed")
    assert found.code == 0
    assert tomllib.loads(found.out)["jobs"] == [{"match": "feed", "every": "1d", "at": "03:30"}]
    assert "90 min later than every 1d at 02:00" in found.out
    (row,) = json.loads(do("show", "feed", "-o", "json").out)
    assert (row["source"], row["schedule"]) == ("imported", "every 1d at 03:30")


def test_a_schedule_of_the_settings_is_left_to_people(
    do: Callable[..., Any], watched: Callable[..., None]
) -> None:
    watched("configured", *[12] * 3)
    found = do("accept", "configured")
    assert found.code == 0
    assert "put this there in its place" in found.err
    (row,) = json.loads(do("show", "configured", "-o", "json").out)
    assert (row["source"], row["schedule"]) == ("configured", "0 2 * * *")


def test_a_job_that_shows_no_schedule_cannot_be_accepted(
    do: Callable[..., Any], watched: Callable[..., None]
) -> None:
    watched("odd", 3, 9, 1)
    found = do("accept", "odd")
    assert found.code == 2
    assert "show no schedule" in found.err
    assert "nothing is known of the job" in do("accept", "nobody").err
    assert "nothing is known of the job" in do("show", "nobody").err


def test_why_a_job_has_no_schedule_is_said(do: Callable[..., Any], watched: Callable[..., None]) -> None:
    watched("odd", *[3, 9, 1, 17, 5, 12, 20, 3, 8, 22, 4, 13])
    (row,) = json.loads(do("show", "odd", "-o", "json").out)
    assert (row["source"], row["next"]) == ("none", [])
    assert "no time of day was kept" in row["reason"]
