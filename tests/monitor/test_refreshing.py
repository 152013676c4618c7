"""Targets that forget: told each minute what holds, by whoever tells, and only then."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest

from alerts.model import Capabilities, DeliveryError, DeliveryReason, Message
from alerts.testing import RecordingNotifier
from monitor.app import App
from tests.monitor.conftest import Night


class Forgetful(RecordingNotifier):
    """Takes incidents as data; can be told to be away."""

    is_away = False

    def send(self, message: Message) -> None:
        if self.is_away:
            raise DeliveryError(DeliveryReason.NETWORK, "the target could not be reached")
        super().send(message)


@pytest.fixture
def night(nights: Callable[[], AbstractContextManager[Night]]) -> Iterator[Night]:
    with nights() as night:
        night.chat = Forgetful("chat", Capabilities(as_data=True, refresh_every=timedelta(minutes=1)))
        yield night


def told(night: Night) -> list[str]:
    """What the messages since the last call were about."""
    sent = [
        f"{one.incident.name} {'holds' if one.incident.is_open else 'is over'}"
        for message in night.chat.sent
        for one in message.told
    ]
    night.chat.sent.clear()
    return sent


def failed(night: Night) -> App:
    """Told of a failure."""
    app = night.agent()
    night.turn(app)
    night.world.start("import").finish(code="ERROR")
    night.turn(app)
    assert "import holds" in told(night)
    return app


def test_what_holds_is_told_each_minute_and_its_end_for_a_quarter_of_an_hour(night: Night) -> None:
    app = failed(night)
    for seconds, expected in [(30, []), (30, ["import holds"]), (30, []), (30, ["import holds"])]:
        night.pass_time(seconds=seconds)
        app.deliver("chat")
        assert told(night) == expected
    night.world.start("import").finish()
    night.turn(app)
    assert "import is over" in told(night)
    night.pass_time(minutes=13)
    app.deliver("chat")
    assert told(night) == ["import is over"]
    night.pass_time(minutes=2)
    app.deliver("chat")
    assert told(night) == []


def test_labels_are_those_that_routes_know(night: Night) -> None:
    night.access = {"labels": {"customer": "acme"}}
    app = failed(night)
    night.pass_time(minutes=1)
    app.deliver("chat")
    ((found,),) = [message.told for message in night.chat.sent]
    assert found.labels == {
        "sfcc_instance": "production",
        "job_id": "import",
        "condition": "failed",
        "severity": "critical",
        "instance_type": "production",
        "customer": "acme",
    }


def test_while_it_is_away_that_is_said_once(night: Night, caplog: pytest.LogCaptureFixture) -> None:
    app = failed(night)
    caplog.set_level(logging.INFO, "monitor.refreshing")
    for is_away in (True, True, False, False):
        night.chat.is_away = is_away  # type: ignore[attr-defined]
        night.pass_time(minutes=1)
        app.deliver("chat")
    assert told(night) == ["import holds"] * 2
    away = "network: the target could not be reached"
    assert [one.getMessage() for one in caplog.records] == [
        f"target chat: cannot be told what still holds ({away}); tried again each 60 s",
        "target chat: is told again what still holds",
    ]


def test_an_agent_that_does_not_tell_says_nothing_of_it(night: Night) -> None:
    failed(night)
    other = night.beside()
    night.pass_time(minutes=1)
    other.deliver("chat")
    assert told(night) == []
