"""What is kept and for how long: once an hour, a few rows at a time, by the agent that tells.

Knows how old things may get, not what they are for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping

from sqlalchemy import Connection, Engine

from alerts import attachments, outbox, silence_store, store
from monitor.clock import Clock
from monitor.history import retention, schedules, stats
from monitor.policy import Policy
from monitor.settings import Settings

log = logging.getLogger(__name__)

EVERY_SECONDS = 3600.0
ROWS_AT_ONCE = 5000
"""The others who write wait no longer than it takes to delete these."""


class Keeper:
    def __init__(
        self, settings: Settings, policies: Mapping[str, Policy], engine: Engine, clock: Clock
    ) -> None:
        self._settings = settings
        self._policies = policies
        self._engine = engine
        self._clock = clock
        self._done_at: float | None = None

    def turn(self, fence: Callable[[Connection], None]) -> set[str]:
        """The instances of which it deleted anything. Does nothing until its time has come.

        fence: begins its transaction.
        """
        began = self._clock.monotonic()
        if self._done_at is not None and began - self._done_at < EVERY_SECONDS:
            return set()
        now = self._clock.now()
        before = now - self._settings.history_keep
        with self._engine.begin() as connection:
            fence(connection)
            deleted = retention.prune(connection, before=before, limit=ROWS_AT_ONCE)
            store.prune(connection, before)
            outbox.prune(connection, before)
            silence_store.prune(connection, before)
            attachments.prune(connection, now - self._settings.log_keep)
            keep = {*_with_open_incidents(connection), *self._scheduled(connection)}
            gone = retention.forget(connection, now=now, after=self._settings.forget_after, keep=keep)
        for instance, job_id in gone:
            log.info("%s: forgot the job %s: no run for long", instance, job_id)
        if deleted < ROWS_AT_ONCE:  # else there is more: go on at the next turn
            self._done_at = began
        return {*(self._policies if deleted else ()), *(instance for instance, _job_id in gone)}

    def _scheduled(self, connection: Connection) -> Iterator[tuple[str, str]]:
        for one in stats.series(connection):
            policy = self._policies.get(one.instance)
            if policy is None or policy.job(one.job_id).schedule is not None:
                yield one.instance, one.job_id
        yield from schedules.imported_jobs(connection)


def _with_open_incidents(connection: Connection) -> Iterator[tuple[str, str]]:
    for incident in store.open_everywhere(connection):
        for name in ("job_id", "other_job_id"):
            if name in incident.labels:
                yield incident.source, incident.labels[name]
