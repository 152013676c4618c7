"""What detection costs in a poll of an instance with 5,000 jobs, against one with 50: the same news in each.

Twenty runs have ended since the last poll, of twenty jobs that all have slots; ten jobs are one group.
The state is SQLite, its history twenty daily runs of each job; storing the news is not counted.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from monitor.history import cursor as cursors
from monitor.history import executions as history
from monitor.history.engine import open_state, prepare
from monitor.judgement import Judgement, judge_for
from monitor.model import Execution, ExitStatus
from monitor.policy import GroupPolicy, JobPolicy, Policy
from monitor.schedule import Schedule
from tests.bench.measure import Figures, Result, Unit
from tests.bench.world import MINUTE, START

MANY = 5000
FEW = 50
RUNS = 20
LONGER = 40
NEWS = 20
TURNS = 10
DAY = timedelta(days=1)
WARM_UP = 3
AIM = 1.5
WHY = """
What a look costs follows the jobs to which something happened, whose last sixty runs are read and judged.
What grows with all jobs is the memory of when each is to be looked at again, and the tables of the state.
"""

_OK = ExitStatus("OK", None, "ok")


class Instance:
    """One that was read completely and judged, and goes on by a minute with each `tick`."""

    def __init__(self, path: Path, jobs: int, runs: int) -> None:
        self._engine = open_state(f"sqlite:///{path}")
        prepare(self._engine)
        daily = [
            JobPolicy(schedule=Schedule(every=DAY, at=_slot(turn).time()), schedule_source="configured")
            for turn in range(TURNS)
        ]
        groups = (GroupPolicy("group", ("job-000*",)),)
        self._policy = Policy(job=lambda job_id: daily[_turn(job_id)], groups=groups)
        self._jobs = [f"job-{number:04}" for number in range(jobs)]
        self._now = START
        self._minute = 0
        self._judgement = Judgement("i", self._policy)
        self._store(
            [self._run(job, number) for job in self._jobs for number in range(1, runs + 1)], backfill=True
        )
        self.first = self.look()

    def tick(self) -> float:
        """Seconds of CPU time that judging took."""
        self._minute += 1
        self._now += MINUTE
        start = self._minute * NEWS
        ended = [self._jobs[number % len(self._jobs)] for number in range(start, start + NEWS)]
        self._store([self._run(job, 0) for job in dict.fromkeys(ended)], backfill=False)
        return self.look()

    def look(self) -> float:
        with self._engine.begin() as connection:
            before = cursors.complete(
                connection, "i", seen_until=self._now, at=self._now, running=0, clock_skew=timedelta()
            )
            cursors.cover(connection, "i", before.seen_until or START - timedelta(days=5), self._now)
            began = time.process_time()
            self._judgement.look(connection, now=self._now, judged_until=before.seen_until, late=False)
            took = time.process_time() - began
        self._judgement.done()
        return took

    def close(self) -> None:
        self._engine.dispose()

    def _store(self, runs: list[Execution], *, backfill: bool) -> None:
        with self._engine.begin() as connection:
            rules = judge_for(self._policy)
            history.store(connection, "i", runs, seen_at=self._now, backfill=backfill, judge=rules)

    def _run(self, job: str, day: int) -> Execution:
        """Of some minutes, so many days ago at its slot; one by hand that ended just now, for none."""
        takes = timedelta(seconds=100 + (int(job[-4:]) + day) % 40)
        start = self._now - takes - timedelta(seconds=5)
        if day:
            start = _slot(_turn(job)) - day * DAY
        return Execution(
            "i",
            job,
            f"{job} {start.isoformat()}",
            execution_status="finished",
            exit_status=_OK,
            start_time=start,
            end_time=start + takes,
            duration=takes,
            user_login=None if day else "jdoe",
            steps=(),
            version="1",
        )


def _turn(job: str) -> int:
    """Those of the group come one after the other."""
    return int(job[-4:]) % TURNS


def _slot(turn: int) -> datetime:
    """The next one."""
    return START.replace(second=0, microsecond=0) + timedelta(hours=12, minutes=7 * turn)


def compare(repeats: int) -> Result:
    with _instance(MANY, RUNS) as many, _instance(FEW, RUNS) as few, _instance(MANY, LONGER) as longer:
        instances = (many, few, longer)
        for _ in range(WARM_UP):
            for one in instances:
                one.tick()
        ticks = [[one.tick() for one in instances] for _ in range(repeats)]
        firsts = many.first, longer.first
    ours, bare, long = (Figures(tuple(values)) for values in zip(*ticks, strict=True))
    return Result(
        "Detection",
        f"`Judgement.look` at {NEWS} runs that ended, {MANY:,} jobs with slots",
        f"the same with {FEW} jobs",
        ours,
        bare,
        AIM,
        parts=(
            (f"the same with {LONGER} runs of history for each job", long, Unit.SECONDS),
            ("the first look of a process, at all of them", Figures((firsts[0],)), Unit.SECONDS),
            (f"that with {LONGER} runs for each", Figures((firsts[1],)), Unit.SECONDS),
        ),
        why=WHY,
    )


@contextmanager
def _instance(jobs: int, runs: int) -> Iterator[Instance]:
    with tempfile.TemporaryDirectory() as name:
        instance = Instance(Path(name) / "state.sqlite", jobs, runs)
        yield instance
        instance.close()
