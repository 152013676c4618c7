from __future__ import annotations

from sqlalchemy import Engine, text

from monitor.history.engine import HEAD, reading


def test_a_prepared_state_is_of_the_newest_version(state: Engine) -> None:
    with reading(state) as conn:
        assert conn.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == HEAD
