"""What is shown again and again: in place at a terminal, as further lines anywhere else.

No alternate screen: what was shown last stays where it is when the command ends, as with any other command.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TextIO

WRAP_OFF, WRAP_ON = "\x1b[?7l", "\x1b[?7h"
"""A line that is broken by the terminal would be counted as one, and stay behind."""

_ROOM = 2  # lines left free: for the one that tells of more, and for the cursor


class Screen:
    """`height` tells how many lines the terminal has, at each drawing anew."""

    def __init__(self, stream: TextIO, height: Callable[[], int]) -> None:
        self._stream = stream
        self._height = height
        self._drawn = 0

    def draw(self, lines: Iterable[str]) -> None:
        """In the place of what was drawn before."""
        shown = _fitting(list(lines), self._height() - _ROOM)
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        body = "".join(f"{line}\n" for line in shown)
        self._stream.write(f"{WRAP_OFF}{up}\r\x1b[J{body}{WRAP_ON}")
        self._stream.flush()
        self._drawn = len(shown)


def screen() -> Screen | None:
    """None where stdout is no terminal."""
    return Screen(sys.stdout, lambda: shutil.get_terminal_size().lines) if sys.stdout.isatty() else None


def _fitting(lines: Sequence[str], room: int) -> list[str]:
    if len(lines) <= max(room, 1):
        return list(lines)
    kept = lines[: max(room, 1)]
    return [*kept, f"… and {len(lines) - len(kept)} more; --job and --status show fewer"]
