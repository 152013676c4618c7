"""What one run was: its outcome, who started it, which step broke, and what for.

Knows one run at a time, never its neighbours. The platform overloads `status` (a status word while a
run is active, its exit code afterwards) and lets custom steps exit with any text, so failure is what
any of three places says, and everything unknown stays visible as unknown instead of turning into ok.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import lru_cache

from monitor.detect.sameness import stable
from monitor.model import SUPERSEDED_WORDS, Execution, Outcome, Step, Trigger
from monitor.policy import FAILURE_CODES, JobPolicy, Policy


def outcome(execution: Execution, job: JobPolicy) -> Outcome:
    if execution.is_superseded:
        return Outcome.SUPERSEDED
    if execution.is_vanished:
        return Outcome.VANISHED
    if not execution.is_final:
        return Outcome.ACTIVE
    if execution.execution_status == "aborted":
        return Outcome.ABORTED
    return _finished(execution, job)


def trigger(execution: Execution, policy: Policy) -> Trigger:
    if execution.user_login and execution.user_login not in policy.scheduler_logins:
        return Trigger.MANUAL
    if execution.client_id and execution.client_id not in policy.scheduler_clients:
        return Trigger.API
    return Trigger.SCHEDULE


def failed_step(execution: Execution, failure_codes: Sequence[str] = FAILURE_CODES) -> Step | None:
    """The last step that failed and says why; else the last that failed."""
    broken = [step for step in execution.steps or () if _step_failed(step, failure_codes)]
    telling = [step for step in broken if step.exit_status and step.exit_status.message]
    broken = telling or broken
    return broken[-1] if broken else None


def exit_code(of: Execution | Step) -> str | None:
    """The exit code; the `status` text is the same thing where the exit status is missing or hidden."""
    return (of.exit_status and of.exit_status.code) or of.status or None


def ends_with(run: Execution, codes: tuple[str, ...]) -> bool:
    """Whether the code it ended with is one of these globs."""
    code = exit_code(run)
    return code is not None and _matches(code, codes)


def message(execution: Execution, step: Step | None) -> str:
    """Why it failed, as the platform says it: the step's own words before the run's."""
    sources = (step and step.exit_status, execution.exit_status)
    return next((source.message for source in sources if source and source.message), "")


def cause(execution: Execution, failure_codes: Sequence[str] = FAILURE_CODES) -> str:
    """Step, code and message without what differs from run to run: equal trouble gives equal text."""
    step = failed_step(execution, failure_codes)
    parts = (
        "aborted" if execution.execution_status == "aborted" else "",
        step.step_id if step else "",
        exit_code(step or execution) or "",
        _stable(message(execution, step)),
    )
    return " | ".join(part for part in parts if part) or execution.execution_status


@lru_cache(maxsize=1024)
def _stable(message: str) -> str:
    """Remembered: a job that keeps failing says the same each time."""
    return stable(message)


def _finished(execution: Execution, job: JobPolicy) -> Outcome:
    word = execution.exit_status.status if execution.exit_status else None
    code = exit_code(execution)
    said = _said(word, code, job.failure_codes, job.warn_codes)
    if said is not Outcome.OK:
        return said
    if _is_flawed_by_log(execution, job):
        return Outcome.DEGRADED
    return Outcome.DEGRADED if any(_is_flawed(step, job) for step in execution.steps or ()) else Outcome.OK


def _is_flawed_by_log(execution: Execution, job: JobPolicy) -> bool:
    """Whether its log has as many errors as make a run that ended ok worth a word."""
    logged = execution.logged
    if job.log_errors is None or logged is None:
        return False
    return logged.errors >= job.log_errors or logged.data_errors > 0


def _is_flawed(step: Step, job: JobPolicy) -> bool:
    if _step_failed(step, job.failure_codes):
        return True
    code = exit_code(step)
    return code is not None and _matches(code, job.warn_codes)


def _step_failed(step: Step, failure_codes: Sequence[str]) -> bool:
    """A step that was restarted is told by its later attempt."""
    if step.execution_status in SUPERSEDED_WORDS:
        return False
    word = step.exit_status.status if step.exit_status else None
    failed = _said(word, exit_code(step), tuple(failure_codes), ()) is Outcome.FAILED
    return failed or step.execution_status == "aborted"


@lru_cache(maxsize=4096)
def _said(
    word: str | None, code: str | None, failure_codes: tuple[str, ...], warn_codes: tuple[str, ...]
) -> Outcome:
    """Remembered: a poll asks it of thousands of runs and steps, and nearly all of them ended alike."""
    if (word or "").lower() == "error":
        return Outcome.FAILED
    if code is not None and (code.upper() == "ERROR" or _matches(code, failure_codes)):
        return Outcome.FAILED
    if not word and not code:
        return Outcome.UNKNOWN
    return Outcome.DEGRADED if code and _matches(code, warn_codes) else Outcome.OK


@lru_cache(maxsize=4096)
def _matches(code: str, globs: tuple[str, ...]) -> bool:
    return any(fnmatchcase(code, glob) for glob in globs)
