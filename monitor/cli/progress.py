"""How far something long has come: a bar at a terminal, a line now and then anywhere else. On stderr."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from datetime import timedelta

import click

from monitor.cli.table import duration_text

EACH = timedelta(minutes=1)
"""Between two lines where there is no terminal."""

BAR = 24


class Progress:
    """Of one run; `usual` is how long it takes as a rule, where that is known."""

    def __init__(self, usual: timedelta | None, say: Callable[[str], None]) -> None:
        self._usual = usual
        self._say = say
        self._said: timedelta | None = None

    def show(self, elapsed: timedelta, step: str) -> None:
        """Draws the bar anew, or says a line when it is time for one."""
        text = progress_text(elapsed, self._usual, step)
        if sys.stderr.isatty():
            width = shutil.get_terminal_size().columns - 1
            click.echo(f"\r\x1b[K{text[:width]}", nl=False, err=True)
        elif self._said is None or elapsed - self._said >= EACH:
            self._said = elapsed
            self._say(text)

    def clear(self) -> None:
        """Nothing of the bar stays behind."""
        if sys.stderr.isatty():
            click.echo("\r\x1b[K", nl=False, err=True)


def progress_text(elapsed: timedelta, usual: timedelta | None, step: str) -> str:
    """`[######······]  52 %  0:02:36 of usually 0:05:00  import-catalog`; never full before the end."""
    where = f"  {step}" if step else ""
    if not usual:
        return f"running for {duration_text(elapsed)}{where}"
    share = min(elapsed / usual, 0.99)
    full = int(BAR * share)
    bar = f"[{'#' * full}{'.' * (BAR - full)}] {share:4.0%}"
    word = "of usually" if elapsed <= usual else "longer than the usual"
    return f"{bar}  {duration_text(elapsed)} {word} {duration_text(usual)}{where}"
