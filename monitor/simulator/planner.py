"""What a run will be, decided by the seed: how long, how it ends, what its steps do. Pure.

The draws are a hash of seed, job, slot, site and attempt: they depend neither on the order in which runs
are made nor on how often the world is looked at.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from statistics import NormalDist

from monitor.simulator.execution import StepExecution
from monitor.simulator.instant import SECOND, span_ms
from monitor.simulator.model import OK, JobSpec, Outcome, StepSpec

# A run that is told to fail, but not when, takes this share of its usual time.
FAILS_AFTER = 0.4
DEFAULT_STEPS = (StepSpec("job-workflow-step-main"),)

_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Draws:
    """Three numbers in (0, 1), and 26 hex digits."""

    delay: float
    length: float
    luck: float
    suffix: str


def draw(*parts: object) -> Draws:
    digest = blake2b("|".join(map(str, parts)).encode(), digest_size=37).digest()
    delay, length, luck = ((int.from_bytes(digest[i : i + 8], "big") + 0.5) / 2**64 for i in (0, 8, 16))
    return Draws(delay, length, luck, digest[24:].hex())


def start_delay(draws: Draws) -> int:
    """Milliseconds from slot to start: schedulers are punctual, not exact."""
    return round(250 + draws.delay * 1.75 * SECOND)


def decide(spec: JobSpec, draws: Draws, told: Outcome | None) -> tuple[Outcome, int]:
    """The outcome, and the duration in milliseconds."""
    outcome = told or (spec.failure if draws.luck < spec.failure_rate else OK)
    if outcome.duration is not None:
        return outcome, span_ms(outcome.duration)
    usual = span_ms(spec.duration) * math.exp(_NORMAL.inv_cdf(min(draws.length, 1 - 1e-12)) * spec.spread)
    return outcome, max(1, round(usual * (FAILS_AFTER if outcome.failed else 1)))


def lay_out(
    plan: Sequence[StepSpec], begun: int, end: int, outcome: Outcome, scope: str, new_id: Callable[[], str]
) -> list[StepExecution]:
    """Steps one after another by weight. After a failed one nothing follows, unless the job ends well."""
    wanted = _reached(plan or DEFAULT_STEPS, outcome)
    total = sum(step.weight for step in wanted) or 1.0
    done, steps = 0.0, []
    for spec in wanted:
        start = begun + round((end - begun) * done / total)
        done += spec.weight
        stop = begun + round((end - begun) * done / total)
        steps.append(StepExecution(new_id(), spec, spec.scope or scope, start, stop))
    for step in steps:
        _mark(step, outcome, last=step is steps[-1])
    return steps


def _reached(plan: Sequence[StepSpec], outcome: Outcome) -> Sequence[StepSpec]:
    names = [step.step_id for step in plan]
    if outcome.failed_step is None:
        return plan
    if outcome.failed_step not in names:
        raise ValueError(f"no step {outcome.failed_step!r}; the job has: {', '.join(names)}")
    return plan[: names.index(outcome.failed_step) + 1] if outcome.failed else plan


def _mark(step: StepExecution, outcome: Outcome, *, last: bool) -> None:
    if step.spec.step_id == outcome.failed_step and not outcome.failed:
        step.code, step.status, step.message = "ERROR", "error", outcome.message
    elif step.spec.step_id == outcome.failed_step or (last and outcome.failed_step is None):
        step.code, step.status, step.message = outcome.code, outcome.status, outcome.message
