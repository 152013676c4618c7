"""`log --follow`: what comes of a run's log until the run ends."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Iterable
from contextlib import closing
from datetime import timedelta

import click

from monitor.access import connection_to, masking_by
from monitor.cli import there
from monitor.cli.common import need_instances, say
from monitor.clock import Clock, SystemClock
from monitor.detect.classify import outcome
from monitor.detect.words import OUTCOME_WORDS, span
from monitor.errors import LogError, MonitorError, SfccError
from monitor.joblogs.following import LogTail
from monitor.masking import Mask
from monitor.model import Execution, Outcome, RunKey
from monitor.policy import JobPolicy
from monitor.settings import Settings
from monitor.settings.policies import policy
from monitor.sfcc import JobsApi
from monitor.sfcc.connect import Connection
from monitor.triggering.launching import until_the_end

LATELY = timedelta(minutes=15)
"""A run that ended so long ago is shown where none is active."""

LAST_LINES = (1.0, 2.0)
"""Seconds before each further look at the log of a run that has ended: its end comes a little later."""

GOOD = frozenset({Outcome.OK, Outcome.DEGRADED})


def follow_log(settings: Settings, job: str, execution_id: str | None, instance: str | None) -> int:
    """The exit code: 0 where the run ended well."""
    need_instances(settings)
    where = there.the_instance(settings, instance)
    with closing(connection_to(settings, where.name)) as connection:
        if execution_id is not None and connection.jobs.execution(job, execution_id) is None:
            raise MonitorError(f"{where.name} has no run {execution_id} of the job {job!r}")
        run_id = execution_id or _active(connection.jobs, job, where.name).id
        key = RunKey(where.name, job, run_id)
        try:
            run = _Following(connection, key, masking_by(settings), SystemClock()).show()
        except KeyboardInterrupt:
            say("not followed any more; the job goes on")
            raise
    return _told(run, policy(settings, where).job(job))


class _Following:
    """Prints lines as they come, and says on stderr what is in the way."""

    def __init__(self, connection: Connection, key: RunKey, mask: Mask, clock: Clock) -> None:
        self._connection = connection
        self._key = key
        self._clock = clock
        self._tail = LogTail(connection.logs, mask)
        self._stop = threading.Event()
        self._said = ""

    def show(self) -> Execution:
        """The run as it ended."""
        last = None
        for last in until_the_end(self._connection.jobs, self._key, self._clock, self._stop, self._trouble):
            if not self._print_new(last) and not self._tail.is_begun and not last.is_final:
                self._say_once(f"{last.job_id} {last.id} has no log yet: waiting for it")
        if last is None:
            raise MonitorError(f"{self._key.instance} has no run {self._key.id} of {self._key.job_id}")
        for pause in LAST_LINES:
            self._clock.wait(self._stop, pause)
            self._print_new(last)
        _echo(self._tail.end())
        if not self._tail.is_begun:
            say("no log: the platform has none of this run")
        return last

    def _print_new(self, run: Execution) -> bool:
        """Whether there was something."""
        found = False
        try:
            for lines in self._tail.more(run):
                found = True
                _echo(lines)
        except LogError as error:
            if not error.retryable:
                raise
            self._trouble(error)
        return found

    def _trouble(self, error: SfccError) -> None:
        self._say_once(f"still following: {error}")

    def _say_once(self, text: str) -> None:
        if text != self._said:
            self._said = text
            say(text)


def _active(jobs: JobsApi, job: str, instance: str) -> Execution:
    runs = there.newest_first(jobs, job, LATELY)
    found = next((run for run in runs if not run.is_final), None) or next(iter(runs), None)
    if found is None:
        words = shlex.join(["sfcc-job-monitor", "log", job])
        raise MonitorError(
            f"{job} is not running on {instance}; {words} shows the log of its last failed run"
        )
    if found.is_final:
        say(f"{job} is not running on {instance}: this is its run {found.id}, which has ended")
    return found


def _told(run: Execution, rules: JobPolicy) -> int:
    how = outcome(run, rules)
    took = f" after {span(run.duration)}" if run.duration is not None else ""
    say(f"{run.job_id} {run.id} on {run.instance}: {OUTCOME_WORDS[how]}{took}")
    return 0 if how in GOOD else 1


def _echo(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)
