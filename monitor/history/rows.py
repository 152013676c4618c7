"""An execution as a row of the history and back. Steps are kept as JSON, times in it as microseconds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Row

from monitor.model import Execution, ExitStatus, Outcome, Step, Trigger

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)

_PLAIN = (
    "instance",
    "job_id",
    "id",
    "scope",
    "execution_status",
    "status",
    "start_time",
    "end_time",
    "creation_date",
    "last_modified",
    "user_login",
    "client_id",
    "is_restart",
    "current_retry_attempt",
    "max_retries",
    "log_file_path",
    "is_log_file_existing",
    "version",
    "missing",
    "backfilled",
    "first_seen",
    "last_seen",
)
"""Fields that are columns of the same name and type."""


class Judged(NamedTuple):
    """An execution and how it was judged when it was stored."""

    execution: Execution
    outcome: Outcome
    trigger: Trigger


def encode(execution: Execution) -> dict[str, Any]:
    """The columns that follow from the execution alone; `first_seen` and `last_seen` must be known."""
    exit_status = execution.exit_status or ExitStatus()
    row = {name: getattr(execution, name) for name in _PLAIN}
    row["exit_code"] = exit_status.code
    row["exit_status"] = exit_status.status
    row["exit_message"] = exit_status.message
    row["duration"] = ticks(execution.duration)
    row["steps"] = None if execution.steps is None else [_step_out(step) for step in execution.steps]
    row["final"] = execution.is_final
    row["began_at"] = execution.began or execution.first_seen
    row["ended_at"] = execution.ended
    return row


def decode(row: Row[Any]) -> Execution:
    fields = {name: getattr(row, name) for name in _PLAIN}
    return Execution(
        **fields,
        exit_status=_exit_in(row.exit_code, row.exit_message, row.exit_status),
        duration=span(row.duration),
        steps=None if row.steps is None else tuple(_step_in(step) for step in row.steps),
    )


def decode_judged(row: Row[Any]) -> Judged:
    return Judged(decode(row), Outcome(row.outcome), Trigger(row.trigger))


def ticks(value: timedelta | None) -> int | None:
    """In whole microseconds."""
    return None if value is None else value // _TICK


def span(value: int | None) -> timedelta | None:
    return None if value is None else _TICK * int(value)


def _exit_in(code: str | None, message: str | None, status: str | None) -> ExitStatus | None:
    return None if code is message is status is None else ExitStatus(code, message, status)


def _step_out(step: Step) -> dict[str, Any]:
    exit_status = step.exit_status or ExitStatus()
    fields = {
        "step_id": step.step_id,
        "id": step.id,
        "step_type_id": step.step_type_id,
        "scope": step.scope,
        "execution_status": step.execution_status,
        "exit_code": exit_status.code,
        "exit_message": exit_status.message,
        "exit_status": exit_status.status,
        "status": step.status,
        "start_time": _instant_out(step.start_time),
        "end_time": _instant_out(step.end_time),
        "duration": ticks(step.duration),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _step_in(fields: Mapping[str, Any]) -> Step:
    return Step(
        step_id=fields["step_id"],
        id=fields.get("id"),
        step_type_id=fields.get("step_type_id"),
        scope=fields.get("scope"),
        execution_status=fields["execution_status"],
        exit_status=_exit_in(fields.get("exit_code"), fields.get("exit_message"), fields.get("exit_status")),
        status=fields.get("status"),
        start_time=_instant_in(fields.get("start_time")),
        end_time=_instant_in(fields.get("end_time")),
        duration=span(fields.get("duration")),
    )


def _instant_out(value: datetime | None) -> int | None:
    return None if value is None else (value - _EPOCH) // _TICK


def _instant_in(value: int | None) -> datetime | None:
    return None if value is None else _EPOCH + _TICK * value
