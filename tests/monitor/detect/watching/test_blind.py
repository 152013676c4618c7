"""No complete poll for some time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts.model import Severity
from monitor.detect.model import Decision, State
from monitor.detect.watching.blind import blind
from monitor.detect.watching.model import Watching
from monitor.errors import Reason
from monitor.policy import Policy

LAST = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def look(minutes: float, policy: Policy | None = None, **fields: Any) -> Decision:
    """So long after the last complete poll; failed just now unless said."""
    now = LAST + minutes * MINUTE
    known: dict[str, Any] = {
        "instance": "production",
        "now": now,
        "poll_interval": MINUTE,
        "is_complete": False,
        "last_success": LAST,
        "failed_at": now,
        "reason": Reason.NETWORK,
        "message": "connection refused",
    }
    (found,) = blind(Watching(**known | fields), policy or Policy())
    return found


@pytest.mark.parametrize(
    ("minutes", "fields", "state"),
    [
        pytest.param(4.99, {}, State.WAITING, id="a little less than five minutes"),
        pytest.param(5, {}, State.HOLDS, id="five minutes"),
        pytest.param(49, {"poll_interval": 10 * MINUTE}, State.WAITING, id="less than five polls"),
        pytest.param(50, {"poll_interval": 10 * MINUTE}, State.HOLDS, id="five polls"),
        pytest.param(5, {"last_success": None, "first_asked": LAST}, State.HOLDS, id="never read at all"),
        pytest.param(5, {"last_success": None}, State.UNKNOWN, id="never asked"),
        pytest.param(90, {"failed_at": None, "reason": None}, State.CLEAR, id="nobody tried meanwhile"),
        pytest.param(90, {"reason": Reason.ASLEEP}, State.CLEAR, id="asleep"),
        pytest.param(
            6,
            {"is_complete": True, "failed_at": LAST + 4 * MINUTE},
            State.CLEAR,
            id="over before it was said",
        ),
        pytest.param(6, {"is_complete": True, "failed_at": LAST + 5 * MINUTE}, State.OVER, id="over"),
    ],
)
def test_an_instance_is_blind_after_five_minutes_or_five_polls(
    minutes: float, fields: dict[str, Any], state: State
) -> None:
    assert look(minutes, **fields).state is state


def test_a_sandbox_may_sleep() -> None:
    assert look(90, Policy(is_sandbox=True)).state is State.CLEAR


@pytest.mark.parametrize(
    ("minutes", "fields", "severity", "cause"),
    [
        pytest.param(119, {"reason": Reason.MAINTENANCE}, Severity.INFO, "maintenance", id="maintenance"),
        pytest.param(
            120, {"reason": Reason.MAINTENANCE}, Severity.CRITICAL, "maintenance, overdue", id="overdue"
        ),
        pytest.param(
            119, {"in_maintenance_window": True}, Severity.INFO, "network", id="a window expects it"
        ),
        pytest.param(119, {}, Severity.CRITICAL, "network", id="anything else"),
        pytest.param(119, {"reason": Reason.TIMEOUT}, Severity.CRITICAL, "network", id="the same trouble"),
    ],
)
def test_a_maintenance_is_no_trouble_for_two_hours(
    minutes: float, fields: dict[str, Any], severity: Severity, cause: str
) -> None:
    finding = look(minutes, **fields).finding
    assert finding is not None
    assert (finding.severity, finding.cause) == (severity, cause)


def test_each_reason_has_its_words() -> None:
    said = set()
    for reason in Reason:
        finding = look(10, reason=reason).finding
        said.add(finding and finding.summary)
    assert len(said - {None}) == len(Reason) - 2  # asleep says nothing, and nobody stops by himself


def test_nothing_in_it_grows_with_the_clock() -> None:
    assert look(10).finding == look(11).finding


def test_the_end_says_how_long_nothing_was_seen() -> None:
    over = look(125, is_complete=True, failed_at=LAST + 124 * MINUTE)
    assert over.finding is not None
    assert "2 h 5 min" in over.finding.resolution
    assert over.finding.ends_at == LAST + 125 * MINUTE
