"""Requests and responses as plain values, so that one handler serves sockets and calls in memory.

A response's body is either bytes or a part of a `Content`, which is read piece by piece. A `mishap` is
what goes wrong on the wire: only a server can act it out, a caller in memory looks at it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

JSON = dict[str, Any]

PROBLEMS = "https://api.commercecloud.salesforce.com/documentation/error/v1/errors/"


class Mishap(StrEnum):
    RESET = "reset"  # the connection is reset before a byte is sent
    CUT = "cut"  # closed half-way through the body
    STALL = "stall"  # half of the body, then silence
    DRIP = "drip"  # the body comes byte by byte


class Content(Protocol):
    """Something that is too large to hold, or that grows: read where it is needed."""

    @property
    def size(self) -> int: ...

    def read(self, start: int, stop: int) -> Iterator[bytes]: ...


@dataclass(frozen=True, slots=True)
class Part:
    content: Content
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Request:
    """`path` is still percent-encoded and without the query string."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def header(self, name: str) -> str:
        wanted = name.lower()
        return next((value for key, value in self.headers.items() if key.lower() == wanted), "")


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Part = b""
    mishap: Mishap | None = None
    pause: float = 0.05  # real seconds between two bytes of a drip
    silence: float | None = None  # real seconds after which a stalled answer is closed; None: it never is
    date_off: int = 0  # seconds by which its Date is wrong

    @property
    def length(self) -> int:
        return len(self.body) if isinstance(self.body, bytes) else self.body.stop - self.body.start

    def pieces(self) -> Iterator[bytes]:
        if isinstance(self.body, bytes):
            yield self.body
        else:
            yield from self.body.content.read(self.body.start, self.body.stop)

    def read(self) -> bytes:
        return b"".join(self.pieces())

    def json(self) -> Any:
        return json.loads(self.read())


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """What was asked, for assertions; `body` is kept for searches only, of `Authorization` whether there was
    one. `backend` is "ocapi" or "scapi", and empty for what is neither."""

    at: datetime
    api: str
    method: str
    path: str
    status: int
    body: bytes = b""
    backend: str = ""
    correlation_id: str = ""
    authorized: bool = False


def json_response(status: int, document: JSON, headers: Mapping[str, str] | None = None) -> Response:
    body = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
    return Response(status, {"Content-Type": "application/json;charset=UTF-8", **(headers or {})}, body)


def problem_response(
    status: int, kind: str, title: str, detail: str, headers: Mapping[str, str] | None = None
) -> Response:
    """An `application/problem+json`, as SCAPI refuses; `kind` is the last part of its type."""
    document = {"title": title, "type": PROBLEMS + kind, "detail": detail}
    body = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
    return Response(status, {"Content-Type": "application/problem+json", **(headers or {})}, body)


def html_response(
    status: int, title: str, detail: str = "", headers: Mapping[str, str] | None = None
) -> Response:
    page = (
        f"<!DOCTYPE html><html><head><title>{title}</title></head>"
        f"<body><h1>{title}</h1><p>{detail}</p></body></html>"
    )
    return Response(status, {"Content-Type": "text/html;charset=UTF-8", **(headers or {})}, page.encode())
