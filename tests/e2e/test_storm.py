"""Everything fails at once: one summary that names all."""

from __future__ import annotations

from monitor.simulator import World
from tests.e2e.harness import Agent, Chat


def test_three_hundred_failures_in_one_poll_are_one_summary_that_names_all(
    world: World, agent: Agent, chat: Chat
) -> None:
    agent.start(SFCC_MONITOR_POLL_INTERVAL="3s")
    agent.wait_polls(1)
    names = [f"feed-{number:03}" for number in range(300)]
    with world.lock:  # one poll sees all of them
        for name in names:
            world.start(name).finish(code="ERROR", message=f"{name} failed")
    message = chat.wait(1)[0]
    assert "300" in message.title
    text = message.body + "".join(content.decode() for content in message.files.values())
    assert [name for name in names if name not in text] == []
    agent.wait_polls(2)
    assert len(chat.messages) == 1
