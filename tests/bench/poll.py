"""A poll of a busy instance against a bare fetch-and-parse of the very same answers."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import requests

from monitor.app import App
from monitor.clock import ManualClock
from monitor.settings import Settings
from monitor.simulator import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET
from tests.bench.measure import Result, in_turns
from tests.bench.world import MINUTE, START, Asked, busy_instance

WARM_UP = 3
AIM = 1.5
WHY = """
A poll does what a fetch does not. Of 11.6 ms, the median of 80 polls on a loaded machine: request and
reading of the answer 2.5 (the bare, which has little else, 2.6); telling which run each of 198 hits is
about 0.4, and which of them are new 0.4; storing 1.6 (counters 0.6, what was stored before 0.3, the rows
0.2); judging 3.5 (the last 60 runs of each job that ended one 1.1, what they usually take 0.5, what is new
0.2, what is active 0.2); the lease 0.2, the cursor and the coverage 0.2, the synced commit 0.3. The rest is
what some thirty statements cost by way of SQLAlchemy, the opening of two transactions, and the measuring. A
quicker JSON reader that passes over hits it knows was tried by itself: 0.4 ms of 9 in the best case, too
little for a further dependency.
"""


def compare(repeats: int) -> Result:
    answers: list[Any] = []
    with busy_instance() as instance, tempfile.TemporaryDirectory() as directory:
        clock = ManualClock(START)
        app = App(settings_for(instance.url, Path(directory)), clock=clock, notifiers={})
        poller = app._watches["production"].begin()  # `App.poll` also publishes, which is no part of it
        assert poller is not None
        session = _logged_in(instance.url)

        def ours() -> None:
            instance.tick()
            clock.advance(MINUTE)
            result = poller.poll()
            if not result.complete:
                raise RuntimeError(f"the poll failed: {result.message}")

        def bare() -> None:
            answers.extend(_fetch_and_parse(session, instance.url, instance.asked()))

        in_turns(ours, bare, WARM_UP)
        answers.clear()
        figures = in_turns(ours, bare, repeats)
        session.close()
        app.engine.dispose()
    runs = sum(len(one.get("hits", ())) for one in answers) / repeats
    return Result(
        "Poll",
        "`Poller.poll` of a steady busy instance: fetch, parse, store, judge, commit",
        "`requests` and `json.loads` for the same requests",
        *figures,
        AIM,
        why=WHY,
        note=f"{len(answers) / repeats:.1f} requests and {runs:.0f} runs in a poll, a poll a minute",
    )


def settings_for(server: str, directory: Path) -> Settings:
    instance = {
        "name": "production",
        "server": server,
        "account_manager_host": server,
        "client_id": DEMO_CLIENT_ID,
        "client_secret": DEMO_CLIENT_SECRET,
    }
    state = f"sqlite:///{directory / 'state.sqlite'}"
    return Settings.model_validate({"instances": [instance], "state": state})


def _logged_in(server: str) -> requests.Session:
    answer = requests.post(
        f"{server}/dwsso/oauth2/access_token",
        data={"grant_type": "client_credentials"},
        auth=(DEMO_CLIENT_ID, DEMO_CLIENT_SECRET),
        timeout=30,
    )
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return session


def _fetch_and_parse(session: requests.Session, server: str, asked: list[Asked]) -> list[Any]:
    found = []
    for method, path, body in asked:
        headers = {"Content-Type": "application/json"} if body else {}
        answer = session.request(method, server + path, data=body, headers=headers, timeout=30)
        answer.raise_for_status()
        found.append(json.loads(answer.content))
    return found
