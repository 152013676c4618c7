"""Whether an address can be listened on, asked before anything is printed or built."""

from __future__ import annotations

import errno
import socket

from monitor.errors import MonitorError


def need_free(host: str, port: int, *, of_host: str, of_port: str) -> None:
    """Raises MonitorError naming the option to change: `of_host` or `of_port`."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        family, _, _, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
        socket.create_server(address[:2], family=family).close()
    except (OSError, UnicodeError) as error:  # a name that cannot be a host's is the latter
        raise MonitorError(_why(error, host, port, of_host, of_port)) from error


def _why(error: OSError | UnicodeError, host: str, port: int, of_host: str, of_port: str) -> str:
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRINUSE:
        return f"{of_port}: the port {port} of {host} is in use; choose another one (0: any that is free)"
    if number in {errno.EACCES, errno.EPERM}:
        return f"{of_port}: this user may not listen on the port {port}; choose one above 1023"
    return f"{of_host}: {host!r} is no address of this machine; 127.0.0.1 always is"
