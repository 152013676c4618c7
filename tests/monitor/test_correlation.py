"""By which id Salesforce finds a request that failed: in the log, and nowhere else."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from monitor.history.engine import reading
from monitor.history.schema import cursors
from tests.monitor.conftest import Night


def test_the_id_of_a_request_that_failed_is_in_the_log_and_not_in_what_is_stored(
    night: Night, caplog: pytest.LogCaptureFixture
) -> None:
    night.access.update(api_backend="scapi", tenant_id=night.world.tenant, scapi_server=night.simulator.url)
    app = night.agent()
    night.world.faults.server_error("scapi", n=None)
    result = night.turn(app)
    sent = night.world.requests[-1].correlation_id
    assert result.correlation_id == sent
    (line,) = [text for text in caplog.messages if "poll failed" in text]
    assert re.search(rf"has trouble of its own \(500, .*\(correlation-id {sent}\)$", line)
    with reading(app.engine) as connection:
        stored = connection.execute(select(cursors)).mappings().one()
    assert sent not in str(dict(stored))
    assert "has trouble of its own" in str(dict(stored))
