"""One request at a time: timeouts, limits, counting, and the instance's clock.

Knows HTTP; knows no document and no token. What comes back is an `Incoming` that is read while its
connection is open, by a callback, so that a page of JSON and a log of 300 MB take the same way. Every
failure leaves as an `SfccError`; a redirect is an answer like any other and is never followed, so no
token goes to a host nobody named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import requests
import urllib3
from requests.auth import AuthBase

from monitor.errors import Reason, SfccError
from monitor.sfcc.endpoints import host_of
from monitor.sfcc.network import network_error
from monitor.sfcc.retry import TRIES, Pace, retrying
from monitor.sfcc.traffic import Traffic

T = TypeVar("T")
Count = Callable[[str, str], None]
"""Called after each request with the API and the outcome: `ok`, or a `Reason`."""

CHUNK = 64 * 1024
MAX_BODY = 16 * 1024 * 1024  # the platform's own limit for an answer is 10 MB
SLOW_ANSWER = 5.0  # seconds; what took longer says nothing about the server's clock
CLOCKS_APART = timedelta(days=1)  # at most: a `Date` further off is a defect, not a time
THIS_CENTURY = range(2000, 2100)
NO_CLOCK = datetime(2025, 1, 1, tzinfo=UTC)  # before it this program was not: ours has not been set yet


@dataclass(frozen=True, slots=True)
class Timeouts:
    """In seconds. `read` is between two packets, `total` for a whole request with its body."""

    connect: float = 5.0
    read: float = 30.0
    total: float = 60.0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request to send. `json` and `form` are bodies, at most one of them."""

    method: str
    url: str
    json: Mapping[str, Any] | None = None
    form: Mapping[str, str] | None = None
    headers: Mapping[str, str] | None = None


class Incoming:
    """An answer whose body is still on its way."""

    def __init__(self, response: requests.Response, host: str, until: float, pace: Pace) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self.host = host
        self._raw = response.raw
        self._until = until
        self._pace = pace

    def chunks(self) -> Iterator[bytes]:
        """The body as it comes, decompressed; raises `SfccError`, also when it comes too slowly."""
        while True:
            try:
                chunk = self._raw.read1(CHUNK, decode_content=True)
            except (urllib3.exceptions.HTTPError, OSError) as error:
                raise network_error(error, self.host) from error
            if not chunk:
                return
            yield chunk
            if self._pace.monotonic() > self._until:
                raise SfccError(
                    Reason.TIMEOUT, f"{self.host} sends its answer too slowly: given up", retryable=True
                )

    def body(self, limit: int = MAX_BODY) -> bytes:
        """All of it; raises `SfccError` when it is longer than `limit` bytes."""
        found = bytearray()
        for chunk in self.chunks():
            found += chunk
            if len(found) > limit:
                raise SfccError(
                    Reason.PROTOCOL,
                    f"{self.host} sent an answer of more than {limit >> 20} MB where a small one was due",
                )
        return bytes(found)

    def start(self, limit: int) -> bytes:
        """The first bytes, as far as they can be had: for error pages, where nothing may go wrong."""
        found = bytearray()
        try:
            for chunk in self.chunks():
                found += chunk
                if len(found) >= limit:
                    break
        except SfccError:
            pass
        return bytes(found[:limit])

    @property
    def is_by_the_platform(self) -> bool:
        """As far as can be told: not a page, a redirect or a kept answer of something in front of it."""
        is_page = "html" in self.headers.get("Content-Type", "").lower()
        is_kept = self.headers.get("Age", "0").strip() not in {"", "0"}
        is_refused = 400 <= self.status < 500
        return (self.status < 300 or is_refused) and not is_page and not is_kept

    @property
    def date(self) -> datetime | None:
        """The server's time when it answered, in whole seconds."""
        return http_date(self.headers.get("Date"))


class Http:
    """Requests to one API, tried again where that helps."""

    def __init__(
        self,
        api: str,
        session: requests.Session,
        pace: Pace,
        count: Count,
        timeouts: Timeouts | None = None,
        conceal: Callable[[str], str] = str,
        traffic: Traffic | None = None,
        known_as: Callable[[SfccError, str], SfccError] = lambda error, _host: error,
    ) -> None:
        """traffic: of all APIs of the instance; none: nobody counts. known_as: what a failure means here."""
        self.clock_offset: timedelta | None = None
        self._api = api
        self._session = session
        self._pace = pace
        self._count = count
        self._timeouts = timeouts or Timeouts()
        self._conceal = conceal
        self._traffic = traffic
        self._known_as = known_as

    def ask(
        self,
        outgoing: Outgoing,
        auth: AuthBase,
        read: Callable[[Incoming], T],
        *,
        deadline: float | None = None,
        once: bool = False,
    ) -> T:
        """What `read` makes of the answer. `read` raises `SfccError` for an answer it does not take.

        deadline: by the monotonic clock, of all tries, in place of the usual time for an answer.
        once: never again by itself, for what must not be done twice.
        """
        tries = 1 if once else TRIES
        if self._traffic is not None:
            self._traffic.check(self._api, host_of(outgoing.url))
            tries = 1 if self._traffic.cautious else tries
        return retrying(
            lambda: self._once(outgoing, auth, read, deadline), self._pace, deadline=deadline, tries=tries
        )

    def _once(
        self, outgoing: Outgoing, auth: AuthBase, read: Callable[[Incoming], T], deadline: float | None
    ) -> T:
        if self._traffic is not None:
            self._traffic.admit()
        try:
            result = self._exchange(outgoing, auth, read, deadline)
        except SfccError as failure:
            error = self._known_as(failure, host_of(outgoing.url))
            self._count(self._api, error.reason.value)
            if self._traffic is not None and error.retry_after is not None:
                self._traffic.told(self._api, error.retry_after)
            error.args = (self._conceal(str(error)),)
            raise error from failure.__cause__
        self._count(self._api, "ok")
        if self._traffic is not None:
            self._traffic.succeeded(self._api)
        return result

    def _exchange(
        self, outgoing: Outgoing, auth: AuthBase, read: Callable[[Incoming], T], deadline: float | None
    ) -> T:
        host = host_of(outgoing.url)
        began = self._pace.monotonic()
        until = began + self._timeouts.total if deadline is None else deadline
        try:
            response = self._session.request(
                outgoing.method,
                outgoing.url,
                json=outgoing.json,
                data=outgoing.form,
                headers=outgoing.headers,
                auth=auth,
                timeout=(self._timeouts.connect, self._timeouts.read),
                allow_redirects=False,
                verify=self._session.verify,  # else REQUESTS_CA_BUNDLE outranks a False
                stream=True,
            )
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise network_error(error, host) from error
        with closing(response):
            incoming = Incoming(response, host, until, self._pace)
            self._learn_clock(incoming, self._pace.monotonic() - began)
            if self._traffic is not None:
                self._traffic.heard(self._api, incoming.headers)
            return read(incoming)

    def _learn_clock(self, incoming: Incoming, took: float) -> None:
        date, now = incoming.date, self._pace.now()
        if date is None or took > SLOW_ANSWER or not incoming.is_by_the_platform:
            return
        # What was seen never steps back: one absurd date, once believed, would blind the monitor for good.
        if date.year in THIS_CENTURY and (abs(date - now) <= CLOCKS_APART or now < NO_CLOCK):
            self.clock_offset = date - now


def http_date(text: str | None) -> datetime | None:
    """An HTTP date, UTC; None for anything else."""
    try:
        found = parsedate_to_datetime(text or "")
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
