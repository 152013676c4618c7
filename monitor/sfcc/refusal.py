"""Answers that are not what was asked for: read once, put into words, sorted by what to do next.

Knows HTTP statuses, OCAPI faults, the problems of SCAPI (RFC 7807) and error pages; what only one API says
about 400, 401, 403 and 404 stands with that API. Of a page of HTML only status and title are quoted, of a
fault its type and message, and nothing that looks like a token.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from monitor.errors import Reason, SfccError
from monitor.sfcc.endpoints import SANDBOXES
from monitor.sfcc.http import Incoming, http_date
from monitor.sfcc.jsontext import read_json

ERROR_PAGE = 64 * 1024  # bytes of an error's body that are looked at
QUOTED = 200  # characters of a server's own words

TITLE = re.compile(r"<title[^>]{0,200}>((?:(?!</title>).){0,400})", re.IGNORECASE | re.DOTALL)
TOKENS = re.compile(r"\beyJ[\w.-]{10,}|\b(?:Bearer|Basic)\s+\S+|\b[A-Za-z0-9_+=]{40,}")
DOWN_ON_PURPOSE = re.compile(r"\bmaintenance\b", re.IGNORECASE)
DOWN_HEADER = "sfdc_maintenance"  # `system`, or `site`
WORD = re.compile(r"[\w-]{1,80}", re.ASCII)
IF_IT_STAYS = "if this stays, look at Salesforce's status page, then open a case there"
SHEDS_LOAD = ("sfdc_load", "sfdc_load_status")


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer with an error, as far as it could be read.

    `fault_type` is that of a fault, or the last part of a problem's; `title` that of an HTML page; `error`
    the code of an OAuth error; `retry_after` is in seconds.
    """

    host: str
    status: int
    fault_type: str = ""
    message: str = ""
    error: str = ""
    title: str = ""
    is_json: bool = False
    retry_after: float | None = None
    location: str = ""
    sheds_load: bool = False
    maintenance: bool = False

    @property
    def quote(self) -> str:
        """What the server said, as a tail for a sentence; empty when it said nothing fit to quote."""
        said = ": ".join(part for part in (self.fault_type, self.message) if part)
        if self.title:
            said = f'page "{self.title}"'
        return f" ({self.status}{', ' if said else ''}{said})"

    def as_error(self, reason: Reason, text: str, *, retryable: bool = False) -> SfccError:
        return SfccError(
            reason,
            text,
            retryable=retryable,
            retry_after=self.retry_after,
            status=self.status,
            fault_type=self.fault_type or self.error or None,
        )


def read_refusal(incoming: Incoming, now: datetime) -> Refusal:
    """`now` stands in for the server's time where it does not say."""
    body = incoming.start(ERROR_PAGE)
    doc = _json(body)
    page = "" if doc is not None else body.decode("utf-8", "replace")
    kind, message = _said(doc or {})
    return Refusal(
        host=incoming.host,
        status=incoming.status,
        fault_type=kind,
        message=message,
        error=_word((doc or {}).get("error")),
        title=page_title(page),
        is_json=doc is not None,
        retry_after=retry_after(incoming.headers.get("Retry-After"), incoming.date or now),
        location=incoming.headers.get("Location", ""),
        sheds_load=any(header in incoming.headers for header in SHEDS_LOAD),
        maintenance=DOWN_HEADER in incoming.headers
        or any(DOWN_ON_PURPOSE.search(text) for text in (page, kind, message)),
    )


def _said(doc: Mapping[str, Any]) -> tuple[str, str]:
    """Kind and message of a fault or of a problem."""
    if "fault" in doc:
        fault = _mapping(doc["fault"])
        return plain(fault.get("type")), plain(fault.get("message"))
    kind, title, detail = doc.get("type"), plain(doc.get("title")), plain(doc.get("detail"))
    word = kind.rstrip("/").rsplit("/", 1)[-1] if isinstance(kind, str) else ""
    if not WORD.fullmatch(word) or word == kind:  # a type is an address; `about:blank` says nothing
        word = "-".join(title.lower().split())
    return (word if WORD.fullmatch(word) else "", detail or title)


def general_error(refusal: Refusal) -> SfccError:
    """What holds for every API of the platform."""
    host, quote = refusal.host, refusal.quote
    if refusal.status == 429 or refusal.status >= 500:
        return _trouble(refusal)
    if refusal.status >= 400:
        return _rejection(refusal)
    if refusal.status >= 300:
        target = plain(_host(refusal.location)) or "another address"
        text = f"{host} redirects to {target} instead of answering: check the server's name in the settings"
        return refusal.as_error(Reason.PROTOCOL, text)
    return refusal.as_error(
        Reason.PROTOCOL,
        f"{host} gives an answer that is none{quote}: check the server's name",
        retryable=True,
    )


def _trouble(refusal: Refusal) -> SfccError:
    """Not our fault: worth another try."""
    again = "" if refusal.retry_after is None else f", and to come back in {refusal.retry_after:.0f} s"
    if refusal.maintenance:
        text = f"is down for maintenance{refusal.quote}: it is asked again until it is back"
        reason = Reason.MAINTENANCE
    elif refusal.status == 429 or (refusal.status == 503 and (refusal.sheds_load or again)):
        text = (
            f"asks for fewer requests ({refusal.status}){again}: "
            "if this stays, lower requests_per_minute or raise poll_interval"
        )
        reason = Reason.THROTTLED
    elif refusal.status == 504:
        text = f"waited too long for the instance behind it{refusal.quote}: it is asked again; {IF_IT_STAYS}"
        reason = Reason.SERVER
    else:
        text = f"has trouble of its own{refusal.quote}: it is asked again; {IF_IT_STAYS}"
        reason = Reason.SERVER
    return refusal.as_error(reason, f"{refusal.host} {text}", retryable=True)


def _rejection(refusal: Refusal) -> SfccError:
    host = refusal.host
    if refusal.status == 413 and SANDBOXES in host:
        return refusal.as_error(
            Reason.MAINTENANCE, f"{host} answers 413, as a stopped sandbox does: start it"
        )
    if refusal.status == 413:
        text = f"{host} refuses the request as too large{refusal.quote}: check the proxy on the way to it"
        return refusal.as_error(Reason.REFUSED, text)
    if refusal.status == 408:
        text = f"{host} waited too long for the request (408): check the network and the proxy on the way"
        return refusal.as_error(Reason.TIMEOUT, text, retryable=True)
    text = f"{host} refuses the request{refusal.quote}: if this stays, report it as a defect with this text"
    return refusal.as_error(Reason.REFUSED, text)


def json_document(incoming: Incoming) -> Mapping[str, Any]:
    """The JSON object of a good answer; raises `SfccError` for anything else."""
    return read_document(incoming, incoming.body())


def read_document(incoming: Incoming, body: bytes) -> Mapping[str, Any]:
    """The same where the body was read already."""
    doc = _json(body)
    if doc is not None:
        return doc
    title = page_title(body[:ERROR_PAGE].decode("utf-8", "replace"))
    what = (
        f'a page "{title}"' if title else "nothing" if not body.strip() else "something that cannot be read"
    )
    raise SfccError(
        Reason.PROTOCOL,
        f"{incoming.host} sent {what} where JSON was due: if this stays, check the server's name, "
        "which is the instance's own and not the shop's",
        retryable=True,
        status=incoming.status,
    )


def retry_after(text: str | None, server_time: datetime) -> float | None:
    """Seconds, of a number or of a date; None when there is no usable header."""
    word = (text or "").strip()
    if word.isascii() and word.isdigit():
        return float(word[:9])
    date = http_date(word)
    return None if date is None else max((date - server_time.astimezone(UTC)).total_seconds(), 0.0)


def plain(value: object) -> str:
    """A server's words fit for a log and an alert: one line, short, printable, without tokens."""
    text = " ".join(value.split()) if isinstance(value, str) else ""
    text = TOKENS.sub("…", "".join(char for char in text if char.isprintable()))
    return text if len(text) <= QUOTED else text[: QUOTED - 1] + "…"


def page_title(page: str) -> str:
    match = TITLE.search(page)
    return plain(html.unescape(match[1]))[:80] if match else ""


def _host(location: str) -> str | None:
    try:
        return urlsplit(location).hostname
    except ValueError:  # an unclosed bracket, for one
        return None


def _json(body: bytes) -> Mapping[str, Any] | None:
    try:
        doc = read_json(body)
    except ValueError:
        return None
    return doc if isinstance(doc, Mapping) else None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _word(value: object) -> str:
    """An OAuth error code; anything longer may be a token and is dropped."""
    return value if isinstance(value, str) and re.fullmatch(r"[a-z_]{1,40}", value) else ""
