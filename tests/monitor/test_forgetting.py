"""An instance or a person is taken out of the state: nothing of them is left, and the rest stays."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from sqlalchemy import Engine, MetaData, select

from alerts import schema as alerts
from alerts.forgetting import replacing
from monitor.app import App
from monitor.errors import MonitorError
from monitor.forgetting import forget_instance, forget_user
from monitor.history import schema as history
from monitor.simulator import BytesContent
from tests.monitor.conftest import Night

LOGIN = "jdoe@example.com"
WHO = "jdoe"


@pytest.fixture
def night(nights: Callable[[], AbstractContextManager[Night]]) -> Iterator[Night]:
    with nights() as night:
        yield night


def lived(night: Night, **settings: Any) -> App:
    """A run by hand failed, and its log names who started it; another run failed by itself."""
    app = night.agent(**settings)
    night.turn(app)
    log = f"[2026-11-23 02:00:00.000 GMT] ERROR SystemJobThread|1|import|step {WHO} broke it\n".encode()
    with night.world.lock:
        run = night.world.start("import", user_login=WHO, log=BytesContent(log))
        run.finish(code="ERROR", message=f"{WHO} did it")
        night.world.start("export").finish(code="ERROR")
    night.turn(app)
    night.turn(app)
    return app


def everything(engine: Engine) -> str:
    """All that the state holds, unpacked."""
    found: list[str] = []
    metadatas: list[MetaData] = [*{id(one): one for one in (alerts.metadata, history.metadata)}.values()]
    with engine.connect() as connection:
        for table in (table for one in metadatas for table in one.sorted_tables):
            for row in connection.execute(select(table)).all():
                found += [
                    gzip.decompress(value).decode() if isinstance(value, bytes) else str(value)
                    for value in row
                ]
    return "\n".join(found)


def test_a_login_is_nowhere_any_more_and_all_else_is_as_it_was(night: Night) -> None:
    app = lived(night)
    before = everything(app.engine)
    assert before.count(WHO) > 3, "it was in runs, in messages and in a log"
    changed = forget_user(app.engine, WHO)
    after = everything(app.engine)
    assert changed > 3
    assert WHO not in after
    assert after == before.replace(WHO, "forgotten")
    assert forget_user(app.engine, WHO) == 0
    night.turn(app)
    assert len(night.titles) == len(set(night.titles)), "nothing is told anew"


def test_a_login_of_two_letters_is_refused(night: Night) -> None:
    app = night.agent()
    with pytest.raises(MonitorError, match="'ab' is too short"):
        forget_user(app.engine, "ab")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("by jdoe.", "by forgotten."),
        ("(jdoe)", "(forgotten)"),
        ("jdoe", "forgotten"),
        ("jdoe, jdoe: x", "forgotten, forgotten: x"),
        ("jdoe.smith and jdoe@example.com and the-jdoe and jdoes", None),
    ],
)
def test_a_login_is_a_word_of_its_own(text: str, expected: str | None) -> None:
    assert replacing("jdoe")(text) == (text if expected is None else expected)


def test_an_address_is_replaced_as_a_whole() -> None:
    assert replacing(LOGIN)(f"by {LOGIN}, not x{LOGIN}") == f"by forgotten, not x{LOGIN}"


def test_an_instance_is_nowhere_any_more(night: Night) -> None:
    app = lived(night)
    assert "production" in everything(app.engine)
    app.release()
    gone = forget_instance(app.engine, "production")
    assert (gone.runs > 1, gone.incidents > 1) == (True, True)
    left = everything(app.engine)
    assert "production" not in left.replace("instance:production", ""), "but for the name of its lease"


def test_of_another_instance_all_stays(night: Night) -> None:
    app = lived(night)
    before = everything(app.engine)
    assert forget_instance(app.engine, "staging").runs == 0
    assert everything(app.engine) == before


def test_what_an_agent_watches_is_not_forgotten_under_its_hands(night: Night) -> None:
    app = lived(night)
    before = everything(app.engine)
    with pytest.raises(MonitorError, match="production is watched by a running agent"):
        forget_instance(app.engine, "production")
    assert everything(app.engine) == before
