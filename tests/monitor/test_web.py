"""The real endpoint on a free port of this machine."""

from __future__ import annotations

import gzip
import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from prometheus_client import CollectorRegistry, Gauge

from monitor.errors import MonitorError
from monitor.readiness import Check
from monitor.web import Endpoint, application

LONG = 30.0
"""Seconds a busy machine may take; no test waits so long when all is well."""

FOUND = "not here; try /metrics, /healthz or /readyz\n"


ANSWER = "# HELP the_answer An answer.\n# TYPE the_answer gauge\nthe_answer 42.0\n"


class Answer(NamedTuple):
    status: int
    body: str
    headers: dict[str, str]


class Server:
    """An endpoint and what a client sees of it."""

    def __init__(self, ready: Check = lambda: None, listen: str = "127.0.0.1:0") -> None:
        registry = CollectorRegistry()
        Gauge("answer", "An answer.", registry=registry).set(42)
        self.endpoint = Endpoint(listen, application(registry, ready))
        place = urlsplit(self.endpoint.url)
        self.address = str(place.hostname), int(place.port or 0)
        self.endpoint.start()

    def ask(self, path: str, method: str = "GET", **headers: str) -> Answer:
        connection = http.client.HTTPConnection(*self.address, timeout=LONG)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, headers=named)
            response = connection.getresponse()
            body = response.read()
            if response.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            return Answer(response.status, body.decode(), dict(response.headers.items()))
        finally:
            connection.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Starts servers, and stops them in the end."""
    servers: list[Server] = []

    def start(ready: Check = lambda: None, listen: str = "127.0.0.1:0") -> Server:
        servers.append(Server(ready, listen))
        return servers[-1]

    yield start
    for server in servers:
        server.endpoint.stop()


Serve = Callable[..., Server]


# -- paths ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        pytest.param("/", 200, "sfcc-job-monitor\n\n/metrics\n/healthz\n/readyz\n", id="what there is"),
        pytest.param("/healthz", 200, "ok\n", id="the process lives"),
        pytest.param("/readyz", 200, "ok\n", id="ready"),
        pytest.param("/healthz?verbose=1", 200, "ok\n", id="with a query"),
        pytest.param("/metric", 404, FOUND, id="misspelt"),
        pytest.param("/metrics/", 404, FOUND, id="a slash too many"),
        pytest.param("/../etc/passwd", 404, FOUND, id="out of the tree"),
    ],
)
def test_each_path_has_its_answer(serve: Serve, path: str, status: int, body: str) -> None:
    answer = serve().ask(path)
    assert (answer.status, answer.body) == (status, body)
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "Server" not in answer.headers


def test_the_metrics_are_those_of_the_registry(serve: Serve) -> None:
    answer = serve().ask("/metrics")
    assert answer.status == 200
    assert answer.body == "# HELP answer An answer.\n# TYPE answer gauge\nanswer 42.0\n"
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")


def test_who_asks_for_openmetrics_or_compression_gets_it(serve: Serve) -> None:
    answer = serve().ask("/metrics", Accept="application/openmetrics-text", Accept_Encoding="gzip")
    assert answer.body.endswith("# EOF\n")
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    assert answer.headers["Content-Encoding"] == "gzip"


@pytest.mark.parametrize(
    ("query", "accept", "body"),
    [
        pytest.param("", "text/plain", "made sooner", id="the whole page"),
        pytest.param("?name[]=the_answer", "text/plain", ANSWER, id="some names"),
        pytest.param("?name[]=other", "text/plain", "", id="a name that is not there"),
        pytest.param(
            "",
            "text/plain;version=1.0.0;escaping=dots",
            ANSWER.replace("the_answer", "the__answer"),
            id="names with dots",
        ),
        pytest.param(
            "",
            "application/openmetrics-text;version=1.0.0;escaping=values",
            ANSWER.replace("\nthe_answer", "\nU__the__answer") + "# EOF\n",
            id="names in hexadecimal",
        ),
    ],
)
def test_who_asks_for_more_than_the_page_gets_what_the_library_makes(
    query: str, accept: str, body: str
) -> None:
    registry = CollectorRegistry()
    Gauge("the_answer", "An answer.", registry=registry).set(42)
    app = application(registry, lambda: None, lambda _encode: b"made sooner")
    asked = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/metrics",
        "QUERY_STRING": query[1:],
        "HTTP_ACCEPT": accept,
    }
    assert b"".join(app(asked, lambda *_: lambda _: None)).decode() == body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/nowhere"])
def test_nothing_can_be_changed_here(serve: Serve, path: str, method: str) -> None:
    answer = serve().ask(path, method)
    assert (answer.status, answer.body) == (405, "only GET and HEAD\n")
    assert answer.headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize("path", ["/", "/metrics", "/healthz", "/readyz", "/nowhere"])
def test_head_is_get_without_its_body(serve: Serve, path: str) -> None:
    server = serve()
    with_body, without = server.ask(path), server.ask(path, "HEAD")
    assert without.body == ""
    assert without.status == with_body.status
    for header in ("Content-Type", "Content-Length"):
        assert without.headers[header] == with_body.headers[header]


def test_no_byte_of_a_body_follows_a_head(serve: Serve) -> None:
    with socket.create_connection(serve().address, timeout=LONG) as client:
        client.sendall(b"HEAD /healthz HTTP/1.0\r\n\r\n")
        with client.makefile("rb") as answer:
            assert answer.read().endswith(b"\r\n\r\n")


def test_one_connection_takes_several_requests(serve: Serve) -> None:
    connection = http.client.HTTPConnection(*serve().address, timeout=LONG)
    for method, path, body in (
        ("HEAD", "/metrics", b""),
        ("GET", "/healthz", b"ok\n"),
        ("GET", "/readyz", b"ok\n"),
    ):
        connection.request(method, path)
        assert connection.getresponse().read() == body
    connection.close()


# -- readiness -----------------------------------------------------------------------------------


def test_not_ready_says_why_and_is_asked_anew_each_time(serve: Serve) -> None:
    reasons = iter(["the state is größer than its disk", None])
    server = serve(lambda: next(reasons))
    answer = server.ask("/readyz")
    assert (answer.status, answer.body) == (503, "the state is größer than its disk\n")
    assert server.ask("/readyz").status == 200


def test_the_process_lives_and_is_scraped_although_it_is_not_ready(serve: Serve) -> None:
    server = serve(lambda: "no state")
    assert server.ask("/healthz").status == 200
    assert server.ask("/metrics").status == 200


def test_who_waits_for_the_state_keeps_nobody_else_waiting(serve: Serve) -> None:
    asked, release = threading.Event(), threading.Event()

    def ready() -> str | None:
        asked.set()
        assert release.wait(2 * LONG)
        return None

    server = serve(ready)
    with socket.create_connection(server.address, timeout=LONG) as waiting:
        waiting.sendall(b"GET /readyz HTTP/1.0\r\n\r\n")
        assert asked.wait(LONG)
        try:
            assert server.ask("/healthz").status == 200
        finally:
            release.set()
        assert waiting.recv(4096).startswith(b"HTTP/1.0 200 OK")


def test_a_state_that_never_answers_takes_no_thread_from_the_scrapes(serve: Serve) -> None:
    release = threading.Event()
    server = serve(lambda: None if release.wait(2 * LONG) else "never")
    probes = [socket.create_connection(server.address, timeout=LONG) for _ in range(8)]
    try:
        for probe in probes:
            probe.sendall(b"GET /readyz HTTP/1.0\r\n\r\n")
        assert server.ask("/metrics").status == 200
        assert all(probe.recv(4096).startswith(b"HTTP/1.0 503") for probe in probes)
        assert "the state has not answered for" in server.ask("/readyz").body
    finally:
        release.set()
        for probe in probes:
            probe.close()


# -- clients that behave badly -------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"GET /metrics HTTP/1.1\r\nHost: x\r\n", id="a half request"),
    ],
)
def test_half_open_connections_do_not_block_the_others(serve: Serve, sent: bytes) -> None:
    server = serve()
    clients = [socket.create_connection(server.address, timeout=LONG) for _ in range(20)]
    try:
        for client in clients:
            client.sendall(sent)
        assert server.ask("/healthz").body == "ok\n"
        assert server.ask("/metrics").status == 200
    finally:
        for client in clients:
            client.close()


def test_what_is_no_http_is_refused_and_the_next_client_served(serve: Serve) -> None:
    server = serve()
    with socket.create_connection(server.address, timeout=LONG) as client:
        client.sendall(b"\x16\x03\x01\x02\x00\x01 hello\r\n\r\n")
        assert client.recv(4096).startswith(b"HTTP/1.0 400 Bad Request")
    assert server.ask("/healthz").status == 200


# -- listening -----------------------------------------------------------------------------------


def test_it_listens_where_it_is_told_and_nowhere_else(serve: Serve) -> None:
    server = serve()
    assert server.address[0] == "127.0.0.1"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", server.address[1]), timeout=LONG)


def test_a_name_for_this_machine_will_do(serve: Serve) -> None:
    server = serve(listen="localhost:0")
    assert server.endpoint.url == f"http://127.0.0.1:{server.address[1]}"
    assert server.ask("/healthz").status == 200


def test_an_ipv6_address_is_written_in_brackets(serve: Serve) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("NO IPV6: listening on ::1 was not tried")
    server = serve(listen="[::1]:0")
    assert server.endpoint.url == f"http://[::1]:{server.address[1]}"
    assert server.ask("/healthz").status == 200


def test_a_port_in_use_is_said_so(serve: Serve) -> None:
    listen = f"127.0.0.1:{serve().address[1]}"
    with pytest.raises(MonitorError) as caught:
        Server(listen=listen)
    assert str(caught.value) == (
        f"cannot listen on {listen}: Address already in use; is another agent running? "
        "Set SFCC_MONITOR_LISTEN to a free HOST:PORT of this machine"
    )


@pytest.mark.parametrize(
    ("listen", "why"),
    [
        pytest.param("192.0.2.1:0", "Cannot assign requested address", id="another machine's address"),
        pytest.param(f"{'x' * 64}.example:0", "not a host name", id="a name that cannot be"),
    ],
)
def test_a_place_that_is_not_on_this_machine_is_said_so(listen: str, why: str) -> None:
    with pytest.raises(MonitorError) as caught:
        Server(listen=listen)
    assert str(caught.value) == (
        f"cannot listen on {listen}: {why}; Set SFCC_MONITOR_LISTEN to a free HOST:PORT of this machine"
    )


# -- the end -------------------------------------------------------------------------------------


def web_threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name == "web" or one.name.startswith("waitress")]


def test_stop_ends_its_threads_and_its_clients_without_a_word(capfd: pytest.CaptureFixture[str]) -> None:
    before = len(web_threads())
    server = Server()
    assert server.ask("/metrics").status == 200
    with socket.create_connection(server.address, timeout=LONG) as idle:
        assert server.ask("/healthz").status == 200, "the idle client was taken in before"
        server.endpoint.stop()
        assert idle.recv(1) == b""
    assert len(web_threads()) == before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(server.address, timeout=LONG)
    assert capfd.readouterr() == ("", "")


def test_its_place_is_free_again_after_stop() -> None:
    first = Server()
    host, port = first.address
    first.endpoint.stop()
    second = Server(listen=f"{host}:{port}")
    assert second.ask("/healthz").status == 200
    second.endpoint.stop()


def test_an_endpoint_that_was_never_started_can_be_stopped_and_twice() -> None:
    before = len(web_threads())
    endpoint = Endpoint("127.0.0.1:0", application(CollectorRegistry(), lambda: None))
    port = urlsplit(endpoint.url).port
    endpoint.stop()
    endpoint.stop()
    assert len(web_threads()) == before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=LONG)
