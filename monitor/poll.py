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

SAID_KEPT = 1000

_BAD = frozenset({Outcome.FAILED, Outcome.ABORTED})

LAG = timedelta(minutes=6)
"""The search index may show a run minutes late: each window begins this much before the last one ended."""

FLOOR = timedelta(minutes=5)
"""Adapters may begin a window this much earlier: what is known from there on is not parsed again."""

SLICE = timedelta(days=1)
"""Longer gaps are read in slices of this length, each stored before the next is asked for."""

FIRST_READ = timedelta(days=26)
"""Failed runs stay 25 days on the platform, good ones 5: older than this there is nothing."""

READABLE = timedelta(days=5)
"""How far back a read finds all runs: coverage claims no more."""

LOOKUPS = 100
"""Runs looked up by id in one poll at most; the rest has its turn in the next ones."""

_HOPELESS = frozenset(Reason) - {Reason.NOT_FOUND, Reason.REFUSED, Reason.PROTOCOL, Reason.SERVER}
"""Reasons that the next look-up would meet as well."""


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

    bare: runs that ended badly and whose failed step or log the answer left out, with the `version`
        they came in.
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
        self._time = InstanceClock()
        self._max_age = max_age
        self._mask = mask
        self._stopping = stopping
        self._judge = judge_for(policy)
        self._judged_all = False
        self._said: set[str] = set()

    def poll(self) -> PollResult:
        """Never raises for what the instance does; database errors pass through."""
        began, asked_at = self._clock.monotonic(), self._clock.now()
        try:
            stored, judged = self._read_and_judge(asked_at)
        except StoppingError:
            return self._failure(asked_at, began, Reason.STOPPING, "ended early, the agent is stopping")
        except SfccError as error:
            with self._engine.begin() as connection:
                at = self._clock.now()
                cursors.failed(connection, self.instance, at=at, reason=error.reason, message=str(error))
            return self._failure(asked_at, began, error.reason, str(error))
        self._judged_all = True
        seconds = self._clock.monotonic() - began
        return PollResult(self.instance, asked_at, seconds, stored, judged.opened, judged.resolved)

    def _failure(self, asked_at: datetime, began: float, reason: Reason, message: str) -> PollResult:
        seconds = self._clock.monotonic() - began
        return PollResult(self.instance, asked_at, seconds, reason=reason, message=message)

    def _read_and_judge(self, asked_at: datetime) -> tuple[int, Judged]:
        with reading(self._engine) as connection:
            cursor = cursors.load(connection, self.instance)
        if cursor.first_poll_at is None:
            with self._engine.begin() as connection:
                cursor = cursors.asked(connection, self.instance, asked_at)
        if not self._time.is_known:
            self._time.observe(cursor.clock_skew)
        gathered = _Gathered()
        since = self._catch_up(cursor, asked_at, gathered)
        last: Page | None = None
        for page in self._api.recent(since, self._known(since)):
            if last is not None:  # one page is in memory, however long the gap is
                self._store(last, cursor, gathered)
            last = page
            gathered.running |= page.running
            self._note(page, gathered)
        found = self._look_up(cursor, gathered)
        seen_until = self._time.earliest(asked_at)
        with self._engine.begin() as connection:
            stored = gathered.stored + sum(
                self._keep(connection, runs, cursor, seen_until)
                for runs in (last.executions if last else (), found)
            )
            return stored, self._commit(connection, gathered, seen_until)

    def _catch_up(self, cursor: Cursor, asked_at: datetime, gathered: _Gathered) -> datetime:
        """Reads a long gap slice by slice; returns where the search for the present has to begin."""
        present = asked_at + self._time.offset
        done = max((at for at in (cursor.seen_until, cursor.read_until) if at is not None), default=None)
        first = at = present - FIRST_READ if done is None else min(done, present) - LAG
        while present - at > SLICE:
            until = at + SLICE
            for page in self._api.between(at, until, self._known(at)):
                self._note(page, gathered)
                self._store(page, cursor, gathered)
            with self._engine.begin() as connection:
                cursors.read_until(connection, self.instance, until)
            log.debug("%s: read up to %s UTC", self.instance, f"{until:%Y-%m-%d %H:%M}")
            at = until
        if at != first:
            log.info("%s: caught up since %s UTC", self.instance, f"{first:%Y-%m-%d %H:%M}")
        return at if at == first else at - LAG

    def _known(self, since: datetime) -> dict[RunId, str]:
        with reading(self._engine) as connection:
            return history.versions(connection, self.instance, since - FLOOR)

    def _note(self, page: Page, gathered: _Gathered) -> None:
        if self._stopping():
            raise StoppingError("ended early")
        self._time.observe(self._api.clock_offset)
        gathered.seen |= page.seen
        gathered.bare |= {run.run_id: run.version for run in page.executions if self._is_bare(run)}
        for sentence in page.unreadable:
            self._say_once(sentence)

    def _is_bare(self, run: Execution) -> bool:
        """Whether an alert about it would lack what a look-up by id may bring."""
        if self._judge.outcome(run) not in _BAD:
            return False
        no_log = run.log_file_path is None and run.is_log_file_existing is not False
        return run.steps is None or no_log

    def _store(self, page: Page, cursor: Cursor, gathered: _Gathered) -> None:
        if page.executions:  # some have nothing but the noise of system jobs
            with self._engine.begin() as connection:
                gathered.stored += self._keep(
                    connection, page.executions, cursor, self._time.earliest(self._clock.now())
                )

    def _keep(
        self, connection: Connection, runs: Iterable[Execution], cursor: Cursor, seen_at: datetime
    ) -> int:
        """History is what had ended before the first poll began; what fails during a first read is news."""
        before = None if cursor.first_read_done else self._first_asked(cursor)
        parts: dict[bool, list[Execution]] = {True: [], False: []}
        for run in runs:
            parts[before is not None and run.ended is not None and run.ended <= before].append(
                masked(run, self._mask)
            )
        return sum(
            history.store(
                connection, self.instance, part, seen_at=seen_at, backfill=backfill, judge=self._judge
            )
            for backfill, part in parts.items()
            if part
        )

    def _first_asked(self, cursor: Cursor) -> datetime:
        return (cursor.first_poll_at or self._clock.now()) + self._time.offset

    def _look_up(self, cursor: Cursor, gathered: _Gathered) -> list[Execution]:
        """By id: failed runs whose step or log is not known, failed ones that a retry may have marked since,
        and active ones that the answer left out. What cannot be looked up costs the poll nothing."""
        with reading(self._engine) as connection:
            since = self._time.earliest(self._clock.now()) - self._policy.retry_wait
            waiting = history.awaiting_retry(connection, self.instance, since)
            active = history.active(connection, self.instance)
        active.sort(key=lambda run: (run.last_seen is not None, run.last_seen, run.id))
        unseen = [run for run in (*waiting, *active) if run.run_id not in gathered.seen]
        wanted = gathered.bare if cursor.first_read_done else {}
        wanted = wanted | {run.run_id: "" for run in unseen}
        found = []
        for (job_id, execution_id), version in list(wanted.items())[:LOOKUPS]:
            if self._stopping():
                raise StoppingError("ended early")
            try:
                answer = self._api.execution(job_id, execution_id)
            except SfccError as error:
                self._say_once(f"a run could not be looked up ({error.reason}): {error}")
                if error.reason in _HOPELESS:
                    break
                continue
            if answer is None:
                gathered.gone.append(RunKey(self.instance, job_id, execution_id))
            else:  # under the version of the search, or it would look changed there for ever
                found.append(replace(answer, version=version or answer.version))
        return found

    def _say_once(self, sentence: str) -> None:
        """The same trouble comes with every poll."""
        if len(self._said) > SAID_KEPT:
            self._said.clear()
        if sentence not in self._said:
            self._said.add(sentence)
            log.warning("%s: %s", self.instance, sentence)

    def _commit(self, connection: Connection, gathered: _Gathered, seen_until: datetime) -> Judged:
        before = cursors.load(connection, self.instance)
        for key in gathered.gone:
            history.mark_missing(connection, key, seen_at=seen_until, judge=self._judge)
        readable = seen_until - READABLE
        cursors.cover(connection, self.instance, max(before.seen_until or readable, readable), seen_until)
        cursors.complete(
            connection,
            self.instance,
            seen_until=seen_until,
            at=self._clock.now(),
            running=len(gathered.running),
            clock_skew=self._time.offset,
        )
        return judge(
            connection,
            self.instance,
            self._policy,
            now=self._clock.now(),
            judged_until=before.seen_until if self._judged_all else None,
            late=before.seen_until is not None and seen_until - before.seen_until > self._max_age,
        )
