"""Whether the last runs show that somebody moved a schedule, and how it reads then."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest

from monitor.schedule import Schedule
from monitor.schedule.moving import moved

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
NIGHTLY = Schedule(every=DAY, at=time(2))


def starts(*minutes: float, schedule: Schedule = NIGHTLY) -> list[datetime]:
    """The last ones, so many minutes from their slots."""
    slots = [*schedule.slots(NOW - 60 * DAY, NOW - DAY)][-len(minutes) :]
    return [at + by * MINUTE for at, by in zip(slots, minutes, strict=True)]


@pytest.mark.parametrize(
    ("schedule", "minutes", "text", "runs"),
    [
        pytest.param(NIGHTLY, (0, 60, 60.5), "every 1d at 03:00", 2, id="an hour later, twice"),
        pytest.param(NIGHTLY, (0, -60, -59.5, -60), "every 1d at 01:00", 3, id="an hour earlier"),
        pytest.param(NIGHTLY, (-180, -180), "every 1d at 23:00", 2, id="to the evening before"),
        pytest.param(Schedule(cron="5 2 * * *"), (40, 40), "45 2 * * *", 2, id="a cron"),
        pytest.param(Schedule(cron="5 2 * * 1"), (40, 40), "45 2 * * 1", 2, id="a cron on Mondays"),
    ],
)
def test_runs_at_one_steady_distance_show_the_new_times(
    schedule: Schedule, minutes: tuple[float, ...], text: str, runs: int
) -> None:
    found = moved([schedule], starts(*minutes, schedule=schedule))
    assert found is not None
    assert ([one.text for one in found.schedules], found.runs) == ([text], runs)


@pytest.mark.parametrize(
    ("schedules", "seen"),
    [
        pytest.param([NIGHTLY], [], id="no runs"),
        pytest.param([NIGHTLY], starts(60), id="one run"),
        pytest.param([NIGHTLY], starts(60, 0), id="back in time"),
        pytest.param([NIGHTLY], starts(60, 90), id="each at another time"),
        pytest.param([NIGHTLY], starts(4, 4), id="hardly late"),
        pytest.param([NIGHTLY, NIGHTLY], starts(60, 60), id="several schedules"),
        pytest.param([], starts(60, 60), id="no schedule"),
        pytest.param(
            [Schedule(cron="0 2 * * 1")],
            starts(-180, -180, schedule=Schedule(cron="0 2 * * 1")),
            id="to another day",
        ),
        pytest.param(
            [Schedule(cron="0 2,14 * * *")],
            starts(60, 60, schedule=Schedule(cron="0 2,14 * * *")),
            id="a cron of two times",
        ),
    ],
)
def test_nothing_is_said_to_have_moved_where_runs_do_not_agree(
    schedules: list[Schedule], seen: list[datetime]
) -> None:
    assert moved(schedules, seen) is None


def test_how_far_it_moved_is_said() -> None:
    later, earlier = moved([NIGHTLY], starts(60, 60)), moved([NIGHTLY], starts(-30, -30))
    assert later is not None
    assert earlier is not None
    assert (later.text, earlier.text) == ("60 min later", "30 min earlier")
