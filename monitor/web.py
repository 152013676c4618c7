"""The agent's own endpoint: `/metrics`, `/healthz`, `/readyz`. Reads nothing from SFCC.

`/healthz` says that the process lives, `/readyz` that its state can be reached and its loop turns;
neither says whether SFCC answers, or an outage there would have the agent restarted.
"""

from __future__ import annotations

import contextlib
import errno
import gzip
import socket
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder, gzip_accepted
from waitress import wasyncore

from monitor.errors import MonitorError
from monitor.exposition import Encode
from monitor.listener import Listener
from monitor.readiness import Check, Readiness

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

STOP_SECONDS = 2.0
"""What a request in progress gets to end; a scrape takes milliseconds."""

_TURN_SECONDS = 1.0
"""At least so often idle clients are looked for; requests and `stop` are noticed at once."""

_GZIP_LEVEL = 3
"""A fifteenth of the time of the library's 9, for a page a third larger."""

_RENAMING = ("escaping=dots", "escaping=values")
"""Who may ask for other names than ours gets them, but not what was written before."""

Write = Callable[[Encode], bytes]

_INDEX = "sfcc-job-monitor\n\n/metrics\n/healthz\n/readyz\n"


class _Page(NamedTuple):
    status: str
    headers: list[tuple[str, str]]
    body: bytes


def application(registry: CollectorRegistry, ready: Check, write: Write | None = None) -> WSGIApplication:
    """write: makes the whole page of the registry sooner than the library does."""
    asked = Readiness(ready)

    def page(environ: WSGIEnvironment) -> _Page:
        path = environ.get("PATH_INFO", "/")
        if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            return _text("405 Method Not Allowed", "only GET and HEAD\n", ("Allow", "GET, HEAD"))
        if path == "/metrics":
            return _metrics(registry, write, environ)
        if path == "/healthz":
            return _text("200 OK", "ok\n")
        if path == "/readyz":
            trouble = asked()
            return _text("200 OK" if trouble is None else "503 Service Unavailable", f"{trouble or 'ok'}\n")
        if path == "/":
            return _text("200 OK", _INDEX)
        return _text("404 Not Found", "not here; try /metrics, /healthz or /readyz\n")

    def respond(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        status, headers, body = page(environ)
        start_response(status, [*headers, ("Content-Length", str(len(body)))])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    return respond


class Endpoint:
    """The application behind a socket: few threads; who is silent or slow takes none of them."""

    def __init__(self, listen: str, app: WSGIApplication) -> None:
        """Listens from here on; raises MonitorError when it cannot."""
        self._channels: dict[int, Any] = {}
        self._server: Any = Listener(app, _listening(listen), self._channels)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)

    @property
    def url(self) -> str:
        host = self._server.effective_host
        return f"http://{f'[{host}]' if ':' in host else host}:{self._server.effective_port}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Closes everything, clients that are still connected included; may be called without a start."""
        self._stopping.set()
        if not self._thread.is_alive():
            self._close()
            return
        with contextlib.suppress(OSError):  # its thread may have seen the event by itself, and closed
            self._server.pull_trigger()
        self._thread.join(2 * STOP_SECONDS)

    def _run(self) -> None:
        """Sockets belong to this thread: closed by another one, they would be missed in mid-loop."""
        while not self._stopping.is_set():
            wasyncore.loop(timeout=_TURN_SECONDS, use_poll=True, map=self._channels, count=1)
        self._close()

    def _close(self) -> None:
        self._server.task_dispatcher.shutdown(timeout=STOP_SECONDS)
        wasyncore.close_all(self._channels, ignore_all=True)


def _listening(listen: str) -> socket.socket:
    host, _, port = listen.rpartition(":")
    try:
        found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
        family, _, _, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
        return socket.create_server(address[:2], family=family)
    except (OSError, UnicodeError) as error:  # a name that cannot be a host's is the latter
        why = (getattr(error, "strerror", None) or "not a host name").partition(" (while")[0]
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        raise MonitorError(
            f"cannot listen on {listen}: {why}; {'is another agent running? ' if taken else ''}"
            "Set SFCC_MONITOR_LISTEN to a free HOST:PORT of this machine"
        ) from error


def _metrics(registry: CollectorRegistry, write: Write | None, environ: WSGIEnvironment) -> _Page:
    encode, content_type = choose_encoder(environ.get("HTTP_ACCEPT", ""))
    names = parse_qs(environ.get("QUERY_STRING", "")).get("name[]")
    if names:
        body = encode(registry.restricted_registry(names))
    elif write is None or content_type.endswith(_RENAMING):
        body = encode(registry)
    else:
        body = write(encode)
    headers = [("Content-Type", content_type)]
    if gzip_accepted(environ.get("HTTP_ACCEPT_ENCODING", "")):
        headers.append(("Content-Encoding", "gzip"))
        body = gzip.compress(body, _GZIP_LEVEL)
    return _Page("200 OK", headers, body)


def _text(status: str, text: str, *headers: tuple[str, str]) -> _Page:
    return _Page(status, [("Content-Type", "text/plain; charset=utf-8"), *headers], text.encode())
