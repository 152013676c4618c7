"""The instance misbehaves during polls: nothing is lost, nothing doubled."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from monitor.simulator import World
from tests.e2e.harness import Agent, Chat, until

Spoil = Callable[[World], object]


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda world: world.account_manager.revoke_all(), id="token revoked"),
        pytest.param(lambda world: world.faults.throttle("search", retry_after=1), id="429 with Retry-After"),
        pytest.param(lambda world: world.faults.throttle("search", retry_after=None, n=2), id="429 without"),
        pytest.param(lambda world: world.faults.unavailable("search", load=95, n=2), id="503, load shedding"),
        pytest.param(lambda world: world.faults.server_error("*", n=2), id="500 with HTML"),
        pytest.param(lambda world: world.faults.html("search", n=2), id="HTML with 200"),
        pytest.param(lambda world: world.faults.truncated("search", n=2), id="half a document"),
        pytest.param(lambda world: world.faults.reset("*", n=3), id="reset"),
        pytest.param(lambda world: world.faults.drip("search", pause=0.001), id="slow body"),
        pytest.param(lambda world: world.faults.throttle("token", n=2, retry_after=1), id="token throttled"),
        pytest.param(lambda world: world.faults.unavailable("search", n=8), id="down for several polls"),
    ],
)
def test_trouble_during_polls_loses_and_doubles_nothing(
    spoil: Spoil, world: World, agent: Agent, chat: Chat
) -> None:
    agent.start()
    agent.wait_polls()
    with world.lock:
        spoil(world)
        world.start("import").finish(code="ERROR", message="first")
    chat.wait(1)
    world.start("import").finish()
    chat.wait(2)
    agent.wait_polls(3)
    assert [one.title for one in chat.messages] == [
        "failed: import on production",
        "resolved: import on production (failed)",
    ]
    assert agent.metric("sfcc_job_executions_total") == 2


def test_tokens_that_expire_every_second_are_renewed_without_a_word(
    world: World, agent: Agent, chat: Chat
) -> None:
    world.account_manager.expires_in = 1
    agent.start()
    agent.wait_polls(6)
    world.start("import").finish(code="ERROR")
    assert [one.title for one in chat.wait(1)] == ["failed: import on production"]
    assert "poll failed" not in agent.output


def test_only_reading_requests_are_sent(world: World, agent: Agent, chat: Chat) -> None:
    agent.start()
    agent.wait_polls()
    world.start("import").finish(code="ERROR")
    chat.wait(1)
    sent = {(one.api, one.method) for one in world.requests}
    assert sent <= {
        ("token", "POST"),
        ("search", "POST"),
        ("execution", "GET"),
        ("webdav", "GET"),
        ("webdav", "PROPFIND"),
    }


def test_a_wrong_secret_is_said_in_words_and_healed_by_the_right_one(agent: Agent) -> None:
    agent.start(SFCC_CLIENT_SECRET="not-the-secret")
    until("the reason in the log", lambda: "poll failed (credentials)" in agent.output)
    assert "not-the-secret" not in agent.output
    assert agent.metric("sfcc_up") == 0
    assert agent.stop() == 0
    agent.start()
    agent.wait_metric("sfcc_up", 1)
