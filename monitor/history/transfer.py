"""Takes the history out of a state and into another: executions as OCAPI's `job_execution` documents.

Writes documents and reads none: parsing is the business of the room that knows the platform.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Engine

from monitor.history.cursor import cover, locked
from monitor.history.executions import Judge, store
from monitor.model import ORGANIZATION, Execution, ExitStatus, Interval, Step

BATCH = 2500
"""Runs stored in one transaction."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import came to. spans: for each instance the time it now counts as seen completely."""

    read: int = 0
    stored: int = 0
    spans: dict[str, Interval] = field(default_factory=dict)


def document(execution: Execution) -> dict[str, Any]:
    """A `job_execution` with `sfcc_instance` added; what is not known is left out, as the platform does."""
    return _known(
        {
            "_type": "job_execution",
            "sfcc_instance": execution.instance,
            "id": execution.id,
            "job_id": execution.job_id,
            "execution_status": execution.execution_status,
            "status": execution.status,
            "exit_status": _exit_status(execution.exit_status),
            "start_time": _instant(execution.start_time),
            "end_time": _instant(execution.end_time),
            "duration": _milliseconds(execution.duration),
            "creation_date": _instant(execution.creation_date),
            "last_modified": _instant(execution.last_modified),
            "client_id": execution.client_id,
            "user_login": execution.user_login,
            "execution_scopes": _scopes(execution.scope),
            "is_restart": execution.is_restart,
            "is_log_file_existing": execution.is_log_file_existing,
            "log_file_path": execution.log_file_path,
            "retry_information": _retries(execution),
            "step_executions": None if execution.steps is None else [_step(step) for step in execution.steps],
        }
    )


def import_documents(
    engine: Engine, executions: Iterable[Execution], *, seen_at: datetime, judge: Judge
) -> Imported:
    """Store parsed documents as history, and cover each instance from its first start to its last end.

    Some thousands at a time, so that other writers get their turn. What is covered is said at the very end:
    an import that was killed half-way has claimed nothing, and the same once more completes it.
    """
    read = stored = 0
    spans: dict[str, Interval] = {}
    waiting = iter(executions)
    while batch := list(islice(waiting, BATCH)):
        read += len(batch)
        for run in batch:
            stretch(spans, run)
        with engine.begin() as conn:
            stored += _import(conn, batch, seen_at, judge)
    if spans:
        with engine.begin() as conn:
            for instance, span in sorted(spans.items()):
                locked(conn, instance)
                cover(conn, instance, *span)
    return Imported(read, stored, spans)


def stretch(spans: dict[str, Interval], run: Execution) -> None:
    """Makes the span of its instance wide enough for this run."""
    times = [at for at in (run.began, run.ended or _last_sign(run)) if at is not None]
    times.extend(spans.get(run.instance, ()))
    if times:
        spans[run.instance] = Interval(min(times), max(times))


def _import(conn: Connection, batch: Iterable[Execution], seen_at: datetime, judge: Judge) -> int:
    by_instance: defaultdict[str, list[Execution]] = defaultdict(list)
    for run in batch:
        by_instance[run.instance].append(run)
    stored = 0
    for instance, runs in sorted(by_instance.items()):
        final = [run for run in runs if run.is_final]
        stored += store(conn, instance, final, seen_at=seen_at, backfill=True, judge=judge)
        for run in runs:
            if not run.is_final:
                # Nobody saw it active at the time of the import, only when the document was written.
                alive_at = _last_sign(run) or seen_at
                stored += store(conn, instance, [run], seen_at=alive_at, backfill=True, judge=judge)
    return stored


def _last_sign(run: Execution) -> datetime | None:
    """When an active run is known to have been active."""
    took = run.duration or timedelta()
    signs = (run.last_modified, run.start_time and run.start_time + took, run.creation_date)
    return max((at for at in signs if at is not None), default=None)


def _step(step: Step) -> dict[str, Any]:
    return _known(
        {
            "_type": "job_step_execution",
            "id": step.id,
            "step_id": step.step_id,
            "step_type_id": step.step_type_id,
            "execution_scope": step.scope,
            "execution_status": step.execution_status,
            "status": step.status,
            "exit_status": _exit_status(step.exit_status),
            "start_time": _instant(step.start_time),
            "end_time": _instant(step.end_time),
            "duration": _milliseconds(step.duration),
        }
    )


def _exit_status(status: ExitStatus | None) -> dict[str, Any] | None:
    if status is None:
        return None
    return _known(
        {"_type": "status", "code": status.code, "message": status.message, "status": status.status}
    )


def _retries(execution: Execution) -> dict[str, Any] | None:
    retries = {
        "current_retry_attempt": execution.current_retry_attempt,
        "max_retries": execution.max_retries,
    }
    return _known(retries) or None


def _scopes(scope: str) -> list[str] | None:
    return None if scope == ORGANIZATION else scope.split(", ")


def _instant(at: datetime | None) -> str | None:
    if at is None:
        return None
    precision = (
        "microseconds" if at.microsecond % 1000 else "milliseconds"
    )  # the platform's own is the latter
    return at.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z")


def _milliseconds(duration: timedelta | None) -> int | None:
    return None if duration is None else duration // timedelta(milliseconds=1)


def _known(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
