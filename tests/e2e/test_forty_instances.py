"""Forty instances and one agent: five have trouble, each of its own kind, and the others never notice.
Neither do they notice one more that takes connections and never answers: half a minute for each try.

When an instance was polled is what its own simulator counted. They begin as after a restart, read up to
now: how long a first read takes is another story.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

from monitor.history import cursor as cursors
from monitor.history.engine import open_state
from monitor.simulator import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, ScaledClock, Simulator, World
from tests.e2e.harness import Agent, command, environment, until

INTERVAL = 3.0
POLLS = 3
SHOPS = tuple(f"shop-{number:02}" for number in range(35))


class Trouble(NamedTuple):
    """How it is said: the reason as metrics have it, and words of its own."""

    reason: str
    words: str


SILENT = "silent"
TROUBLES = {
    "dead": Trouble("network", "no connection to"),
    "throttled": Trouble("throttled", "asks for fewer requests (429), and to come back in 600 s"),
    "wrong-secret": Trouble("credentials", "secret"),
    "maintenance": Trouble("maintenance", "is down for maintenance"),
    "sandbox": Trouble("asleep", "the sandbox is asleep (stopped, being reset, or deleted; it answers 503)"),
}


@dataclass(frozen=True)
class Fleet:
    worlds: Mapping[str, World]
    environ: dict[str, str]

    def searches(self, name: str, since: datetime) -> list[datetime]:
        return [one.at for one in self.worlds[name].requests if one.api == "search" and one.at >= since]


@pytest.fixture
def fleet(sqlite_url: str, tmp_path: Path) -> Iterator[Fleet]:
    now = datetime.now(UTC)
    with contextlib.ExitStack() as stack:
        worlds = {name: World(ScaledClock(now), history=timedelta()) for name in (*SHOPS, *TROUBLES, SILENT)}
        urls = {name: stack.enter_context(Simulator(world)).url for name, world in worlds.items()}
        worlds["throttled"].faults.throttle("search", retry_after=600, n=None)
        worlds["maintenance"].faults.maintenance("search", n=None)
        worlds["sandbox"].faults.asleep("search", n=None)
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=100))
        nobody = stack.enter_context(socket.socket())
        nobody.bind(("127.0.0.1", 0))  # so that no other process listens there
        servers = urls | {"dead": _url_of(nobody), SILENT: _url_of(silent)}
        settings = tmp_path / "settings.toml"
        settings.write_text(
            f'poll_interval = "{INTERVAL}s"\n'
            + "".join(_table(name, servers[name], urls[name]) for name in worlds)
        )
        _read_already(sqlite_url, worlds, now - timedelta(seconds=INTERVAL))
        inherited = environment("unused", "unused")
        ours = {name: value for name, value in inherited.items() if not name.startswith(("SFCC_", "APPRISE"))}
        yield Fleet(
            worlds,
            ours
            | {
                "SFCC_MONITOR_CONFIG": str(settings),
                "SFCC_MONITOR_STATE": sqlite_url,
                "SFCC_MONITOR_LISTEN": "127.0.0.1:0",
            },
        )


def _url_of(server: socket.socket) -> str:
    return f"http://127.0.0.1:{server.getsockname()[1]}"


def _table(name: str, server: str, account_manager: str) -> str:
    kind = "sandbox" if name == "sandbox" else "production"
    secret = "wrong" if name == "wrong-secret" else DEMO_CLIENT_SECRET
    return (
        f'[[instances]]\nname = "{name}"\ntype = "{kind}"\nserver = "{server}"\n'
        f'account_manager_host = "{account_manager}"\n'
        f'client_id = "{DEMO_CLIENT_ID}"\nclient_secret = "{secret}"\n'
    )


def _read_already(state: str, worlds: Mapping[str, World], at: datetime) -> None:
    engine = open_state(state)
    with engine.begin() as connection:
        for name in worlds:
            cursors.asked(connection, name, at)
            cursors.complete(connection, name, seen_until=at, at=at, running=0, clock_skew=None)
    engine.dispose()


@pytest.fixture
def agent(fleet: Fleet, tmp_path: Path) -> Iterator[Agent]:
    agent = Agent(fleet.environ, tmp_path)
    yield agent
    agent.end()


def test_five_in_trouble_are_said_each_in_its_own_words_and_the_others_are_polled_on_time(
    fleet: Fleet, agent: Agent
) -> None:
    agent.start()
    begun = datetime.now(UTC)
    until("polls of each shop", lambda: all(len(fleet.searches(name, begun)) > POLLS for name in SHOPS))

    late = {name: gap for name in SHOPS if (gap := _longest_gap(fleet.searches(name, begun))) > 2 * INTERVAL}
    assert late == {}, "not one slot was left out"
    assert [name for name in SHOPS if agent.metric("sfcc_up", sfcc_instance=name) != 1] == []
    assert len(fleet.searches("throttled", begun)) == 1, "asked to come back in ten minutes"
    assert len(fleet.searches("maintenance", begun)) <= 3 * POLLS

    said = agent.output
    for name, trouble in TROUBLES.items():
        assert agent.metric("sfcc_api_requests_total", outcome=trouble.reason) >= 1, name
        assert agent.metric("sfcc_up", sfcc_instance=name) == 0, name
        assert any(name in line and trouble.words in line for line in said.splitlines()), (name, said)
    asleep = {"sfcc_instance": "sandbox", "condition": "asleep", "severity": "info"}
    assert agent.metric("sfcc_instance_condition", **asleep) == 1
    (line,) = (line for line in said.splitlines() if "the sandbox is asleep" in line)
    assert "INFO" in line.upper()


def test_one_poll_by_hand_says_the_same(fleet: Fleet) -> None:
    meant = list(TROUBLES)
    settings = Path(fleet.environ["SFCC_MONITOR_CONFIG"])
    tables = [table for table in settings.read_text().split("[[instances]]\n") if _name(table) in meant]
    settings.write_text("".join(f"[[instances]]\n{table}" for table in tables))

    found = command(fleet.environ, "poll")

    assert found.returncode == 3
    for name in meant:
        lines = [line for line in found.stderr.splitlines() if line.startswith(f"{name}: ")]
        assert any(TROUBLES[name].words in line for line in lines), found.stderr
    assert [line.partition(";")[0] for line in found.stdout.splitlines()] == [
        "asleep: sandbox",
        *(f"not known: {name} could not be read" for name in meant if name != "sandbox"),
    ]


def _name(table: str) -> str:
    return table.partition('"')[2].partition('"')[0]


def _longest_gap(times: list[datetime]) -> float:
    return max((later - earlier).total_seconds() for earlier, later in pairwise(times))
