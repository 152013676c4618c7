"""A job's log as a file small enough to send: decoded, masked, cut, with a line where something is missing.

Pure; knows nothing of where logs come from, nor which of their lines matter. A log is megabytes: each step
lets go of what it was given, so that no more than two copies of the text are there at a time. The separate
logs of imports become sections at the end of the same file: many channels take one file with a message.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from monitor.masking import Mask
from monitor.model import Logged
from monitor.sfcc import LogFile
from monitor.sfcc.logs.importlog import import_lines, import_logs
from monitor.sfcc.logs.loglines import counted, telling_lines

__all__ = ["MAX_STORED", "JobLog", "assemble", "telling_lines", "with_imports"]

MAX_STORED = 1024 * 1024  # bytes of the compressed file: what the state keeps and mails take
IMPORT_STORED = 128 * 1024  # of them for each import log
SEAM = 4 * 1024  # bytes more than its parts that a compressed file may have
LINES = 12  # telling lines of a file, those of imports included
SHRINK = 0.7  # of the longer half in each attempt to get below the limit
PIECE = 64 * 1024  # characters compressed at a time
BROKEN = 8192  # bytes of an endless line at the gap: longer than any secret that may be cut in two there


NOTHING_LOGGED = Logged(0, 0)


@dataclass(frozen=True, slots=True)
class JobLog:
    """A log fit to leave. `note` says what was cut and masked, and is empty where nothing was.

    imports: paths of the separate logs it names, which are not read yet. logged: of what is kept of it.
    """

    name: str
    content: bytes
    lines: tuple[str, ...]
    note: str
    masked: int
    imports: tuple[str, ...] = ()
    logged: Logged = NOTHING_LOGGED


def assemble(
    log: LogFile,
    mask: Mask,
    *,
    job_id: str | None = None,
    max_stored: int = MAX_STORED,
    is_import: bool = False,
) -> JobLog:
    """The log as a file to keep and to send: decoded, masked, cut, with a line where something is missing.

    Leaves room for the import logs it names. is_import: it is one of those, and tells of data.
    """
    name, why, size = log.name, log.why, len(log.head) + log.omitted + len(log.tail)
    if not size:
        return JobLog(name, b"", (), "the log is empty", 0)
    imports = () if is_import else import_logs(log)
    room = max_stored - (len(imports) * IMPORT_STORED + SEAM if imports else 0)
    file, masked = _masked(log, mask, size)
    del log  # megabytes that are not needed any more, where the caller keeps them not either
    file = _fitted(file, min(room, IMPORT_STORED) if is_import else room)
    tell = import_lines if is_import else partial(telling_lines, job_id=job_id)
    return JobLog(
        name=name,
        content=_content(file),
        lines=tuple(tell(*file.parts)),
        note="; ".join(filter(None, (_cut_note(file, size), why, _masked_note(masked)))),
        masked=masked,
        imports=imports,
        logged=counted(*file.parts),
    )


def with_imports(made: JobLog, imports: Sequence[JobLog], missing: Sequence[str] = ()) -> JobLog:
    """With the import logs as its last sections; missing: why there are fewer than it names, in words."""
    content, lines, notes = io.BytesIO(), [line for one in imports for line in _titled(one)], [made.note]
    content.write(made.content)
    for one in imports:
        content.write(f"\n===== {one.name} =====\n".encode())
        content.write(one.content)
        notes.append(f"with {one.name}" + (f" ({one.note})" if one.note else ""))
    return replace(
        made,
        content=content.getvalue(),
        lines=(*made.lines[: max(LINES - len(lines), 1)], *lines)[:LINES],
        note="; ".join(filter(None, (*notes, *missing))),
        masked=made.masked + sum(one.masked for one in imports),
        logged=Logged(*map(sum, zip(made.logged, *(one.logged for one in imports), strict=True))),
        imports=(),
    )


def _titled(made: JobLog) -> Sequence[str]:
    return (f"{made.name}:", *made.lines[: LINES // 3]) if made.lines else ()


@dataclass(frozen=True, slots=True)
class _Cut:
    """What is kept of a log; `missing` counts the bytes between head and tail.

    why: in words, where the log went on after all of this.
    """

    head: str
    tail: str
    missing: int
    why: str

    @property
    def parts(self) -> tuple[str, ...]:
        """With a line in the place of what is not there; each ends where a line does."""
        because = f": {self.why}" if self.why else ""
        gap = end = ""
        if self.missing:
            reason = because if not self.tail else ""
            gap = f"{_break(self.head)}[… {_amount(self.missing)} left out by the monitor{reason} …]\n"
        if self.why and (self.tail or not self.missing):
            end = f"{_break(self.tail or self.head)}[… the rest left out by the monitor{because} …]\n"
        return self.head, gap, self.tail, end

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
        return _Cut(head, tail, self.missing + gone, self.why)


def _masked(log: LogFile, mask: Mask, size: int) -> tuple[_Cut, int]:
    head_bytes, tail_bytes = _at_line_ends(log)
    missing = size - len(head_bytes) - len(tail_bytes)
    head, in_head = mask(_decode(head_bytes))
    tail, in_tail = mask(_decode(tail_bytes))
    return _Cut(head, tail, missing, log.why), in_head + in_tail


def _break(text: str) -> str:
    return "" if not text or text.endswith("\n") else "\n"


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
