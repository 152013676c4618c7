"""What a poll does with what an instance is: nothing lost, nothing doubled, few requests."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import event

from monitor.app import App
from monitor.errors import Reason
from monitor.history import cursor as cursors
from monitor.history import executions as history
from monitor.history.engine import reading
from monitor.model import Execution, Outcome
from monitor.settings.model import JobSettings
from tests.monitor.conftest import NOW, Night


def runs(app: App, job: str = "*") -> list[tuple[Execution, Outcome]]:
    with reading(app.engine) as connection:
        return [(one.execution, one.outcome) for one in history.search(connection, job=job, limit=100_000)]


def outcomes(app: App, job: str = "*") -> list[str]:
    return [outcome.value for _, outcome in runs(app, job)]


def test_the_first_poll_reads_all_history_and_tells_nobody(night: Night) -> None:
    for day in range(1, 25):
        start = NOW - timedelta(days=day)
        night.world.start("import", at=start).finish(at=start + timedelta(minutes=5), code="ERROR")
    app = night.agent()
    assert night.turn(app).opened == 1
    assert outcomes(app) == ["failed"] * 24
    assert [one.quiet for one in app.open_incidents()] == ["first_read"]
    assert night.titles == []


def test_what_runs_into_each_other_during_the_first_poll_is_told(night: Night) -> None:
    night.world.start("1-Akeneo-Full", at=NOW - timedelta(minutes=50))
    night.world.start("2-Akeneo-Differential", at=NOW - timedelta(minutes=40))
    night.turn(night.agent())
    assert night.titles == ["overlap: 2-Akeneo-Differential with 1-Akeneo-Full on production"]


def test_a_failure_after_the_quiet_one_is_told(night: Night) -> None:
    night.world.start("import", at=NOW - timedelta(days=1)).finish(
        at=NOW - timedelta(hours=23), code="ERROR", message="old"
    )
    app = night.agent()
    night.turn(app)
    night.world.start("import").finish(code="ERROR", message="new")
    night.turn(app)
    assert night.titles == ["failed: import on production"]


def test_a_run_that_failed_and_was_repaired_between_two_polls_is_told_once_as_over(night: Night) -> None:
    app = night.agent()
    night.turn(app)
    night.world.start("import").finish(code="ERROR")
    night.pass_time(seconds=10)
    night.world.start("import").finish()
    night.turn(app)
    night.turn(app, minutes=10)
    assert len(night.titles) == 1
    assert "resolved" in night.titles[0]


def test_a_job_that_is_repaired_and_fails_anew_between_two_polls_is_two_incidents(night: Night) -> None:
    app = night.agent()
    night.turn(app)
    night.world.start("import").finish(code="ERROR", message="first")
    night.turn(app)
    night.world.start("import").finish()
    night.pass_time(seconds=10)
    night.world.start("import").finish(code="ERROR", message="second")
    night.turn(app)
    night.turn(app, minutes=10)
    assert len(app.open_incidents()) == 1
    assert night.titles[0] == "failed: import on production"
    assert any("second" in message.body for message in night.chat.sent[1:])


def test_a_pending_run_without_a_start_is_known_and_not_running(night: Night) -> None:
    app = night.agent()
    night.world.start("import", pending=True)
    night.turn(app)
    ((run, outcome),) = runs(app)
    assert (run.is_pending, run.start_time, outcome) == (True, None, Outcome.ACTIVE)


def test_a_run_of_eight_hours_is_followed_to_its_end(night: Night) -> None:
    app = night.agent()
    run = night.world.start("import")
    for _ in range(8):
        night.turn(app, hours=1)
        assert outcomes(app) == ["active"]
    run.finish(code="ERROR")
    night.turn(app)
    assert night.titles == ["failed: import on production"]


def test_a_run_that_ended_while_nobody_looked_is_found_by_its_id(night: Night) -> None:
    app = night.agent()
    run = night.world.start("import")
    night.turn(app)
    night.pass_time(minutes=5)
    run.finish()
    night.pass_time(hours=5)
    night.turn(app)
    assert outcomes(app) == ["ok"]


def test_a_run_that_is_gone_vanishes_at_the_second_look_only(night: Night) -> None:
    app = night.agent()
    run = night.world.start("import")
    night.turn(app)
    night.world.forget(run)
    night.turn(app)
    assert outcomes(app) == ["active"]
    night.turn(app)
    assert outcomes(app) == ["vanished"]
    assert night.titles == []


@pytest.mark.parametrize("is_gone", [True, False])
def test_a_run_deleted_during_an_outage_was_not_stuck_meanwhile(night: Night, *, is_gone: bool) -> None:
    app = night.agent(jobs=[JobSettings(match="import", stuck_after=timedelta(hours=1))])
    run = night.world.start("import")
    night.turn(app)
    night.world.faults.unavailable("*", n=None)
    night.turn(app, hours=3)
    night.world.faults.clear()
    if is_gone:
        night.world.forget(run)
    for _ in range(3):
        night.turn(app)
    stuck = [title for title in night.titles if "stuck" in title]
    assert stuck == ([] if is_gone else ["stuck: import on production"])


def test_a_failed_attempt_waits_for_its_retry_and_the_retry_repairs_it(night: Night) -> None:
    app = night.agent()
    night.turn(app)
    attempt = night.world.start("import", retry=(0, 2)).finish(code="ERROR")
    night.turn(app)
    assert night.titles == [], "a retry is due"
    night.pass_time(minutes=10)
    attempt.mark("retried")
    night.world.start("import", retry=(1, 2)).finish()
    night.turn(app, minutes=1)
    night.turn(app, minutes=80)
    assert night.titles == []
    assert sorted(outcomes(app)) == ["ok", "superseded"]


def test_a_failed_attempt_whose_retry_never_comes_is_told_when_it_is_overdue(night: Night) -> None:
    app = night.agent()
    night.turn(app)
    night.world.start("import", retry=(0, 2)).finish(code="ERROR")
    for _ in range(6):
        night.turn(app, minutes=11)
        assert night.titles == []
    night.turn(app, minutes=11)
    assert night.titles == ["failed: import on production"]


def test_after_a_long_stop_one_summary_tells_what_happened(night: Night) -> None:
    night.turn(night.agent())
    for hour in range(12):
        night.pass_time(hours=1)
        night.world.start(f"feed-{hour}").finish(code="ERROR")
    app = night.agent()
    night.turn(app)
    night.tell(app)  # the logs of twelve runs take two turns to fetch
    assert len(night.titles) == 1
    assert "12" in night.titles[0]
    body = night.chat.sent[0].body
    assert all(f"feed-{hour}" in body for hour in range(12))


def test_a_restart_says_nothing_twice(night: Night) -> None:
    app = night.agent()
    night.turn(app)
    night.world.start("import").finish(code="ERROR")
    night.turn(app)
    for _ in range(3):
        night.turn(night.agent())
    assert night.titles == ["failed: import on production"]


def test_a_poll_that_fails_changes_nothing_and_the_next_one_makes_up_for_it(night: Night) -> None:
    app = night.agent()
    night.turn(app)
    night.world.start("import").finish(code="ERROR")
    night.world.permissions.search = False
    result = night.turn(app)
    assert result.reason is Reason.PERMISSION
    assert "/job_execution_search" in result.message
    assert outcomes(app) == []
    night.world.permissions.search = True
    assert night.turn(app).complete
    assert night.titles == ["failed: import on production"]


def test_coverage_grows_with_complete_reads_and_ends_where_they_do(night: Night) -> None:
    app = night.agent()
    night.turn(app)
    night.turn(app)
    with reading(app.engine) as connection:
        (covered,) = cursors.coverage(connection, "production")
        seen = cursors.load(connection, "production").seen_until
    assert covered.end == seen
    assert covered.start < NOW - timedelta(days=4, hours=23)


@pytest.mark.parametrize("backend", ["ocapi", "scapi"])
def test_no_more_than_two_requests_a_poll_beside_noise_and_a_long_run(night: Night, backend: str) -> None:
    night.access.update(api_backend=backend, tenant_id=night.world.tenant, scapi_server=night.simulator.url)
    night.world.noise(jobs=20)
    for number in range(50):
        night.world.start(f"job-{number}", at=NOW - timedelta(hours=2)).finish(at=NOW - timedelta(hours=1))
    night.world.start("eight hours", at=NOW - timedelta(hours=7))
    app = night.agent()
    night.turn(app)
    for _ in range(12):
        before = len(night.world.requests)
        assert night.turn(app).complete
        asked = Counter(one.api for one in list(night.world.requests)[before:])
        assert asked["search"] >= 1
        assert asked.total() - asked["token"] <= 2
    assert {one.path.rpartition("/")[2] for one in night.world.requests if one.api == "search"} == {
        "job_execution_search" if backend == "ocapi" else "job-execution-search"
    }
    customer = {run.job_id for run, _ in runs(app) if not run.job_id.startswith("sfcc-")}
    assert customer == {"eight hours", *(f"job-{number}" for number in range(50))}


def test_system_jobs_that_explain_others_are_kept_and_not_judged(night: Night) -> None:
    app = night.agent()
    night.turn(app)
    night.world.start("sfcc-site-archive-import").finish(code="ERROR")
    night.world.start("sfcc-something-every-minute").finish(code="ERROR")
    night.turn(app)
    assert [run.job_id for run, _ in runs(app)] == ["sfcc-site-archive-import"]
    assert night.titles == []


@pytest.mark.parametrize("minutes", [10, -10])
def test_an_instance_whose_clock_is_off_loses_no_run_however_short(night: Night, minutes: int) -> None:
    night.world.quirks.clock_skew = timedelta(minutes=minutes)
    app = night.agent()
    for number in range(12):
        night.turn(app)
        night.world.start(f"import-{number}").finish(code="ERROR")
        if number == 6:
            app = night.agent()
    night.turn(app)
    assert len(outcomes(app)) == 12


def test_our_own_clock_jumping_an_hour_ahead_for_one_poll_loses_nothing(night: Night) -> None:
    app = night.agent()
    night.turn(app)
    night.clock.advance(timedelta(hours=1))
    night.turn(app)
    night.clock.advance(timedelta(hours=-1))
    for number in range(12):
        night.world.start(f"import-{number}").finish(code="ERROR")
        night.turn(app)
    assert len(outcomes(app)) == 12


def test_a_search_index_that_lags_five_minutes_loses_no_run_of_a_few_seconds(night: Night) -> None:
    night.world.quirks.index_lag = timedelta(minutes=5)
    app = night.agent()
    for number in range(12):
        night.turn(app)
        night.world.start(f"import-{number}").finish(code="ERROR")
    for _ in range(6):
        night.turn(app)
    assert len(outcomes(app)) == 12


def test_a_client_that_may_search_but_not_look_up_tells_failures_all_the_same(night: Night) -> None:
    night.world.permissions.execution = False
    night.world.quirks.steps_in_hits = False
    app = night.agent()
    night.turn(app)
    night.world.start("import", retry=(0, 1)).finish(code="ERROR")
    night.world.start("other").finish(code="ERROR")
    assert night.turn(app).complete
    assert night.titles == ["failed: other on production"]
    night.turn(app, minutes=75)
    assert sorted(night.titles) == ["failed: import on production", "failed: other on production"]


def test_a_log_path_the_search_keeps_back_is_looked_up(night: Night) -> None:
    night.world.quirks.log_path_in_hits = False
    app = night.agent()
    night.turn(app)
    night.world.start("import").finish(code="ERROR")
    night.turn(app)
    night.turn(app)
    assert [len(message.files) for message in night.chat.sent] == [1]


def test_what_fails_while_the_first_read_keeps_failing_is_told(night: Night) -> None:
    app = night.agent()
    night.world.start("old").finish(code="ERROR")
    night.world.permissions.search = False
    night.turn(app)
    night.world.start("import").finish(code="ERROR")
    night.turn(app)
    night.world.permissions.search = True
    night.turn(app)
    assert night.titles == ["failed: import on production"]


def test_a_run_without_a_start_that_ended_during_a_stop_of_days_is_found(night: Night) -> None:
    night.turn(night.agent())
    night.pass_time(hours=30)
    ended = night.world.now()
    night.world.put(
        {
            "id": "77",
            "job_id": "import",
            "execution_status": "aborted",
            "status": "ABORTED",
            "end_time": f"{ended:%Y-%m-%dT%H:%M:%S.000Z}",
        }
    )
    night.pass_time(hours=30)
    app = night.agent()
    night.turn(app)
    assert outcomes(app) == ["aborted"]


def test_coverage_claims_no_more_than_the_platform_keeps(night: Night) -> None:
    night.turn(night.agent())
    night.pass_time(days=12)
    app = night.agent()
    night.turn(app)
    with reading(app.engine) as connection:
        assert len(cursors.coverage(connection, "production")) == 2


def test_a_failed_run_whose_steps_the_search_keeps_back_is_told_with_its_step(night: Night) -> None:
    night.world.quirks.steps_in_hits = False
    app = night.agent()
    night.turn(app)
    night.world.start("import").finish(code="ERROR", failed_step="load-prices", message="no such file")
    night.turn(app)
    assert "load-prices" in night.chat.sent[0].body


def test_an_odd_document_costs_neither_the_page_nor_a_line_at_every_poll(night: Night) -> None:
    app = night.agent()
    night.turn(app)
    night.world.put({"job_id": "nameless", "execution_status": "running", "status": "RUNNING"})
    night.world.start("import").finish(code="ERROR")
    night.turn(app)
    assert night.titles == ["failed: import on production"]


def test_how_long_a_run_has_taken_goes_on_although_nothing_else_about_it_does(night: Night) -> None:
    app = night.agent()
    night.world.start("import")
    assert night.turn(app).stored == 1
    assert night.turn(app, minutes=5).stored == 0
    ((run, _),) = runs(app)
    assert run.start_time is not None
    assert run.duration is not None
    assert run.last_seen is not None
    assert run.duration >= timedelta(minutes=5)
    assert run.last_seen - run.start_time == run.duration


def test_a_poll_in_which_nothing_happened_asks_the_state_little(night: Night) -> None:
    app = night.agent()
    for number in range(20):
        night.world.start(f"import {number}").finish()
    night.world.start("export")
    for _ in range(2):
        night.turn(app)
    night.pass_time(minutes=1)
    asked: list[str] = []
    event.listen(app.engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    assert app.poll("production").stored == 0
    read = [one for one in asked if one.startswith(("SELECT", "WITH"))]
    written = [one for one in asked if one.startswith(("INSERT", "UPDATE", "DELETE"))]
    assert len(read) <= 18, "with what is published after it"
    assert len(written) <= 4
