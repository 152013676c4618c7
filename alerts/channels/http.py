"""JSON to an HTTP endpoint, and what its answer means. Knows no service."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

import requests

from alerts.channels.discreet import discreetly
from alerts.channels.outcome import by_status, timed_out, unreachable
from alerts.model import DeliveryError, DeliveryReason, Json

TIMEOUT_SECONDS = (5.0, 20.0)
"""To connect, and between two bytes of the answer."""
_DETAIL_MAX = 200
_DETAIL_BYTES = 4_096
_HIDDEN = "***"
_NO_ADDRESS = "its url is no http:// or https:// address with a host name"


class Endpoint:
    """One address and its key. For one thread.

    Raises ValueError, without the address in it, where that is none.
    """

    def __init__(self, address: str, headers: Mapping[str, str] | None = None, *, secret: str = "") -> None:
        """secret: what must not come back in a text, beside what the address carries."""
        parts, port = _split(address)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(_NO_ADDRESS)
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        where = f"{host}:{port}" if port else host
        self._base = urlunsplit((parts.scheme, where, parts.path.rstrip("/"), "", ""))
        self._query = parts.query
        self._session = requests.Session()
        self._session.headers.update({"User-Agent": "sfcc-job-monitor", **(headers or {})})
        # With none at all, requests would send what a .netrc of whoever runs this has for the host.
        self._session.auth = _no_login
        if parts.username is not None:
            self._session.auth = (unquote(parts.username), unquote(parts.password or ""))
        secrets = (secret, parts.password, parts.query, *_long(parts.path))
        self._secrets = [one for one in secrets if one]

    def post(self, document: Json, *path: str, query: Mapping[str, str] | None = None) -> None:
        """path: segments, not yet quoted. Raises DeliveryError."""
        url = "/".join([self._base, *(quote(one, safe="") for one in path)])
        if self._query:
            url = f"{url}?{self._query}"
        with discreetly():
            try:
                answer = self._session.post(
                    url,
                    json=document,
                    params=query,
                    timeout=TIMEOUT_SECONDS,
                    allow_redirects=False,  # it would arrive as an empty GET and count as sent
                )
            except requests.Timeout:
                raise timed_out() from None
            except requests.ConnectionError as error:
                raise unreachable(str(error)) from None
            except (requests.RequestException, UnicodeError) as error:
                text = f"no request came about: {type(error).__name__}"
                raise DeliveryError(DeliveryReason.UNKNOWN, text) from None
        if 200 <= answer.status_code < 300:
            return
        raise by_status(
            answer.status_code,
            had_file=False,
            detail=self._without_secrets(_detail(_document(answer))),
            retry_after=_retry_after(answer),
        )

    def _without_secrets(self, text: str) -> str:
        for one in self._secrets:
            text = text.replace(one, _HIDDEN)
        return text[:_DETAIL_MAX]


def _split(address: str) -> tuple[SplitResult, int | None]:
    """And the port. What the library says of an address that is none has parts of it."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise ValueError(_NO_ADDRESS) from None
    return parts, port


def _no_login(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _long(path: str) -> list[str]:
    """Segments of a path that may be a token: of a webhook they usually are."""
    return [one for one in path.split("/") if len(one) >= 16]


def _document(answer: requests.Response) -> Any:
    if len(answer.content) > _DETAIL_BYTES:
        return None
    try:
        return answer.json()
    except ValueError:
        return None


def _detail(document: Any) -> str:
    """The reason as most services word it; an HTML page says nothing to anybody."""
    if isinstance(document, str):
        return _line(document)
    if not isinstance(document, Mapping):
        return ""
    found = [document.get(name) for name in ("message", "error", "errors")]
    texts = (
        "; ".join(map(str, one)) if isinstance(one, list) else one
        for one in found
        if isinstance(one, str | list) and one
    )
    return _line(": ".join(texts))


def _line(text: str) -> str:
    return re.sub(r"\s+", " ", "".join(one if one.isprintable() else " " for one in text)).strip()


def _retry_after(answer: requests.Response) -> float | None:
    """Seconds; by the target's own clock where it names an instant."""
    text = answer.headers.get("Retry-After", "").strip()
    if text.isdigit():
        return float(text)
    try:
        until, now = (parsedate_to_datetime(one) for one in (text, answer.headers.get("Date", "")))
        return max((until - now).total_seconds(), 0.0)
    except (TypeError, ValueError):
        return None
