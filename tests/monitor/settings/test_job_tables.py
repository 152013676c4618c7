"""A schedule as a table of the settings reads back as the same times."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, time, timedelta

import pytest

from monitor.schedule import Schedule
from monitor.settings.job_tables import job_table
from monitor.settings.model import Settings
from monitor.settings.policies import policy

NOW = datetime(2026, 11, 23, tzinfo=UTC)
DAY = timedelta(days=1)
INSTANCE = '[[instances]]\nname = "prod*"\nserver = "x.example.com"\nclient_id = "x"\nclient_secret = "x"\n'


@pytest.mark.parametrize(
    "schedule",
    [
        pytest.param(Schedule(every=DAY, at=time(2)), id="daily"),
        pytest.param(Schedule(every=timedelta(minutes=90), at=time(0, 10)), id="an interval"),
        pytest.param(Schedule(cron="0 6,18 * * *", weekdays=("mon", "fri")), id="a cron on some days"),
        pytest.param(Schedule(every=timedelta(hours=7), valid_from=datetime(2026, 1, 1, 3)), id="counted"),  # noqa: DTZ001 - of the clock
        pytest.param(
            Schedule(every=DAY, at=time(2), valid_from=NOW, valid_until=NOW + 3 * DAY), id="for days"
        ),
    ],
)
def test_the_table_reads_back_as_the_same_slots(schedule: Schedule) -> None:
    text = INSTANCE + job_table('a "b" [*]?', [schedule], instance="prod*", reason="learned\nfrom runs")
    settings = Settings.model_validate(tomllib.loads(text))
    found = policy(settings, settings.instances[0]).job('a "b" [*]?').schedule
    assert found is not None
    assert [*found.slots(NOW, NOW + 9 * DAY)] == [*schedule.slots(NOW, NOW + 9 * DAY)]
    assert policy(settings, settings.instances[0]).job("a b x").schedule is None


def test_what_no_table_can_say_is_a_comment() -> None:
    both = [Schedule(every=DAY, at=time(2)), Schedule(every=DAY, at=time(14, 30))]
    text = job_table("feed", both, instance=None)
    assert "# and every 1d at 14:30: " in text
    assert tomllib.loads(text) == {"jobs": [{"match": "feed", "every": "1d", "at": "02:00"}]}
