"""New settings take over from old ones, and wrong ones do not."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from monitor.errors import MonitorError, SettingsError, StateError
from monitor.reload import Succession
from monitor.settings import Loaded, Settings


@dataclass
class Agent:
    name: str
    told: list[str]
    trouble: MonitorError | None = None
    marks: list[bool] = field(default_factory=list)

    def start(self) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.told.append(f"start {self.name}")

    def stop(self) -> bool:
        self.told.append(f"stop {self.name}")
        return True

    def reloaded(self, *, successful: bool) -> None:
        self.marks.append(successful)


@dataclass
class Process:
    """Settings that can be replaced, and what its agents did. `wont_start`: by the origin of the settings."""

    loaded: Loaded
    told: list[str] = field(default_factory=list)
    wrong: SettingsError | None = None
    wont_start: dict[str, MonitorError] = field(default_factory=dict)

    def load(self) -> Loaded:
        if self.wrong is not None:
            raise self.wrong
        return self.loaded

    def build(self, loaded: Loaded) -> Agent:
        self.told.append(f"build {loaded.origin}")
        return Agent(loaded.origin, self.told, self.wont_start.get(loaded.origin))


def settings(origin: str, secret: Path | None = None) -> Loaded:
    file = {} if secret is None else {"client_secret_file": secret}
    instance = {"name": "production", "server": "shop.example", "client_id": "me", **file}
    given = {} if secret is None else {"instances": [instance]}
    return Loaded(Settings.model_validate(given), origin)


def test_the_next_agent_is_built_before_the_last_one_is_stopped() -> None:
    process = Process(settings("old"))
    agents = Succession(process.load, process.build)
    agents.start()
    process.loaded = settings("new")
    assert agents.reload()
    assert process.told == ["build old", "start old", "build new", "stop old", "start new"]
    assert (agents.agent.name, agents.loaded.origin) == ("new", "new")


def test_settings_that_are_wrong_leave_the_last_ones_in_force(caplog: pytest.LogCaptureFixture) -> None:
    process = Process(settings("old"))
    agents = Succession(process.load, process.build)
    agents.start()
    process.wrong = SettingsError(["poll_interval: 'fast' is no duration"])
    with caplog.at_level(logging.ERROR):
        assert not agents.reload()
    assert process.told == ["build old", "start old"]
    assert agents.agent.marks == [False]
    assert "stay in force: poll_interval: 'fast' is no duration" in caplog.text


def test_an_agent_that_does_not_start_gives_way_to_the_last_settings() -> None:
    trouble = StateError("listen: the port is taken")
    process = Process(settings("old"), wont_start={"new": trouble})
    agents = Succession(process.load, process.build)
    agents.start()
    process.loaded = settings("new")
    assert not agents.reload()
    assert process.told[2:] == ["build new", "stop old", "stop new", "build old", "start old"]
    assert (agents.agent.name, agents.loaded.origin, agents.agent.marks) == ("old", "old", [False])


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        (lambda _file: None, ""),
        (lambda file: file.write_text("other, and longer"), "yes"),
        (lambda file: file.unlink(), "yes"),
        (lambda file: _replaced(file, "same length"), "yes"),
    ],
    ids=["nothing", "written anew", "gone", "replaced by another file, as rotation does"],
)
def test_a_file_of_secrets_that_changes_is_seen(
    tmp_path: Path, change: Callable[[Path], object], seen: str
) -> None:
    file = tmp_path / "secret"
    file.write_text("long enough")
    process = Process(settings("old", file))
    agents = Succession(process.load, process.build)
    change(file)
    assert agents.secrets_changed() is bool(seen)


def test_a_change_that_does_no_good_is_looked_at_once(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("good")
    process = Process(settings("old", file))
    agents = Succession(process.load, process.build)
    file.unlink()
    process.wrong = SettingsError(["the secret is gone"])
    agents.reload()
    assert not agents.secrets_changed()


def _replaced(file: Path, text: str) -> None:
    other = file.with_name("other")
    other.write_text(text)
    other.replace(file)
