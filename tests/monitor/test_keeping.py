from __future__ import annotations

import pytest

from monitor.app import App
from monitor.history import stats
from monitor.history.engine import reading
from monitor.settings.model import JobSettings
from tests.monitor.conftest import Night


def known(app: App) -> set[str]:
    with reading(app.engine) as connection:
        return {one.job_id for one in stats.series(connection, "production")}


def test_a_job_without_a_run_for_long_leaves_the_metrics(night: Night) -> None:
    app = night.agent()
    night.world.start("gone").finish()
    night.world.start("here").finish()
    night.turn(app)
    night.pass_time(days=29)
    night.world.start("here").finish()
    night.turn(app)
    app.keep()
    assert known(app) >= {"gone", "here"}
    night.pass_time(days=2)
    app.keep()
    assert "here" in known(app)
    assert "gone" not in known(app)
    night.turn(app)
    page = {one.labels.get("job_id") for family in app.metrics.registry.collect() for one in family.samples}
    assert "gone" not in page


def test_a_job_with_an_open_incident_or_a_schedule_stays(night: Night) -> None:
    night.world.start("failed").finish(code="ERROR")
    night.world.start("yearly").finish()
    app = night.agent(jobs=[JobSettings(match="yearly", cron="0 2 1 1 *")])
    night.turn(app)
    night.pass_time(days=40)
    app.keep()
    assert known(app) >= {"failed", "yearly"}


def test_nothing_is_looked_at_again_within_an_hour(night: Night) -> None:
    app = night.agent(forget_after="1h")
    night.world.start("gone").finish()
    night.turn(app)
    app.keep()
    night.pass_time(minutes=59, seconds=59)
    app.keep()
    assert "gone" in known(app)
    night.pass_time(minutes=2)
    app.keep()
    assert "gone" not in known(app)


def test_an_alert_for_a_target_that_is_no_longer_there_is_given_up_aloud(
    night: Night, caplog: pytest.LogCaptureFixture
) -> None:
    app = night.agent()
    night.turn(app)
    night.world.start("import").finish(code="ERROR")
    night.pass_time(minutes=1)
    app.poll("production")
    app.fetch_logs()
    app.dispatch()
    night.pass_time(minutes=1)
    app.dispatch()
    night.kill(app)
    other = night.beside(target="mail")
    other._teller.abandon()
    assert not any("no longer in the settings" in text for text in caplog.messages), "one may come back"
    night.pass_time(hours=1, minutes=1)
    other._teller.abandon()
    assert any("the target chat is no longer in the settings" in text for text in caplog.messages)
