"""The installed command is killed a hundred times at random instants while there is much to tell.

What each kill met is not known beforehand, and is printed; that none of it loses anything is.
"""

from __future__ import annotations

import json
import os
import random
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from monitor.simulator import Simulator, World
from tests.e2e.harness import PATIENCE, Agent, environment, until
from tests.e2e.killing import Killer, Load, SlowChat, account

KILLS = 25
PARTS = int(os.environ.get("KILL_PARTS", "2"))
"""Of each database: with both of them 100 kills. More of them are other ones."""
EVENTS_A_LIFE = 8


@pytest.fixture
def chat() -> Iterator[SlowChat]:
    chat = SlowChat()
    yield chat
    chat.down()


@pytest.fixture(params=["sqlite", "postgresql"])
def environ(
    request: pytest.FixtureRequest, simulator: Simulator, chat: SlowChat, tmp_path: Path
) -> dict[str, str]:
    """Each message is about one incident, and waits for its log as long as it takes."""
    fast = environment(simulator.url, tmp_path / "state.sqlite", chat.url) | {
        "SFCC_MONITOR_STORM_THRESHOLD": "10000",
        "SFCC_MONITOR_DETECTION__BUFFER": "0s",  # of failures and overlaps alone
        "SFCC_MONITOR_DETECTION__SEVERITY": json.dumps(dict.fromkeys(("full_imports", "saturated"), "off")),
        "SFCC_MONITOR_LOG_WAIT": "10m",
        "SFCC_MONITOR_POLL_INTERVAL": "0.3s",
        "SFCC_MONITOR_GROUP_WAIT": "0.2s",
        "SFCC_MONITOR_GROUP_INTERVAL": "0.2s",
    }
    if request.param == "postgresql":
        fast["SFCC_MONITOR_STATE"] = request.getfixturevalue("postgres_url")
    return fast


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("part", range(PARTS), ids="part {}".format)
def test_what_was_told_is_complete_and_repeated_once_a_kill_at_most(
    world: World,
    agent: Agent,
    chat: SlowChat,
    environ: dict[str, str],
    tmp_path: Path,
    part: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    agent.start()
    agent.wait_polls(1)  # what failed before the first read is history, and not told
    agent.stop()
    load = Load(world)
    killer = Killer(environ, tmp_path, world, chat, random.Random(part))
    met: Counter[str] = Counter()
    for _ in range(KILLS):
        load.more(EVENTS_A_LIFE)
        met[killer.kill_one()] += 1
    load.calm()
    chat.hurry()
    agent.start()
    drain(chat, load)
    agent.wait_polls(3)
    assert agent.stop() == 0
    told = account(chat.messages)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{KILLS} kills ({dict(met)}): {len(load.names)} incidents, {told.repeated} repeated\n"
        )
    assert told.ids.keys() == load.names, "all of it, and nothing else"
    assert {name: ids for name, ids in told.ids.items() if len(ids) != 1} == {}, "one incident for each"
    assert [name for name in load.names if not told.is_complete(name)] == [], "beginning and end"
    assert [name for name in load.failed if not told.files[name]] == [], "its log came with it"
    assert told.repeated <= KILLS
    assert met["starting"], "some hit it before it was up"
    assert met["sending"], "some hit it after the chat had a message and before the agent knew"


def drain(chat: SlowChat, load: Load) -> None:
    """Until the end of everything was told; who calls says what is missing after some time."""

    def is_complete() -> bool:
        told = account(list(chat.messages))
        return all(told.is_complete(name) for name in load.names)

    with suppress(AssertionError):
        until("the end of all incidents", is_complete, seconds=2 * PATIENCE)
