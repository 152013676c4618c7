"""Executions as `job_execution` documents, as of an instant.

Null properties are left out, times are UTC with millis, durations are milliseconds. Knows no requests.
"""

from collections.abc import Mapping
from typing import Any

from monitor.simulator.exchange import JSON
from monitor.simulator.execution import RETRIED, Execution, NoiseRun, RawDocument, Row, StepExecution
from monitor.simulator.instant import iso
from monitor.simulator.model import ORGANIZATION


def execution_document(row: Row, now: int) -> JSON:
    if isinstance(row, NoiseRun):
        return _noise(row, now)
    if isinstance(row, RawDocument):
        return dict(row.document)
    if isinstance(row, Execution):
        return _execution(row, now)
    raise TypeError(f"no document for {type(row).__name__}")


def _execution(run: Execution, now: int) -> JSON:
    start, end = run.start_at(now), run.end_at(now)
    phase = run.execution_status_at(now)
    duration = None if start is None else max(0, (now if end is None else end) - start)
    modified = iso(run.modified_at(now))
    begun = run.begun is not None and run.begun <= now
    existing = run.has_log and begun
    return _without_nulls(
        {
            "_type": "job_execution",
            "client_id": run.starter.client_id,
            "creation_date": iso(run.created),
            "duration": duration,
            "effective_duration": duration,
            "end_time": None if end is None else iso(end),
            "executed_server_id": run.server if begun else None,
            "execution_scopes": sorted(run.scopes) or None,
            "execution_status": phase,
            "exit_status": None if end is None or run.aborted else _exit_status(run),
            "id": run.id,
            "is_log_file_existing": existing,
            "is_restart": run.is_restart,
            "job_description": run.description,
            "job_id": run.job_id,
            "last_modified": modified,
            "log_file_path": run.log_path if existing else None,
            "modification_time": modified,
            "parameters": _parameters(run.starter.parameters),
            "retry_information": _retry(run, phase, end),
            "start_time": None if start is None else iso(start),
            "status": run.status_at(now),
            "status_metadata": None
            if run.reason is None
            else {"_type": "status_metadata", "reason": run.reason},
            "step_executions": [_step(step, now) for step in run.steps if step.start <= now] or None,
            "user_login": run.starter.user_login,
        }
    )


def _step(step: StepExecution, now: int) -> JSON:
    end = step.end if step.end is not None and step.end <= now else None
    spec = step.spec
    done = _share(step, now, end)
    written = None if spec.items is None else round(spec.items * done)
    return _without_nulls(
        {
            "_type": "job_step_execution",
            "chunk_size": None if spec.items is None else 100,
            "duration": (now if end is None else end) - step.start,
            "end_time": None if end is None else iso(end),
            "execution_scope": step.scope,
            "execution_status": "running" if end is None else _step_phase(step),
            "exit_status": None if end is None else _status(step.code, step.status, step.message),
            "id": step.id,
            "is_chunk_oriented": spec.items is not None,
            "item_filter_count": None if spec.items is None else 0,
            "item_write_count": written,
            "modification_time": iso(step.start if end is None else end),
            "start_time": iso(step.start),
            "status": "RUNNING" if end is None else step.code,
            "step_description": spec.description,
            "step_id": spec.step_id,
            "step_type_id": spec.type_id,
            "total_item_count": spec.items,
        }
    )


def _noise(run: NoiseRun, now: int) -> JSON:
    start, end = iso(run.start), iso(run.ended)
    return {
        "_type": "job_execution",
        "creation_date": start,
        "duration": run.ended - run.start,
        "effective_duration": run.ended - run.start,
        "end_time": end,
        "execution_scopes": [ORGANIZATION],
        "execution_status": "finished",
        "exit_status": {"_type": "status", "code": "OK", "status": "ok"},
        "id": run.id,
        "is_log_file_existing": False,
        "is_restart": False,
        "job_id": run.job_id,
        "last_modified": end,
        "modification_time": end,
        "start_time": start,
        "status": run.status_at(now),
    }


def _exit_status(run: Execution) -> JSON:
    return _status(run.outcome.code, run.outcome.status, run.outcome.message)


def _status(code: str, status: str, message: str | None) -> JSON:
    return _without_nulls({"_type": "status", "code": code, "message": message, "status": status})


def _step_phase(step: StepExecution) -> str:
    return "aborted" if step.code == "ABORTED" else "finished"


def _share(step: StepExecution, now: int, end: int | None) -> float:
    """How much of a chunk oriented step is done; an unknown end counts as an hour."""
    if end is not None:
        return 0.4 if step.status == "error" else 1.0
    length = (step.end - step.start) if step.end is not None else 3_600_000
    return min(0.99, (now - step.start) / max(1, length))


def _retry(run: Execution, phase: str, end: int | None) -> JSON | None:
    """Told of failed executions only, and of attempts: of the first run there is none while it runs."""
    if run.retry is None or (end is None and run.retry[0] == 0 and phase not in RETRIED):
        return None
    attempt, most = run.retry
    return {"_type": "job_execution_retry_information", "current_retry_attempt": attempt, "max_retries": most}


def _parameters(values: Mapping[str, str]) -> list[JSON] | None:
    entries = [
        {"_type": "job_execution_parameter", "name": name, "value": value} for name, value in values.items()
    ]
    return entries or None


def _without_nulls(document: Mapping[str, Any]) -> JSON:
    return {name: value for name, value in document.items() if value is not None}
