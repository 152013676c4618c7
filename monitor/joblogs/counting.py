"""Counts the errors in the logs of runs that ended ok, where `log_errors` asks for it.

Beside the polls, as logs for alerts are fetched: a run is judged without its log first, and again when the
count is stored. Nothing is noted of what is to come: a new process looks at the last hours anew, and leaves
alone what is counted. A log that cannot be had is tried a few times and then given up.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine

from monitor.detect.runs.degraded import COUNTED_WITHIN
from monitor.errors import SfccError, StoppingError
from monitor.history import cursor as cursors
from monitor.history import executions as history
from monitor.history import facts
from monitor.history.engine import reading as reading_state
from monitor.joblogs.wholelog import Reading, whole_log
from monitor.judgement import judge_for
from monitor.masking import Mask
from monitor.model import Execution, RunKey
from monitor.policy import Policy
from monitor.settings import Settings
from monitor.sfcc import LogReader

log = logging.getLogger(__name__)

AT_ONCE = 3
"""Logs of an instance in one turn: those of alerts have theirs in between."""

TRIES = 4
PAUSE = timedelta(minutes=2)
"""After a log that could not be had, before the same is tried again."""

_MOST = 1000
"""Runs looked at in the hours before this process began."""


@dataclass(frozen=True, slots=True)
class _Due:
    """A run whose log is to be counted."""

    run: Execution
    at: datetime
    tries: int = 0


class LogCounter:
    """Of all instances; used by one thread."""

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        readers: Mapping[str, LogReader],
        policies: Mapping[str, Policy],
        mask: Mask,
        reading: Reading,
    ) -> None:
        tables = (settings.detection, *settings.instances, *settings.groups, *settings.jobs)
        is_asked_for = any(table.log_errors is not None for table in tables)
        self._instances = [
            _Instance(engine, name, readers[name], one, mask, reading)
            for name, one in policies.items()
            if is_asked_for
        ]

    def turn(self) -> int:
        """Returns how many logs were tried."""
        with suppress(StoppingError):
            return sum(one.turn() for one in self._instances)
        return 0


class _Instance:
    def __init__(
        self, engine: Engine, name: str, reader: LogReader, policy: Policy, mask: Mask, reading: Reading
    ) -> None:
        self._engine = engine
        self._name = name
        self._reader = reader
        self._policy = policy
        self._mask = mask
        self._reading = reading
        self._looked_at: int | None = None  # the last change; None before the first look
        self._due: dict[RunKey, _Due] = {}

    def turn(self) -> int:
        now = self._reading.now()
        with reading_state(self._engine) as connection:
            for run in self._news(connection, now):
                if self._is_wanted(run, now):
                    self._due.setdefault(run.key, _Due(run, now))
                else:
                    self._due.pop(run.key, None)
        some = sorted((one for one in self._due.values() if one.at <= now), key=lambda one: one.at)[:AT_ONCE]
        for one in some:
            self._count(one, now)
        return len(some)

    def _news(self, connection: Connection, now: datetime) -> Iterator[Execution]:
        change = cursors.load(connection, self._name).change
        if self._looked_at is None:
            found = history.search(
                connection, instance=self._name, since=now - 2 * COUNTED_WITHIN, limit=_MOST
            )
            yield from (one.execution for one in found)
        elif change > self._looked_at:
            yield from facts.changed(connection, self._name, self._looked_at)
        self._looked_at = change

    def _is_wanted(self, run: Execution, now: datetime) -> bool:
        job = self._policy.job(run.job_id)
        return (
            job.log_errors is not None
            and run.logged is None
            and run.execution_status == "finished"
            and not run.backfilled
            and run.log_file_path is not None
            and run.ended is not None
            and run.ended > now - COUNTED_WITHIN
        )

    def _count(self, due: _Due, now: datetime) -> None:
        run = due.run
        try:
            made = whole_log(self._reader, run, self._mask, self._reading)
        except SfccError as error:
            if due.tries + 1 >= TRIES:
                log.warning("%s: the errors of run %s were not counted: %s", self._name, run.id, error)
                del self._due[run.key]
            else:
                self._due[run.key] = _Due(run, now + PAUSE, due.tries + 1)
            return
        del self._due[run.key]
        with self._engine.begin() as connection:
            history.note_log(connection, run.key, made.logged, at=now, judge=judge_for(self._policy))
