"""A run as it looked at an earlier instant, made of what is known of it now.

Active before its end, unknown before its start; how it ended was in no document then. What was pending, or
paused for a retry, is not kept: of such a run only start and end are told here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from monitor.model import Execution, Step


def as_of(runs: Iterable[Execution], at: datetime) -> Iterator[Execution]:
    """Those that had begun by then."""
    for run in runs:
        if run.began is not None and run.began <= at:
            yield looked(run, at)


def looked(run: Execution, at: datetime) -> Execution:
    ended = run.ended
    if ended is not None and ended <= at:
        return run
    return replace(
        run,
        execution_status="running",
        status=None,
        exit_status=None,
        end_time=None,
        duration=None,
        last_modified=None,
        last_seen=at,
        missing=0,
        steps=None if run.steps is None else tuple(_steps(run.steps, at)),
    )


def _steps(steps: Iterable[Step], at: datetime) -> Iterator[Step]:
    for step in steps:
        if step.end_time is not None and step.end_time <= at:
            yield step
        elif step.start_time is not None and step.start_time <= at:
            yield replace(
                step, execution_status="running", status=None, exit_status=None, end_time=None, duration=None
            )
