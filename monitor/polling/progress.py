"""How far a long gap was read, for those who wait for its end.

Pure but for the clock that is handed in. Who reads calls with every page; what is said, and how often, is
decided here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

SAY_EVERY = 10.0
"""Seconds between two lines in a log."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Of the instance's time from `since` to `until`, everything up to `read_to` is stored: `runs` so far."""

    instance: str
    since: datetime
    read_to: datetime
    until: datetime
    runs: int

    @property
    def share(self) -> float:
        whole = (self.until - self.since).total_seconds()
        return min(max((self.read_to - self.since).total_seconds() / whole, 0.0), 1.0) if whole > 0 else 1.0

    def __str__(self) -> str:
        read_to = f"{self.read_to:%Y-%m-%d %H:%M} UTC"
        return (
            f"{self.instance}: catching up: read to {read_to}, {int(self.share * 100)} %, {self.runs:,} runs"
        )


Report = Callable[[Progress], None]


def unheard(_progress: Progress) -> None:
    """For those who want no reports."""


class NowAndThen:
    """Says how far it is, for each instance every few seconds, and not at once: most gaps are short."""

    def __init__(
        self, say: Callable[[str], object], monotonic: Callable[[], float], every: float = SAY_EVERY
    ) -> None:
        self._say = say
        self._monotonic = monotonic
        self._every = every
        self._gaps: dict[str, tuple[datetime, float]] = {}

    def __call__(self, progress: Progress) -> None:
        now = self._monotonic()
        since, said_at = self._gaps.get(progress.instance, (None, now))
        if since != progress.since:
            said_at = now
        elif now - said_at >= self._every:
            said_at = now
            self._say(str(progress))
        self._gaps[progress.instance] = progress.since, said_at
