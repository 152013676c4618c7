"""A log as it streams by: its beginning and its end, unpacked on the way, within limits of time and size.

Knows answers to requests for a file and for ranges of it; knows no address and no login. A range is believed
only where it is the one that was asked for: else a part of a log would pass for all of it.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from monitor.errors import Reason, SfccError
from monitor.sfcc import ReadLimits
from monitor.sfcc.http import Incoming

RANGE = re.compile(r"bytes\s+([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")
SIZE = re.compile(r"[0-9]{1,18}")
GZIP = b"\x1f\x8b"
PIECE = 64 * 1024  # bytes unpacked at a time: a kilobyte of an archive can hold a megabyte of zeros


@dataclass(slots=True)
class Window:
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
class Part:
    """What one answer gave. `whole`: it was the file from its beginning, not a range of it.

    `start` and `total` are in bytes of the file. `why`: in words, where the end was not reached; `ends`:
    the last bytes there are stand in for it all the same.
    """

    window: Window
    whole: bool
    start: int = 0
    total: int | None = None
    why: str = ""
    ends: bool = True


def first_range(incoming: Incoming, window: Window) -> Part:
    """Of a 206 for the first bytes. `total` is None where it is another range, or a compressed one."""
    span = _span(incoming)
    if span is None or span[0] != 0:
        return Part(window, whole=False)
    for chunk in incoming.chunks():
        window.add(chunk)
        if window.head_is_full:
            break
    return Part(window, whole=False, total=span[2])


def last_range(incoming: Incoming, window: Window) -> Part:
    """Of a 206 for the last bytes. `total` is None where it does not reach to the end, or is not complete."""
    span = _span(incoming)
    if span is None or span[1] != span[2] - 1:
        return Part(window, whole=False)
    for chunk in incoming.chunks():
        window.add(chunk)
    complete = window.seen == span[1] - span[0] + 1
    return Part(window, whole=False, start=span[0], total=span[2] if complete else None)


def whole(incoming: Incoming, window: Window, limits: ReadLimits, is_late: Callable[[], bool]) -> Part:
    """Of a 200: all of it, or as much as time and size allow. An archive is unpacked."""
    chunks = Unpacked(incoming.chunks())
    try:
        for chunk in chunks:
            window.add(chunk)
            if window.seen > limits.size:
                total = None if chunks.is_packed else _length(incoming)
                return Part(window, whole=True, total=total, why=too_large(limits), ends=False)
    except DamagedError:
        if not window.seen:
            text = f"nothing of the packed log on {incoming.host} can be unpacked: it is damaged"
            raise SfccError(Reason.PROTOCOL, text) from None
        return Part(window, whole=True, total=window.seen, why="the packed log is damaged from here on")
    except SfccError as error:
        late = is_late() and bool(window.seen)
        if error.reason is not Reason.TIMEOUT or not (window.head_is_full or late):
            raise
        total = None if chunks.is_packed else _length(incoming)
        return Part(window, whole=True, total=total, why=too_slow(limits), ends=False)
    return Part(window, whole=True, total=window.seen)


def after(incoming: Incoming, offset: int, limit: int) -> bytes:
    """Of a 200: what comes after that many bytes, at most `limit` of them."""
    found, passed = bytearray(), 0
    for chunk in incoming.chunks():
        found += chunk[max(offset - passed, 0) :]
        passed += len(chunk)
        if len(found) >= limit:
            break
    return bytes(found[:limit])


def range_after(incoming: Incoming, offset: int, limit: int) -> bytes | None:
    """Of a 206: the same; None where it is another range."""
    span = _span(incoming)
    return None if span is None or span[0] != offset else after(incoming, 0, limit)


def too_slow(limits: ReadLimits) -> str:
    return f"its end could not be read in time (log_time_limit is {limits.seconds:g} s)"


def too_large(limits: ReadLimits) -> str:
    return f"its end lies beyond the first {limits.size / 1_000_000:g} MB (log_size_limit)"


class DamagedError(Exception):
    """An archive that cannot be unpacked further."""


class Unpacked:
    """Chunks of a file, unpacked where it begins as gzip does. Raises DamagedError after what can be had."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.is_packed = False
        self._chunks = iter(chunks)

    def __iter__(self) -> Iterator[bytes]:
        begin = b""
        for chunk in self._chunks:
            begin += chunk
            if len(begin) >= len(GZIP):
                break
        self.is_packed = begin.startswith(GZIP)
        if self.is_packed:
            yield from self._members(begin)
            return
        yield begin
        yield from self._chunks

    def _members(self, data: bytes) -> Iterator[bytes]:
        """One archive after another, as they are where files were put together."""
        packed: bytes | None = data
        while packed is not None:
            unpacker = zlib.decompressobj(wbits=31)
            while not unpacker.eof:
                yield from _pieces(unpacker, packed)
                if not unpacker.eof:
                    packed = next(self._chunks, None)
                    if packed is None:
                        raise DamagedError
            packed = self._next_member(unpacker.unused_data)

    def _next_member(self, data: bytes) -> bytes | None:
        """None at the end. Zeros that fill a block, or anything else behind an archive, is no log."""
        left = data.lstrip(b"\0")
        while not left:
            chunk = next(self._chunks, None)
            if chunk is None:
                return None
            left = chunk.lstrip(b"\0")
        return left if left[0] == GZIP[0] else None


def _pieces(unpacker: zlib._Decompress, data: bytes) -> Iterator[bytes]:
    while True:
        try:
            piece = unpacker.decompress(data, PIECE)
        except zlib.error as error:
            raise DamagedError from error
        if piece:
            yield piece
        data = unpacker.unconsumed_tail
        if unpacker.eof or (not data and len(piece) < PIECE):
            return


def _span(incoming: Incoming) -> tuple[int, int, int] | None:
    """First and last byte and size of the file; None where that is not said, or makes no sense."""
    match = RANGE.fullmatch(incoming.headers.get("Content-Range", "").strip())
    if match is None or incoming.headers.get("Content-Encoding", "identity") != "identity":
        return None
    first, last, total = int(match[1]), int(match[2]), int(match[3])
    return (first, last, total) if first <= last < total else None


def _length(incoming: Incoming) -> int | None:
    length = incoming.headers.get("Content-Length", "")
    return int(length) if SIZE.fullmatch(length) and "Content-Encoding" not in incoming.headers else None
