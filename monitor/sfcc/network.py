"""What went wrong between us and a server, in words a person can act on.

Knows the exceptions of requests, urllib3 and ssl; knows no API. Nothing an exception prints about
itself is passed on: its text may hold the address of a proxy with its password.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator

import urllib3.exceptions

from monitor.errors import Reason, SfccError
from monitor.sfcc.endpoints import SANDBOXES

TROUBLES: tuple[tuple[tuple[type[BaseException], ...], Reason, str], ...] = (
    (
        (urllib3.exceptions.ProxyError,),
        Reason.NETWORK,
        "the proxy does not let requests through to {host} ({cause}): check HTTPS_PROXY and NO_PROXY",
    ),
    (
        (urllib3.exceptions.NameResolutionError, socket.gaierror),
        Reason.NETWORK,
        "the name {host} cannot be resolved: check the server's name and the DNS of this machine{sandbox}",
    ),
    (
        (urllib3.exceptions.NewConnectionError,),
        Reason.NETWORK,
        "no connection to {host}: {cause}",
    ),
    (
        (urllib3.exceptions.ConnectTimeoutError,),
        Reason.NETWORK,
        "{host} takes no connection in time: check the server's name, the firewall and the proxy",
    ),
    (
        (urllib3.exceptions.ReadTimeoutError, TimeoutError),
        Reason.TIMEOUT,
        "{host} took the request but did not answer in time",
    ),
    (
        (urllib3.exceptions.DecodeError,),
        Reason.PROTOCOL,
        "{host} sent a body that is not compressed as it says",
    ),
)
"""First match wins: some kinds are kinds of others further down."""

KINDS = {
    "RemoteDisconnected": "closed without an answer",
    "IncompleteRead": "ended amid an answer",
    "SSLEOFError": "closed amid TLS, as by one that wants a client certificate",
}


UNREACHABLE = (
    urllib3.exceptions.NameResolutionError,
    socket.gaierror,
    ConnectionRefusedError,
    urllib3.exceptions.ConnectTimeoutError,
)


def network_error(error: BaseException, host: str) -> SfccError:
    """The same trouble as an `SfccError`; `host` is what the text calls the server."""
    chain = tuple(_chain(error))
    for link in chain:
        if isinstance(link, ssl.SSLCertVerificationError):
            return _untrusted(link, host)
    reason, text = next(
        (
            (reason, text)
            for kinds, reason, text in TROUBLES
            if any(isinstance(link, kinds) for link in chain)
        ),
        (Reason.NETWORK, "the connection to {host} failed: {cause}"),
    )
    sandbox = " (a deleted sandbox has no name any more)" if SANDBOXES in host else ""
    return SfccError(reason, text.format(host=host, cause=_cause(chain), sandbox=sandbox), retryable=True)


def is_unreachable(error: SfccError) -> bool:
    """Whether the host has no name, or nothing there took the connection: the server itself, not a proxy."""
    chain = tuple(_chain(error))
    return any(isinstance(link, UNREACHABLE) for link in chain) and not any(
        isinstance(link, urllib3.exceptions.ProxyError) for link in chain
    )


def _untrusted(error: ssl.SSLCertVerificationError, host: str) -> SfccError:
    return SfccError(
        Reason.NETWORK,
        f"the certificate of {host} is not trusted ({error.verify_message}): "
        "if it should be, name its authority in ca_file",
    )


def _cause(chain: tuple[BaseException, ...]) -> str:
    """The operating system's words where there are some, else the kind of the innermost error."""
    for link in reversed(chain):
        if isinstance(link, OSError) and link.errno and not isinstance(link, ssl.SSLError):
            return os.strerror(link.errno)
    return KINDS.get(type(chain[-1]).__name__, type(chain[-1]).__name__)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it wraps, outermost first: libraries hide causes in `args` and `reason`."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        link = waiting.pop(0)
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        inner = (*link.args, getattr(link, "reason", None), link.__cause__, link.__context__)
        waiting += [item for item in inner if isinstance(item, BaseException)]
