"""What begins and ends over and over is said once; then nothing is told until it has been quiet."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from alerts.dispatch import backlogs
from alerts.routing import Reason
from alerts.routing.flapping import CHANGES, QUIET, WITHIN, Flapping, flapping
from alerts.testing import finding

Desk = Any  # the fixture's class
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def at(*minutes: float) -> list[datetime]:
    return [NOON + timedelta(minutes=one) for one in minutes]


@pytest.mark.parametrize(
    ("minutes", "now", "since", "until"),
    [
        pytest.param([0, 10, 20, 30, 40], 41, None, None, id="five changes"),
        pytest.param([0, 12, 24, 36, 48, 60], 61, 60, 90, id="six within an hour"),
        pytest.param([0, 12, 24, 36, 48, 60.1], 61, None, None, id="six within more than an hour"),
        pytest.param([0, 5, 10, 15, 20, 25, 50], 51, 25, 80, id="goes on with each change"),
        pytest.param([0, 5, 10, 15, 20, 25], 54.9, 25, 55, id="a little less than 30 min of quiet"),
        pytest.param([0, 5, 10, 15, 20, 25], 55, None, None, id="quiet for 30 min"),
        pytest.param([0, 5, 10, 15, 20, 25, 55], 56, None, None, id="a change after it is a single one"),
        pytest.param([25, 0, 20, 5, 15, 10], 26, 25, 55, id="in whatever order"),
        pytest.param([0, 5, 10, 15, 20, 25, 55, 57, 59, 61, 63, 65], 66, 65, 95, id="and again"),
        pytest.param([], 0, None, None, id="nothing"),
    ],
)
def test_when_it_flaps(minutes: list[float], now: float, since: float | None, until: float | None) -> None:
    (moment,) = at(now)
    expected = None if since is None or until is None else Flapping(*at(since, until))
    assert flapping(at(*minutes), moment) == expected


@given(st.lists(st.integers(0, 300), max_size=30), st.integers(0, 400))
def test_nothing_flaps_that_was_quiet_or_changed_less(minutes: list[int], now: int) -> None:
    past = [one for one in minutes if one <= now]
    (moment,) = at(now)
    found = flapping(at(*past), moment)
    changes = sorted(at(*past))
    if found is None:
        lately = [one for one in changes if one > moment - min(QUIET, WITHIN)]
        assert len(lately) < CHANGES
    else:
        assert moment < found.until == changes[-1] + QUIET
        assert sum(found.since - WITHIN <= one <= found.since for one in changes) >= CHANGES


@pytest.fixture
def desk(desk_on: Callable[[Engine], Desk], state: Engine) -> Desk:
    """On each kind of database."""
    return desk_on(state)


def told(desk: Desk) -> list[str]:
    """Titles of what is told within the next 20 s."""
    return [f"{one.title}{' (flapping)' if 'over and over' in one.body else ''}" for one in desk.hear()]


def fails(desk: Desk, number: int) -> list[str]:
    desk.poll(finding(since=desk.at, occurrences=(str(number),)))
    return told(desk)


def recovers(desk: Desk) -> list[str]:
    desk.poll()
    return told(desk)


FAILED, OVER = "failed: import-prices on production", "resolved: import-prices on production (failed)"


def flap(desk: Desk) -> list[str]:
    """Six changes; what was told of them."""
    found: list[str] = []
    for number in range(3):
        found += fails(desk, number)
        desk.wait(300)
        found += recovers(desk)
        desk.wait(300)
    return found


def test_it_is_said_once_and_then_not_until_it_is_quiet(desk: Desk) -> None:
    assert flap(desk) == [FAILED, OVER, FAILED, OVER, FAILED, f"{OVER} (flapping)"]
    for number in range(3, 8):
        assert fails(desk, number) == []
        desk.wait(300)
        assert recovers(desk) == []
        desk.wait(300)
    assert fails(desk, 9) == []
    desk.wait(1700)
    assert told(desk) == []
    desk.wait(100)
    assert told(desk) == [FAILED], "it still holds"
    recovers(desk)
    desk.wait(300)
    assert told(desk) == [OVER]


def test_what_began_and_ended_meanwhile_is_never_told(desk: Desk) -> None:
    flap(desk)
    assert fails(desk, 3) == []
    desk.wait(60)
    desk.poll(finding("other", since=desk.at))
    assert told(desk) == ["failed: other on production"], "another job is told as ever"
    desk.wait(1900)
    assert told(desk) == []


def test_the_end_of_what_was_told_comes_once_it_is_quiet(desk: Desk) -> None:
    for number in range(2):
        fails(desk, number)
        desk.wait(120)
        recovers(desk)
        desk.wait(120)
    short = finding(since=desk.at - timedelta(seconds=60), ends_at=desk.at, occurrences=("5",))
    desk.poll(short, finding(since=desk.at, occurrences=("6",)))
    told(desk)
    desk.wait(60)
    assert recovers(desk) == []
    with desk.engine.begin() as conn:
        assert backlogs(conn, desk.policy, desk.at) == (), "no target is behind because of it"
    assert {one.reason for one in desk.dispatch().plan.decisions} == {Reason.WAITING_FLAPPING}
    desk.wait(1900)
    assert OVER in told(desk)
