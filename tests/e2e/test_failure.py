"""A run fails: one message with its log; what is the same is counted, what is new is told."""

from __future__ import annotations

from datetime import timedelta

from monitor.simulator import World
from tests.e2e.harness import Agent, Chat

JOB = "3-1-1-Akeneo-Differential-Import-Master"
TRACE = (
    "ERROR com.demandware.core.Import - read timed out after 30000 ms",
    "Caused by: java.net.SocketTimeoutException: Read timed out",
)


def fail(world: World, code: str = "ERROR", message: str = "read timed out", job: str = JOB) -> None:
    world.start(job).finish(
        code=code, status="error", message=message, failed_step="import-catalog", trace=TRACE
    )


def test_the_first_start_over_twenty_five_days_of_history_is_silent(
    world: World, agent: Agent, chat: Chat
) -> None:
    now = world.now()
    for day in range(1, 25):
        world.start(JOB, at=now - timedelta(days=day)).finish(
            at=now - timedelta(days=day) + timedelta(minutes=5), code="ERROR", message="read timed out"
        )
    agent.start()
    agent.wait_metric("sfcc_job_executions_total", 24, outcome="failed")
    assert agent.metric("sfcc_job_condition", condition="failed") == 1, "open, and visible"
    fail(world, job="another")
    assert [one.title for one in chat.wait(1)] == ["failed: another on production"]
    assert len(chat.messages) == 1


def test_one_failure_is_one_message_with_its_log(world: World, agent: Agent, chat: Chat) -> None:
    agent.start()
    agent.wait_polls()
    fail(world)
    message = chat.wait(1)[0]
    assert message.title == f"failed: {JOB} on production"
    assert "import-catalog" in message.body
    assert "read timed out" in message.body
    ((name, content),) = message.files.items()
    assert name.startswith(f"Job-{JOB}-")
    assert name.endswith(".log")
    assert b"SocketTimeoutException" in content


def test_the_same_cause_again_is_counted_a_new_cause_is_told_recovery_is_said_once(
    world: World, agent: Agent, chat: Chat
) -> None:
    agent.start()
    agent.wait_polls()
    fail(world)
    chat.wait(1)
    fail(world)
    agent.wait_metric("sfcc_job_executions_total", 2, outcome="failed")
    agent.wait_polls(4)
    assert len(chat.messages) == 1, "the second failure of the same cause is no second message"
    fail(world, message="the catalog is locked by another process")
    assert "the catalog is locked" in chat.wait(2)[1].body
    world.start(JOB, user_login="jdoe@example.com").finish()
    recovery = chat.wait(3)[2]
    assert recovery.title.startswith("resolved: ")
    world.start(JOB).finish()
    agent.wait_metric("sfcc_job_executions_total", 2, outcome="ok")
    agent.wait_polls(4)
    assert len(chat.messages) == 3, "recovery is said once"
    assert agent.metric("sfcc_job_condition", condition="failed") == 0
