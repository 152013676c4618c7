"""The same by HTTPS: verified against the authority that is named, refused without it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.simulator import Simulator, World
from tests.e2e.harness import Agent, Chat, environment, until


@pytest.fixture
def simulator(world: World) -> Iterator[Simulator]:
    with Simulator(world, https_port=0) as simulator:
        yield simulator


@pytest.fixture
def environ(simulator: Simulator, chat: Chat, tmp_path: Path) -> dict[str, str]:
    return environment(simulator.https_url, tmp_path / "state.sqlite", chat.url)


def test_a_certificate_of_a_named_authority_is_trusted(
    world: World, simulator: Simulator, agent: Agent, chat: Chat, tmp_path: Path
) -> None:
    authority = tmp_path / "authority.pem"
    authority.write_bytes(simulator.ca_pem)
    agent.start(SFCC_CA_FILE=str(authority))
    agent.wait_polls()
    world.start("import").finish(code="ERROR")
    assert chat.wait(1)[0].files


def test_an_unknown_certificate_is_refused_with_a_word_about_it(agent: Agent) -> None:
    agent.start()
    until("the refusal", lambda: "poll failed" in agent.output)
    assert "certificate" in agent.output
    assert agent.metric("sfcc_up") == 0


def test_a_self_signed_certificate_is_taken_only_when_asked(agent: Agent) -> None:
    agent.start(SFCC_SELFSIGNED="true")
    agent.wait_metric("sfcc_up", 1)
