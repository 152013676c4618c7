"""What of a document could not be read: the names of fields that hold something and told nothing.

Pure. Knows which field becomes which part of an `Execution`; how each is read is `wire`'s. The one idea:
the document is compared with what was made of it, so this costs a glance where all is well. Null, blank
text and the years that stand for null are nothing, and nothing is no gap.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from monitor.model import Execution, Step
from monitor.sfcc.runs.wire import PLAUSIBLE_YEARS, TIMESTAMP

TIMES = ("start_time", "end_time")
RUN_TIMES = (*TIMES, "creation_date", "last_modified")
RUN_TEXTS = ("status", "user_login", "client_id", "log_file_path")
STEP_TEXTS = ("status", "step_id", "step_type_id", "execution_scope")
EXIT_TEXTS = ("code", "message", "status")
RETRY_COUNTS = ("current_retry_attempt", "max_retries")
NAMED = 8  # fields; of a document that is wrong in all its steps the first ones say enough


def gaps(doc: Mapping[str, Any], run: Execution) -> tuple[str, ...]:
    """Dotted names, steps by their position; at most `NAMED` and a count of the rest."""
    found = list(_of_run(doc, run))
    rest = len(found) - NAMED
    return tuple(found) if rest <= 0 else (*found[:NAMED], f"{rest} more")


def _of_run(doc: Mapping[str, Any], run: Execution) -> Iterator[str]:
    yield from _common(doc, run, RUN_TIMES, RUN_TEXTS)
    yield from _of_another_type(doc, ("is_restart", "is_log_file_existing"), bool)
    scopes = doc.get("execution_scopes")
    if scopes is not None and not (isinstance(scopes, list) and all(isinstance(one, str) for one in scopes)):
        yield "execution_scopes"
    retry = doc.get("retry_information")
    if isinstance(retry, Mapping):
        yield from (
            f"retry_information.{name}"
            for name in RETRY_COUNTS
            if retry.get(name) is not None and getattr(run, name) is None
        )
    elif retry is not None:
        yield "retry_information"
    yield from _of_steps(doc.get("step_executions"), run)


def _of_steps(given: object, run: Execution) -> Iterator[str]:
    if not isinstance(given, list):
        if given is not None:
            yield "step_executions"
        return
    steps = iter(run.steps or ())
    for number, doc in enumerate(given):
        where = f"step_executions[{number}]"
        if not isinstance(doc, Mapping):
            yield where
        elif (step := next(steps, None)) is not None:
            yield from (f"{where}.{name}" for name in _common(doc, step, TIMES, STEP_TEXTS))


def _common(
    doc: Mapping[str, Any], read: Execution | Step, times: tuple[str, ...], texts: tuple[str, ...]
) -> Iterator[str]:
    yield from _of_another_type(doc, ("execution_status", *texts), str)
    for name in times:
        value = doc.get(name)
        if value is not None and getattr(read, name) is None and not _is_no_time(value):
            yield name
    if doc.get("duration") is not None and read.duration is None:
        yield "duration"
    ending = doc.get("exit_status")
    if isinstance(ending, Mapping):
        yield from (f"exit_status.{name}" for name in _of_another_type(ending, EXIT_TEXTS, str))
    elif ending is not None:
        yield "exit_status"


def _of_another_type(doc: Mapping[str, Any], names: tuple[str, ...], kind: type) -> Iterator[str]:
    return (name for name in names if not isinstance(doc.get(name), kind | None))


def _is_no_time(value: object) -> bool:
    """Blank, or an instant outside the years of any run: what servers write for null."""
    if not isinstance(value, str):
        return False
    return not value.strip() or (
        TIMESTAMP.fullmatch(value) is not None and int(value[:4]) not in PLAUSIBLE_YEARS
    )
