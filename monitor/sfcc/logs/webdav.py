"""Job logs over WebDAV: the beginning and the end of a file, whatever its size and wherever it lies by now.

Knows requests for files and what may answer them; knows no line of a log. HEAD is not among the rights the
platform can grant, so the first range request tells the size. A server that ignores ranges is read through,
with no more in memory than what is kept. The login goes to one host only: a redirect is followed once, and
only to a log of the same server.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeVar

from monitor.errors import Reason, SfccError
from monitor.sfcc import LogFile, ReadLimits
from monitor.sfcc.http import Http, Incoming, Outgoing
from monitor.sfcc.login.accesskey import PasswordLogin
from monitor.sfcc.login.auth import ClientCredentials, logged_in
from monitor.sfcc.logs.logdenied import REDIRECTS, led_away, log_error, refused
from monitor.sfcc.logs.logpath import archives, log_parts, log_url, redirected, spellings
from monitor.sfcc.logs.logstream import (
    Part,
    Window,
    after,
    first_range,
    last_range,
    range_after,
    too_slow,
    whole,
)
from monitor.sfcc.refusal import read_refusal

T = TypeVar("T")
Path = tuple[str, ...]

DEFAULT_LIMITS = ReadLimits()
PACKED = ".gz"


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What to keep of one log; `deadline` is by the monotonic clock."""

    head_bytes: int
    tail_bytes: int
    limits: ReadLimits
    deadline: float


@dataclass(frozen=True, slots=True)
class _Moved:
    """A redirect."""

    host: str
    status: int
    location: str


class WebDavLogs:
    """`LogReader` of one instance; `base` is the URL of its WebDAV server."""

    def __init__(
        self,
        base: str,
        http: Http,
        login: ClientCredentials | PasswordLogin,
        *,
        monotonic: Callable[[], float],
        now: Callable[[], datetime],
    ) -> None:
        self._base = base
        self._http = http
        self._login = login
        self._monotonic = monotonic
        self._now = now
        self._archive = 0  # which of the places where old logs may be has proved right

    def read(
        self,
        log_file_path: str,
        *,
        head_bytes: int,
        tail_bytes: int,
        limits: ReadLimits = DEFAULT_LIMITS,
        archived: bool = True,
    ) -> LogFile:
        """The log, streamed, never more than `head_bytes` + `tail_bytes` of it in memory."""
        parts = log_parts(log_file_path)
        known = archives(parts) if archived else ()
        deadline = self._monotonic() + limits.seconds
        wanted = _Wanted(max(head_bytes, 1), tail_bytes, limits, deadline)
        places = (*spellings(parts), *sorted(known, key=lambda place: known.index(place) != self._archive))
        place, log = self._first(places, lambda place: self._read(place, wanted))
        if place in known:
            self._archive = known.index(place)
        return log

    def since(self, log_file_path: str, offset: int, *, limit: int) -> bytes:
        """What a growing log has from that byte on, at most `limit` bytes; empty when nothing is new."""
        parts = log_parts(log_file_path)
        if limit <= 0:
            return b""
        wanted = _Wanted(0, 0, DEFAULT_LIMITS, self._monotonic() + DEFAULT_LIMITS.seconds)
        take = partial(self._since, wanted=wanted, offset=max(offset, 0), limit=limit)
        return self._first(spellings(parts), take)[1]

    def _first(self, places: Sequence[Path], take: Callable[[Path], T]) -> tuple[Path, T]:
        """From the first place that has the file; raises `LogError`."""
        try:
            with self._login.turn():
                return _anywhere(places, take)
        except SfccError as error:
            raise log_error(error) from error

    def _read(self, place: Path, wanted: _Wanted) -> LogFile:
        if place[-1].lower().endswith(PACKED):  # a part of an archive is of no use
            return _complete(place, self._part(place, wanted, None))
        part = self._range(place, wanted, f"bytes=0-{wanted.head_bytes - 1}", first_range)
        if part.whole:
            return _complete(place, part)
        head = bytes(part.window.head)
        total = max(part.total or 0, len(head))
        rest = total - len(head)
        if rest <= 0 or not wanted.tail_bytes:
            return LogFile(place[-1], head, omitted=max(rest, 0), size=total)
        span = f"bytes=-{wanted.tail_bytes}" if rest > wanted.tail_bytes else f"bytes={len(head)}-"
        try:
            end = self._range(place, wanted, span, last_range)
        except SfccError as error:
            if error.reason is not Reason.TIMEOUT:
                raise
            return LogFile(place[-1], head, omitted=rest, size=total, why=too_slow(wanted.limits))
        return _complete(place, end) if end.whole else _joined(place, head, end)

    def _range(
        self, place: Path, wanted: _Wanted, span: str, take: Callable[[Incoming, Window], Part]
    ) -> Part:
        """The range, or all of it where the server gives no proper ranges."""
        part = self._part(place, wanted, span, take)
        return part if part.whole or part.total is not None else self._part(place, wanted, None)

    def _part(
        self,
        place: Path,
        wanted: _Wanted,
        span: str | None,
        take_range: Callable[[Incoming, Window], Part] | None = None,
    ) -> Part:
        def take(incoming: Incoming) -> Part | None:
            if incoming.status == 206 and take_range is not None:
                limits = (wanted.head_bytes, 0) if take_range is first_range else (0, wanted.tail_bytes)
                return take_range(incoming, Window(*limits))
            if incoming.status in {200, 204}:
                window = Window(wanted.head_bytes, wanted.tail_bytes)
                return whole(incoming, window, wanted.limits, lambda: self._is_late(wanted))
            if incoming.status == 416 and take_range is first_range:  # no first byte: the file is empty
                return Part(Window(0, 0), whole=True, total=0)
            return None

        return self._ask(place, wanted, span, take)

    def _since(self, place: Path, wanted: _Wanted, offset: int, limit: int) -> bytes:
        def take(incoming: Incoming) -> tuple[bytes, ...] | None:
            if incoming.status == 206:
                found = range_after(incoming, offset, limit)
                return () if found is None else (found,)
            if incoming.status == 416:
                return (b"",)
            return (after(incoming, offset, limit),) if incoming.status in {200, 204} else None

        span = f"bytes={offset}-{offset + limit - 1}"
        found = self._ask(place, wanted, span, take) or self._ask(place, wanted, None, take)
        return found[0] if found else b""

    def _ask(self, place: Path, wanted: _Wanted, span: str | None, take: Callable[[Incoming], T | None]) -> T:
        """What `take` makes of the answer; where it makes nothing of it, that is an error."""
        url = log_url(self._base, place)
        found = self._send(url, place, wanted, span, take)
        if isinstance(found, _Moved):
            to = redirected(self._base, found.location, url)
            if to is None:
                raise led_away(found.host, found.status, found.location, place[-1])
            found = self._send(to, place, wanted, span, take)
        if isinstance(found, _Moved):
            raise led_away(found.host, found.status, "", place[-1])
        return found

    def _send(
        self,
        url: str,
        place: Path,
        wanted: _Wanted,
        span: str | None,
        take: Callable[[Incoming], T | None],
    ) -> T | _Moved:
        def read(incoming: Incoming) -> T | _Moved:
            if incoming.status in REDIRECTS:
                return _Moved(incoming.host, incoming.status, incoming.headers.get("Location", ""))
            found = take(incoming)
            if found is None:
                raise self._error(incoming, place)
            return found

        headers = {"Accept-Encoding": "identity"}  # a range of a compressed file is of no use
        if span is not None:
            headers["Range"] = span
        outgoing = Outgoing("GET", url, headers=headers)
        return logged_in(
            self._login, lambda auth: self._http.ask(outgoing, auth, read, deadline=wanted.deadline)
        )

    def _error(self, incoming: Incoming, place: Path) -> SfccError:
        login, refusal = self._login, read_refusal(incoming, self._now())
        if isinstance(login, PasswordLogin):
            return refused(refusal, name=place[-1], folder=place[0], user=login.user)
        return refused(refusal, name=place[-1], folder=place[0], client_id=login.client_id)

    def _is_late(self, wanted: _Wanted) -> bool:
        return self._monotonic() >= wanted.deadline


def _anywhere(places: Sequence[Path], take: Callable[[Path], T]) -> tuple[Path, T]:
    """Raises what the first place says where none has it; trouble that passes may hide the right one."""
    first, *others = dict.fromkeys(places)
    try:
        return first, take(first)
    except SfccError as missing:
        if missing.status != 404:
            raise
        for place in others:
            try:
                return place, take(place)
            except SfccError as error:
                if error.retryable:
                    raise
        raise


def _complete(place: Path, part: Part) -> LogFile:
    """Of an answer that was the file from its beginning."""
    head, window = bytes(part.window.head), part.window
    name = place[-1].removesuffix(PACKED)
    if not part.ends:
        omitted = max(part.total or 0, window.seen) - len(head)
        return LogFile(name, head, omitted=omitted, size=part.total, why=part.why)
    tail = window.tail
    size = None if part.why else window.seen
    return LogFile(name, head, tail, omitted=window.seen - len(head) - len(tail), size=size, why=part.why)


def _joined(place: Path, head: bytes, end: Part) -> LogFile:
    """Head and tail of two answers; a file that grows moves its tail between them, even into the head.

    One that was replaced by a much shorter file has nothing beyond the head any more.
    """
    tail, size = end.window.tail, end.start + end.window.seen
    position = size - len(tail)
    tail = tail[max(len(head) - position, 0) :]
    omitted = max(size - len(head) - len(tail), 0)
    return LogFile(place[-1], head, tail, omitted=omitted, size=len(head) + omitted + len(tail))
