"""Targets that forget what they do not hear of any more: told again in time, apart from all messages."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Engine

from alerts.delivery import refresh
from alerts.model import DeliveryError
from alerts.notifier import Notifier
from alerts.render import Background
from monitor.clock import Clock

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Refreshes:
    """Of one target. prefixes: of the groups that tell it."""

    notifier: Notifier
    every: timedelta
    prefixes: Collection[str]
    background: Background
    _last: float | None = None
    _failing: bool = False

    def turn(self, engine: Engine, clock: Clock) -> None:
        """Raises only what the state raises. What is not taken is said again next time, as it is then."""
        started = clock.monotonic()
        if self._last is not None and started < self._last + self.every.total_seconds():
            return
        self._last = started
        try:
            refresh(engine, self.notifier, self.prefixes, clock.now(), self.background)
        except DeliveryError as error:
            if not self._failing:
                said = "target %s: cannot be told what still holds (%s: %s); tried again each %d s"
                log.warning(said, self.notifier.name, error.reason, error, self.every.total_seconds())
            self._failing = True
        else:
            if self._failing:
                log.info("target %s: is told again what still holds", self.notifier.name)
            self._failing = False
