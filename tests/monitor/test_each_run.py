"""`notify`: once for the same trouble, or for each run; as the settings of the job say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from monitor.settings.model import JobSettings
from tests.monitor.conftest import Night


@pytest.fixture
def night(nights: Callable[[], AbstractContextManager[Night]]) -> Iterator[Night]:
    with nights() as night:
        yield night


def told(night: Night, notify: str | None) -> list[str]:
    """Titles after three failures for the same cause, an hour apart, and a good run."""
    tables: list[dict[str, Any]] = [{"match": "import", "notify": notify}]
    app = night.agent(jobs=[JobSettings.model_validate(one) for one in tables])
    night.turn(app)
    for code in ("ERROR", "ERROR", "ERROR", "OK"):
        night.world.start("import").finish(code=code)
        night.turn(app)
        night.turn(app)
        night.pass_time(hours=1)
    night.turn(app)
    return night.titles


FAILED, OVER = "failed: import on production", "resolved: import on production (failed)"


@pytest.mark.parametrize("notify", ["change", None])
def test_the_same_trouble_is_told_once(night: Night, notify: str | None) -> None:
    assert told(night, notify) == [FAILED, OVER]


def test_whoever_asks_for_it_hears_of_each_run(night: Night) -> None:
    assert told(night, "each_run") == [FAILED, FAILED, FAILED, OVER]
    bodies = [message.body for message in night.chat.sent[:3]]
    assert len(set(bodies)) == 3, "each is about another run"


def test_an_open_incident_is_not_told_at_each_poll(night: Night) -> None:
    app = night.agent(jobs=[JobSettings(match="import", notify="each_run")])
    night.turn(app)
    night.world.start("import").finish(code="ERROR")
    for _ in range(5):
        night.turn(app)
    assert night.titles == [FAILED]
