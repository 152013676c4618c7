"""What a person wants of a job's log: the lines that say what went wrong, and a file small enough to send.

Pure; knows the format of SFCC's job logs and nothing of where they come from. The one idea: the last lines
of a failed run's log only repeat that it failed, the telling one is the last error with a stack trace of
the step that failed.
"""

from __future__ import annotations

import gzip
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice

from monitor.masking import Mask
from monitor.sfcc import LogFile

MAX_STORED = 1024 * 1024  # bytes of the compressed file: what the state keeps and mails take
TRACE_LINES = 3
DATA_ERRORS = 4
SHRINK = 0.7  # of the longer half in each attempt to get below the limit
KEY = 500  # characters by which lines are told apart

PREFIX = re.compile(
    r"\[\d{4}-\d\d-\d\d[ T](\d\d:\d\d:\d\d)[^\]]*\]\s+(INFO|WARN|ERROR|DEBUG|FATAL|TRACE)\s+(.*)"
)
THREAD = re.compile(r"SystemJobThread\|\d+\|[^|\s]+(?:\|(\S+))?\s+")
LEFT_OUT = re.compile(r"\[… .* left out by the monitor.*…\]")
SUMMARY = re.compile(r"finished with status \[|completed with status \[|^Step \[.*\] failed\b", re.IGNORECASE)
DATA_ERROR = re.compile(r"\bDATAERROR\b")
CHANGING = re.compile(r"0x[0-9a-f]+|[0-9a-f]{8,}|\d+|'[^']*'|\"[^\"]*\"", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class JobLog:
    """A log fit to leave. `note` says what was cut and masked, and is empty where nothing was."""

    name: str
    content: bytes
    lines: tuple[str, ...]
    note: str
    masked: int


@dataclass(slots=True)
class _Entry:
    """A line with a time and a level, and the lines without that follow it."""

    time: str
    level: str
    step: str
    text: str
    more: list[str] = field(default_factory=list)

    @property
    def key(self) -> str:
        """Equal for entries that say the same about another item."""
        return f"{self.level} {self.step} {CHANGING.sub('#', self.text[:KEY])}"

    @property
    def is_error(self) -> bool:
        return self.level in {"ERROR", "FATAL"}

    @property
    def is_summary(self) -> bool:
        return bool(SUMMARY.search(self.text))

    @property
    def has_trace(self) -> bool:
        return any(line.strip() for line in self.more)

    @property
    def line(self) -> str:
        step = f"[{self.step}] " if self.step else ""
        return f"{self.time} {self.level} {step}{self.text}".strip()


def telling_lines(text: str, *, job_id: str | None = None, limit: int = 12, width: int = 300) -> list[str]:
    """The lines worth reading first, most telling first; the last lines where none is an error.

    job_id: whose log it is. Without it, one with blanks or `|` in it is taken for a step or for text.
    """
    entries = list(_entries(text, _threads(job_id)))
    data_errors = [entry for entry in entries if DATA_ERROR.search(entry.text)]
    errors = [entry for entry in entries if entry.is_error and not DATA_ERROR.search(entry.text)]
    if not errors and not data_errors:
        return [_short(line, width, times) for line, times in _last_lines(text, limit)]
    counts = Counter(entry.key for entry in chain(errors, data_errors))
    main = _main(errors)
    others = (
        entry
        for entry in _distinct(reversed(errors))
        if not entry.is_summary and (main is None or entry.key != main.key)
    )
    found = chain(
        ((main.line, counts[main.key]), *((line, 1) for line in _trace(main))) if main else (),
        ((entry.line, counts[entry.key]) for entry in islice(_distinct(data_errors), DATA_ERRORS)),
        ((entry.line, counts[entry.key]) for entry in others),
    )
    return [_short(line, width, times) for line, times in islice(found, limit)]


def assemble(log: LogFile, mask: Mask, *, job_id: str | None = None, max_stored: int = MAX_STORED) -> JobLog:
    """The log as a file to keep and to send: decoded, masked, cut, with a line where something is missing."""
    head_bytes, tail_bytes = _at_line_ends(log)
    head, in_head = mask(_decode(head_bytes))
    tail, in_tail = mask(_decode(tail_bytes))
    size = len(log.head) + log.omitted + len(log.tail)
    if not size:
        return JobLog(log.name, b"", (), "the log is empty", 0)
    missing = size - len(head_bytes) - len(tail_bytes)
    file = _fitted(_Cut(head, tail, missing, unread=bool(log.omitted and not log.tail)), max_stored)
    text = file.text
    return JobLog(
        name=log.name,
        content=text.encode(),
        lines=tuple(telling_lines(text, job_id=job_id)),
        note="; ".join(filter(None, (_cut_note(file, size), _masked_note(in_head + in_tail)))),
        masked=in_head + in_tail,
    )


@dataclass(frozen=True, slots=True)
class _Cut:
    """What is kept of a log; `missing` counts the bytes between head and tail, `unread` says why."""

    head: str
    tail: str
    missing: int
    unread: bool

    @property
    def text(self) -> str:
        """With a line in the place of what is not there."""
        if not self.missing:
            return self.head + self.tail
        why = ": its end could not be read in time" if self.unread else ""
        before = "" if not self.head or self.head.endswith("\n") else "\n"
        marker = f"[… {_amount(self.missing)} left out by the monitor{why} …]"
        return f"{self.head}{before}{marker}\n{self.tail}"

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


def _fitted(file: _Cut, max_stored: int) -> _Cut:
    while (file.head or file.tail) and len(gzip.compress(file.text.encode(), 6)) > max_stored:
        file = file.shrunk()
    return file


def _at_line_ends(log: LogFile) -> tuple[bytes, bytes]:
    """Without the broken lines at the gap, unless a line is so long that little would be left."""
    if not log.omitted:
        return log.head + log.tail, b""
    end, start = log.head.rfind(b"\n") + 1, log.tail.find(b"\n") + 1
    head = log.head[:end] if end > len(log.head) // 2 else log.head
    return head, log.tail[start:] if start < len(log.tail) // 2 else log.tail


def _to_line_end(text: str) -> str:
    end = text.rfind("\n") + 1
    return text[:end] if end > len(text) // 2 else text


def _from_line_start(text: str) -> str:
    start = text.find("\n") + 1
    return text[start:] if start < len(text) // 2 else text


def _decode(data: bytes) -> str:
    return data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").replace("\0", "")


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


def _threads(job_id: str | None) -> tuple[re.Pattern[str], ...]:
    """What stands before the text of a line; the group is the step. The first that fits is right."""
    if job_id is None:
        return (THREAD,)
    own = rf"SystemJobThread\|\d+\|{re.escape(job_id)}(?:\|(\S+))?(?:\s+|$)"
    return re.compile(own), THREAD


def _entries(text: str, threads: Sequence[re.Pattern[str]]) -> Iterator[_Entry]:
    entry: _Entry | None = None
    for line in text.split("\n"):
        match = PREFIX.match(line)
        if match is None:
            if entry is not None and LEFT_OUT.match(line):
                yield entry
                entry = None
            elif entry is not None:
                entry.more.append(line)
            elif line.strip() and not LEFT_OUT.match(line):
                yield _Entry("", "", "", line)
            continue
        if entry is not None:
            yield entry
        thread = next(filter(None, (pattern.search(match[3]) for pattern in threads)), None)
        rest = match[3][: thread.start()] + match[3][thread.end() :] if thread else match[3]
        entry = _Entry(match[1], match[2], (thread and thread[1]) or "", rest.strip())
    if entry is not None:
        yield entry


def _main(errors: Sequence[_Entry]) -> _Entry | None:
    """The error to show with its trace: the last one that has one in the step that failed last."""
    if not errors:
        return None
    last = next((entry for entry in reversed(errors) if not entry.is_summary), errors[-1])
    same_step = (entry for entry in reversed(errors) if entry.step == last.step and entry.has_trace)
    return next(same_step, last)


def _trace(entry: _Entry) -> list[str]:
    """The beginning of its stack trace, and the cause that all the others come from."""
    trace = [line for line in entry.more if line.strip()]
    causes = [line for line in trace[TRACE_LINES:] if line.lstrip().startswith("Caused by")]
    return trace[:TRACE_LINES] + causes[-1:]


def _distinct(entries: Iterable[_Entry]) -> Iterator[_Entry]:
    seen: set[str] = set()
    for entry in entries:
        if entry.key not in seen:
            seen.add(entry.key)
            yield entry


def _last_lines(text: str, limit: int) -> list[tuple[str, int]]:
    """Without blank ones; lines repeated one after another are one with a count."""
    found: list[tuple[str, int]] = []
    for line in text.split("\n"):
        if not line.strip():
            continue
        if found and CHANGING.sub("#", found[-1][0][:KEY]) == CHANGING.sub("#", line[:KEY]):
            found[-1] = line.strip(), found[-1][1] + 1
        else:
            found.append((line.strip(), 1))
    return found[-limit:]


def _short(line: str, width: int, times: int) -> str:
    """Fit for a message: printable, not too long, and with how often it came."""
    count = f" … \N{MULTIPLICATION SIGN}{times}" if times > 1 else ""
    begin = "".join(char if char.isprintable() else " " for char in line[: width * 2].expandtabs(2)).rstrip()
    room = width - len(count)
    return (begin if len(begin) <= room else begin[: room - 1] + "…") + count
