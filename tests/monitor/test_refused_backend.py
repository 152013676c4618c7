"""An instance whose APIs are both set up, and one of them is not allowed: the other one is read instead."""

from __future__ import annotations

from datetime import timedelta

import pytest

from monitor.history.engine import reading
from monitor.history.executions import search
from monitor.simulator import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET
from tests.monitor.conftest import NOW, Night


@pytest.fixture
def both(night: Night) -> Night:
    night.access.update(tenant_id=night.world.tenant, scapi_server=night.simulator.url)
    return night


def ran(night: Night, *ago: int) -> None:
    for minutes in ago:
        at = NOW - timedelta(minutes=minutes)
        night.world.start("import", at=at).finish(at=at + timedelta(minutes=1))


def allow_scapi(night: Night, *, allowed: bool) -> None:
    scopes = ("sfcc.jobs",) if allowed else ()
    night.world.account_manager.add_client(DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, scopes=scopes)
    night.world.account_manager.revoke_all()


def asked(night: Night) -> list[str]:
    """Which API answered searches, each once, in order."""
    return list(dict.fromkeys(one.backend for one in night.world.requests if one.api == "search"))


def test_where_scapi_was_never_allowed_the_first_poll_already_reads_ocapi(
    both: Night, caplog: pytest.LogCaptureFixture
) -> None:
    ran(both, 30, 20, 10)
    allow_scapi(both, allowed=False)
    result = both.turn(both.agent())
    assert (result.complete, result.stored, asked(both)) == (True, 3, ["ocapi"])
    assert sum("asking ocapi instead of scapi" in text for text in caplog.messages) == 1


@pytest.mark.parametrize(
    "ago",
    [
        pytest.param((8, 6, 4), id="runs that are too young to be compared"),
        pytest.param((90, 60, 30, 8), id="runs of the last hours"),
        pytest.param((), id="no run at all"),
    ],
)
def test_where_scapi_is_not_allowed_any_more_the_same_poll_goes_on_with_ocapi(
    both: Night, ago: tuple[int, ...]
) -> None:
    ran(both, *ago)
    app = both.agent()
    both.turn(app)
    assert asked(both) == ["scapi"]
    allow_scapi(both, allowed=False)
    result = both.turn(app)
    assert (result.complete, result.message, asked(both)) == (True, "", ["scapi", "ocapi"])
    with reading(app.engine) as connection:
        assert len(search(connection, instance="production", limit=100)) == len(ago)
