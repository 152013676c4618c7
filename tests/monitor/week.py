"""A week of jobs, written from a seed: what runs when, how it ends, and what goes wrong with it.

Knows the instance's own time only, nothing of polls or faults: whoever looks at it, and however often, the
same things happen at the same instants under the same ids.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from random import Random

from monitor.simulator import Run, World

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)

NEVER_ENDS = "never"
GONE = "gone"
ABORTED = "aborted"

RETRIES = "orders"
"""The job whose failed attempts are repeated."""

RETRY_WAIT = timedelta(minutes=70)
"""So long a failed attempt is looked up again; the platform's own longest pause is an hour."""

VANISHING = "cleanup"
"""The job of which runs are deleted while they are active, after longer than any outage lasts: what was
never seen cannot be missed."""

CAUSES = (
    ("load", "Connection to host 10.0.{n}.1 refused"),
    ("load", "File import-{n}.xml is not well-formed"),
    ("publish", "Transaction {n} rolled back after 3 tries"),
)


@dataclass(frozen=True, slots=True)
class Planned:
    """One run. `ends`: its exit code, or one of the words above. `shown`: so late does the instance show it.

    `waits`: so long is it pending before it starts. `pauses`: it is paused from half of its time on.
    `marked`: when its status becomes `retried`.
    """

    id: str
    job: str
    start: datetime
    length: timedelta
    ends: str = "OK"
    cause: tuple[str, str] | None = None
    scope: str = "Organization"
    user: str | None = None
    attempt: tuple[int, int] | None = None
    shown: timedelta = timedelta()
    waits: timedelta = timedelta()
    pauses: bool = False
    marked: datetime | None = None

    @property
    def end(self) -> datetime:
        return self.start + self.length

    @property
    def moments(self) -> tuple[datetime, datetime]:
        """When the instance begins to show it, and its end."""
        begins = self.start - self.waits + self.shown
        return begins, max(self.end, begins)


class Week:
    """The runs of `days` days, oldest first by when they show."""

    def __init__(self, seed: int, days: float) -> None:
        self.end = MONDAY + timedelta(days=days)
        writer = _Writer(Random(f"jobs of {seed}"), self.end)
        self.runs = sorted(writer.runs(), key=lambda run: run.moments)
        self._moments = sorted(moment for run in self.runs for moment in run.moments)

    def happenings(self, since: datetime, until: datetime) -> int:
        """How many runs come or end after the one and up to the other."""
        return bisect_right(self._moments, until) - bisect_right(self._moments, since)

    def play(self, world: World) -> None:
        """Everything is laid down; it happens when the world's clock comes to it."""
        for run in self.runs:
            actor = _Actor(world, run)
            begins, ends = run.moments
            world.at(begins, actor.appear)
            if run.waits:
                world.at(run.start, actor.begin)
            if run.pauses:
                world.at(run.start + run.length / 2, actor.pause)
            if run.ends != NEVER_ENDS:
                world.at(ends, actor.end)
            if run.marked is not None:
                world.at(run.marked, actor.mark)


class _Actor:
    """Does to the world what one planned run says."""

    def __init__(self, world: World, plan: Planned) -> None:
        self._world = world
        self._plan = plan
        self._run: Run | None = None

    @property
    def run(self) -> Run:
        assert self._run is not None, f"{self._plan} has not begun"
        return self._run

    def appear(self) -> None:
        plan = self._plan
        self._run = self._world.start(
            plan.job,
            at=plan.start if plan.shown else None,
            scope=plan.scope,
            user_login=plan.user,
            execution_id=plan.id,
            pending=bool(plan.waits),
            retry=plan.attempt,
        )

    def begin(self) -> None:
        self.run.begin()

    def pause(self) -> None:
        self.run.mark("paused")

    def end(self) -> None:
        plan = self._plan
        if plan.ends == GONE:
            self._world.forget(self.run)
        elif plan.ends == ABORTED:
            self.run.abort(at=plan.end)
        else:
            step, message = plan.cause or (None, None)
            self.run.finish(at=plan.end, code=plan.ends, message=message, failed_step=step)

    def mark(self) -> None:
        self.run.mark("retried")


class _Writer:
    """Draws the week. Each job has a method; what they share is chance and a number for each run."""

    def __init__(self, chance: Random, end: datetime) -> None:
        self._chance = chance
        self._end = end
        self._numbers = count(1)

    def runs(self) -> Iterator[Planned]:
        fast, steady = partial(self._often, spread=0.3), partial(self._often, spread=0.05)
        yield from fast("ticker", every=3, minutes=(0.2, 0.6), fails=0.03)
        yield from fast("export", every=20, minutes=(1, 3), fails=0.06, odd=0.15)
        yield from fast("2-Akeneo-Differential-Import", every=30, minutes=(4, 12), fails=0.05)
        yield from steady("1-Akeneo-Full-Import", every=24 * 60, minutes=(35, 100), fails=0.2, first=2 * HOUR)
        yield from fast("prices", every=45, minutes=(8, 25), fails=0.05)
        yield from fast("stock", every=60, minutes=(8, 25), fails=0.05)
        yield from steady("index", every=24 * 60, minutes=(400, 560), fails=0.3, first=20 * HOUR, odd=0.3)
        yield from fast("sfcc-site-archive-import", every=12 * 60, minutes=(1, 4), fails=0.2)
        yield from self._shown_late()
        yield from self._of_two_sites()
        yield from self._by_hand()
        yield from self._retried()
        yield from self._deleted()
        yield from self._queued()
        yield from self._paused()
        yield from self._flurries()
        yield from self._unfinished()

    def _often(
        self,
        job: str,
        *,
        every: float,
        minutes: tuple[float, float],
        fails: float,
        spread: float,
        first: timedelta = timedelta(),
        odd: float = 0.0,
    ) -> Iterator[Planned]:
        """A run at each slot. `spread`: by which part of the distance it may be late."""
        slot = MONDAY + first
        while slot < self._end:
            start = slot + self._chance.uniform(0, spread) * every * MINUTE
            yield self._ended(self._run(job, start, minutes), fails, odd)
            slot += every * MINUTE

    def _run(self, job: str, start: datetime, minutes: tuple[float, float]) -> Planned:
        length = self._chance.uniform(*minutes) * MINUTE
        return Planned(f"{next(self._numbers)}", job, _whole(start), _whole_span(length))

    def _ended(self, run: Planned, fails: float, odd: float = 0.0) -> Planned:
        luck = self._chance.random()
        if luck < fails:
            return self._failed(run)
        if luck < fails + odd:
            ends = self._chance.choice([ABORTED, "WARN", "NO_FILES_FOUND", "ERROR_TIMEOUT", "Nothing to do"])
            return replace(run, ends=ends)
        return run

    def _failed(self, run: Planned) -> Planned:
        step, message = self._chance.choice(CAUSES)
        return replace(run, ends="ERROR", cause=(step, message.format(n=self._chance.randrange(256))))

    def _shown_late(self) -> Iterator[Planned]:
        """As a lagging index does it: behind others that began later."""
        for run in self._often("shown-late", every=25, minutes=(0.5, 9), fails=0.1, spread=0.9):
            yield replace(run, shown=_whole_span(self._chance.uniform(0.5, 4) * MINUTE))

    def _of_two_sites(self) -> Iterator[Planned]:
        for run in self._often("feed", every=30, minutes=(2, 6), fails=0.08, spread=0.1):
            yield replace(run, scope="RefArch")
            other = self._ended(self._run("feed", run.start + timedelta(milliseconds=700), (2, 6)), 0.08)
            yield replace(other, scope="RefArchGlobal")

    def _by_hand(self) -> Iterator[Planned]:
        """Into whatever is running, runs of the same job among it."""
        for job in ("prices", "stock", "export", "2-Akeneo-Differential-Import"):
            for run in self._often(job, every=9 * 60, minutes=(3, 20), fails=0.1, spread=0.9, first=HOUR):
                yield replace(run, user="j.doe@example.com")

    def _retried(self) -> Iterator[Planned]:
        slot = MONDAY + HOUR
        while slot < self._end - 6 * HOUR:
            yield from self._attempts(slot)
            slot += 6 * HOUR

    def _attempts(self, start: datetime) -> Iterator[Planned]:
        """Up to three; the next one may come late, after it was given up, or never."""
        for number in range(3):
            run = replace(self._run(RETRIES, start, (2, 9)), attempt=(number, 2))
            if self._chance.random() < 0.3:
                yield run
                return
            pause = self._chance.choice([10, 10, 10, 40, 78, 0])
            start = run.end + pause * MINUTE
            repeated = number < 2 and 0 < pause < RETRY_WAIT / MINUTE and self._chance.random() < 0.5
            yield replace(self._failed(run), marked=start if repeated else None)
            if not pause:
                return

    def _deleted(self) -> Iterator[Planned]:
        for run in self._often(VANISHING, every=12 * 60, minutes=(400, 600), fails=0.2, spread=0.1):
            yield replace(run, ends=GONE) if self._chance.random() < 0.4 else run

    def _queued(self) -> Iterator[Planned]:
        for run in self._often("queued", every=180, minutes=(3, 9), fails=0.2, spread=0.5, first=HOUR):
            yield replace(run, waits=_whole_span(self._chance.uniform(2, 14) * MINUTE))

    def _paused(self) -> Iterator[Planned]:
        for run in self._often("paused", every=300, minutes=(20, 90), fails=0.2, spread=0.5):
            yield replace(run, pauses=True)

    def _flurries(self) -> Iterator[Planned]:
        """A dozen runs of some seconds each, one after another: they come and go between two pages."""
        start = MONDAY + HOUR
        while start < self._end:
            for number in range(12):
                at = start + number * timedelta(seconds=self._chance.uniform(3, 9))
                yield self._ended(self._run(f"flurry-{number % 5}", at, (0.05, 0.4)), 0.3)
            start += self._chance.uniform(1, 5) * HOUR

    def _unfinished(self) -> Iterator[Planned]:
        """What goes on when the week is over."""
        last = self._end - 2 * HOUR
        yield replace(self._run("endless", last, (1, 2)), ends=NEVER_ENDS)
        yield replace(self._run("prices", last, (1, 2)), ends=NEVER_ENDS)
        yield replace(self._run("stock", last + HOUR, (1, 2)), ends=NEVER_ENDS)
        yield self._failed(self._run("broken", last, (1, 2)))


def _whole(at: datetime) -> datetime:
    """To the millisecond, as the platform keeps them."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _whole_span(span: timedelta) -> timedelta:
    return span - span % timedelta(milliseconds=1)
