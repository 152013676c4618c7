"""What becomes of a message that a target did not take. Pure: the whole retry policy, top to bottom.

The one non-obvious part is the file. A target that answers and refuses gets the file twice at most, then the
text alone. If it does not take the text either, the file was not the reason: it may travel again. A target
that cannot be reached says nothing about the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.backoff import delay
from alerts.model import DeliveryError, DeliveryReason

FILE_TRIES = 2
PERMANENT_TRIES = 5
PERMANENT_SPAN = timedelta(minutes=10)
"""A wrong setting that is mended within this time costs no alert."""
MAX_AGE = timedelta(days=3)
PROBE_EVERY = 10
"""One try in so many goes without its file while they all time out: the file may be the reason."""


@dataclass(frozen=True, slots=True)
class Tries:
    """A message's history with one target.

    attempts: tries so far. file_tries: those refused with the file. file_refused: why it stays behind.
    refusals: permanent errors in a row, since `refused_since`. last_error: begins with the reason's word.
    """

    created_at: datetime
    attempts: int = 0
    file_tries: int = 0
    file_refused: str | None = None
    refusals: int = 0
    refused_since: datetime | None = None
    last_error: str | None = None

    @property
    def with_file(self) -> bool:
        """Whether the next try carries the file."""
        return self.file_refused is None and not self.probing

    @property
    def probing(self) -> bool:
        timed_out = (self.last_error or "").startswith(f"{DeliveryReason.TIMEOUT}:")
        return self.file_refused is None and timed_out and self.attempts % PROBE_EVERY == PROBE_EVERY - 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """tries: the history with this try in it. retry_at: None when given up, for the reason `dead`."""

    tries: Tries
    retry_at: datetime | None
    dead: str = ""


def judge(before: Tries, error: DeliveryError, *, had_file: bool, now: datetime, jitter: float) -> Verdict:
    """before: as it was when this try began."""
    text = f"{error.reason}: {error}"
    attempts = before.attempts + 1
    file_tries, file_refused = _file(before, error, had_file=had_file)
    tries = Tries(
        created_at=before.created_at,
        attempts=attempts,
        file_tries=file_tries,
        file_refused=file_refused,
        refusals=before.refusals + 1 if error.permanent else 0,
        refused_since=(before.refused_since or now) if error.permanent else None,
        last_error=text,
    )
    if file_refused is not None:
        return Verdict(tries, now)  # the text alone, at once
    dead = _dead(tries, now, had_file=had_file)
    if dead:
        return Verdict(tries, None, dead)
    return Verdict(tries, now + delay(attempts, now - before.created_at, jitter, error.retry_after))


def _file(before: Tries, error: DeliveryError, *, had_file: bool) -> tuple[int, str | None]:
    if not had_file:
        return (0, None) if before.file_refused is not None else (before.file_tries, None)
    if not error.answered or error.reason is DeliveryReason.THROTTLED:
        return before.file_tries, None
    refused = before.file_tries + 1
    if error.reason is DeliveryReason.FILE_REFUSED or refused >= FILE_TRIES:
        return refused, str(error)
    return refused, None


def _dead(tries: Tries, now: datetime, *, had_file: bool) -> str:
    if now - tries.created_at >= MAX_AGE:
        return f"not taken within {MAX_AGE.days} days; last: {tries.last_error}"
    long_enough = tries.refused_since is not None and now - tries.refused_since >= PERMANENT_SPAN
    # With a file it is not certain what was refused.
    if not had_file and tries.refusals >= PERMANENT_TRIES and long_enough:
        return f"refused {tries.refusals} times; last: {tries.last_error}"
    return ""
