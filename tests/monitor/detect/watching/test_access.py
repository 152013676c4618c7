"""Logs that are refused, and what we log in with that ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from monitor.detect.model import State
from monitor.detect.watching import WATCHING, watch
from monitor.detect.watching.expiring import expiring
from monitor.detect.watching.logaccess import log_access
from monitor.detect.watching.model import Ending, LogAccess, Watching
from monitor.policy import Policy

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def made(**fields: Any) -> Watching:
    known: dict[str, Any] = {"is_complete": True, "last_success": NOW - MINUTE}
    return Watching("production", NOW, MINUTE, **known | fields)


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        pytest.param({}, State.CLEAR, id="never refused"),
        pytest.param({"logs": LogAccess(NOW - 5 * MINUTE, 3)}, State.HOLDS, id="refused"),
        pytest.param(
            {"logs": LogAccess(NOW - 5 * MINUTE, 3), "is_complete": False},
            State.HOLDS,
            id="runs were read since",
        ),
        pytest.param(
            {"logs": LogAccess(NOW, 3), "is_complete": False}, State.WAITING, id="runs are refused as well"
        ),
        pytest.param(
            {"logs": LogAccess(NOW - 5 * MINUTE, 3, "", NOW - MINUTE)}, State.OVER, id="one was read since"
        ),
    ],
)
def test_logs_are_refused_until_one_is_read(fields: dict[str, Any], state: State) -> None:
    (found,) = log_access(made(**fields), Policy())
    assert found.state is state


@pytest.mark.parametrize(
    ("left", "state"),
    [
        pytest.param(14 * DAY + MINUTE, State.CLEAR, id="more than 14 days"),
        pytest.param(14 * DAY, State.HOLDS, id="14 days"),
        pytest.param(-DAY, State.HOLDS, id="ended"),
    ],
)
def test_what_ends_within_14_days_is_said(left: timedelta, state: State) -> None:
    (found,) = expiring(made(endings=(Ending("certificate", NOW + left),)), Policy())
    assert found.state is state


def test_that_it_ended_is_news_after_that_it_will() -> None:
    causes = set()
    for left in (DAY, -DAY):
        (found,) = expiring(made(endings=(Ending("webdav.secret", NOW + left),)), Policy())
        assert found.finding is not None
        assert found.finding.labels == {"sfcc_instance": "production", "credential": "webdav.secret"}
        causes.add(found.finding.cause)
    assert len(causes) == 2


def test_each_of_them_is_looked_at() -> None:
    assert {one.condition for one in watch(made(), Policy())} == WATCHING
