from __future__ import annotations

from sqlalchemy import Engine, text

from alerts.testing import RecordingNotifier
from monitor import crossings
from monitor.history.engine import reading
from tests.monitor.conftest import Night


def test_a_commit_is_crossed_before_and_after_and_reading_crosses_nothing(state: Engine) -> None:
    told: list[str] = []
    crossings.of_transactions(state, told.append)
    with reading(state) as connection:
        connection.execute(text("SELECT 1"))
    assert told == []
    with state.begin() as connection:
        connection.execute(text("SELECT 1"))
        assert told == []
    assert told == ["before a commit", "after a commit"]


def test_what_is_rolled_back_is_no_crossing(state: Engine) -> None:
    told: list[str] = []
    crossings.of_transactions(state, told.append)
    with state.connect() as connection:
        connection.execute(text("SELECT 1"))
        connection.rollback()
    assert told == []


def test_requests_are_counted_as_before_and_told_afterwards() -> None:
    told: list[str] = []
    crossings.of_requests(lambda api, outcome: told.append(f"{api} {outcome}"), told.append)("ocapi", "ok")
    assert told == ["ocapi ok", "after a request (ocapi)"]


def test_a_night_is_full_of_crossings_of_each_kind(night: Night) -> None:
    told: list[str] = []
    app = night.beside(crossing=told.append)
    night.turn(app)
    night.world.start("import").finish(code="ERROR")
    night.turn(app)
    assert len(night.chat.sent) == 1
    assert {one.partition(" (")[0] for one in told} == {
        *("before a commit", "after a commit", "after a request", "before a message", "after a message")
    }


def test_a_notifier_is_the_same_to_everybody_else() -> None:
    chat = RecordingNotifier("chat")
    (watched,) = crossings.of_messages({"chat": chat}, lambda _what: None).values()
    assert (watched.name, watched.capabilities) == (chat.name, chat.capabilities)
