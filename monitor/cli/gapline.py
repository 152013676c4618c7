"""How far a long gap was read: one line at a terminal, drawn anew as it goes on, and gone at the end."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable

import click

from monitor.polling.progress import Progress

PATIENCE = 1.0
"""Seconds without a word."""

ANEW = 0.2
"""Seconds between two drawings."""


class GapLine:
    """A `Report`. Says nothing where stderr is no terminal."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._next = monotonic() + PATIENCE
        self._is_drawn = False

    def __call__(self, progress: Progress) -> None:
        now = self._monotonic()
        if now < self._next or not sys.stderr.isatty():
            return
        self._next, self._is_drawn = now + ANEW, True
        click.echo(f"\r\x1b[K{str(progress)[: shutil.get_terminal_size().columns - 1]}", nl=False, err=True)

    def clear(self) -> None:
        """Nothing of it stays behind."""
        if self._is_drawn:
            click.echo("\r\x1b[K", nl=False, err=True)
            self._is_drawn = False
