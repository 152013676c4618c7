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
A poll does what a fetch does not: it looks up what is stored under the runs it got, stores what is new with
its counters, judges the jobs that changed against their history, and commits with a write that reached the
disk. What is left over the bare fetch is that: statements by way of SQLAlchemy, and rows made into objects
and back.
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
