"""Windows: spans from each time of a schedule on, half open, of elapsed length."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from monitor.schedule import Schedule, Window

NIGHT = Window(Schedule("America/New_York", cron="0 2 * * 2,4"), timedelta(hours=5))
TUESDAY = datetime(2026, 11, 24, 7, tzinfo=UTC)  # 02:00 in New York


@pytest.mark.parametrize(
    ("minutes", "is_covered"), [(-1, False), (0, True), (299, True), (300, False), (24 * 60, False)]
)
def test_a_window_is_half_open(minutes: int, is_covered: bool) -> None:  # noqa: FBT001 - a case
    assert NIGHT.covers(TUESDAY + timedelta(minutes=minutes)) is is_covered


def test_those_that_overlap_are_listed_also_one_that_has_begun() -> None:
    thursday = TUESDAY + timedelta(days=2)
    spans = NIGHT.spans(TUESDAY + timedelta(hours=1), thursday)
    assert [start for start, _ in spans] == [TUESDAY, thursday]


def test_the_length_is_elapsed_time_on_the_day_clocks_change() -> None:
    window = Window(Schedule("Europe/Berlin", cron="0 1 * * *"), timedelta(hours=5))
    spring = datetime(2026, 3, 29, 0, tzinfo=UTC)  # 01:00; an hour later it is 03:00
    assert list(window.spans(spring, spring)) == [(spring, spring + timedelta(hours=5))]
