"""One poll of one instance: fetch, then in one transaction store, judge and keep what changed.

Knows the order of things and nothing of documents, SQL texts or channels. No request is under way
while a transaction is open. Whoever ends the process anywhere in here loses nothing: pages are
stored as they come, and judgement starts from what is stored and not yet judged.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine

from monitor.clock import Clock, InstanceClock
from monitor.errors import Reason, SfccError, StoppingError
from monitor.history import cursor as cursors
from monitor.history import executions as history
from monitor.history.cursor import Cursor
from monitor.history.engine import reading
from monitor.judgement import Judged, judge, judge_for
from monitor.masking import Mask, masked
from monitor.model import Execution, Outcome, RunId, RunKey
from monitor.policy import Policy
from monitor.sfcc import JobsApi, Page

log = logging.getLogger(__name__)

_BAD = frozenset({Outcome.FAILED, Outcome.ABORTED})

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
class _Gathered:
    """What one poll has read so far.

    bare: runs that ended badly in a step the answer did not name, with the `version` they came in.
    """

    seen: set[RunId] = field(default_factory=set)
    running: set[RunId] = field(default_factory=set)
    bare: dict[RunId, str] = field(default_factory=dict)
    gone: list[RunKey] = field(default_factory=list)
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
        mask: Mask,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self.instance = instance
        self._engine = engine
        self._api = api
        self._policy = policy
        self._clock = clock
        self._time = InstanceClock(clock)
        self._max_age = max_age
        self._mask = mask
        self._stopping = stopping
        self._judge = judge_for(policy)
        self._judged_all = False
        self._said: set[str] = set()

    def poll(self) -> PollResult:
        """Never raises for what the instance does; database errors pass through."""
        began = self._clock.monotonic()
        started = self._time.now()
        try:
            stored, judged = self._read_and_judge(started)
        except StoppingError:
            return self._failure(started, began, Reason.NETWORK, "ended early, the agent is stopping")
        except SfccError as error:
            with self._engine.begin() as connection:
                at = self._clock.now()
                cursors.failed(connection, self.instance, at=at, reason=error.reason, message=str(error))
            return self._failure(started, began, error.reason, str(error))
        finally:
            self._time.observe(self._api.clock_offset)
        seconds = self._clock.monotonic() - began
        return PollResult(self.instance, started, seconds, stored, judged.opened, judged.resolved)

    def _failure(self, started: datetime, began: float, reason: Reason, message: str) -> PollResult:
        seconds = self._clock.monotonic() - began
        return PollResult(self.instance, started, seconds, reason=reason, message=message)

    def _read_and_judge(self, started: datetime) -> tuple[int, Judged]:
        with reading(self._engine) as connection:
            cursor = cursors.load(connection, self.instance)
        gathered = _Gathered()
        since = self._catch_up(cursor, started, gathered)
        last: Page | None = None
        for page in self._api.recent(since, self._known(since)):
            if last is not None:  # one page is in memory, however long the gap is
                self._store(last, gathered)
            last = page
            gathered.running |= page.running
            self._note(page, gathered)
        rest = [*(last.executions if last else ()), *self._look_up(cursor, gathered)]
        with self._engine.begin() as connection:
            return self._commit(connection, rest, gathered, started)

    def _catch_up(self, cursor: Cursor, started: datetime, gathered: _Gathered) -> datetime:
        """Reads a long gap slice by slice; returns where the search for the present has to begin."""
        done = max((at for at in (cursor.seen_until, cursor.read_until) if at is not None), default=None)
        at = started - FIRST_READ if done is None else done - LAG
        while started - at > SLICE:
            until = at + SLICE
            for page in self._api.started(at, until, self._known(at)):
                self._note(page, gathered)
                self._store(page, gathered)
            with self._engine.begin() as connection:
                cursors.read_until(connection, self.instance, until)
            log.info("%s: read up to %s UTC", self.instance, f"{until:%Y-%m-%d %H:%M}")
            at = until
        return at

    def _known(self, since: datetime) -> dict[RunId, str]:
        with reading(self._engine) as connection:
            return history.versions(connection, self.instance, since)

    def _note(self, page: Page, gathered: _Gathered) -> None:
        if self._stopping():
            raise StoppingError("ended early")
        gathered.seen |= page.seen
        bad = [run for run in page.executions if run.steps is None and self._judge.outcome(run) in _BAD]
        gathered.bare |= {run.run_id: run.version for run in bad}
        for sentence in page.unreadable:
            if sentence not in self._said:  # the same odd document comes with every poll
                self._said.add(sentence)
                log.warning("%s: %s", self.instance, sentence)

    def _store(self, page: Page, gathered: _Gathered) -> None:
        if page.executions:  # some have nothing but the noise of system jobs
            with self._engine.begin() as connection:
                gathered.stored += self._keep(connection, page.executions, self._time.now())

    def _keep(self, connection: Connection, runs: Iterable[Execution], seen_at: datetime) -> int:
        backfill = not cursors.load(connection, self.instance).first_read_done
        clean = (masked(run, self._mask) for run in runs)
        return history.store(
            connection, self.instance, clean, seen_at=seen_at, backfill=backfill, judge=self._judge
        )

    def _look_up(self, cursor: Cursor, gathered: _Gathered) -> list[Execution]:
        """By id: active runs that the answer left out, failed ones that a retry may have marked since, and
        after the first read those whose failed step is not known."""
        with reading(self._engine) as connection:
            since = self._time.now() - self._policy.retry_wait
            waiting = history.awaiting_retry(connection, self.instance, since)
            active = history.active(connection, self.instance)
        wanted = {run.run_id: "" for run in (*active, *waiting) if run.run_id not in gathered.seen}
        if cursor.first_read_done:
            wanted |= gathered.bare
        found = []
        for (job_id, execution_id), version in list(wanted.items())[:LOOKUPS]:
            if self._stopping():
                raise StoppingError("ended early")
            answer = self._api.execution(job_id, execution_id)
            if answer is None:
                gathered.gone.append(RunKey(self.instance, job_id, execution_id))
            else:  # under the version of the search, or it would look changed there for ever
                found.append(replace(answer, version=version or answer.version))
        return found

    def _commit(
        self, connection: Connection, rest: Iterable[Execution], gathered: _Gathered, started: datetime
    ) -> tuple[int, Judged]:
        before = cursors.load(connection, self.instance)
        stored = gathered.stored + self._keep(connection, rest, started)
        for key in gathered.gone:
            history.mark_missing(connection, key, seen_at=started, judge=self._judge)
        covered_from = before.seen_until or started - COVERED_AT_FIRST
        cursors.cover(connection, self.instance, covered_from, started)
        cursors.complete(
            connection,
            self.instance,
            seen_until=started,
            at=self._clock.now(),
            running=len(gathered.running),
            clock_skew=self._time.offset,
        )
        judged = judge(
            connection,
            self.instance,
            self._policy,
            now=self._clock.now(),
            judged_until=before.seen_until if self._judged_all else None,
            late=before.seen_until is not None and started - before.seen_until > self._max_age,
        )
        self._judged_all = True
        return stored, judged
