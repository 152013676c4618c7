"""A run of a file as the history would give it for a look back: without what nobody asks for. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from monitor.history.past import Patience, is_plain
from monitor.model import Execution
from monitor.policy import Policy

PATIENCE = timedelta(minutes=60)
"""No run is called stuck any earlier, unless a setting says so."""


def patience_of(*policies: Policy) -> Patience:
    """The shortest of several settings."""

    def patience(job_id: str) -> timedelta:
        own = (policy.job(job_id).stuck_after for policy in policies)
        return min((after for after in own if after is not None), default=PATIENCE)

    return patience


def slim(run: Execution, patience: Patience, shared: Callable[[str], str]) -> Execution:
    """shared: gives the one object for all equal texts."""
    return replace(
        run,
        job_id=shared(run.job_id),
        instance=shared(run.instance),
        scope=shared(run.scope),
        execution_status=shared(run.execution_status),
        log_file_path=None,
        version="",
        backfilled=False,
        steps=() if run.steps and _tells_nothing(run, patience) else run.steps,
    )


def _tells_nothing(run: Execution, patience: Patience) -> bool:
    if run.start_time is None or run.end_time is None or run.steps is None:
        return False
    return run.end_time - run.start_time <= patience(run.job_id) and is_plain(run.steps)
