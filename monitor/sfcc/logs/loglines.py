"""The lines of a job's log that say what went wrong.

Pure; knows the format of SFCC's job logs. The one idea: the last lines of a failed run's log only repeat that
it failed, the telling one is the last error with a stack trace of the step that failed. The text is read line
by line and little of it is kept: as objects, the lines of a log take ten times the memory of its text.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice

from monitor.model import Logged
from monitor.sfcc import LogFile

TRACE_LINES = 3
DATA_ERRORS = 4
STEPS = 100  # of which the last trace is kept: a job has a dozen
KEY = 500  # characters by which lines are told apart

PREFIX = re.compile(
    r"\[\d{4}-\d\d-\d\d[ T](\d\d:\d\d:\d\d)[^\]]*\]\s+(INFO|WARN|ERROR|DEBUG|FATAL|TRACE)\s+(.*)"
)
ERRORS = frozenset({"ERROR", "FATAL"})
THREAD = re.compile(r"SystemJobThread\|\d+\|[^|\s]+(?:\|(\S+))?\s+")
LEFT_OUT = re.compile(r"\[… .* left out by the monitor.*…\]")
SUMMARY = re.compile(r"finished with status \[|completed with status \[|^Step \[.*\] failed\b", re.IGNORECASE)
DATA_ERROR = re.compile(r"\bDATAERROR\b")
END = re.compile(rb"Execution of job\b[^\n]*\b(?:finished|completed|failed|aborted)\b", re.IGNORECASE)
END_BYTES = 8192  # from the last one backwards, in which the line with the end is looked for
CHANGING = re.compile(r"0x[0-9a-f]+|[0-9a-f]{8,}|\d+|'[^']*'|\"[^\"]*\"", re.IGNORECASE)


def telling_lines(*texts: str, job_id: str | None = None, limit: int = 12, width: int = 300) -> list[str]:
    """The lines worth reading first, most telling first; the last lines where none is an error.

    texts: the log in parts that each end where a line does. job_id: whose log it is. Without it, one with
    blanks or `|` in it is taken for a step or for text.
    """
    found = _Findings(limit)
    for entry in _entries(texts, _threads(job_id)):
        found.add(entry)
    told = found.told() if found.counts else _last_lines(texts, limit)
    return [shortened(line, width, times) for line, times in told]


def counted(*texts: str) -> Logged:
    """How many of the lines are errors, and how many tell of data that was refused, whatever their level."""
    errors = data_errors = 0
    for line in chain.from_iterable(map(lines_of, texts)):
        match = PREFIX.match(line)
        errors += match is not None and match[2] in ERRORS
        data_errors += DATA_ERROR.search(line) is not None
    return Logged(errors, data_errors)


def says_it_ended(log: LogFile) -> bool:
    """Whether the log has the line that a run leaves at its end; or its end is not to be had anyway."""
    return bool(log.why) or END.search((log.tail or log.head)[-END_BYTES:]) is not None


@dataclass(slots=True)
class _Entry:
    """A line with a time and a level; of the lines without that follow it, what is worth telling."""

    time: str
    level: str
    step: str
    text: str
    trace: list[str] = field(default_factory=list)
    cause: str = ""

    def follow(self, line: str) -> None:
        """The beginning of a stack trace is kept, and the cause that all the others come from."""
        if not line.strip():
            return
        if len(self.trace) < TRACE_LINES:
            self.trace.append(line)
        elif line.lstrip().startswith("Caused by"):
            self.cause = line

    @property
    def key(self) -> str:
        """Equal for entries that say the same about another item."""
        return f"{self.level} {self.step} {CHANGING.sub('#', self.text[:KEY])}"

    @property
    def line(self) -> str:
        step = f"[{self.step}] " if self.step else ""
        return f"{self.time} {self.level} {step}{self.text}".strip()


class _Findings:
    """Of all errors of a log the few that may be told, and how often each came."""

    def __init__(self, limit: int) -> None:
        self.counts: Counter[str] = Counter()
        self._limit = limit
        self._data_errors: dict[str, _Entry] = {}
        self._errors: dict[str, _Entry] = {}  # the last of each kind, newest last
        self._traced: dict[str, _Entry] = {}  # the last with a trace, by step
        self._summary: _Entry | None = None

    def add(self, entry: _Entry) -> None:
        key = entry.key
        self.counts[key] += 1
        if DATA_ERROR.search(entry.text):
            if len(self._data_errors) < DATA_ERRORS:
                self._data_errors.setdefault(key, entry)
            return
        if SUMMARY.search(entry.text):
            self._summary = entry
        else:
            _renew(self._errors, key, entry, self._limit + 1)  # one of them may be the main one
        if entry.trace:
            _renew(self._traced, entry.step, entry, STEPS)

    def told(self) -> list[tuple[str, int]]:
        main = self._main()
        parts: list[Iterable[tuple[str, int]]] = []
        if main is not None:
            parts.append([self._counted(main), *((line, 1) for line in (*main.trace, main.cause) if line)])
        parts.append(map(self._counted, self._data_errors.values()))
        others = (entry for entry in reversed(self._errors.values()) if main and entry.key != main.key)
        return list(islice(chain(*parts, map(self._counted, others)), self._limit))

    def _main(self) -> _Entry | None:
        """The error to show with its trace: the last one that has one in the step that failed last."""
        last = next(reversed(self._errors.values()), self._summary)
        return last and self._traced.get(last.step, last)

    def _counted(self, entry: _Entry) -> tuple[str, int]:
        return entry.line, self.counts[entry.key]


def _renew(entries: dict[str, _Entry], key: str, entry: _Entry, most: int) -> None:
    """Puts it last; beyond `most` the first is dropped."""
    entries.pop(key, None)
    entries[key] = entry
    if len(entries) > most:
        del entries[next(iter(entries))]


def _threads(job_id: str | None) -> tuple[re.Pattern[str], ...]:
    """What stands before the text of a line; the group is the step. The first that fits is right."""
    if job_id is None:
        return (THREAD,)
    own = rf"SystemJobThread\|\d+\|{re.escape(job_id)}(?:\|(\S+))?(?:\s+|$)"
    return re.compile(own), THREAD


def _entries(texts: Sequence[str], threads: Sequence[re.Pattern[str]]) -> Iterator[_Entry]:
    """Those that are errors."""
    entry: _Entry | None = None
    within = False
    for line in chain.from_iterable(map(lines_of, texts)):
        match = PREFIX.match(line)
        if match is not None:
            if entry is not None:
                yield entry
            entry, within = _error(match, threads), True
        elif LEFT_OUT.match(line):
            if entry is not None:
                yield entry
            entry, within = None, False
        elif entry is not None:
            entry.follow(line)
        elif not within and DATA_ERROR.search(line):
            yield _Entry("", "", "", line)
    if entry is not None:
        yield entry


def _error(match: re.Match[str], threads: Sequence[re.Pattern[str]]) -> _Entry | None:
    is_error = match[2] in ERRORS
    if not is_error and not DATA_ERROR.search(match[3]):
        return None
    thread = next(filter(None, (pattern.search(match[3]) for pattern in threads)), None)
    rest = match[3][: thread.start()] + match[3][thread.end() :] if thread else match[3]
    entry = _Entry(match[1], match[2], (thread and thread[1]) or "", rest.strip())
    return entry if is_error or DATA_ERROR.search(entry.text) else None


def lines_of(text: str) -> Iterator[str]:
    """As `split` has them, one at a time."""
    start = 0
    while (end := text.find("\n", start)) >= 0:
        yield text[start:end]
        start = end + 1
    yield text[start:]


def _last_lines(texts: Sequence[str], limit: int) -> list[tuple[str, int]]:
    """Without blank ones; lines repeated one after another are one with a count."""
    found: deque[tuple[str, int]] = deque(maxlen=limit)
    key: str | None = None
    for line in chain.from_iterable(map(lines_of, texts)):
        if not line.strip():
            continue
        before, key = key, CHANGING.sub("#", line.strip()[:KEY])
        if key == before:
            found[-1] = line.strip(), found[-1][1] + 1
        else:
            found.append((line.strip(), 1))
    return list(found)


def shortened(line: str, width: int, times: int) -> str:
    """Fit for a message: printable, not too long, and with how often it came."""
    count = f" … \N{MULTIPLICATION SIGN}{times}" if times > 1 else ""
    begin = "".join(char if char.isprintable() else " " for char in line[: width * 2].expandtabs(2)).rstrip()
    room = width - len(count)
    return (begin if len(begin) <= room else begin[: room - 1] + "…") + count
