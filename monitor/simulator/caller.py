"""A client in memory, to look at a world without a socket; it says what a real one would say."""

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from monitor.simulator.account_manager import TENANT_SCOPE
from monitor.simulator.exchange import Request, Response
from monitor.simulator.handler import handle
from monitor.simulator.model import DEMO_CLIENT_ID
from monitor.simulator.webdav import ROOT
from monitor.simulator.world import World

DATA_API = "/s/-/dw/data/v25_6"
EVERYTHING: dict[str, Any] = {"match_all_query": {}}


class Caller:
    """`authorization` is sent with each request; by default a fresh token of the demo's client."""

    def __init__(self, world: World, *, authorization: str | None = None) -> None:
        self.world = world
        self.authorization = _fresh(world) if authorization is None else authorization

    @classmethod
    def basic(cls, world: World, user: str, secret: str) -> "Caller":
        encoded = base64.b64encode(f"{user}:{secret}".encode()).decode()
        return cls(world, authorization=f"Basic {encoded}")

    def call(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Response:
        sent = {"Authorization": self.authorization} if self.authorization else {}
        return handle(self.world, Request(method, path, "", {**sent, **(headers or {})}, body))

    def post(self, resource: str, document: Any) -> Response:
        """`resource` is below the Data API's version, e.g. `/job_execution_search`."""
        body = json.dumps(document).encode()
        return self.call("POST", DATA_API + resource, body, {"Content-Type": "application/json"})

    def search(self, query: Any = None, **more: Any) -> Response:
        """All executions by default; `more` are count, start, sorts, select."""
        return self.post("/job_execution_search", {"query": EVERYTHING if query is None else query, **more})

    def execution(self, job_id: str, execution_id: str, method: str = "GET") -> Response:
        path = f"/jobs/{quote(job_id, safe='')}/executions/{quote(execution_id, safe='')}"
        return self.call(method, DATA_API + path)

    def start(self, job_id: str, document: Any = None) -> Response:
        return self.post(f"/jobs/{quote(job_id, safe='')}/executions", {} if document is None else document)

    def file(self, path: str, method: str = "GET", **headers: str) -> Response:
        """`path` as `log_file_path` has it, with or without `/Sites`."""
        return self.call(method, ROOT + quote(path.removeprefix("/Sites")), headers=headers)


class ScapiCaller(Caller):
    """The same over SCAPI: its token is the demo's with `scope` and the scope of the world's tenant."""

    def __init__(
        self, world: World, *, authorization: str | None = None, scope: str = "sfcc.jobs.rw"
    ) -> None:
        tenant = f"{TENANT_SCOPE}{world.tenant}"
        fresh = _fresh(world, f"{scope} {tenant}") if authorization is None else authorization
        super().__init__(world, authorization=fresh)

    def post(self, resource: str, document: Any) -> Response:
        """`resource` is below the organization, e.g. `/job-execution-search`."""
        body = json.dumps(document).encode()
        return self.call("POST", self._root() + resource, body, {"Content-Type": "application/json"})

    def search(self, query: Any = None, **more: Any) -> Response:
        """All executions by default; `more` are limit, offset, sorts."""
        wanted = {"matchAllQuery": {}} if query is None else query
        return self.post("/job-execution-search", {"query": wanted, **more})

    def execution(self, job_id: str, execution_id: str, method: str = "GET") -> Response:
        path = f"/jobs/{quote(job_id, safe='')}/executions/{quote(execution_id, safe='')}"
        return self.call(method, self._root() + path)

    def _root(self) -> str:
        return f"/operation/jobs/v1/organizations/{self.world.organization}"


def _fresh(world: World, scope: str = "mail") -> str:
    with world.lock:
        return f"Bearer {world.account_manager.issue(DEMO_CLIENT_ID, scope)}"
