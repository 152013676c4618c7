"""One instance's pace: what its polls came to, remembered for the decision when the next one is.

Knows polls by their reasons, and what goes to the instance by its `Traffic`; decides nothing (`pace` does).
What changed is said once, not with each poll.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from monitor.errors import Reason
from monitor.pacing.pace import DUE_FOR, Cadence, Next, Seen, Why, is_busy, is_open, next_due, next_poll
from monitor.published import JobSnapshot
from monitor.sfcc.traffic import Traffic

log = logging.getLogger(__name__)


class Pacer:
    """Not to be shared by threads."""

    def __init__(
        self, instance: str, cadence: Cadence, traffic: Traffic, jitter: Callable[[], float] = random.random
    ) -> None:
        self._instance = instance
        self._cadence = cadence
        self._traffic = traffic
        self._jitter = jitter
        self._failures = 0
        self._reason: Reason | None = None
        self._is_busy = True
        self._due: datetime | None = None
        self._said: Why | None = None

    def note(self, reason: Reason | None, jobs: Iterable[JobSnapshot], at: datetime) -> None:
        """A poll came to its end, for this reason if not a good one; `jobs` as they are known after it."""
        if reason is Reason.STOPPING:
            return
        self._reason = reason
        self._failures = 0 if reason is None else self._failures + 1
        self._traffic.cautious = is_open(self._failures)
        if self._cadence.idle != self._cadence.busy:
            self._is_busy = self._awaits(tuple(jobs), at)

    def next(self) -> Next:
        """From now on."""
        seen = Seen(self._is_busy, self._failures, self._reason, self._traffic.load, self._traffic.asked())
        found = next_poll(seen, self._cadence, self._jitter())
        self._say(found)
        return found

    def _awaits(self, jobs: tuple[JobSnapshot, ...], at: datetime) -> bool:
        """A job that has not come is awaited for a while after its slot."""
        if self._due is None or at - self._due > DUE_FOR or self._due > at:
            self._due = next_due(jobs)
        came = self._due is not None and timedelta() <= at - self._due
        return came or is_busy(jobs, at, timedelta(seconds=self._cadence.idle))

    def _say(self, found: Next) -> None:
        why = None if found.is_steady else found.why
        if why is not None and why != self._said:
            log.info(
                "%s: polled less often for now, as %s: next in %.0f s", self._instance, why, found.seconds
            )
        elif why is None and self._said is not None:
            log.info("%s: polled every %g s again", self._instance, found.seconds)
        self._said = why
