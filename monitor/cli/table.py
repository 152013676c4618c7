"""Tables for people: aligned columns, as many as the terminal has room for.

Ids and times are never broken, because they are there to be copied: what leaves is a whole column, the
least needed first. Without a terminal every column that says something stays, however long the lines.
"""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import click

GAP = "  "
PROSE_WIDTH = 24
"""Columns that prose gets at least; it is broken into more lines where it is longer."""


@dataclass(frozen=True, slots=True)
class Column:
    """leaves: 0 never; of the others the highest leaves first, and those without any text at once.

    prose: may be broken; only the last column can be.
    """

    heading: str
    leaves: int = 0
    prose: bool = False


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[str]], *, empty: str) -> None:
    """One line to stderr where there is nothing to show."""
    found = list(table_lines(columns, rows))
    if not found:
        click.echo(empty, err=True)
    for line in found:
        click.echo(line)


def table_lines(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """As they are printed here: the head and the rows; nothing where there is no row."""
    found = [tuple(_printable(cell) for cell in row) for row in rows]
    if found:
        yield from lines(columns, found, _terminal_width(), colours="NO_COLOR" not in os.environ)


def lines(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int | None, *, colours: bool = False
) -> Iterator[str]:
    """The head and the rows; `width` is None where lines may be as long as they like."""
    widths = [
        max(_width(text) for text in (column.heading, *(row[index] for row in rows)))
        for index, column in enumerate(columns)
    ]
    shown = chosen(columns, rows, widths, width)
    if columns[shown[-1]].prose and width is not None:
        others = sum(widths[index] + len(GAP) for index in shown[:-1])
        widths[shown[-1]] = max(width - others, PROSE_WIDTH)
    head = _row([columns[index].heading for index in shown], shown, widths, {})
    yield from (click.style(line, bold=True) if colours else line for line in head)
    for row in rows:
        yield from _row([row[index] for index in shown], shown, widths, _STYLES if colours else {})


def chosen(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], widths: Sequence[int], width: int | None
) -> list[int]:
    """Which columns are shown, by their number."""
    shown = [index for index, one in enumerate(columns) if not one.leaves or any(row[index] for row in rows)]
    if width is None:
        return shown
    least = [min(size, PROSE_WIDTH) if one.prose else size for one, size in zip(columns, widths, strict=True)]
    for index in sorted(shown, key=lambda one: -columns[one].leaves):
        if not columns[index].leaves or sum(least[one] + len(GAP) for one in shown) - len(GAP) <= width:
            break
        shown.remove(index)
    return shown


def moment_text(at: datetime | None, now: datetime) -> str:
    """`15:34` of today, `11-22 15:34` of this year; UTC, as the headings say."""
    if at is None:
        return ""
    at, today = at.astimezone(UTC), now.astimezone(UTC).date()
    if at.date() == today:
        return f"{at:%H:%M}"
    return f"{at:%m-%d %H:%M}" if at.year == today.year else f"{at:%Y-%m-%d %H:%M}"


def duration_text(duration: timedelta | None) -> str:
    """`0:03:50`."""
    if duration is None:
        return ""
    seconds = int(duration.total_seconds())
    hours, minutes, seconds = seconds // 3600, seconds // 60 % 60, seconds % 60
    return f"{hours}:{minutes:02}:{seconds:02}"


_STYLES: Mapping[str, str] = {
    "failed": "red",
    "aborted": "red",
    "critical": "red",
    "degraded": "yellow",
    "warning": "yellow",
    "active": "cyan",
    "ok": "green",
}


def _row(
    cells: Sequence[str], shown: Sequence[int], widths: Sequence[int], styles: Mapping[str, str]
) -> Iterator[str]:
    *before, last = cells
    padded = [
        (click.style(cell, fg=styles[cell]) if cell in styles else cell)
        + " " * (widths[index] - _width(cell))
        for cell, index in zip(before, shown, strict=False)
    ]
    room = widths[shown[-1]]
    parts = [last] if _width(last) <= room else textwrap.wrap(last, room)
    parts = [click.style(part, fg=styles[part]) if part in styles else part for part in parts] or [""]
    indent = " " * sum(widths[index] + len(GAP) for index in shown[:-1])
    yield GAP.join([*padded, parts[0]]).rstrip()
    yield from (f"{indent}{part}" for part in parts[1:])


def _terminal_width() -> int | None:
    if os.environ.get("COLUMNS", "").isdecimal():
        return int(os.environ["COLUMNS"]) or None
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _printable(text: str) -> str:
    """On one line, and without what would move the cursor."""
    return "".join(char if char.isprintable() else "�" for char in text)


def _width(text: str) -> int:
    """In places of a terminal: some characters take two, some none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )
