"""A simulated instance on a port, and connections to it whose waiting is only written down."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NamedTuple

import pytest

from monitor.sfcc.connect import Access, Connection, connect
from monitor.sfcc.http import Timeouts
from monitor.sfcc.login.logins import ApiClient
from monitor.sfcc.traffic import Traffic
from monitor.simulator import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, ManualClock, Simulator, World

NIGHT = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)


class Asked(NamedTuple):
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


Script = Callable[[Asked], tuple[int, bytes, Mapping[str, str]]]


@pytest.fixture
def world() -> World:
    return World(ManualClock(NIGHT))


@pytest.fixture(scope="session")
def closer() -> Iterator[ThreadPoolExecutor]:
    """Ends servers while the next tests run: each takes a while to notice."""
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.fixture
def simulator(world: World, closer: ThreadPoolExecutor) -> Iterator[Simulator]:
    running = Simulator(world)
    running.start()
    yield running
    closer.submit(running.stop)


@pytest.fixture
def slept() -> list[float]:
    """Each wait of the connections, in seconds."""
    return []


@pytest.fixture
def counted() -> Counter[tuple[str, str]]:
    """Requests of the connections by API and outcome."""
    return Counter()


@pytest.fixture
def connect_with(
    simulator: Simulator, world: World, slept: list[float], counted: Counter[tuple[str, str]]
) -> Iterator[Callable[..., Connection]]:
    """Connects to the simulator; keywords are fields of `Access`, `timeouts`, `keep`, `traffic`."""
    opened: list[Connection] = []

    def make(
        *,
        timeouts: Timeouts | None = None,
        keep: Callable[[str], bool] | None = None,
        traffic: Traffic | None = None,
        **fields: Any,
    ) -> Connection:
        client = ApiClient(DEMO_CLIENT_ID, lambda: DEMO_CLIENT_SECRET)
        access = Access(
            instance="production",
            server=simulator.url,
            account_manager_host=simulator.url,
            ocapi=client,
            scapi=client,
            scapi_server=simulator.url,
            tenant_id=world.tenant,
            api_backend="ocapi",
        )
        connection = connect(
            replace(access, **fields),
            now=world.clock.now,
            monotonic=time.monotonic,
            sleep=slept.append,
            count=lambda api, outcome: counted.update([(api, outcome)]),
            keep=keep,
            jitter=lambda: 0.5,
            timeouts=timeouts,
            traffic=traffic,
        )
        opened.append(connection)
        return connection

    yield make
    for connection in opened:
        connection.close()


@pytest.fixture
def connection(connect_with: Callable[..., Connection]) -> Connection:
    return connect_with()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are no event."""


@pytest.fixture
def scripted() -> Iterator[Callable[[Script], str]]:
    """Starts a server that answers as a function says, for answers no simulator gives; returns its URL."""
    servers: list[_Server] = []

    def serve(script: Script) -> str:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def answer(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                asked = Asked(self.command, self.path, dict(self.headers.items()), self.rfile.read(length))
                status, body, headers = script(asked)
                self.send_response_only(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                with suppress(OSError):  # the client may have had enough
                    self.wfile.write(body)

            do_GET = do_POST = answer  # noqa: N815 - the library's names

            def log_message(self, *_args: Any) -> None:
                pass

        server = _Server(("127.0.0.1", 0), Handler)
        servers.append(server)
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()
