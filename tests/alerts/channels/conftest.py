"""Servers at the other end: one that keeps what it is sent, and the messages of a whole story."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from alerts.model import Attachment, Capabilities, Incident, Message, Notification, NotificationKind
from alerts.render import Background, render

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass
class Taken:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    document: Any


@dataclass
class Service:
    """Answers with `answer(number of the request)`: a status, and what else there is to say."""

    answer: Callable[[int], int] = lambda _number: 202
    says: bytes = b"{}"
    more: dict[str, str] = field(default_factory=dict)
    taken: list[Taken] = field(default_factory=list)
    tried: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def documents(self) -> list[Any]:
        return [one.document for one in self.taken]


@pytest.fixture
def service() -> Iterator[Service]:
    it = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            it.tried += 1
            code = it.answer(it.tried)
            if code < 300:
                it.taken.append(Taken(self.path, dict(self.headers), json.loads(body)))
            self.send_response(code)
            for name, value in it.more.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(it.says)))
            self.end_headers()
            self.wfile.write(it.says)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    it.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield it
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


Telling = Callable[..., Message]


@pytest.fixture
def telling() -> Telling:
    """A message about incidents, as one of these capabilities gets it."""
    numbers = iter(range(1, 1_000))

    def told(
        capabilities: Capabilities,
        *incidents: Incident,
        kind: NotificationKind = NotificationKind.FIRST,
        counted: int = 0,
        group_key: str = "default/production",
        after: timedelta = timedelta(),
        **labels: str,
    ) -> Message:
        line = "[2026-11-23 11:59:58.123 GMT] ERROR the feed is broken at row 7"
        log = Attachment("log", "Job-1.log", line.encode(), lines=(line,), how="sfcc-job-monitor log 1")
        at = NOON + after
        notification = Notification(
            f"message-{next(numbers)}",
            group_key,
            kind,
            at,
            at,
            incidents,
            tuple(one.id for one in incidents),
            counted,
        )
        known = Background(labels=lambda _incident: labels)
        return render(notification, {"log": log}, capabilities, background=known)

    return told
