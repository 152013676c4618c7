"""An instance that answers as it is told, without a socket: the lowest place where a test can stand in.

Bytes go in where the HTTP library would have read them from the network; all of the product is above.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import requests
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse

from monitor.sfcc.auth import ClientCredentials
from monitor.sfcc.http import Http
from monitor.sfcc.logs import WebDavLogs
from monitor.sfcc.ocapi import OcapiJobs
from monitor.sfcc.retry import Pace
from monitor.sfcc.session import new_session

BASE = "https://shop.example"
Answer = tuple[int, bytes, Mapping[str, str]]
Script = Callable[[requests.PreparedRequest], Answer]
TOKEN: Answer = (200, b'{"access_token":"abc","expires_in":1799}', {})
GONE: Answer = (404, b'{"fault":{"type":"JobExecutionNotFoundException","message":"no"}}', {})


class Wire(BaseAdapter):
    """What is plugged in for the network."""

    def __init__(self, script: Script) -> None:
        super().__init__()
        self._script = script

    def send(self, request: requests.PreparedRequest, *_args: Any, **_options: Any) -> requests.Response:
        status, body, headers = self._script(request)
        response = requests.Response()
        response.status_code = status
        response.headers.update(headers)
        response.request, response.url = request, request.url or ""
        response.raw = HTTPResponse(
            io.BytesIO(body), headers=headers, status=status, preload_content=False, decode_content=False
        )
        return response

    def close(self) -> None:
        pass


class Client:
    """Everything of `monitor.sfcc` on such a wire. Nobody waits: the time of a pause is only added up."""

    def __init__(self, script: Script, now: Callable[[], datetime], instance: str = "production") -> None:
        self.slept = 0.0
        session = new_session(ca_file=None, verify=True)
        session.mount("https://", Wire(script))
        pace = Pace(now, lambda: self.slept, self._sleep, lambda: 0.5)

        def http(api: str) -> Http:
            return Http(api, session, pace, lambda _api, _outcome: None)

        self.login = ClientCredentials(
            http("token"),
            f"{BASE}/token",
            "id",
            "s3cret-value",
            monotonic=lambda: self.slept,
            now=now,
        )
        self.api = http("ocapi")
        self.jobs = OcapiJobs(instance, BASE, self.api, self.login, keep=lambda _job: True, now=now)
        self.logs = WebDavLogs(BASE, http("webdav"), self.login, monotonic=lambda: self.slept, now=now)

    def _sleep(self, seconds: float) -> None:
        self.slept += seconds


def always(answer: Answer) -> Script:
    """That answer to everything but a request for a token."""
    return lambda request: TOKEN if request.url == f"{BASE}/token" else answer


def searched(hits: Iterable[Any], **more: Any) -> Answer:
    found = list(hits)
    return 200, json.dumps({"hits": found, "total": len(found), "start": 0, **more}).encode(), {}


def start_of(request: requests.PreparedRequest) -> int:
    """Where the search that is asked for begins."""
    start = json.loads(request.body or b"{}").get("start", 0)
    assert isinstance(start, int)
    return start
