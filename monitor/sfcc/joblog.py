"""A job's log as a file small enough to send: decoded, masked, cut, with a line where something is missing.

Pure; knows nothing of where logs come from, nor which of their lines matter. A log is megabytes: each step
lets go of what it was given, so that no more than two copies of the text are there at a time.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from monitor.masking import Mask
from monitor.sfcc import LogFile
from monitor.sfcc.loglines import telling_lines

__all__ = ["MAX_STORED", "JobLog", "assemble", "telling_lines"]

MAX_STORED = 1024 * 1024  # bytes of the compressed file: what the state keeps and mails take
SHRINK = 0.7  # of the longer half in each attempt to get below the limit
PIECE = 64 * 1024  # characters compressed at a time
BROKEN = 8192  # bytes of an endless line at the gap: longer than any secret that may be cut in two there


@dataclass(frozen=True, slots=True)
class JobLog:
    """A log fit to leave. `note` says what was cut and masked, and is empty where nothing was."""

    name: str
    content: bytes
    lines: tuple[str, ...]
    note: str
    masked: int


def assemble(log: LogFile, mask: Mask, *, job_id: str | None = None, max_stored: int = MAX_STORED) -> JobLog:
    """The log as a file to keep and to send: decoded, masked, cut, with a line where something is missing."""
    size = len(log.head) + log.omitted + len(log.tail)
    if not size:
        return JobLog(log.name, b"", (), "the log is empty", 0)
    name = log.name
    file, masked = _masked(log, mask, size)
    del log  # megabytes that are not needed any more, where the caller keeps them not either
    file = _fitted(file, max_stored)
    return JobLog(
        name=name,
        content=_content(file),
        lines=tuple(telling_lines(*file.parts, job_id=job_id)),
        note="; ".join(filter(None, (_cut_note(file, size), _masked_note(masked)))),
        masked=masked,
    )


@dataclass(frozen=True, slots=True)
class _Cut:
    """What is kept of a log; `missing` counts the bytes between head and tail, `unread` says why."""

    head: str
    tail: str
    missing: int
    unread: bool

    @property
    def parts(self) -> tuple[str, str, str]:
        """With a line in the place of what is not there; each ends where a line does."""
        if not self.missing:
            return self.head, "", self.tail
        why = ": its end could not be read in time" if self.unread else ""
        before = "" if not self.head or self.head.endswith("\n") else "\n"
        marker = f"{before}[… {_amount(self.missing)} left out by the monitor{why} …]\n"
        return self.head, marker, self.tail

    def shrunk(self) -> _Cut:
        """Shorter by a part of its longer half; at line ends where there are some."""
        head, tail = self.head, self.tail
        if not self.missing and not tail:
            head, tail = head[: len(head) // 4], head[len(head) // 4 :]
        if len(head) > len(tail):
            head = _to_line_end(head[: int(len(head) * SHRINK)])
        else:
            tail = _from_line_start(tail[len(tail) - int(len(tail) * SHRINK) :])
        gone = _size(self.head) + _size(self.tail) - _size(head) - _size(tail)
        return _Cut(head, tail, self.missing + gone, self.unread)


def _masked(log: LogFile, mask: Mask, size: int) -> tuple[_Cut, int]:
    head_bytes, tail_bytes = _at_line_ends(log)
    missing = size - len(head_bytes) - len(tail_bytes)
    head, in_head = mask(_decode(head_bytes))
    tail, in_tail = mask(_decode(tail_bytes))
    return _Cut(head, tail, missing, unread=bool(log.omitted and not log.tail)), in_head + in_tail


def _fitted(file: _Cut, max_stored: int) -> _Cut:
    while (file.head or file.tail) and not _fits(file, max_stored):
        file = file.shrunk()
    return file


def _fits(file: _Cut, max_stored: int) -> bool:
    """As `gzip.compress` would have it, without a second copy of the file."""
    packer = zlib.compressobj(level=6, wbits=31)
    size = 0
    for piece in _pieces(file):
        size += len(packer.compress(piece))
        if size > max_stored:
            return False
    return size + len(packer.flush()) <= max_stored


def _content(file: _Cut) -> bytes:
    content = io.BytesIO()
    for piece in _pieces(file):
        content.write(piece)
    return content.getvalue()


def _pieces(file: _Cut) -> Iterator[bytes]:
    for part in file.parts:
        for start in range(0, len(part), PIECE):
            yield part[start : start + PIECE].encode()


def _at_line_ends(log: LogFile) -> tuple[memoryview, memoryview]:
    """Without the broken lines at the gap, unless a line is so long that little would be left."""
    if not log.omitted:
        return memoryview(log.head + log.tail), memoryview(b"")
    end, start = log.head.rfind(b"\n") + 1, log.tail.find(b"\n") + 1
    head, tail = memoryview(log.head), memoryview(log.tail)
    return (
        head[: end if end > len(head) // 2 else _last_word(log.head)],
        tail[start if 0 < start < len(tail) // 2 else _first_word(log.tail) :],
    )


def _last_word(head: bytes) -> int:
    """Where the word begins that the gap cuts off: half a secret would be masked by no rule."""
    if len(head) <= 2 * BROKEN:
        return len(head)
    return max(head.rfind(blank, len(head) - BROKEN) + 1 for blank in (b" ", b"\t")) or len(head) - BROKEN


def _first_word(tail: bytes) -> int:
    if len(tail) <= 2 * BROKEN:
        return 0
    found = (tail.find(blank, 0, BROKEN) for blank in (b" ", b"\t"))
    return min((at for at in found if at >= 0), default=BROKEN)


def _to_line_end(text: str) -> str:
    end = text.rfind("\n") + 1
    return text[:end] if end > len(text) // 2 else text


def _from_line_start(text: str) -> str:
    start = text.find("\n") + 1
    return text[start:] if start < len(text) // 2 else text


def _decode(data: memoryview) -> str:
    return str(data, "utf-8", "replace").removeprefix("\ufeff").replace("\0", "")


def _size(text: str) -> int:
    return len(text.encode())


def _cut_note(file: _Cut, size: int) -> str:
    if not file.missing:
        return ""
    ends = [
        f"{name} {_amount(_size(text))}" for name, text in (("first", file.head), ("last", file.tail)) if text
    ]
    return f"cut from {_amount(size)} to its {' and '.join(ends)}" if ends else "too large to be kept"


def _masked_note(masked: int) -> str:
    return f"{masked} secret{'s' if masked > 1 else ''} masked" if masked else ""


def _amount(count: int) -> str:
    """`4 MiB`, `198.2 MiB`, `17 bytes`."""
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if round(count / unit, 1) >= 1:
            return f"{count / unit:.1f}".removesuffix(".0") + f" {name}"
    return f"{count} byte{'' if count == 1 else 's'}"
