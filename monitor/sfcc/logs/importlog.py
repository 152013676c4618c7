"""The separate log an import writes: where a job's log names it, and what it says of the data.

Pure; knows the words of SFCC's imports. A step that imports says in the job's log little more than how it
ended; which products were refused stands in a file of its own below Impex/log. Its name comes out of a text
that anybody who feeds data to a job may write into, so nothing but a log in that folder is taken for one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain, islice

from monitor.errors import LogError
from monitor.sfcc import LogFile
from monitor.sfcc.logs.loglines import CHANGING, KEY, PREFIX, lines_of, shortened
from monitor.sfcc.logs.logpath import LEGACY_FOLDER, log_parts

MOST = 2
"""Of one run; the last ones named: where several steps import, the one that failed was the last."""

NAMED = re.compile(rb"\bimpex/log/([^\s\"'<>|;,()\[\]{}]{1,400}?\.log)(?![\w-]|\.\w)", re.IGNORECASE)
DATA = re.compile(r"\bDATA(ERROR|WARNING)\b")
PROCESSED = re.compile(r"\bProcessed \d+ .{0,40}elements\b")
LEVELS = ("DATAERROR", "DATAWARNING", "FATAL", "ERROR")
KINDS = 2000  # of lines that are told apart while they are counted


def import_logs(log: LogFile) -> tuple[str, ...]:
    """Paths of the import logs that a job's log names, at most MOST, in the order they were last named in."""
    names: dict[str, None] = {}
    for found in chain.from_iterable(map(NAMED.finditer, (log.head, log.tail))):
        path = "/".join((*LEGACY_FOLDER, found[1].decode("utf-8", "replace")))
        if path.rpartition("/")[2] != log.name and _is_fit(path):
            names.pop(path, None)
            names[path] = None
    return tuple(names)[-MOST:]


def import_lines(*texts: str, limit: int = 6, width: int = 300) -> list[str]:
    """What an import says of its data, refused items first; how much it processed where nothing is wrong."""
    counts: Counter[tuple[str, str]] = Counter()
    first: dict[str, dict[str, str]] = {level: {} for level in LEVELS}
    processed = ""
    for line in chain.from_iterable(map(lines_of, texts)):
        level, text = _judged(line)
        if level in first:
            key = CHANGING.sub("#", text[:KEY])
            if key in first[level] or len(first[level]) < KINDS:
                first[level].setdefault(key, text)
                counts[level, key] += 1
        elif PROCESSED.search(text):
            processed = text
    return list(islice(_told(first, counts, processed, width), limit))


def _told(
    first: dict[str, dict[str, str]], counts: Counter[tuple[str, str]], processed: str, width: int
) -> Iterator[str]:
    for level, texts in first.items():
        for key, text in texts.items():
            yield shortened(text, width, counts[level, key])
    if not counts and processed:
        yield shortened(processed, width, 1)


def _judged(line: str) -> tuple[str, str]:
    """Its level, by what it says of data if it does; and the line without its date."""
    match = PREFIX.match(line)
    text = f"{match[1]} {match[3]}" if match else line
    data = DATA.search(text)
    if data:
        return data[0], text.strip()
    return (match[2] if match else ""), text.strip()


def _is_fit(path: str) -> bool:
    try:
        log_parts(path)
    except LogError:
        return False
    return True
