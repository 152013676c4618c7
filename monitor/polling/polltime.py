"""An instance's time while it is polled: what its clock showed at moments of ours.

Knows our clock and the offsets that answers show; no network. The one idea: a moment is noted as our time of
day *and* as time that passed, because the time of day may be set amid a poll.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from monitor.clock import Clock, InstanceClock


class Moment(NamedTuple):
    """By both of our clocks."""

    now: datetime
    monotonic: float


class PollTime:
    """Of one instance; not to be shared by threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._instance = InstanceClock()
        self._answered = False

    def begin(self) -> Moment:
        """A poll begins."""
        self._answered = False
        moment = self.mark()
        self._instance.follow(*moment)
        return moment

    def remember(self, offset: timedelta | None) -> None:
        """What an earlier process measured, where this one has not yet."""
        if not self._instance.is_known:
            self._instance.observe(offset)

    def learn(self, offset: timedelta | None) -> None:
        """By the last answer, of which the time is kept until the next."""
        self._instance.follow(*self.mark())
        if offset is not None:
            (self._instance.correct if self._answered else self._instance.observe)(offset)
            self._answered = True

    def mark(self) -> Moment:
        return Moment(self._clock.now(), self._clock.monotonic())

    @property
    def now(self) -> datetime:
        """Our own."""
        return self._clock.now()

    @property
    def offset(self) -> timedelta:
        return self._instance.offset

    @property
    def present(self) -> datetime:
        """The instance's, as well as it is known."""
        return self.now + self.offset

    def least(self, moment: Moment | None = None) -> datetime:
        """What the instance's clock showed at that moment (by now, for none), or more."""
        if moment is None:
            return self._instance.earliest(self.now)
        passed = timedelta(seconds=self._clock.monotonic() - moment.monotonic)
        return self._instance.earliest(min(moment.now, self.now - passed))
