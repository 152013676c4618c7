from __future__ import annotations

import logging
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine

from monitor.history.refused_keys import StoredRefusedKeys


def test_the_last_key_of_each_user_is_remembered(state: Engine) -> None:
    kept = StoredRefusedKeys(state, "production")
    assert kept.load("jdoe") is None
    kept.save("jdoe", "first")
    kept.save("jdoe", "second")
    kept.save("other", "third")
    again = StoredRefusedKeys(state, "production")
    assert (again.load("jdoe"), again.load("other")) == ("second", "third")
    assert StoredRefusedKeys(state, "staging").load("jdoe") is None


def test_a_state_out_of_reach_is_said_and_stops_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'gone' / 'state.sqlite'}")
    kept = StoredRefusedKeys(engine, "production")
    with caplog.at_level(logging.WARNING):
        kept.save("jdoe", "mark")
        assert kept.load("jdoe") is None
    said = [record.getMessage().partition(": state")[0] for record in caplog.records]
    assert said == [
        "production: that the access key was refused is not kept",
        "production: whether the access key was refused before is not known",
    ]
    engine.dispose()
