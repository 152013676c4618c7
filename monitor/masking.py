"""What the platform says about a run, without the secrets in it: masked before it is stored anywhere.

A step's message quotes what it was answered, tokens included. Who started a run is not masked: alerts
name the person who repaired something by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from operator import is_

from monitor.model import Execution, ExitStatus, Step

Mask = Callable[[str], tuple[str, int]]
"""Text without its secrets, and how many there were."""


def masked(run: Execution, mask: Mask) -> Execution:
    """The run itself where there is nothing to mask."""
    exit_status = _masked(run.exit_status, mask)
    steps = run.steps and tuple([_masked_step(step, mask) for step in run.steps])
    if exit_status is run.exit_status and all(map(is_, steps or (), run.steps or ())):
        return run
    return replace(run, exit_status=exit_status, steps=steps)


def _masked_step(step: Step, mask: Mask) -> Step:
    exit_status = _masked(step.exit_status, mask)
    return step if exit_status is step.exit_status else replace(step, exit_status=exit_status)


def _masked(status: ExitStatus | None, mask: Mask) -> ExitStatus | None:
    if status is None or not status.message:
        return status
    text, _ = mask(status.message)
    return status if text == status.message else replace(status, message=text)
