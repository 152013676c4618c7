"""The simulator on ports: HTTP, HTTPS with a certificate of its own making, and HTTPS for clients that show
one, as staging instances want it.

This is the only part that touches sockets; it acts out what the handler can only ask for (reset, stall,
drip). Stopping closes what is open, so that a client that waits for a stalled body does not hold it up.
"""

import socket
import ssl
import struct
import sys
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from monitor.simulator.certificates import Authorities, Door
from monitor.simulator.exchange import Mishap, Request, Response
from monitor.simulator.handler import handle
from monitor.simulator.world import World

MOST_BODY = 5 * 1024 * 1024  # the platform's limit for requests
_CLOSE_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: a close becomes a reset


class Simulator:
    """A world served on `port` (0: any free one) and, unless they are None, on `https_port` with TLS and on
    `mtls_port` with TLS that asks for a client's certificate: one of `client_certificate`."""

    def __init__(
        self,
        world: World,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        https_port: int | None = None,
        mtls_port: int | None = None,
    ) -> None:
        self.world = world
        self._host = host
        self._wanted = {Door.HTTP: port, Door.HTTPS: https_port, Door.MTLS: mtls_port}
        self._listeners: dict[Door, _Listener] = {}
        self._authorities: Authorities | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://{self._address(Door.HTTP)}"

    @property
    def https_url(self) -> str:
        return f"https://{self._address(Door.HTTPS)}"

    @property
    def mtls_url(self) -> str:
        return f"https://{self._address(Door.MTLS)}"

    @property
    def ca_pem(self) -> bytes:
        """The certificate to trust for `https_url` and `mtls_url`."""
        return self._certificates().servers.cert_pem.bytes()

    def client_certificate(self, passphrase: str, name: str = "monitor@example.com") -> bytes:
        """A PKCS#12 file with a key and a certificate that `mtls_url` takes."""
        return self._certificates().client_certificate(passphrase, name)

    def start(self) -> None:
        if (self._wanted[Door.HTTPS], self._wanted[Door.MTLS]) != (None, None):
            self._authorities = Authorities()
        for door, port in self._wanted.items():
            if port is not None:
                context = None if self._authorities is None else self._authorities.context(door, self._host)
                self._listeners[door] = _Listener.open(self.world, self._host, port, context)

    def stop(self) -> None:
        for listener in self._listeners.values():
            listener.close()
        self._listeners = {}

    def _certificates(self) -> Authorities:
        if self._authorities is None:
            raise RuntimeError("there is no certificate: give the simulator an https_port and start it")
        return self._authorities

    def _address(self, door: Door) -> str:
        if door not in self._listeners:
            raise RuntimeError("the simulator does not listen there: start it, with https_port for HTTPS")
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{host}:{self._listeners[door].port}"


@dataclass(slots=True)
class _Listener:
    server: "_Server"
    thread: Thread

    @classmethod
    def open(cls, world: World, host: str, port: int, context: ssl.SSLContext | None) -> "_Listener":
        server = _Server((host, port), _Handler, bind_and_activate=False)
        server.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        server.socket.close()
        server.socket = socket.socket(server.address_family, socket.SOCK_STREAM)
        server.serve(world, context)
        thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True, name="simulator")
        thread.start()
        return cls(server, thread)

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    def close(self) -> None:
        self.server.stopping.set()
        self.server.shutdown()
        self.server.server_close()
        self.server.hang_up()
        self.thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    world: World
    context: ssl.SSLContext | None

    def serve(self, world: World, context: ssl.SSLContext | None) -> None:
        self.world = world
        self.context = context
        self.stopping = Event()
        self._open: set[socket.socket] = set()
        self._guard = Lock()
        TCPServer.server_bind(self)  # HTTPServer's own would ask the name service
        self.server_activate()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """In the connection's own thread: a handshake that never ends must not keep others waiting."""
        connection = request
        if self.context is not None:
            request.settimeout(10)
            connection = self.context.wrap_socket(request, server_side=True)
            connection.settimeout(None)
        with self._guard:
            self._open.add(connection)
        try:
            super().finish_request(connection, client_address)
        finally:
            with self._guard:
                self._open.discard(connection)
            connection.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up or distrust the certificate are no event; whatever else is, is printed."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def hang_up(self) -> None:
        with self._guard:
            waiting = list(self._open)
        for connection in waiting:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it is gone already


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "simulator"
    sys_version = ""
    disable_nagle_algorithm = True  # without it a keep-alive request takes 44 ms
    server: _Server

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline:
            self.close_connection = True
        elif self.parse_request():
            body = self._body()
            if body is not None:
                self._answer(body)
            self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the library's
        pass

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdigit() or int(length) > MOST_BODY:
            self.send_error(413 if length.isdigit() and int(length) > MOST_BODY else 411)
            self.close_connection = True
            return None
        return self.rfile.read(int(length))

    def _answer(self, body: bytes) -> None:
        url = urlsplit(self.path)
        request = Request(self.command, url.path, url.query, dict(self.headers.items()), body)
        response = handle(self.server.world, request)
        if response.mishap is Mishap.RESET:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _CLOSE_AT_ONCE)
            self.close_connection = True
            self.connection.close()
            return
        self._head(response)
        if self.command != "HEAD":
            self._send(response)

    def _head(self, response: Response) -> None:
        self.send_response_only(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(response.length))
        self.end_headers()

    def _send(self, response: Response) -> None:
        if response.mishap is None:
            for piece in response.pieces():
                self.wfile.write(piece)
        elif response.mishap is Mishap.DRIP:
            self._drip(response)
        else:
            self.wfile.write(response.read()[: response.length // 2])
            self.wfile.flush()
            self.close_connection = True
            if response.mishap is Mishap.STALL:
                self._wait_for_the_end(response.silence)

    def _drip(self, response: Response) -> None:
        for byte in response.read():
            self.wfile.write(bytes([byte]))
            if self.server.stopping.wait(response.pause):
                self.close_connection = True
                return

    def _wait_for_the_end(self, silence: float | None) -> None:
        """Until the server stops, time is up, or the client hangs up, which is looked for now and then."""
        until = None if silence is None else time.monotonic() + silence
        self.connection.settimeout(0.2 if silence is None else min(silence, 0.2))
        while not self.server.stopping.is_set() and (until is None or time.monotonic() < until):
            try:
                if not self.connection.recv(1):
                    return
            except TimeoutError:
                continue
