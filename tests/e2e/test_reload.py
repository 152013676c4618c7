"""New settings and new secrets without a restart."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from monitor.simulator import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, Simulator, World
from tests.e2e.harness import Agent, Chat, until


@pytest.fixture
def file(simulator: Simulator, tmp_path: Path, environ: dict[str, str]) -> Path:
    """Settings in a file, in place of the instance that `environ` describes."""
    for name in [name for name in environ if name.startswith("SFCC_") and "MONITOR" not in name]:
        del environ[name]
    (tmp_path / "secret").write_text(DEMO_CLIENT_SECRET)
    file = tmp_path / "sfcc-job-monitor.toml"
    file.write_text(settings("production", simulator.url, tmp_path / "secret"))
    return file


def settings(name: str, url: str, secret: Path) -> str:
    return f"""
        [[instances]]
        name = "{name}"
        server = "{url}"
        account_manager_host = "{url}"
        client_id = "{DEMO_CLIENT_ID}"
        client_secret_file = "{secret}"
    """


def test_a_hangup_brings_new_settings_into_force_and_wrong_ones_change_nothing(
    world: World, simulator: Simulator, agent: Agent, chat: Chat, file: Path, tmp_path: Path
) -> None:
    agent.start()
    agent.wait_polls()
    file.write_text(settings("production", simulator.url, tmp_path / "secret") + 'colour = "red"')
    agent.signal(signal.SIGHUP)
    until("the refusal", lambda: "colour" in agent.output)
    assert agent.metric("sfcc_config_last_reload_successful") == 0
    agent.wait_polls()
    file.write_text(
        settings("production", simulator.url, tmp_path / "secret")
        + '[[jobs]]\nmatch = "im*"\ntitle = "Prices"'
    )
    agent.signal(signal.SIGHUP)
    until("the news", lambda: agent.output.count("watching production") == 2)
    agent.wait_polls()
    assert agent.metric("sfcc_config_last_reload_successful") == 1
    world.start("import").finish(code="ERROR")
    assert [one.title for one in chat.wait(1)] == ["failed: Prices (import) on production"]
    assert agent.stop() == 0


@pytest.mark.usefixtures("file")
def test_a_secret_that_is_replaced_is_used_without_a_signal(
    world: World, agent: Agent, tmp_path: Path
) -> None:
    agent.start()
    agent.wait_polls()
    world.account_manager.add_client(DEMO_CLIENT_ID, "the next secret")
    world.account_manager.revoke_all()
    (tmp_path / "next").write_text("the next secret")
    (tmp_path / "next").replace(tmp_path / "secret")
    until("the news", lambda: agent.output.count("watching production") == 2)
    agent.wait_metric("sfcc_up", 1, sfcc_instance="production")
    assert agent.stop() == 0
