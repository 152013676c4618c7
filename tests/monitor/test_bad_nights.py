"""Bad nights, minute by minute with a clock set by hand: what people get, and that nothing is missing."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import count

import pytest
from sqlalchemy.exc import SQLAlchemyError

from alerts.model import DeliveryError, DeliveryReason, Message
from alerts.testing import RecordingNotifier
from monitor.app import App
from tests.monitor.conftest import Night

INCIDENTS = 500
KILLS = 20
MESSAGES_IN_A_STORM = 3


class KilledError(BaseException):
    """The process ends here."""


class Chat(RecordingNotifier):
    """Can be down for as long as `is_down` says."""

    is_down = False

    def send(self, message: Message) -> None:
        if self.is_down:
            raise DeliveryError(DeliveryReason.NETWORK, "the target could not be reached")
        super().send(message)


@pytest.fixture
def night(nights: Callable[[], AbstractContextManager[Night]]) -> Iterator[Night]:
    with nights() as night:
        night.chat = Chat("chat")
        yield night


def texts(messages: list[Message]) -> list[str]:
    """All that each of them says, its files included."""
    return [
        "\n".join([one.title, one.body, *(file.content.decode() for file in one.files)]) for one in messages
    ]


def test_a_thousand_failures_in_one_poll_are_three_messages_at_most_and_none_is_missing(night: Night) -> None:
    app = night.agent()
    night.turn(app)
    names = [f"feed-{number:04}" for number in range(1_000)]
    with night.world.lock:
        for name in names:
            night.world.start(name).finish(code="ERROR", message=f"{name} failed")
    night.pass_time(minutes=1)
    assert app.poll("production").complete
    for _ in range(60):
        app.fetch_logs()
        app.dispatch()
        app.deliver("chat")
        night.pass_time(seconds=1)
    assert 1 <= len(night.chat.sent) <= MESSAGES_IN_A_STORM
    said = "\n".join(texts(night.chat.sent))
    assert [name for name in names if name not in said] == []
    assert any("1000 problems on production" in title for title in night.titles)


class Killer:
    """Ends the process at crossings drawn beforehand."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._left = self._drawn()
        self.kills = 0
        self.at: Counter[str] = Counter()

    def __call__(self, crossing: str) -> None:
        if self.kills >= KILLS or threading.current_thread() is not threading.main_thread():
            return
        self._left -= 1
        if self._left == 0:
            self._left = self._drawn()
            self.kills += 1
            self.at[crossing] += 1
            raise KilledError

    def _drawn(self) -> int:
        """20 of them in all that a night crosses."""
        return self._random.randint(1, 60)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(2))
def test_after_an_hour_without_chat_all_of_it_arrives_grouped_and_in_order_and_once(
    night: Night, seed: int
) -> None:
    """The agent is killed at twenty random instants meanwhile; each fails, and half are well again."""
    killer = Killer(seed)
    app = night.agent()
    night.turn(app)

    def step(app: App, do: Callable[[App], object]) -> App:
        try:
            do(app)
        except (KilledError, SQLAlchemyError):
            return night.agent(crossing=killer)
        return app

    app = night.agent(crossing=killer)
    night.chat.is_down = True  # type: ignore[attr-defined]
    numbers, names = count(), []
    for minute in range(60):
        for _ in range(INCIDENTS // 60 + (minute < INCIDENTS % 60)):
            names.append(f"feed-{next(numbers):03}")
            night.world.start(names[-1]).finish(code="ERROR")
        if minute >= 10:
            night.world.start(names[2 * minute]).finish()
        night.pass_time(seconds=40)
        app = step(app, lambda app: app.poll("production"))
        for _ in range(4):
            night.pass_time(seconds=5)
            for do in (
                lambda app: app.fetch_logs(),
                lambda app: app.dispatch(),
                lambda app: app.deliver("chat"),
            ):
                app = step(app, do)
    well = {names[2 * minute] for minute in range(10, 60)}
    night.chat.is_down = False  # type: ignore[attr-defined]
    for _ in range(40):
        night.pass_time(seconds=30)
        app = step(app, lambda app: app.poll("production"))
        for do in (lambda app: app.fetch_logs(), lambda app: app.dispatch(), lambda app: app.deliver("chat")):
            app = step(app, do)

    assert killer.kills == KILLS
    assert len(names) == INCIDENTS
    # A kill between "the chat has it" and "marked" repeats that one message.
    repeated = killer.at["after a message"]
    sent = night.chat.sent
    distinct = list(dict.fromkeys(texts(sent)))
    assert len(sent) - len(distinct) <= repeated
    assert len(distinct) <= INCIDENTS / 10, "grouped"
    told = {name: [number for number, text in enumerate(distinct) if name in text] for name in names}
    over = {
        name: [number for number in told[name] if f"resolved: {name} on production" in distinct[number]]
        for name in names
    }
    assert [name for name in names if not told[name]] == [], "each is told"
    assert [name for name in names if len(set(told[name]) - set(over[name])) > 1] == [], "none begins twice"
    assert {name for name in names if over[name]} == well, "the end of each that is well, and of no other"
    assert [name for name in well if len(over[name]) > 1] == [], "none ends twice"
    assert [name for name in well if over[name][0] != told[name][-1]] == [], "nothing follows its end"
