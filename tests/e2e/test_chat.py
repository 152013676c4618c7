"""The other side misbehaves: the alert arrives all the same, once."""

from __future__ import annotations

import pytest

from monitor.simulator import BytesContent, GeneratedLog, World
from tests.e2e.harness import Agent, Chat


def test_chat_is_down_then_back_and_everything_arrives_once(world: World, agent: Agent, chat: Chat) -> None:
    agent.start()
    agent.wait_polls()
    chat.down()
    world.start("import").finish(code="ERROR")
    agent.wait_metric("sfcc_alert_notifications_total", 2, outcome="network")
    assert agent.metric("sfcc_alert_outbox_messages", target="apprise-1") == 1
    chat.up()
    message = chat.wait(1)[0]
    assert message.title == "failed: import on production"
    assert message.files, "a target that was down has used up no try with the file"
    agent.wait_polls(3)
    assert len(chat.messages) == 1


@pytest.mark.parametrize("status", [413, 500])
def test_a_refused_file_does_not_cost_the_alert(status: int, world: World, agent: Agent, chat: Chat) -> None:
    chat.refuse_files_with = status
    agent.start()
    agent.wait_polls()
    world.start("import").finish(code="ERROR", message="no more space")
    message = chat.wait(1)[0]
    assert not message.files
    assert "no more space" in message.body
    assert "file" in message.body, "the message says that its file stayed behind"
    assert chat.tries <= 3, "two tries with the file at most"


def test_a_log_that_is_missing_is_said(world: World, agent: Agent, chat: Chat) -> None:
    agent.start()
    agent.wait_polls()
    with world.lock:
        world.start("import").finish(code="ERROR").archive_log()
    message = chat.wait(1)[0]
    assert not message.files
    assert "log" in message.body.lower()


def test_a_log_that_is_forbidden_is_said_with_the_remedy(world: World, agent: Agent, chat: Chat) -> None:
    world.permissions.webdav = False
    agent.start()
    agent.wait_polls()
    world.start("import").finish(code="ERROR")
    assert "WebDAV Client Permissions" in chat.wait(1)[0].body


def test_a_log_of_two_hundred_megabytes_arrives_cut(world: World, agent: Agent, chat: Chat) -> None:
    agent.start(SFCC_MONITOR_LOG_WAIT="30s")
    agent.wait_polls()
    with world.lock:
        world.start("import", log=GeneratedLog(size=200_000_000)).finish(code="ERROR")
    message = chat.wait(1)[0]
    (content,) = message.files.values()
    assert 10_000 < len(content) < 8_000_000
    assert "cut" in message.body


def test_a_log_that_is_not_utf_8_arrives(world: World, agent: Agent, chat: Chat) -> None:
    agent.start()
    agent.wait_polls()
    log = b"[2026-11-23 02:00:00.000 GMT] ERROR SystemJobThread|1|import|step K\xf6ln: \xff\xfe broken\n" * 20
    with world.lock:
        world.start("import", log=BytesContent(log)).finish(code="ERROR")
    (content,) = chat.wait(1)[0].files.values()
    assert b"broken" in content


def test_a_log_that_never_ends_delays_the_alert_no_longer_than_log_wait(
    world: World, agent: Agent, chat: Chat
) -> None:
    agent.start()
    agent.wait_polls()
    world.faults.stall("webdav", n=None)
    world.start("import").finish(code="ERROR")
    assert not chat.wait(1, seconds=20)[0].files
