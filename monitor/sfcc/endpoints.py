"""Where a server is: "host name with or without port, or a URL" made into one base URL.

Knows no settings: what is wrong is said as a `ValueError` whose text fits behind the setting's name.
A password in a URL would end up in logs, and a path is not ours to choose: both are refused.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

HOST = re.compile(r"(?!-)[^\W_](?:[\w-]*[^\W_])?(?:\.[^\W_](?:[\w-]*[^\W_])?)*\.?")
SANDBOXES = ".dx.commercecloud.salesforce.com"
EXAMPLE = "write a host name such as production-realm-customer.demandware.net"


def base_url(server: str) -> str:
    """The server as `scheme://host[:port]`; raises `ValueError` with a text for people."""
    text = server.strip()
    if not text:
        raise ValueError(f"is empty; {EXAMPLE}")
    parts = _split(text)
    if parts.scheme not in {"http", "https"}:
        raise ValueError(f"{parts.scheme}:// is not known here; {EXAMPLE}")
    if "@" in parts.netloc:
        raise ValueError("a login does not belong into the address; there are settings for it")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(f"only the host is wanted, without a path; {EXAMPLE}")
    host = _host(parts)
    if parts.scheme == "http" and not _is_loopback(host):
        raise ValueError(f"http:// would send secrets readable for all to {host}; use https://")
    return f"{parts.scheme}://{_netloc(host, parts)}"


def host_of(url: str) -> str:
    """The host, with the port where one is given: what error texts call a server."""
    return urlsplit(url).netloc


def _split(text: str) -> SplitResult:
    try:
        return urlsplit(text if "://" in text else f"https://{text}")
    except ValueError as error:  # an unclosed bracket, for one
        raise ValueError(f"not a host name; {EXAMPLE}") from error


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if ":" in host:
        try:
            return str(ipaddress.IPv6Address(host))
        except ValueError as error:
            raise ValueError(f"{host!r} is no IPv6 address; {EXAMPLE}") from error
    if not HOST.fullmatch(host) or len(host) > 253:
        raise ValueError(f"{host!r} is not a host name; {EXAMPLE}")
    return host


def _netloc(host: str, parts: SplitResult) -> str:
    name = f"[{host}]" if ":" in host else host
    try:
        port = parts.port
    except ValueError as error:
        raise ValueError("the port must be a number from 1 to 65535") from error
    if port == 0 or parts.netloc.endswith(":"):
        raise ValueError("the port must be a number from 1 to 65535")
    return name if port is None else f"{name}:{port}"


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
