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

from monitor.sfcc.http import Http
from monitor.sfcc.login.logins import ApiClient, Logins
from monitor.sfcc.logs.webdav import WebDavLogs
from monitor.sfcc.retry import Pace
from monitor.sfcc.runs.ocapi import OcapiEndpoint
from monitor.sfcc.runs.reading import RunReader
from monitor.sfcc.runs.scapi import ScapiEndpoint
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

        logins = Logins(http("token"), f"{BASE}/token", monotonic=lambda: self.slept, now=now)
        self.login = logins.of_client(ApiClient("id", lambda: "s3cret-value"))
        self.api = http("ocapi")
        endpoint = OcapiEndpoint(BASE, self.api, self.login, now=now)
        self.jobs = RunReader(instance, endpoint, keep=lambda _job: True)
        other = ScapiEndpoint(BASE, "zzxy_prd", http("scapi"), self.login, now=now)
        self.scapi = RunReader(instance, other, keep=lambda _job: True)
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
