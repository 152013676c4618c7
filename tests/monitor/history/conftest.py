"""Runs in one line each, and a judge simple enough to see through."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from monitor.history import schema
from monitor.history.executions import Judge
from monitor.model import Execution, ExitStatus, Outcome, Trigger

T0 = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def at() -> Callable[[float], datetime]:
    """An instant so many minutes after the night's beginning."""
    return lambda minutes: T0 + timedelta(minutes=minutes)


@pytest.fixture(scope="session")
def run(at: Callable[[float], datetime]) -> Callable[..., Execution]:
    """A run of [start, end) in minutes: ok, error, or a word of `execution_status`; any field can be set."""

    def make(
        job_id: str = "import",
        id: str = "1",  # noqa: A002 - the field's own name
        start: float = 0,
        end: float | None = 10,
        how: str = "ok",
        **fields: Any,
    ) -> Execution:
        if how in {"ok", "error"}:
            fields = {
                "execution_status": "finished",
                "exit_status": ExitStatus(how.upper(), None, how),
                **fields,
            }
        else:
            fields = {"execution_status": how, **fields}
        if end is not None:
            fields = {"end_time": at(end), "duration": timedelta(minutes=end - start), **fields}
        fields = {"instance": "production", "start_time": at(start), "version": f"{how} {end}", **fields}
        return Execution(job_id=job_id, id=id, **fields)

    return make


@pytest.fixture(scope="session")
def judge() -> Judge:
    return Judge(_outcome, _trigger)


@pytest.fixture(scope="session")
def empty() -> Callable[[Connection], None]:
    """Forgets everything, so that one state serves many examples."""

    def delete(conn: Connection) -> None:
        for table in schema.metadata.sorted_tables:
            conn.execute(table.delete())

    return delete


def _outcome(execution: Execution) -> Outcome:
    if not execution.is_final:
        return Outcome.ACTIVE
    if execution.execution_status == "finished":
        return _ended(execution)
    if execution.execution_status == "aborted":
        return Outcome.ABORTED
    return Outcome.SUPERSEDED if execution.is_superseded else Outcome.VANISHED


def _ended(execution: Execution) -> Outcome:
    if execution.exit_status is None:
        return Outcome.UNKNOWN
    if execution.exit_status.status == "error":
        return Outcome.FAILED
    bad_step = any(step.status == "ERROR" for step in execution.steps or ())
    return Outcome.DEGRADED if bad_step else Outcome.OK


def _trigger(execution: Execution) -> Trigger:
    return Trigger.MANUAL if execution.user_login else Trigger.SCHEDULE
