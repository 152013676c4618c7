"""One try to start a job: what was found on the way, what came of it, and what is said meanwhile on stderr.

Decides nothing about whether a job may start (`triggering`) and knows no request (`launching`).
"""

from __future__ import annotations

import contextlib
import itertools
import re
import shlex
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from monitor.access import connection_to, masking_by
from monitor.cli.common import existing_state_of, say, seconds
from monitor.cli.known import alike
from monitor.cli.progress import Progress
from monitor.clock import Clock, SystemClock
from monitor.detect.classify import failed_step, message, outcome
from monitor.detect.words import OUTCOME_WORDS, one_line, span
from monitor.errors import MonitorError, SfccError
from monitor.history.engine import reading
from monitor.joblogs.wholelog import reading_by
from monitor.masking import masked
from monitor.model import Execution, Outcome, RunKey
from monitor.policy import Policy
from monitor.settings import InstanceSettings, Settings
from monitor.settings.policies import policy
from monitor.sfcc.runs.starting import AlreadyRunningError, UnknownJobError, UnsureStartError
from monitor.triggering.guard import Kind, Objection, Situation, judge
from monitor.triggering.launching import Known, fetch_log, find_again, known_of, look, until_the_end

COMMAND = "sfcc-job-monitor"
EXIT_NOT_WELL = 1
EXIT_INTERRUPTED = 130


@dataclass(slots=True)
class Result:
    """What came of it. refused, overridden: what spoke against the start, and whether that held."""

    instance: str
    job_id: str
    execution_id: str | None = None
    refused: Sequence[Objection] = ()
    overridden: Sequence[Objection] = ()
    notes: Sequence[str] = ()
    instead: str | None = None
    run: Execution | None = None
    outcome: Outcome | None = None
    log_file: str | None = None
    lines: Sequence[str] = ()

    def text(self) -> Iterator[str]:
        """For people, but for what was said while it went on."""
        if self.execution_id is None:
            return
        if self.run is None or self.outcome is None:
            yield f"{self.job_id} {self.execution_id} on {self.instance}: started"
            return
        took = f" after {span(self.run.duration)}" if self.run.duration is not None else ""
        yield f"{self.job_id} {self.run.id} on {self.instance}: {OUTCOME_WORDS[self.outcome]}{took}"
        step = failed_step(self.run)
        if step is not None:
            yield f"step {step.step_id}: {one_line(message(self.run, step)) or 'failed'}"
        yield from self.lines

    def document(self) -> dict[str, Any]:
        run, status = self.run, self.run and self.run.exit_status
        return {
            "sfcc_instance": self.instance,
            "job_id": self.job_id,
            "id": self.execution_id,
            "started": self.execution_id is not None,
            "refused": [_document(one) for one in self.refused],
            "overridden": [_document(one) for one in self.overridden],
            "notes": list(self.notes),
            "instead": self.instead,
            "outcome": None if self.outcome is None else self.outcome.value,
            "start_time": run and run.start_time,
            "end_time": run and run.ended,
            "duration_seconds": seconds(run.duration) if run else None,
            "code": status and status.code,
            "message": status and status.message,
            "log_file": self.log_file,
            "lines": list(self.lines),
        }


class Trial:
    """One try to start one job; what is found on the way is in `result`."""

    def __init__(self, settings: Settings, where: InstanceSettings, job: str) -> None:
        self.result = Result(where.name, job)
        self._job = job
        self._where = where
        self._rules = policy(settings, where)
        self._mask = masking_by(settings)
        self._is_one_of_many = len(settings.instances) > 1
        self._known = _known(settings, where.name, job, self._rules)
        self._clock: Clock = SystemClock()
        self._stop = threading.Event()
        self._reading = reading_by(settings, self._clock, self._stop)
        self._connection = connection_to(settings, where.name)

    def carry_out(self, body: Mapping[str, Any], *, force: bool, dry_run: bool, wait: bool) -> int:
        """The exit code."""
        with contextlib.closing(self._connection):
            situation = self._situation()
            self._judge(situation, force=force)
            if self.result.refused or dry_run:
                return EXIT_NOT_WELL if self.result.refused else 0
            key = self._start(body, situation)
            if key is None:
                return EXIT_NOT_WELL
            self.result.execution_id = key.id
            return self._wait(key) if wait else 0

    def _situation(self) -> Situation:
        return look(self._connection.jobs, self._known, self._job, self._rules, self._clock)

    def _judge(self, situation: Situation, *, force: bool) -> None:
        verdict = judge(situation, self._rules)
        self.result.notes, self.result.instead = verdict.notes, verdict.instead
        if force:
            self.result.overridden = verdict.objections
        else:
            self.result.refused = verdict.objections
        for one in verdict.objections:
            say(f"{'overridden' if force else 'refused'}: {one.sentence}")
        for note in verdict.notes:
            say(f"note: {note}")
        if verdict.instead is not None:
            say(f"note: {verdict.instead} ended ok the last time and imports what changed since: enough?")
        if self.result.refused:
            say(f"nothing was started{self._way_out()}")

    def _way_out(self) -> str:
        if any(one.kind is Kind.RUNNING for one in self.result.refused):
            return ""  # of the platform's own rule, which --force does not change
        return "; --force starts it all the same"

    def _start(self, body: Mapping[str, Any], situation: Situation) -> RunKey | None:
        """None where the platform refuses it because it runs."""
        try:
            run_id = self._connection.starter.start(self._job, body)
        except AlreadyRunningError as error:
            self._refuse_second(str(error))
            return None
        except UnknownJobError as error:
            raise MonitorError(f"{error}{self._alike()}") from error
        except UnsureStartError as error:
            return self._find_again(error, situation).key
        except KeyboardInterrupt:
            say(f"interrupted: whether {self._job} was started is not known; {self._where_to_look()}")
            raise
        return RunKey(self._where.name, self._job, run_id.id)

    def _refuse_second(self, sentence: str) -> None:
        found = judge(self._situation(), self._rules).objections
        running = [one for one in found if one.kind is Kind.RUNNING]
        self.result.refused = running or [Objection(Kind.RUNNING, sentence, self._job)]
        self.result.overridden = ()
        for one in self.result.refused:
            say(f"refused: {one.sentence}")

    def _find_again(self, error: SfccError, situation: Situation) -> Execution:
        say(f"{error}; looking whether {self._job} was started all the same …")
        client_id = self._connection.starter.client_id
        try:
            run = find_again(self._connection.jobs, self._job, situation, client_id, self._clock, self._stop)
        except SfccError as second:
            text = (
                f"whether {self._job} was started is not known ({error}; {second}); {self._where_to_look()}"
            )
            raise SfccError(error.reason, text, status=error.status) from second
        if run is None:
            text = (
                f"{self._job} was probably not started: no run of it is seen ({error}); "
                f"{self._where_to_look()}"
            )
            raise SfccError(error.reason, text, status=error.status) from error
        say(f"run {run.id} has begun since: it is taken for this one")
        return run

    def _wait(self, key: RunKey) -> int:
        progress, begun = Progress(self._known.usual, say), self._clock.monotonic()
        last = None
        try:
            say(f"{key.job_id} {key.id} on {key.instance}: started; Ctrl-C ends the waiting, not the job")
            for last in until_the_end(self._connection.jobs, key, self._clock, self._stop, self._trouble):
                if not last.is_final:
                    elapsed = timedelta(seconds=self._clock.monotonic() - begun)
                    progress.show(elapsed, _step(last))
        except KeyboardInterrupt:
            progress.clear()
            say(f"not waiting any more; the job goes on: {self._follow(key)}")
            return EXIT_INTERRUPTED
        except SfccError:
            progress.clear()
            say(f"not waiting any more; as far as is known, the job goes on: {self._follow(key)}")
            raise
        progress.clear()
        return EXIT_INTERRUPTED if last is None else self._ended(last)

    def _ended(self, run: Execution) -> int:
        how = outcome(run, self._rules.job(self._job))
        self.result.run, self.result.outcome = masked(run, self._mask), how
        if how in {Outcome.OK, Outcome.DEGRADED}:
            return 0
        self._save_log(run)
        return EXIT_NOT_WELL

    def _save_log(self, run: Execution) -> None:
        try:
            log = fetch_log(self._connection.logs, run, self._mask, self._reading, self._clock, self._stop)
        except SfccError as error:
            say(str(error))
            return
        self.result.lines = log.lines
        try:
            file = _new_file(log.name or f"{run.job_id}-{run.id}.log", log.content)
        except OSError as error:
            say(f"the log cannot be written here: {error.strerror}; it is shown by {self._follow(run.key)}")
            return
        self.result.log_file = str(file)
        say(f"log saved to {file}{f' ({log.note})' if log.note else ''}")

    def _trouble(self, error: SfccError) -> None:
        say(f"still waiting: {error}")

    def _follow(self, key: RunKey) -> str:
        words = [COMMAND, "log", key.job_id, key.id, "--follow"]
        return shlex.join([*words, *(["--instance", key.instance] if self._is_one_of_many else [])])

    def _where_to_look(self) -> str:
        return "look in Business Manager > Administration > Operations > Job History before starting it again"

    def _alike(self) -> str:
        near = alike(self._job, set(self._known.last))
        return f"; did you mean {' or '.join(near)}?" if near else ""


def _known(settings: Settings, instance: str, job: str, rules: Policy) -> Known:
    """What the state knows; a state that is missing or in trouble is no reason not to start a job."""

    try:
        with reading(existing_state_of(settings)) as connection:
            return known_of(connection, instance, job, rules)
    except MonitorError:
        return Known()


def _step(run: Execution) -> str:
    return run.steps[-1].step_id if run.steps else ""


def _new_file(name: str, content: bytes) -> Path:
    """In the working directory, under a name that is free."""
    plain = Path(re.sub(r"[^\w .()+-]", "_", name).lstrip(".") or "job.log")
    for number in itertools.count():
        file = plain if not number else plain.with_stem(f"{plain.stem}-{number}")
        try:
            with file.open("xb") as stream:
                stream.write(content)
        except FileExistsError:
            continue
        return file
    raise AssertionError("unreachable")


def _document(one: Objection) -> dict[str, Any]:
    return {
        "kind": one.kind.value,
        "job_id": one.job_id or None,
        "id": one.execution_id,
        "at": one.at,
        "sentence": one.sentence,
    }
