"""The server behind the endpoint: waitress, for clients that behave badly and files that run out.

Anybody who reaches the port can open connections and say nothing. There is room for so many; beyond that
whoever has been there longest without a request at work makes room for who comes, so that a scrape, which
says at once what it wants, is served whatever else is open. A connection costs a file descriptor, and polls
need these too: the room is small beside what the process may open.
"""

from __future__ import annotations

import logging
import resource
import socket
import time
from contextlib import suppress
from typing import Any

from waitress.adjustments import Adjustments
from waitress.server import TcpWSGIServer

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 100
PART_OF_FILES = 4
"""A fourth of the file descriptors at most is for clients of the endpoint."""

THREADS = 4
IDLE_SECONDS = 30
MAX_HEADER = 16 * 1024  # bytes
MAX_BODY = 64 * 1024  # bytes; nobody has a reason to send any, and large ones would go to the disk
MAX_PAGE_IN_MEMORY = 1 << 30  # bytes; beyond it waitress would need a temporary file

_SAY_EVERY = 60.0
_DEAF_SECONDS = 0.5


class Listener(TcpWSGIServer):  # type: ignore[misc]  # the library is not annotated
    """Put into `channels` with its clients; whoever loops over these serves."""

    def __init__(self, app: Any, listening: socket.socket, channels: dict[int, Any]) -> None:
        settings = Adjustments(
            sockets=[listening],
            threads=THREADS,
            ident=None,
            channel_timeout=IDLE_SECONDS,
            connection_limit=1 << 30,  # the library would take no more calls; here old ones make room
            max_request_header_size=MAX_HEADER,
            max_request_body_size=MAX_BODY,
            outbuf_overflow=MAX_PAGE_IN_MEMORY,
            log_socket_errors=False,
            clear_untrusted_proxy_headers=True,
        )
        place = (listening.family, listening.type, listening.proto, listening.getsockname())
        super().__init__(app, channels, True, listening, adj=settings, sockinfo=place, bind_socket=False)
        self._room = _room(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        self._deaf_until = 0.0
        self._said_at: float | None = None

    def readable(self) -> bool:
        return bool(super().readable()) and time.monotonic() >= self._deaf_until

    def handle_accept(self) -> None:
        """First in, then out: a descriptor closed before could be the new client's, and events of the old
        one, which are already known to the loop, would count for the new one."""
        try:
            accepted = self.accept()
        except OSError as error:
            self._say(f"the endpoint cannot take a connection: {error.strerror}; raise the limit (ulimit -n)")
            if not self._make_room():
                self._deaf_until = time.monotonic() + _DEAF_SECONDS  # else the loop would turn at full speed
            return
        if accepted is None:
            return
        client, address = accepted
        with suppress(OSError):  # gone again
            self.set_socket_options(client)
        self.channel_class(self, client, address, self.adj, map=self._map)
        if len(self.active_channels) > self._room and self._make_room():
            self._say(f"the endpoint has {self._room} clients; those that wait longest are sent away")

    def _make_room(self) -> bool:
        waiting = [one for one in self.active_channels.values() if not one.requests]
        if waiting:
            min(waiting, key=lambda one: one.creation_time).handle_close()
        return bool(waiting)

    def _say(self, text: str) -> None:
        now = time.monotonic()
        if self._said_at is None or now - self._said_at >= _SAY_EVERY:
            self._said_at = now
            log.warning(text)


def _room(files: int) -> int:
    """How many clients there may be beside all else. files: that the process may open, -1 for any number."""
    if files == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return max(min(MAX_CONNECTIONS, files // PART_OF_FILES), 1)
