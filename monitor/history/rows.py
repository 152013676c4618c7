"""An execution as a row of the history and back. Steps are kept as JSON, times in it as microseconds.

Rows are read by position and written as the driver takes them, past the conversions of SQLAlchemy: a first
read writes tens of thousands of them. What a row holds, and in which order, stands here only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, type_coerce

from alerts.columns import Instant
from monitor.history.schema import executions
from monitor.model import Execution, ExitStatus, Logged, Outcome, Step, Trigger

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
_NO_EXIT = ExitStatus()
_json = json.JSONEncoder(separators=(",", ":")).encode

_RUN = (
    *("instance", "job_id", "id", "scope", "execution_status", "status"),
    *("exit_code", "exit_status", "exit_message"),
    *("start_time", "end_time", "creation_date", "last_modified", "duration"),
    *("user_login", "client_id", "is_restart", "current_retry_attempt", "max_retries"),
    *("log_file_path", "is_log_file_existing", "steps"),
    *("version", "missing", "backfilled", "first_seen", "last_seen"),
    *("logged_errors", "logged_data_errors"),
)
"""In the order of the fields of `Execution`, of which `exit_status` takes three columns and `logged` two;
that of the table, so that nothing has to be put in another order for the driver."""

WRITTEN = (*_RUN, *("final", "began_at", "ended_at"), *("outcome", "trigger", "counted", "change"))
"""The columns of `encode`, all there are."""


class Judged(NamedTuple):
    """An execution and how it was judged when it was stored."""

    execution: Execution
    outcome: Outcome
    trigger: Trigger


def columns(steps: ColumnElement[Any] = executions.c.steps) -> tuple[ColumnElement[Any], ...]:
    """What `decode` is given, in this order and first; `steps` may be less than the column."""
    return tuple(steps if name == "steps" else _as_stored(executions.c[name]) for name in _RUN)


def _as_stored(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """An instant as the number it is: `decode` takes a fraction of the time of the column's type."""
    return type_coerce(column, BigInteger) if isinstance(column.type, Instant) else column


JUDGED = (*columns(), executions.c.outcome, executions.c.trigger)
"""What `decode_judged` is given; more may follow."""


def encode(
    run: Execution, outcome: Outcome, trigger: Trigger, *, counted: bool, change: int
) -> tuple[Any, ...]:
    """As the driver takes it; `first_seen` and `last_seen` must be known."""
    ending = run.exit_status or _NO_EXIT
    ended = run.ended
    return (
        *(run.instance, run.job_id, run.id, run.scope, run.execution_status, run.status),
        *(ending.code, ending.status, ending.message),
        *(instant(run.start_time), instant(run.end_time)),
        *(instant(run.creation_date), instant(run.last_modified)),
        ticks(run.duration),
        *(run.user_login, run.client_id, run.is_restart, run.current_retry_attempt, run.max_retries),
        *(run.log_file_path, run.is_log_file_existing),
        None if run.steps is None else _json([_step_out(step) for step in run.steps]),
        *(run.version, run.missing, run.backfilled, instant(run.first_seen), instant(run.last_seen)),
        *(run.logged or (None, None)),
        *(run.is_final, instant(run.began or run.first_seen), instant(ended)),
        *(outcome.value, trigger.value, counted, change),
    )


def decode(row: Sequence[Any]) -> Execution:
    instance, job_id, run_id, scope, word, status, code, exit_word, message, *_ = row
    start, end, created, modified, took, login, client, restart, attempt, retries, path, log, steps = row[
        9:22
    ]
    version, missing, backfilled, first_seen, last_seen, errors, data_errors = row[22:29]
    return Execution(
        *(instance, job_id, run_id, scope, word, status),
        _exit_in(code, message, exit_word),
        None if start is None else _EPOCH + _TICK * start,
        None if end is None else _EPOCH + _TICK * end,
        None if created is None else _EPOCH + _TICK * created,
        None if modified is None else _EPOCH + _TICK * modified,
        None if took is None else _TICK * took,
        *(login, client, restart, attempt, retries, path, log),
        None if steps is None else tuple([_step_in(step) for step in steps]),
        *(version, missing, backfilled, _EPOCH + _TICK * first_seen, _EPOCH + _TICK * last_seen),
        None if errors is None else Logged(errors, data_errors),
    )


def decode_judged(row: Sequence[Any]) -> Judged:
    return Judged(decode(row), Outcome(row[29]), Trigger(row[30]))


def ticks(value: timedelta | None) -> int | None:
    """In whole microseconds."""
    return None if value is None else value // _TICK


def span(value: int | None) -> timedelta | None:
    return None if value is None else _TICK * int(value)


def instant(value: datetime | None) -> int | None:
    """In whole microseconds since 1970."""
    return None if value is None else (value - _EPOCH) // _TICK


def _exit_in(code: str | None, message: str | None, status: str | None) -> ExitStatus | None:
    return None if code is message is status is None else ExitStatus(code, message, status)


def _step_out(step: Step) -> dict[str, Any]:
    exit_status = step.exit_status or _NO_EXIT
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
        "start_time": instant(step.start_time),
        "end_time": instant(step.end_time),
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


def _instant_in(value: int | None) -> datetime | None:
    return None if value is None else _EPOCH + _TICK * value
