"""Runs that must not run at once: said while they do; the sites of one run are none."""

from __future__ import annotations

from monitor.simulator import World
from tests.e2e.harness import Agent, Chat

FULL = "3-2-1-Akeneo-Full-Import-Master"
DIFFERENTIAL = "3-1-2-Akeneo-Differential-Import-Storefront"


def test_an_overlap_is_said_while_both_still_run_and_its_end_once(
    world: World, agent: Agent, chat: Chat
) -> None:
    agent.start()
    agent.wait_polls()
    differential = world.start(DIFFERENTIAL)
    full = world.start(FULL)
    message = chat.wait(1)[0]
    assert message.title == f"overlap: {FULL} with {DIFFERENTIAL} on production"
    assert DIFFERENTIAL in message.body
    assert agent.metric("sfcc_job_running", job_id=FULL) > 0, "both still run"
    assert agent.metric("sfcc_job_condition", condition="overlap", severity="critical") == 1
    differential.finish()
    assert chat.wait(2)[1].title == f"resolved: {FULL} with {DIFFERENTIAL} on production (overlap)"
    full.finish()
    agent.wait_polls(4)
    assert len(chat.messages) == 2
    assert agent.metric("sfcc_job_overlaps_total", job_id=FULL, other_job_id=DIFFERENTIAL) == 1


def test_the_sites_of_one_run_are_no_overlap(world: World, agent: Agent, chat: Chat) -> None:
    agent.start()
    agent.wait_polls()
    runs = [world.start("Export-Feed", scope=site) for site in ("RefArch", "RefArchGlobal")]
    agent.wait_metric("sfcc_running_executions", 2)
    agent.wait_polls(3)
    for run in runs:
        run.finish()
    world.start("Export-Feed-2").finish(code="ERROR")
    assert [one.title for one in chat.wait(1)] == ["failed: Export-Feed-2 on production"]
