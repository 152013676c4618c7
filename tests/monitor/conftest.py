"""The agent without threads: a simulated instance, a clock moved by hand, a notifier that remembers."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from alerts.testing import RecordingNotifier
from monitor.app import App
from monitor.clock import ManualClock
from monitor.crossings import Crossing
from monitor.polling.poll import PollResult
from monitor.polling.progress import Report
from monitor.settings import InstanceSettings, Settings
from monitor.simulator import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, Simulator, World
from monitor.simulator import ManualClock as WorldClock

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


class Night:
    """A world and an agent whose time goes on together."""

    def __init__(self, state: str) -> None:
        self._world_clock = WorldClock(NOW)
        self.clock = ManualClock(NOW)
        self.world = World(self._world_clock, history=timedelta(hours=1))
        self.simulator = Simulator(self.world)
        self.chat = RecordingNotifier("chat")
        self._state = state
        self._apps: list[App] = []
        self._living: set[str] = set()
        self._gone: set[str] = set()
        self._changes: dict[str, Any] = {}
        self.access: dict[str, Any] = {}  # more fields of the instance's settings

    def settings(self, name: str = "production") -> Settings:
        instance = InstanceSettings(
            name=name,
            server=self.simulator.url,
            account_manager_host=self.simulator.url,
            client_id=DEMO_CLIENT_ID,
            client_secret=SecretStr(DEMO_CLIENT_SECRET),
            **self.access,
        )
        return Settings(instances=[instance], state=self._state, **self._changes)

    def agent(self, *, crossing: Crossing | None = None, report: Report | None = None, **changes: Any) -> App:
        """A new process on the same state, where the last one was killed; the settings stay changed."""
        self._gone |= self._living
        self._living.clear()
        return self.beside(crossing=crossing, report=report, **changes)

    def beside(
        self,
        *,
        instance: str = "production",
        target: str = "chat",
        crossing: Crossing | None = None,
        report: Report | None = None,
        **changes: Any,
    ) -> App:
        """As `agent`, while the others live on."""
        self._changes |= changes
        app = App(
            self.settings(instance),
            clock=self.clock,
            notifiers={target: self.chat},
            is_gone=self._gone.__contains__,
            crossing=crossing,
            report=report,
        )
        self._apps.append(app)
        self._living.add(app.holder)
        return app

    def kill(self, app: App) -> None:
        """For all others its process is gone from here on."""
        self._living.discard(app.holder)
        self._gone.add(app.holder)

    def pass_time(self, **by: float) -> None:
        self.clock.advance(timedelta(**by))
        self._world_clock.advance(timedelta(**by))

    def turn(self, app: App, **by: float) -> PollResult:
        """Time passes, one poll, then all that is due is decided and delivered."""
        self.pass_time(**(by or {"minutes": 1}))
        result = app.poll("production")
        self.tell(app)
        return result

    def tell(self, app: App) -> None:
        app.fetch_logs()
        app.dispatch()
        self.pass_time(seconds=app.settings.group_wait.total_seconds())
        app.dispatch()
        app.deliver("chat")

    def tell_at_once(self, app: App) -> None:
        """As `tell`, where nothing waits for others of its group: no time passes."""
        app.fetch_logs()
        app.dispatch()
        app.deliver("chat")

    @property
    def titles(self) -> list[str]:
        return [message.title for message in self.chat.sent]

    def searches(self) -> int:
        return sum(one.api == "search" for one in self.world.requests)

    def close(self) -> None:
        for app in self._apps:
            app.engine.dispose()


@pytest.fixture
def nights(sqlite_template: Path, tmp_path: Path) -> Callable[[], AbstractContextManager[Night]]:
    """Makes any number of them, each on a fresh SQLite state: for properties."""
    numbers = itertools.count(1)

    @contextmanager
    def fresh() -> Iterator[Night]:
        path = tmp_path / f"{next(numbers)}.db"
        shutil.copyfile(sqlite_template, path)
        night = Night(f"sqlite:///{path}")
        with night.simulator:
            yield night
            night.close()

    return fresh


@pytest.fixture(params=["sqlite_url", "postgres_url"], ids=["sqlite", "postgresql"])
def night(request: pytest.FixtureRequest) -> Iterator[Night]:
    """On each database."""
    night = Night(request.getfixturevalue(request.param))
    with night.simulator:
        yield night
        night.close()
