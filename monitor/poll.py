"""One poll of one instance: fetch, then in one transaction store, judge and keep what changed.

Knows the order of things and nothing of documents, SQL texts or channels. No request is under way
while a transaction is open. Whoever ends the process anywhere in here loses nothing: pages are
stored as they come, and judgement starts from what is stored and not yet judged.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine

from monitor.clock import Clock, InstanceClock
from monitor.errors import Reason, SfccError, StoppingError
from monitor.history import cursor as cursors
from monitor.history import executions as history
from monitor.history.cursor import Cursor
from monitor.history.engine import reading
from monitor.history.recent import Recent
from monitor.judgement import Judged, judge, judge_for
from monitor.masking import Mask, masked
from monitor.model import Execution, Outcome, RunId, RunKey
from monitor.policy import Policy
from monitor.sfcc import JobsApi, Page
from monitor.unreadable import UnreadableDocuments

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

HELD = 200
"""New runs kept in memory, a page of them: more are stored before the next page is asked for."""

LOOKUPS = 100
"""Runs looked up by id in one poll at most; the rest has its turn in the next ones."""

LOOKUPS_FAILED = 5
"""So many that fail end it for this poll: each takes its tries, and the poll has to come to its end."""

LOOKED_UP_AGAIN = 10
"""Polls that ask for a run which the platform fails to give."""

_HOPELESS = frozenset(Reason) - {Reason.NOT_FOUND, Reason.REFUSED, Reason.PROTOCOL, Reason.SERVER}
"""Reasons that the next look-up would meet as well."""


@dataclass(frozen=True, slots=True)
class PollResult:
    """What a poll came to. `reason` is None when the read was complete and is committed.

    watched_by: another agent on the same state, to which this instance was left.
    """

    instance: str
    started: datetime
    seconds: float
    stored: int = 0
    opened: int = 0
    resolved: int = 0
    reason: Reason | None = None
    message: str = ""
    watched_by: str = ""

    @property
    def complete(self) -> bool:
        return self.reason is None and not self.watched_by


@dataclass(slots=True)
class _Gathered:
    """What one poll has read so far.

    alive: active runs that are as they were known, and how long they have taken.
    bare: runs that ended badly and whose failed step or log the answer left out, with the `version`
        they came in.
    """

    seen: set[RunId] = field(default_factory=set)
    running: set[RunId] = field(default_factory=set)
    alive: dict[RunId, timedelta | None] = field(default_factory=dict)
    bare: dict[RunId, str] = field(default_factory=dict)
    gone: list[RunKey] = field(default_factory=list)
    stored: int = 0
    answered: bool = False


class Poller:
    """Polls one instance; not to be shared by threads."""

    def __init__(  # noqa: PLR0913 - what a poll is made of; all but five by name
        self,
        instance: str,
        engine: Engine,
        api: JobsApi,
        policy: Policy,
        clock: Clock,
        *,
        max_age: timedelta,
        mask: Mask,
        fence: Callable[[Connection], None],
        stopping: Callable[[], bool] = lambda: False,
        count_unreadable: Callable[[], None] = lambda: None,
    ) -> None:
        """fence: called first in each transaction that writes; raises when it is not ours to write."""
        self.instance = instance
        self._engine = engine
        self._api = api
        self._policy = policy
        self._clock = clock
        self._time = InstanceClock()
        self._max_age = max_age
        self._mask = mask
        self._fence = fence
        self._stopping = stopping
        self._judge = judge_for(policy)
        self._recent = Recent(instance)
        self._judged_all = False
        self._said: set[str] = set()
        self._owed: dict[RunId, str] = {}
        self._missed: Counter[RunId] = Counter()
        self._unreadable = UnreadableDocuments(instance, count_unreadable)

    def poll(self) -> PollResult:
        """Never raises for what the instance does; errors of the database and of the fence pass through."""
        began, asked_at = self._clock.monotonic(), self._clock.now()
        try:
            stored, judged = self._read_and_judge(asked_at, began)
        except StoppingError:
            return self._failure(asked_at, began, Reason.STOPPING, "ended early, the agent is stopping")
        except SfccError as error:
            with self._writing() as connection:
                at = self._clock.now()
                cursors.failed(connection, self.instance, at=at, reason=error.reason, message=str(error))
            return self._failure(asked_at, began, error.reason, str(error))
        self._judged_all = True
        self._unreadable.turn()
        seconds = self._clock.monotonic() - began
        return PollResult(self.instance, asked_at, seconds, stored, judged.opened, judged.resolved)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._engine.begin() as connection:
            self._fence(connection)
            yield connection

    def _failure(self, asked_at: datetime, began: float, reason: Reason, message: str) -> PollResult:
        seconds = self._clock.monotonic() - began
        return PollResult(self.instance, asked_at, seconds, reason=reason, message=message)

    def _read_and_judge(self, asked_at: datetime, began: float) -> tuple[int, Judged]:
        self._follow_clock()
        with reading(self._engine) as connection:
            cursor = cursors.load(connection, self.instance)
            if not self._time.is_known:
                self._time.observe(cursor.clock_skew)
            since, present = self._gap(cursor, asked_at)
            if is_steady := present - since <= SLICE:
                self._follow(connection, cursor, since)
        if cursor.first_poll_at is None:
            with self._writing() as connection:
                cursor = cursors.asked(connection, self.instance, asked_at)
        gathered = _Gathered()
        if not is_steady:
            since = self._catch_up(cursor, since, present, gathered)
        news: list[Execution] = []
        for page in self._api.recent(since, self._recent.versions):
            if len(news) + len(page.executions) > HELD:
                self._store(news, cursor, gathered)
                news.clear()
            news += page.executions
            gathered.running |= page.running
            self._note(page, gathered)
        found = self._look_up(cursor, gathered)
        self._learn_time(gathered)  # an answer without any run came as no page
        seen_until = self._time.earliest(min(asked_at, self._back_to(began)))
        with self._writing() as connection:
            stored = gathered.stored + sum(
                self._keep(connection, runs, cursor, seen_until) for runs in (news, found)
            )
            return stored, self._commit(connection, gathered, seen_until)

    def _follow_clock(self) -> None:
        self._time.follow(self._clock.now(), self._clock.monotonic())

    def _learn_time(self, gathered: _Gathered) -> None:
        """By the last answer, of which the time is kept until the next."""
        self._follow_clock()
        if (offset := self._api.clock_offset) is not None:
            (self._time.correct if gathered.answered else self._time.observe)(offset)
            gathered.answered = True

    def _back_to(self, began: float) -> datetime:
        """When the poll began, by our clock as it goes now: it may have been set since."""
        return self._clock.now() - timedelta(seconds=self._clock.monotonic() - began)

    def _gap(self, cursor: Cursor, asked_at: datetime) -> tuple[datetime, datetime]:
        """From when to when it has to be read, by the instance's time."""
        present = asked_at + self._time.offset
        done = max((at for at in (cursor.seen_until, cursor.read_until) if at is not None), default=None)
        return present - FIRST_READ if done is None else min(done, present) - LAG, present

    def _follow(self, connection: Connection, cursor: Cursor, since: datetime) -> None:
        seen = self._time.earliest(self._clock.now())
        # Back from the last complete read: what was marked since has been seen by nobody.
        waiting_since = min(seen, cursor.seen_until or seen) - self._policy.retry_wait
        self._recent.follow(connection, cursor.change, since - FLOOR, waiting_since)

    def _catch_up(self, cursor: Cursor, first: datetime, present: datetime, gathered: _Gathered) -> datetime:
        """Reads a long gap slice by slice; returns where the search for the present has to begin."""
        at = first
        while present - at > SLICE:
            until = at + SLICE
            for page in self._api.between(at, until, self._known(at)):
                self._note(page, gathered)
                self._store(page.executions, cursor, gathered)
            with self._writing() as connection:
                cursors.read_until(connection, self.instance, until)
            log.debug("%s: read up to %s UTC", self.instance, f"{until:%Y-%m-%d %H:%M}")
            at = until
        log.info("%s: caught up since %s UTC", self.instance, f"{first:%Y-%m-%d %H:%M}")
        with reading(self._engine) as connection:
            self._follow(connection, cursors.load(connection, self.instance), at - LAG)
        return at - LAG

    def _known(self, since: datetime) -> dict[RunId, str]:
        with reading(self._engine) as connection:
            return history.versions(connection, self.instance, since - FLOOR)

    def _note(self, page: Page, gathered: _Gathered) -> None:
        if self._stopping():
            raise StoppingError("ended early")
        self._learn_time(gathered)
        gathered.seen |= page.seen
        gathered.alive |= page.alive
        gathered.bare |= {run.run_id: run.version for run in page.executions if self._is_bare(run)}
        self._unreadable.note(page.unreadable)

    def _is_bare(self, run: Execution) -> bool:
        """Whether an alert about it would lack what a look-up by id may bring."""
        if self._judge.outcome(run) not in _BAD:
            return False
        no_log = run.log_file_path is None and run.is_log_file_existing is not False
        return run.steps is None or no_log

    def _store(self, runs: Sequence[Execution], cursor: Cursor, gathered: _Gathered) -> None:
        if runs:  # some pages have nothing but the noise of system jobs
            with self._writing() as connection:
                gathered.stored += self._keep(
                    connection, runs, cursor, self._time.earliest(self._clock.now())
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
        and active ones that the answer left out. What cannot be looked up costs the poll nothing, and is
        asked for again by the next one if that may help."""
        unseen = [run for run in self._recent.waiting if run not in gathered.seen]
        unseen += self._longest_unseen(self._recent.active - gathered.seen)
        wanted = gathered.bare if cursor.first_read_done else {}
        wanted = wanted | dict.fromkeys(unseen, "")
        self._owed = {run: wanted.get(run, version) for run, version in self._owed.items()}
        queue = iter(list((wanted | self._owed).items())[:LOOKUPS])
        found, failures = [], 0
        for run, version in queue:
            if self._stopping():
                raise StoppingError("ended early")
            try:
                answer = self._api.execution(*run)
            except SfccError as error:
                failures += 1
                self._say_once(f"a run could not be looked up ({error.reason}): {error}")
                hopeless = error.reason in _HOPELESS or failures == LOOKUPS_FAILED
                self._owe([(run, version), *(queue if hopeless else ())], again=error.retryable)
                continue
            self._settle(run)
            if answer is None:
                gathered.gone.append(RunKey(self.instance, *run))
            else:  # under the version of the search, or it would look changed there for ever
                found.append(replace(answer, version=version or answer.version))
        return found

    def _owe(self, runs: Iterable[tuple[RunId, str]], *, again: bool) -> None:
        """What was asked for in vain, and what was not asked for because of that."""
        for run, version in runs:
            self._missed[run] += 1
            if again and self._missed[run] < LOOKED_UP_AGAIN:
                self._owed[run] = version
            else:
                self._settle(run)

    def _settle(self, run: RunId) -> None:
        self._owed.pop(run, None)
        self._missed.pop(run, None)

    def _longest_unseen(self, active: set[RunId]) -> list[RunId]:
        """So that all have their turn, should they be more than one poll looks up."""
        if len(active) <= 1:
            return list(active)
        with reading(self._engine) as connection:
            seen = {run.run_id: run.last_seen for run in history.active(connection, self.instance)}
        return sorted(active, key=lambda run: (seen.get(run) is not None, seen.get(run), run.id))

    def _say_once(self, sentence: str) -> None:
        """The same trouble comes with every poll."""
        if len(self._said) > SAID_KEPT:
            self._said.clear()
        if sentence not in self._said:
            self._said.add(sentence)
            log.warning("%s: %s", self.instance, sentence)

    def _commit(self, connection: Connection, gathered: _Gathered, seen_until: datetime) -> Judged:
        alive = {RunKey(self.instance, *run): took for run, took in gathered.alive.items()}
        history.touch(connection, alive, seen_until)
        for key in gathered.gone:
            history.mark_missing(connection, key, seen_at=seen_until, judge=self._judge)
        before = cursors.complete(
            connection,
            self.instance,
            seen_until=seen_until,
            at=self._clock.now(),
            running=len(gathered.running),
            clock_skew=self._time.offset,
        )
        readable = seen_until - READABLE
        cursors.cover(connection, self.instance, max(before.seen_until or readable, readable), seen_until)
        return judge(
            connection,
            self.instance,
            self._policy,
            now=self._clock.now(),
            judged_until=before.seen_until if self._judged_all else None,
            late=before.seen_until is not None and seen_until - before.seen_until > self._max_age,
        )
