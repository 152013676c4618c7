from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from monitor.history import logaccess

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_refusals_are_counted_from_the_first_on_until_a_log_is_read(engine: Engine) -> None:
    with engine.begin() as conn:
        assert logaccess.load(conn, "production") is None
        for number in range(3):
            logaccess.refused(conn, "production", at=NOW + number * MINUTE, message=str(number), runs=1)
        assert logaccess.load(conn, "production") == logaccess.Refusals(NOW, 3, "2", None)
        logaccess.was_read(conn, "production", NOW + 5 * MINUTE)
        logaccess.was_read(conn, "production", NOW + 6 * MINUTE)
        assert logaccess.load(conn, "production") == logaccess.Refusals(NOW, 3, "2", NOW + 5 * MINUTE)
        logaccess.refused(conn, "production", at=NOW + 7 * MINUTE, message="again", runs=0)
        assert logaccess.load(conn, "production") == logaccess.Refusals(NOW + 7 * MINUTE, 0, "again", None)
        assert logaccess.load(conn, "staging") is None
