"""The agent is told to stop in the middle of it all: exit code 0 in time, and the next start goes on."""

from __future__ import annotations

import signal

from monitor.simulator import World
from tests.e2e.harness import Agent, Chat, until


def test_stopping_while_sending_and_reading_takes_less_than_ten_seconds_and_loses_nothing(
    world: World, agent: Agent, chat: Chat
) -> None:
    agent.start()
    agent.wait_polls()
    chat.answer = 503
    for number in range(5):
        world.start(f"import-{number}").finish(code="ERROR")
    until("a try to deliver", lambda: chat.tries > 0)
    world.faults.stall("search", n=None)
    assert agent.stop(signal.SIGTERM, seconds=10) == 0
    world.faults.clear()
    chat.answer = 200
    agent.start()
    chat.wait(5)
    agent.wait_polls(3)
    assert sorted(one.title for one in chat.messages) == [
        f"failed: import-{number} on production" for number in range(5)
    ]


def test_a_kill_without_warning_loses_nothing(world: World, agent: Agent, chat: Chat) -> None:
    agent.start()
    agent.wait_polls()
    chat.down()
    world.start("import").finish(code="ERROR")
    agent.wait_metric("sfcc_alert_outbox_messages", 1)
    agent.stop(signal.SIGKILL)
    chat.up()
    agent.start()
    chat.wait(1)
    agent.wait_polls(3)
    assert [one.title for one in chat.messages] == ["failed: import on production"]
