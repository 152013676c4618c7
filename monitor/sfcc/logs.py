"""Job logs over WebDAV: the beginning and the end of a file, whatever its size.

Knows WebDAV's rights and ranges; knows no line of a log. HEAD is not among the rights the platform can
grant, so the first range request tells the size. A server that ignores ranges is read through, with no
more in memory than what is kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from monitor.errors import LogError, Reason, SfccError
from monitor.sfcc import LogFile
from monitor.sfcc.auth import ClientCredentials, PasswordLogin, logged_in
from monitor.sfcc.http import Http, Incoming, Outgoing
from monitor.sfcc.logpath import log_parts, log_url
from monitor.sfcc.refusal import Refusal, general_error, read_refusal

TIME_LIMIT = 60.0  # seconds for one log
READ_LIMIT = 300 * 1000 * 1000  # bytes read through where the server knows no ranges
RANGE = re.compile(r"bytes\s+([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")
SIZE = re.compile(r"[0-9]{1,18}")
ROLES_PAGE = "Administration > Organization > Roles & Permissions"
CLIENTS_PAGE = "Administration > Organization > WebDAV Client Permissions"


@dataclass(slots=True)
class _Window:
    """The first and the last bytes of a stream; `seen` counts all of them."""

    head_limit: int
    tail_limit: int
    head: bytearray = field(default_factory=bytearray)
    seen: int = 0
    _tail: bytearray = field(default_factory=bytearray)

    def add(self, chunk: bytes) -> None:
        self.seen += len(chunk)
        room = self.head_limit - len(self.head)
        self.head += chunk[:room]
        rest = chunk[room:]
        if not rest or not self.tail_limit:
            return
        self._tail += rest
        del self._tail[: -self.tail_limit]  # cheap: a bytearray forgets its beginning without moving the rest

    @property
    def head_is_full(self) -> bool:
        return len(self.head) >= self.head_limit

    @property
    def tail(self) -> bytes:
        return bytes(self._tail)


@dataclass(frozen=True, slots=True)
class _Part:
    """What one answer gave. `whole`: it was the file from its beginning, not a range of it.

    `start` and `total` are in bytes of the file. `cut`: the answer was given up before its end.
    """

    window: _Window
    whole: bool
    start: int = 0
    total: int | None = None
    cut: bool = False


@dataclass(frozen=True, slots=True)
class _Target:
    """One log to read; `deadline` is by the monotonic clock."""

    url: str
    folder: str
    name: str
    head_bytes: int
    tail_bytes: int
    deadline: float


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

    def read(self, log_file_path: str, *, head_bytes: int, tail_bytes: int) -> LogFile:
        """The log, streamed, never more than `head_bytes` + `tail_bytes` of it in memory.

        Where its end could not be reached in time, `tail` is empty and `omitted` is not.
        """
        parts = log_parts(log_file_path)
        deadline = self._monotonic() + TIME_LIMIT
        url = log_url(self._base, parts)
        target = _Target(url, parts[0], parts[-1], max(head_bytes, 1), tail_bytes, deadline)
        try:
            with self._login.turn():
                return self._read(target)
        except SfccError as error:
            raise _log_error(error) from error

    def _read(self, target: _Target) -> LogFile:
        part = self._get(target, f"bytes=0-{target.head_bytes - 1}", target.head_bytes, 0)
        if part.whole:
            return _whole(target, part)
        head = bytes(part.window.head)
        total = max(part.total or 0, len(head))
        rest = total - len(head)
        if rest <= 0 or not target.tail_bytes:
            return LogFile(target.name, head, omitted=max(rest, 0), size=total)
        wanted = f"bytes=-{target.tail_bytes}" if rest > target.tail_bytes else f"bytes={len(head)}-"
        end = self._get(target, wanted, 0, target.tail_bytes)
        return _whole(target, end) if end.whole else _joined(target, head, end)

    def _get(self, target: _Target, wanted: str, head_bytes: int, tail_bytes: int) -> _Part:
        """The range, or all of it where the server knows no proper ranges."""
        part = self._ask(target, wanted, head_bytes, tail_bytes)
        return part if part.whole or part.total is not None else self._ask(target, None, 0, 0)

    def _ask(self, target: _Target, wanted: str | None, head_bytes: int, tail_bytes: int) -> _Part:
        """One answer; `head_bytes` and `tail_bytes` say what is kept of it where it is a range."""
        headers = {"Accept-Encoding": "identity"}  # a range of a compressed file is of no use
        if wanted is not None:
            headers["Range"] = wanted
        take = partial(self._take, target, _Window(head_bytes, tail_bytes))
        outgoing = Outgoing("GET", target.url, headers=headers)
        return logged_in(
            self._login, lambda auth: self._http.ask(outgoing, auth, take, deadline=target.deadline)
        )

    def _take(self, target: _Target, limits: _Window, incoming: Incoming) -> _Part:
        if incoming.status == 206 and (limits.head_limit or limits.tail_limit):
            return _range(incoming, _Window(limits.head_limit, limits.tail_limit))
        if incoming.status in {200, 204}:
            return _through(incoming, _Window(target.head_bytes, target.tail_bytes))
        if incoming.status == 416 and limits.head_limit:  # no first byte: the file is empty
            return _Part(_Window(0, 0), whole=True, total=0)
        raise self._error(target, read_refusal(incoming, self._now()))

    def _error(self, target: _Target, refusal: Refusal) -> SfccError:
        if refusal.status in {401, 403}:
            return self._denied(target, refusal)
        if refusal.status == 404:
            text = (
                f"{refusal.host} has no file {target.name} (404): the platform moves logs away after 3 days "
                "and deletes them after 30; that of a run just ended may also not be written yet"
            )
            return refusal.as_error(Reason.NOT_FOUND, text)
        if refusal.status == 416:
            text = f"{target.name} became shorter while it was read"
            return refusal.as_error(Reason.PROTOCOL, text, retryable=True)
        return general_error(refusal)

    def _denied(self, target: _Target, refusal: Refusal) -> SfccError:
        host, status = refusal.host, refusal.status
        folder = f"/{target.folder.lower()}"
        if isinstance(self._login, ClientCredentials):
            grant = {"path": folder, "operations": ["read"]}
            entry = json.dumps({"client_id": self._login.client_id, "permissions": [grant]})
            text = (
                f'the API client "{self._login.client_id}" may not read {folder} on {host} ({status}): '
                f"in Business Manager > {CLIENTS_PAGE} add {entry} to clients"
            )
            return refusal.as_error(Reason.PERMISSION, text)
        if status == 403:
            text = (
                f"the user {self._login.user} may not read {folder} on {host} (403): "
                f"give one of its roles the WebDAV right to it in Business Manager > {ROLES_PAGE}"
            )
            return refusal.as_error(Reason.PERMISSION, text)
        text = (
            f"{host} refuses the user {self._login.user} with its access key (401): keys end after a year; "
            "set a new one (password). It is not tried again, because six wrong tries lock it"
        )
        return refusal.as_error(Reason.CREDENTIALS, text)


def _range(incoming: Incoming, window: _Window) -> _Part:
    """Of a 206. Where it is not the range asked for, or compressed, `total` is None."""
    match = RANGE.fullmatch(incoming.headers.get("Content-Range", "").strip())
    if match is None or incoming.headers.get("Content-Encoding", "identity") != "identity":
        return _Part(window, whole=False)
    if window.head_limit and int(match[1]):
        return _Part(window, whole=False)
    for chunk in incoming.chunks():
        window.add(chunk)
        if window.head_limit and window.head_is_full:
            break
    return _Part(window, whole=False, start=int(match[1]), total=int(match[3]))


def _through(incoming: Incoming, window: _Window) -> _Part:
    """Of a 200: all of it, or as much as time and size allow once the beginning is there."""
    length = incoming.headers.get("Content-Length", "")
    total = int(length) if SIZE.fullmatch(length) and "Content-Encoding" not in incoming.headers else None
    try:
        for chunk in incoming.chunks():
            window.add(chunk)
            if window.seen > READ_LIMIT:
                return _Part(window, whole=True, total=total, cut=True)
    except SfccError as error:
        if error.reason is not Reason.TIMEOUT or not window.head_is_full:
            raise
        return _Part(window, whole=True, total=total, cut=True)
    return _Part(window, whole=True, total=window.seen)


def _whole(target: _Target, part: _Part) -> LogFile:
    head, window = bytes(part.window.head), part.window
    if part.cut:
        omitted = max(part.total or 0, window.seen) - len(head)
        return LogFile(target.name, head, omitted=omitted, size=part.total)
    tail = window.tail
    return LogFile(target.name, head, tail, omitted=window.seen - len(head) - len(tail), size=window.seen)


def _joined(target: _Target, head: bytes, end: _Part) -> LogFile:
    """Head and tail of two answers; a file that grows moves its tail between them, even into the head.

    One that was replaced by a much shorter file has nothing beyond the head any more.
    """
    tail, size = end.window.tail, end.start + end.window.seen
    position = size - len(tail)
    tail = tail[max(len(head) - position, 0) :]
    omitted = max(size - len(head) - len(tail), 0)
    return LogFile(target.name, head, tail, omitted=omitted, size=len(head) + omitted + len(tail))


def _log_error(error: SfccError) -> LogError:
    """A file that is not there may still be coming, so asking again makes sense; but not at once."""
    return LogError(
        error.reason,
        f"no log: {error}",
        retryable=error.retryable or error.status == 404,
        retry_after=error.retry_after,
        status=error.status,
        fault_type=error.fault_type,
    )
