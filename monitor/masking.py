"""What the platform says about a run, without the secrets in it: masked before it is stored anywhere.

A step's message quotes what it was answered, tokens included. Who started a run is not masked: alerts
name the person who repaired something by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from monitor.model import Execution, ExitStatus

Mask = Callable[[str], tuple[str, int]]
"""Text without its secrets, and how many there were."""


def masked(run: Execution, mask: Mask) -> Execution:
    """The run itself where there is nothing to mask."""
    steps = run.steps and tuple(
        replace(step, exit_status=_masked(step.exit_status, mask)) if step.exit_status else step
        for step in run.steps
    )
    return replace(run, exit_status=_masked(run.exit_status, mask), steps=steps)


def _masked(status: ExitStatus | None, mask: Mask) -> ExitStatus | None:
    if status is None or not status.message:
        return status
    return replace(status, message=mask(status.message)[0])
