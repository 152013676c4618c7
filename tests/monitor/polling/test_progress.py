from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monitor.polling.progress import NowAndThen, Progress

SINCE = datetime(2026, 11, 19, tzinfo=UTC)
HALF = Progress("production", SINCE, SINCE + timedelta(hours=28), SINCE + timedelta(hours=44), 31_200)


def test_how_far_it_is_in_words() -> None:
    assert str(HALF) == "production: catching up: read to 2026-11-20 04:00 UTC, 63 %, 31,200 runs"


@pytest.mark.parametrize(
    ("read_to", "share"),
    [
        pytest.param(SINCE, 0.0, id="at its beginning"),
        pytest.param(SINCE + timedelta(hours=44), 1.0, id="at its end"),
        pytest.param(SINCE - timedelta(hours=1), 0.0, id="before its beginning"),
        pytest.param(SINCE + timedelta(hours=50), 1.0, id="after its end"),
    ],
)
def test_no_share_is_less_than_nothing_or_more_than_all(read_to: datetime, share: float) -> None:
    assert replace(HALF, read_to=read_to).share == share


def test_a_gap_without_length_is_read() -> None:
    assert replace(HALF, until=SINCE).share == 1.0


def test_a_line_is_said_every_ten_seconds_and_none_of_a_gap_that_is_read_in_less() -> None:
    now, said = [0.0], list[str]()
    report = NowAndThen(said.append, lambda: now[0])
    for seconds in (0.0, 5.0, 9.9):
        now[0] = seconds
        report(HALF)
    assert said == []
    for seconds in (10.0, 15.0, 19.9, 20.0):
        now[0] = seconds
        report(HALF)
    assert len(said) == 2


def test_each_instance_and_each_gap_has_its_own_ten_seconds() -> None:
    now, said = [0.0], list[str]()
    report = NowAndThen(said.append, lambda: now[0])
    report(HALF)
    now[0] = 6.0
    report(replace(HALF, instance="staging"))
    now[0] = 11.0
    report(replace(HALF, instance="staging"))
    report(HALF)
    assert [line.partition(":")[0] for line in said] == ["production"]
    now[0] = 30.0
    report(replace(HALF, since=SINCE + timedelta(hours=1)))
    assert len(said) == 1
