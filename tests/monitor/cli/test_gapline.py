from __future__ import annotations

import io
import sys
from datetime import UTC, datetime, timedelta

import pytest

from monitor.cli.gapline import GapLine
from monitor.polling.progress import Progress

SINCE = datetime(2026, 11, 19, tzinfo=UTC)
HALF = Progress("production", SINCE, SINCE + timedelta(hours=28), SINCE + timedelta(hours=44), 31_200)
TEXT = "\r\x1b[Kproduction: catching up: read to 2026-11-20 04:00 UTC, 63 %, 31,200 runs"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def drawn(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, seconds: tuple[float, ...]) -> str:
    """What is written by reports after so many seconds, and by the end."""
    monkeypatch.setattr(sys, "stderr", stream)
    now = [0.0]
    line = GapLine(lambda: now[0])
    for at in seconds:
        now[0] = at
        line(HALF)
    line.clear()
    return stream.getvalue()


def test_the_line_comes_after_a_second_is_drawn_anew_and_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert drawn(monkeypatch, Terminal(), (0.9, 1.0, 1.1, 1.3)) == TEXT + TEXT + "\r\x1b[K"


def test_nothing_is_written_of_what_takes_less_than_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    assert drawn(monkeypatch, Terminal(), (0.0, 0.5)) == ""


def test_nothing_is_written_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert drawn(monkeypatch, io.StringIO(), (5.0, 10.0)) == ""
