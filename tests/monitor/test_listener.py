from __future__ import annotations

import http.client
import resource
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from prometheus_client import CollectorRegistry, Gauge

from monitor.listener import MAX_CONNECTIONS, _room
from monitor.web import Endpoint, application

LONG = 30.0


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    registry = CollectorRegistry()
    Gauge("long", "x" * 3_000_000, registry=registry)
    endpoint = Endpoint("127.0.0.1:0", application(registry, lambda: None))
    endpoint.start()
    host, _, port = endpoint.url.removeprefix("http://").rpartition(":")
    yield host, int(port)
    endpoint.stop()


def ask(address: tuple[str, int], path: str) -> tuple[int, int]:
    """Status and length."""
    connection = http.client.HTTPConnection(*address, timeout=LONG)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, len(answer.read())
    finally:
        connection.close()


def test_who_comes_is_served_and_who_is_silent_for_longest_makes_room(address: tuple[str, int]) -> None:
    with ExitStack() as clients:
        crowd = [
            clients.enter_context(socket.create_connection(address, timeout=LONG))
            for _ in range(2 * MAX_CONNECTIONS)
        ]
        assert ask(address, "/healthz") == (200, 3)
        first, last = crowd[0], crowd[-1]
        assert first.recv(1) == b"", "closed"
        last.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert last.recv(4096).startswith(b"HTTP/1.0 200 OK"), "the youngest still has its place"


def test_a_page_of_megabytes_needs_no_temporary_file(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    with socket.create_connection(address, timeout=LONG) as slow:
        slow.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        assert ask(address, "/metrics")[1] > 3_000_000
        with slow.makefile("rb") as page:
            assert len(page.read()) > 3_000_000


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"POST /metrics HTTP/1.1\r\nContent-Length: 10000000\r\n\r\n", id="a large body"),
        pytest.param(b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", id="a large header"),
    ],
)
def test_what_is_larger_than_anybody_needs_is_refused(address: tuple[str, int], sent: bytes) -> None:
    with socket.create_connection(address, timeout=LONG) as client:
        client.sendall(sent)
        assert client.recv(4096).split()[1] in {b"413", b"431"}


@pytest.mark.parametrize(
    ("files", "room"),
    [
        pytest.param(20_000, MAX_CONNECTIONS, id="plenty"),
        pytest.param(256, 64, id="few files"),
        pytest.param(3, 1, id="next to none"),
        pytest.param(resource.RLIM_INFINITY, MAX_CONNECTIONS, id="no limit"),
    ],
)
def test_clients_get_a_part_of_the_files_at_most(files: int, room: int) -> None:
    assert _room(files) == room
