"""The agent's own endpoint: `/metrics`, `/healthz`, `/readyz`. Reads nothing from SFCC.

`/healthz` says that the process lives, `/readyz` that its state can be reached and its loop turns;
neither says whether SFCC answers, or an outage there would have the agent restarted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, make_wsgi_app
from waitress.server import create_server

from monitor.errors import MonitorError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Check = Callable[[], str | None]
"""None when all is well, else a sentence."""

_TEXT = [("Content-Type", "text/plain; charset=utf-8")]
_INDEX = "sfcc-job-monitor\n\n/metrics\n/healthz\n/readyz\n"


def application(registry: CollectorRegistry, ready: Check) -> WSGIApplication:
    metrics = make_wsgi_app(registry)

    def respond(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "/")
        if environ.get("REQUEST_METHOD") not in {"GET", "HEAD"}:
            return _text(start_response, "405 Method Not Allowed", "only GET\n")
        if path == "/metrics":
            page: Iterable[bytes] = metrics(environ, start_response)
            return page
        if path == "/healthz":
            return _text(start_response, "200 OK", "ok\n")
        if path == "/readyz":
            trouble = ready()
            status = "200 OK" if trouble is None else "503 Service Unavailable"
            return _text(start_response, status, f"{trouble or 'ok'}\n")
        if path == "/":
            return _text(start_response, "200 OK", _INDEX)
        return _text(start_response, "404 Not Found", "not here; try /metrics, /healthz or /readyz\n")

    return respond


class Endpoint:
    """The application behind a socket: few threads, half-open clients take none of them."""

    def __init__(self, listen: str, app: WSGIApplication) -> None:
        host, _, port = listen.rpartition(":")
        try:
            self._server: Any = create_server(
                app,
                host=host.strip("[]"),
                port=int(port),
                threads=4,
                ident=None,
                channel_timeout=30,
                clear_untrusted_proxy_headers=True,
            )
        except OSError as error:
            raise MonitorError(
                f"cannot listen on {listen}: {error.strerror or error}; "
                "is another agent running? Set SFCC_MONITOR_LISTEN to a free HOST:PORT"
            ) from error
        self._thread = threading.Thread(target=self._server.run, name="web", daemon=True)

    @property
    def url(self) -> str:
        host = self._server.effective_host
        return f"http://{f'[{host}]' if ':' in host else host}:{self._server.effective_port}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.close()


def _text(start_response: StartResponse, status: str, text: str) -> Iterable[bytes]:
    start_response(status, _TEXT)
    return [text.encode()]
