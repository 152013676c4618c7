"""One poll of one instance: fetch, then in one transaction store, judge and keep what changed.

Knows the order of things and nothing of documents, SQL texts or channels. No request is under way
while a transaction is open. Whoever ends the process anywhere in here loses nothing: pages are
stored as they come, and judgement starts from what is stored and not yet judged.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine

from monitor import judgement
from monitor.clock import Clock, InstanceClock
from monitor.errors import Reason, SfccError
from monitor.history import cursor as cursors
from monitor.history import executions as history
from monitor.model import Execution, RunId, RunKey
from monitor.policy import Policy
from monitor.sfcc import JobsApi, Page

log = logging.getLogger(__name__)

LAG = timedelta(minutes=2)
"""The search index shows a run late: each window begins this much before the last one ended."""

SLICE = timedelta(days=1)
"""Longer gaps are read in slices of this length, each stored before the next is asked for."""

FIRST_READ = timedelta(days=26)
"""Failed runs stay 25 days on the platform, good ones 5: older than this there is nothing."""

COVERED_AT_FIRST = timedelta(days=5)

LOOKUPS = 50
"""Runs looked up by id in one poll at most; the rest has its turn in the next ones."""


@dataclass(frozen=True, slots=True)
class PollResult:
    """What a poll came to. `reason` is None when the read was complete and is committed."""

    instance: str
    started: datetime
    seconds: float
    stored: int = 0
    opened: int = 0
    resolved: int = 0
    reason: Reason | None = None
    message: str = ""

    @property
    def complete(self) -> bool:
        return self.reason is None


@dataclass(slots=True)
class _Reading:
    """What one poll gathered so far."""

    seen: set[RunId]
    running: set[RunId]
    gone: list[RunKey]
    stored: int = 0


class Poller:
    """Polls one instance; not to be shared by threads."""

    def __init__(
        self,
        instance: str,
        engine: Engine,
        api: JobsApi,
        policy: Policy,
        clock: Clock,
        *,
        max_age: timedelta,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self.instance = instance
        self._engine = engine
        self._api = api
        self._policy = policy
        self._clock = clock
        self._time = InstanceClock(clock)
        self._max_age = max_age
        self._stopping = stopping
        self._judge = judgement.judge_for(policy)
        self._judged_all = False

    def poll(self) -> PollResult:
        """Never raises for what the instance does; database errors pass through."""
        began = self._clock.monotonic()
        started = self._time.now()
        try:
            stored, judged = self._read_and_judge(started)
        except SfccError as error:
            with self._engine.begin() as connection:
                cursors.failed(
                    connection, self.instance, at=self._clock.now(), reason=error.reason, message=str(error)
                )
            return PollResult(
                self.instance,
                started,
                self._clock.monotonic() - began,
                reason=error.reason,
                message=str(error),
            )
        finally:
            self._time.observe(self._api.clock_offset)
        return PollResult(
            self.instance, started, self._clock.monotonic() - began, stored, judged.opened, judged.resolved
        )

    def _read_and_judge(self, started: datetime) -> tuple[int, judgement.Judged]:
        with self._engine.begin() as connection:
            cursor = cursors.load(connection, self.instance)
        reading = _Reading(set(), set(), [])
        since = self._catch_up(cursor, started, reading)
        last: Page | None = None
        for page in self._api.recent(since, self._known(since)):
            if last is not None:  # a page is stored while the next one is not yet asked for
                self._store(last.executions, reading)
            last = page
            self._note(page, reading)
        looked_up = self._look_up(reading)
        rest = [*(last.executions if last else ()), *looked_up]
        with self._engine.begin() as connection:
            return self._commit(connection, rest, reading, started)

    def _catch_up(self, cursor: cursors.Cursor, started: datetime, reading: _Reading) -> datetime:
        """Reads a long gap slice by slice; returns where the search for the present has to begin."""
        done = max(filter(None, (cursor.seen_until, cursor.read_until)), default=None)
        at = started - FIRST_READ if done is None else done - LAG
        while started - at > SLICE:
            until = at + SLICE
            for page in self._api.started(at, until, self._known(at)):
                self._note(page, reading)
                self._store(page.executions, reading)
                self._check_stop()
            with self._engine.begin() as connection:
                cursors.read_until(connection, self.instance, until)
            log.info("%s: read up to %s", self.instance, f"{until:%Y-%m-%d %H:%M} UTC")
            at = until
        return at

    def _known(self, since: datetime) -> dict[RunId, str]:
        with self._engine.connect() as connection:
            return history.versions(connection, self.instance, since)

    def _note(self, page: Page, reading: _Reading) -> None:
        reading.seen |= page.seen
        reading.running |= page.running
        for sentence in page.unreadable:
            log.warning("%s: %s", self.instance, sentence)

    def _store(self, executions: tuple[Execution, ...], reading: _Reading) -> None:
        with self._engine.begin() as connection:
            backfill = not cursors.load(connection, self.instance).first_read_done
            reading.stored += history.store(
                connection,
                self.instance,
                executions,
                seen_at=self._time.now(),
                backfill=backfill,
                judge=self._judge,
            )

    def _look_up(self, reading: _Reading) -> list[Execution]:
        """By id: runs that were active and were not in the answer, and failed ones that a retry may mark."""
        with self._engine.connect() as connection:
            waiting = history.awaiting_retry(
                connection, self.instance, self._time.now() - self._policy.retry_wait
            )
            active = history.active(connection, self.instance)
        wanted = [run for run in (*active, *waiting) if run.run_id not in reading.seen]
        found = []
        for run in wanted[:LOOKUPS]:
            self._check_stop()
            answer = self._api.execution(run.job_id, run.id)
            if answer is None:
                reading.gone.append(run.key)
            else:
                found.append(answer)
        return found

    def _commit(
        self, connection: Connection, rest: list[Execution], reading: _Reading, started: datetime
    ) -> tuple[int, judgement.Judged]:
        before = cursors.load(connection, self.instance)
        stored = reading.stored + history.store(
            connection,
            self.instance,
            rest,
            seen_at=started,
            backfill=not before.first_read_done,
            judge=self._judge,
        )
        for key in reading.gone:
            history.mark_missing(connection, key, seen_at=started, judge=self._judge)
        covered_from = before.seen_until or started - COVERED_AT_FIRST
        cursors.cover(connection, self.instance, covered_from, started)
        late = before.seen_until is not None and started - before.seen_until > self._max_age
        cursors.complete(
            connection,
            self.instance,
            seen_until=started,
            at=self._clock.now(),
            running=len(reading.running),
            clock_skew=self._time.offset,
        )
        judged = judgement.judge(
            connection,
            self.instance,
            self._policy,
            now=self._clock.now(),
            late=late,
            everything=not self._judged_all,
        )
        self._judged_all = True
        return stored, judged

    def _check_stop(self) -> None:
        if self._stopping():
            raise SfccError(Reason.NETWORK, "the monitor is stopping", retryable=True)
