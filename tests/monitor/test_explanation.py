"""The page of `explain`: what is open first, who was told, and no figures that only a program reads."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from alerts import silence_store
from alerts.routing.matching import Match
from alerts.routing.silences import Silence
from monitor.app import App
from monitor.detect.explain import Explanation
from monitor.explanation import ENDED_SHOWN, Explained, document, explanations, page
from monitor.history.transfer import import_documents
from monitor.judgement import judge_for
from monitor.model import Execution, ExitStatus
from monitor.policy import Policy
from monitor.settings import Settings
from tests.monitor.conftest import NOW, Night

JOB = "3-1-1-Akeneo-Differential-Import-Master"


def explained(night: Night, app: App, job: str = JOB) -> Explained:
    (found,) = explanations(app.engine, night.settings(), job, None, night.clock.now())
    return found


@pytest.fixture
def app(night: Night) -> App:
    """It has read everything once, so that what comes now is news."""
    app = night.agent()
    night.world.start(JOB).finish()
    night.turn(app)
    return app


def fail(night: Night, app: App, message: str = "no space left") -> None:
    night.world.start(JOB).finish(code="ERROR", message=message)
    night.turn(app)


def repair(night: Night, app: App) -> None:
    night.world.start(JOB).finish()
    night.turn(app)


def test_an_open_incident_is_shown_with_when_somebody_was_told(night: Night, app: App) -> None:
    fail(night, app)
    text = page(explained(night, app))
    told = re.search(
        r"failed +critical +since (\d\d:\d\d) UTC, open\n.*\n    told at (\d\d:\d\d) UTC\n", text
    )
    assert told is not None, text
    (incident,) = document(explained(night, app))["incidents"]
    assert isinstance(incident["told_at"], datetime)
    assert incident["resolution_told_at"] is None


def test_an_incident_that_is_over_is_shown_with_its_end_and_who_heard_of_it(night: Night, app: App) -> None:
    fail(night, app)
    repair(night, app)
    night.pass_time(minutes=10)
    night.tell(app)
    text = page(explained(night, app))
    assert re.search(r"since \d\d:\d\d UTC, until \d\d:\d\d UTC", text), text
    assert re.search(r"told at \d\d:\d\d UTC, its end at \d\d:\d\d UTC", text), text


def test_what_waits_for_its_message_is_not_told_yet(night: Night, app: App) -> None:
    night.world.start(JOB).finish(code="ERROR")
    night.pass_time(minutes=1)
    app.poll("production")
    assert "not told yet" in page(explained(night, app))


def test_what_is_silenced_is_said_with_until_when_by_whom_and_why(night: Night, app: App) -> None:
    now = night.clock.now()
    match = Match({"job_id": ("3-1-1-*",), "condition": ("failed",)})
    with app.engine.begin() as connection:
        silence_store.add(
            connection, Silence("s1", match, now, now + timedelta(hours=2), "catalogue is moved", "ann")
        )
    fail(night, app)
    found = explained(night, app)
    assert re.search(
        r"not told yet\n    silenced until \S+ UTC by ann \(s1\): catalogue is moved\n", page(found)
    )
    (incident,) = document(found)["incidents"]
    assert (incident["silenced_by"], incident["silenced_until"]) == ("s1", now + timedelta(hours=2))
    assert app.metrics.registry.get_sample_value("sfcc_alert_silenced") == 1


def test_what_the_first_read_found_is_said_to_be_quiet(night: Night) -> None:
    night.world.start(JOB).finish(code="ERROR")
    app = night.agent()
    night.turn(app)
    assert "nobody is told: it was found by the first read" in page(explained(night, app))


def test_open_incidents_come_first_and_of_the_others_the_newest_ten(night: Night, app: App) -> None:
    for number in range(ENDED_SHOWN + 2):
        fail(night, app, f"cause {'abcdefghijklmnop'[number]}")
        repair(night, app)
    fail(night, app, "the last")
    found = explained(night, app)
    assert len(found.incidents) == ENDED_SHOWN + 1
    assert [one.is_open for one in found.incidents] == [True, *[False] * ENDED_SHOWN]
    ends = [one.ends_at for one in found.incidents if one.ends_at]
    assert ends == sorted(ends, reverse=True)
    assert "  and 2 more that ended within seven days" in page(found)


def test_a_person_reads_words_and_a_program_reads_numbers(night: Night, app: App) -> None:
    fail(night, app)
    found = explained(night, app)
    text = page(found)
    assert not re.search(r"[\[{]'|needed 1|datetime|None|timedelta", text), text
    assert "last run failed" in text
    decisions = document(found)["decisions"]
    assert all("numbers" in one for one in decisions)


def test_durations_are_in_the_words_of_alerts(night: Night, app: App) -> None:
    run = night.world.start(JOB)
    night.pass_time(minutes=3, seconds=50)
    run.finish()
    night.turn(app)
    assert re.search(r"3 min 50 s +ok ", page(explained(night, app)))


def test_all_times_are_said_to_be_utc(night: Night, app: App) -> None:
    fail(night, app)
    text = page(explained(night, app))
    times = re.findall(r"\d\d:\d\d(?::\d\d)?(?! ?UTC)\b", re.sub(r"\d\d:\d\d UTC", "", text))
    assert times == []


def test_nothing_known_is_no_page(night: Night, app: App) -> None:
    assert explanations(app.engine, night.settings(), "unheard-of", None, NOW) == []


def test_what_was_imported_only_is_judged_as_an_agent_would_have_seen_it(engine: Engine) -> None:
    start = datetime(2026, 11, 2, tzinfo=UTC)
    hours = [hour for hour in range(14 * 24) if hour not in {300, 301}]
    runs = [
        Execution(
            *("production", JOB, str(hour)),
            execution_status="finished",
            exit_status=ExitStatus("OK", None, "ok"),
            start_time=start + timedelta(hours=hour),
            end_time=start + timedelta(hours=hour, minutes=5),
        )
        for hour in hours
    ]
    import_documents(engine, runs, seen_at=NOW, judge=judge_for(Policy()))
    settings = Settings(instances=[])

    (now,) = explanations(engine, settings, JOB, None, NOW)
    assert now.explanation.seen_until == runs[-1].end_time, "the end of what is covered"
    assert "due every 1h UTC (learned from the last 60 starts)" in page(now)

    at = start + timedelta(hours=301, minutes=30)
    (then,) = explanations(engine, settings, JOB, None, NOW, at=at)
    assert re.search(r"missed +holds +The run due at 12:00 UTC did not start", page(then)), page(then)


def test_a_page_without_runs_is_a_page(night: Night, app: App) -> None:
    about: Explanation = explained(night, app).explanation
    bare = replace(about, series=tuple(replace(one, runs=()) for one in about.series), incidents=())
    assert page(Explained(bare)).startswith(f"{JOB} on production, as seen until 2026-11-23 ")


def test_the_document_can_be_written_but_for_its_instants(night: Night, app: App) -> None:
    fail(night, app)
    written = json.loads(json.dumps(document(explained(night, app)), default=datetime.isoformat))
    assert written["job_id"] == JOB
    assert timedelta(seconds=written["series"][0]["runs"][0]["duration_seconds"]) >= timedelta()
