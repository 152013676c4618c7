"""A poll of a busy instance against a bare fetch-and-parse of the very same answers."""

from __future__ import annotations

import json
import random
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import requests

from monitor.access import access
from monitor.clock import ManualClock
from monitor.history.engine import open_state, prepare
from monitor.poll import Poller
from monitor.settings import InstanceSettings, Settings
from monitor.settings.policies import policy
from monitor.sfcc.auth import TOKEN_PATH, ClientCredentials
from monitor.sfcc.connect import wanted_jobs
from monitor.sfcc.http import Http, new_session
from monitor.sfcc.ocapi import OcapiJobs
from monitor.sfcc.retry import Pace
from monitor.simulator import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET
from tests.bench.measure import Comparison, Figures, once
from tests.bench.world import MINUTE, START, busy_instance

WARM_UP = 3
LIMIT = 1.5


def compare(repeats: int) -> Comparison:
    ours: list[float] = []
    bare: list[float] = []
    sizes: list[float] = []
    with busy_instance() as (server, tick), tempfile.TemporaryDirectory() as directory:
        agent = _Agent(server, Path(directory))
        for number in range(WARM_UP + repeats):
            tick()
            agent.clock.advance(MINUTE)
            agent.asked.clear()
            polled = once(agent.poll)
            asked = list(agent.asked)
            fetched = once(lambda: _fetch_and_parse(agent.plain, asked))  # noqa: B023 - called at once
            if number >= WARM_UP:
                ours.append(polled)
                bare.append(fetched)
                sizes.append(float(len(asked)))
        agent.close()
    return Comparison(
        "Poll",
        "`Poller.poll` of a steady busy instance: fetch, parse, store, judge, commit",
        "`requests` and `json.loads` for the same requests",
        Figures(tuple(ours)),
        Figures(tuple(bare)),
        LIMIT,
        parts=(("requests in a poll", Figures(tuple(sizes))),),
    )


class _Agent:
    """What the application wires for one instance, with an ear on its session."""

    def __init__(self, server: str, directory: Path) -> None:
        instance = InstanceSettings.model_validate(
            {
                "name": "production",
                "server": server,
                "account_manager_host": server,
                "client_id": DEMO_CLIENT_ID,
                "client_secret": DEMO_CLIENT_SECRET,
            }
        )
        self.asked: list[requests.PreparedRequest] = []
        self.plain = requests.Session()
        self._session = new_session(ca_file=None, verify=True)
        self._session.hooks["response"].append(self._listen)
        self.clock = clock = ManualClock(START)
        pace = Pace(clock.now, time.monotonic, time.sleep, random.random)
        login = ClientCredentials(
            Http("token", self._session, pace, _count),
            server + TOKEN_PATH,
            DEMO_CLIENT_ID,
            lambda: DEMO_CLIENT_SECRET,
            monotonic=time.monotonic,
            now=clock.now,
        )
        http = Http("ocapi", self._session, pace, _count)
        keep = wanted_jobs(access(instance).include_system_jobs)
        jobs = OcapiJobs("production", server, http, login, keep=keep, now=clock.now)
        self._engine = open_state(f"sqlite:///{directory / 'state.sqlite'}")
        prepare(self._engine)
        rules = policy(Settings(instances=[instance]), instance)
        max_age = timedelta(hours=6)
        self._poller = Poller("production", self._engine, jobs, rules, clock, max_age=max_age)

    def poll(self) -> None:
        result = self._poller.poll()
        if not result.complete:
            raise RuntimeError(f"the poll failed: {result.message}")

    def close(self) -> None:
        self._engine.dispose()
        self._session.close()
        self.plain.close()

    def _listen(self, response: requests.Response, **_options: Any) -> None:
        self.asked.append(response.request)


def _fetch_and_parse(session: requests.Session, asked: list[requests.PreparedRequest]) -> list[Any]:
    found = []
    for one in asked:
        headers = {
            name: one.headers[name] for name in ("Authorization", "Content-Type") if name in one.headers
        }
        answer = session.request(
            one.method or "GET", one.url or "", data=one.body, headers=headers, timeout=30
        )
        found.append(json.loads(answer.content))
    return found


def _count(_api: str, _outcome: str) -> None:
    """The requests are counted elsewhere."""
