"""Which alerts two settings have in common, however they are told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts.model import Severity
from monitor.replay.difference import Difference, difference, sides
from monitor.replay.model import Alert

NIGHT = datetime(2026, 11, 23, tzinfo=UTC)


def at(minute: int) -> datetime:
    return NIGHT + timedelta(minutes=minute)


FAILED = Alert(
    at(10),
    "failed",
    Severity.CRITICAL,
    "production",
    "feed",
    ("feed",),
    "",
    ("7",),
    at(9),
    "It failed.",
    at(60),
)


def shape(found: Difference) -> tuple[int, int, int, int]:
    return (len(found.here), len(found.there), len(found.changed), found.same)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, (0, 0, 0, 1), id="nothing"),
        pytest.param({"summary": "Otherwise."}, (0, 0, 0, 1), id="only its words"),
        pytest.param({"severity": Severity.INFO}, (0, 0, 1, 0), id="severity"),
        pytest.param({"at": at(11)}, (0, 0, 1, 0), id="when it is told"),
        pytest.param({"over_at": None}, (0, 0, 1, 0), id="that it is over"),
        pytest.param({"since": at(8)}, (0, 0, 0, 1), id="since when, of the same run"),
        pytest.param({"since": at(8), "executions": ("8",)}, (1, 1, 0, 0), id="another run at another time"),
        pytest.param({"executions": ("8",)}, (0, 0, 0, 1), id="another run at the same time"),
        pytest.param({"condition": "slow"}, (1, 1, 0, 0), id="the condition"),
        pytest.param({"scope": "RefArch"}, (1, 1, 0, 0), id="the site"),
        pytest.param({"instance": "staging"}, (1, 1, 0, 0), id="the instance"),
    ],
)
def test_an_alert_that_differs_in(changes: dict[str, Any], expected: tuple[int, int, int, int]) -> None:
    found = difference([FAILED], [replace(FAILED, **changes)])
    assert shape(found) == expected
    assert bool(found) == (expected[3] == 0)
    here, there, changed, same = expected
    assert shape(difference([replace(FAILED, **changes)], [FAILED])) == (there, here, changed, same)


def test_each_alert_is_the_partner_of_one_other() -> None:
    later = replace(FAILED, at=at(110), since=at(109), over_at=None)
    found = difference([FAILED, later], [FAILED])
    assert found.here == (later,)
    assert shape(found) == (1, 0, 0, 1)


def test_the_lines_of_both_sides_stand_in_the_order_of_time() -> None:
    louder = replace(FAILED, severity=Severity.WARNING)
    only = replace(FAILED, condition="slow", at=at(5), over_at=at(20))
    told = [
        (side, line.at.hour * 60 + line.at.minute, line.action, line.alert.condition)
        for side, line in sides(difference([FAILED], [louder, only]))
    ]
    assert told == [
        ("there", 5, "opened", "slow"),
        ("here", 10, "opened", "failed"),
        ("there", 10, "opened", "failed"),
        ("there", 20, "resolved", "slow"),
        ("here", 60, "resolved", "failed"),
        ("there", 60, "resolved", "failed"),
    ]


def test_of_what_changed_only_the_lines_that_differ_are_told() -> None:
    longer = replace(FAILED, over_at=at(90))
    assert [(side, line.action) for side, line in sides(difference([FAILED], [longer]))] == [
        ("here", "resolved"),
        ("there", "resolved"),
    ]
