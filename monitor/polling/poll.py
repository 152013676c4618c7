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

from monitor.clock import Clock
from monitor.errors import Reason, SfccError, StoppingError
from monitor.history import cursor as cursors
from monitor.history import executions as history
from monitor.history.cursor import Cursor
from monitor.history.engine import reading
from monitor.history.lookups import Owed
from monitor.history.recent import Recent
from monitor.judgement import Judged, Judgement, judge_for
from monitor.masking import Mask
from monitor.model import Execution, RunId, RunKey
from monitor.policy import Policy
from monitor.polling.catchup import AT_ONCE, FLOOR, LAG, READABLE, CatchUp
from monitor.polling.intake import Fence, Intake
from monitor.polling.lookups import LOOKUPS, Answers, Lookups
from monitor.polling.polltime import Moment, PollTime
from monitor.polling.progress import Report, unheard
from monitor.polling.switching import Switching
from monitor.polling.unreadable import UnreadableDocuments
from monitor.sfcc import JobsApi, Page
from monitor.watching import Endings, Lookout

log = logging.getLogger(__name__)

FIRST_READ = timedelta(days=26)
"""Failed runs stay 25 days on the platform, good ones 5: older than this there is nothing."""

HELD = 200
"""New runs kept in memory, a page of them: more are stored before the next page is asked for."""


@dataclass(frozen=True, slots=True)
class PollResult:
    """What a poll came to. `reason` is None when the read was complete and is committed.

    watched_by: another agent on the same state, to which this instance was left. correlation_id: by which
    Salesforce finds the request that failed; for logs, being another one each time.
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
    correlation_id: str | None = None

    @property
    def complete(self) -> bool:
        return self.reason is None and not self.watched_by


@dataclass(slots=True)
class _Gathered:
    """What one poll has read so far.

    alive: active runs that are as they were known, and how long they have taken.
    owed: runs that ended and of which the answer left something out.
    """

    seen: set[RunId] = field(default_factory=set)
    running: set[RunId] = field(default_factory=set)
    alive: dict[RunId, timedelta | None] = field(default_factory=dict)
    owed: dict[RunId, Owed] = field(default_factory=dict)
    stored: int = 0


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
        fence: Fence,
        stopping: Callable[[], bool] = lambda: False,
        count_unreadable: Callable[[], None] = lambda: None,
        spare: Callable[[], int] = lambda: LOOKUPS,
        report: Report = unheard,
        poll_interval: timedelta = timedelta(seconds=60),
        endings: Endings = dict,
    ) -> None:
        """fence: called first in each transaction that writes; raises when it is not ours to write.

        spare: requests that may be made for what is only nice to know. report: told how far a gap was read.
        poll_interval: the longest there is between two polls. endings: see `Lookout`.
        """
        self.instance = instance
        self._engine = engine
        self._api = api
        self._policy = policy
        self._max_age = max_age
        self._stopping = stopping
        self._time = PollTime(clock)
        self._recent = Recent(instance)
        self._judgement = Judgement(instance, policy)
        self._lookout = Lookout(instance, policy, poll_interval=poll_interval, endings=endings)
        self._unreadable = UnreadableDocuments(instance, count_unreadable)
        self._judge = judge_for(policy)
        self._intake = Intake(instance, engine, fence, self._judge, mask, self._time)
        self._switching = Switching(instance, engine, api, self._time)
        self._lookups = Lookups(
            instance,
            api,
            self._judge,
            policy.system_jobs,
            monotonic=clock.monotonic,
            stopping=stopping,
            spare=spare,
        )
        self._catch_up = CatchUp(
            *(instance, engine, api, self._intake, self._lookups),
            note=self._note,
            backend=lambda: self._switching.agreed,
            stopping=stopping,
            report=report,
        )

    def poll(self) -> PollResult:
        """Never raises for what the instance does; errors of the database and of the fence pass through."""
        began = self._time.begin()
        done = False
        try:
            stored, judged = self._read_by_whom_it_may(began)
            done = True
        except StoppingError:
            return self._failure(began, Reason.STOPPING, "ended early, the agent is stopping")
        except SfccError as error:
            with self._intake.writing() as connection:
                at = self._time.now
                cursors.failed(connection, self.instance, at=at, reason=error.reason, message=str(error))
                judged = self._lookout.failed(connection, now=at)
            return replace(
                self._failure(began, error.reason, str(error)),
                correlation_id=error.correlation_id,
                opened=judged.opened,
                resolved=judged.resolved,
            )
        finally:
            if not done:
                self._lookups.doubt()
        self._judgement.done()
        self._unreadable.turn()
        return PollResult(
            self.instance, began.now, self._since(began), stored, judged.opened, judged.resolved
        )

    def _since(self, began: Moment) -> float:
        return self._time.mark().monotonic - began.monotonic

    def _failure(self, began: Moment, reason: Reason, message: str) -> PollResult:
        return PollResult(self.instance, began.now, self._since(began), reason=reason, message=message)

    def _read_by_whom_it_may(self, began: Moment) -> tuple[int, Judged]:
        """Once more, if the API that was asked turns out to be the wrong one."""
        try:
            return self._read_and_judge(began)
        except SfccError as error:
            if not self._switching.has_changed:
                raise
            log.debug("%s: read anew: %s", self.instance, error)
            return self._read_and_judge(began)

    def _read_and_judge(self, began: Moment) -> tuple[int, Judged]:
        with reading(self._engine) as connection:
            cursor = cursors.load(connection, self.instance)
            self._lookups.follow(connection)
            self._time.remember(cursor.clock_skew)
            origin, since = self._gap(cursor)
            if is_steady := self._time.present - since <= AT_ONCE:
                self._follow(connection, cursor, since)
        self._switching.agree(cursor)
        if cursor.first_poll_at is None:
            with self._intake.writing() as connection:
                cursor = cursors.asked(connection, self.instance, began.now)
        gathered = _Gathered()
        if not is_steady:
            since, gathered.stored = self._catch_up.read(cursor, origin, since)
            with reading(self._engine) as connection:
                self._follow(connection, cursors.load(connection, self.instance), since)
        news = self._read_present(cursor, since, gathered)
        answers = self._look_up(gathered)
        self._time.learn(self._api.clock_offset)  # an answer without any run came as no page
        seen_until = self._time.least(began)
        with self._intake.writing() as connection:
            stored = gathered.stored + sum(
                self._intake.keep(connection, runs, cursor, seen_until) for runs in (news, answers.found)
            )
            self._lookups.keep(connection, answers)
            return stored, self._commit(connection, gathered, answers, seen_until)

    def _gap(self, cursor: Cursor) -> tuple[datetime, datetime]:
        """Where what has to be read begins, and where to go on with it, by the instance's time."""
        present, seen, read = self._time.present, cursor.seen_until, cursor.read_until
        origin = present - FIRST_READ
        if seen is not None:
            origin = max(origin, min(seen, present) - LAG)
        if read is None or (seen is not None and read <= seen):
            return origin, origin
        return origin, max(origin, min(read, present - LAG))  # as an earlier process left it, amid the gap

    def _follow(self, connection: Connection, cursor: Cursor, since: datetime) -> None:
        seen = self._time.least()
        # Back from the last complete read: what was marked since has been seen by nobody.
        waiting_since = min(seen, cursor.seen_until or seen) - self._policy.retry_wait
        self._recent.follow(connection, cursor.change, since - FLOOR, waiting_since)

    def _read_present(self, cursor: Cursor, since: datetime, gathered: _Gathered) -> list[Execution]:
        """What is new in the search of every poll; a page of it, the rest is stored."""
        news: list[Execution] = []
        for page in self._api.recent(since, self._recent.versions):
            if self._stopping():
                raise StoppingError("ended early")
            self._note(page)
            if len(news) + len(page.executions) > HELD:
                self._store(news, cursor, gathered)
                news.clear()
            news += page.executions
            gathered.running |= page.running
            gathered.seen |= page.seen
            gathered.alive |= page.alive
            gathered.owed |= self._owed(page.executions, cursor)
        return news

    def _note(self, page: Page) -> None:
        """Of each page, before anything of it is used."""
        self._switching.check()
        self._time.learn(self._api.clock_offset)
        self._unreadable.note(page.unreadable)

    def _owed(self, runs: Iterable[Execution], cursor: Cursor) -> dict[RunId, Owed]:
        wanted = (self._lookups.wanted(run) for run in runs if self._intake.is_news(run, cursor))
        return {one.run: one for one in wanted if one is not None and self._is_worth_it(one)}

    def _is_worth_it(self, owed: Owed) -> bool:
        """A run that had ended before is the same good one as then, but for a mark or a date."""
        return owed.failed or not self._recent.has_ended(owed.run)

    def _store(self, runs: list[Execution], cursor: Cursor, gathered: _Gathered) -> None:
        if not runs:  # some pages have nothing but the noise of system jobs
            return
        with self._intake.writing() as connection:
            gathered.stored += self._intake.keep(connection, runs, cursor, self._time.least())
            self._lookups.postpone(connection, gathered.owed.values())
        gathered.owed.clear()

    def _look_up(self, gathered: _Gathered) -> Answers:
        """Ended runs of which little is known, failed ones that a retry may have marked since, and active
        ones that the answer left out."""
        waiting = self._recent.waiting
        retried = [Owed(run, "", ended, failed=True) for run, ended in waiting.items()]
        unseen = [one for one in retried if one.run not in gathered.seen]
        self._switching.check()
        active = self._longest_unseen(self._recent.active - gathered.seen)
        answers = self._lookups.ask(gathered.owed, unseen, active)
        self._switching.check()  # what another API does not know is not gone
        return answers

    def _longest_unseen(self, active: set[RunId]) -> list[RunId]:
        """So that all have their turn, should they be more than one poll looks up."""
        if len(active) <= 1:
            return list(active)
        with reading(self._engine) as connection:
            seen = {run.run_id: run.last_seen for run in history.active(connection, self.instance)}
        return sorted(active, key=lambda run: (seen.get(run) is not None, seen.get(run), run.id))

    def _commit(
        self, connection: Connection, gathered: _Gathered, answers: Answers, seen_until: datetime
    ) -> Judged:
        alive = {RunKey(self.instance, *run): took for run, took in gathered.alive.items()}
        history.touch(connection, alive, seen_until)
        for key in answers.gone:
            history.mark_missing(connection, key, seen_at=seen_until, judge=self._judge)
        before = cursors.complete(
            connection,
            self.instance,
            seen_until=seen_until,
            at=self._time.now,
            running=len(gathered.running),
            clock_skew=self._time.offset,
            backend=self._switching.agreed,
        )
        readable = seen_until - READABLE
        cursors.cover(connection, self.instance, max(before.seen_until or readable, readable), seen_until)
        of_watching = self._lookout.complete(connection, before, now=self._time.now)
        return of_watching + self._judgement.look(
            connection,
            now=self._time.now,
            judged_until=before.seen_until,
            late=before.seen_until is not None and seen_until - before.seen_until > self._max_age,
        )
