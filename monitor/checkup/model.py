"""What a check-up says: one `Step` for each thing the agent needs of an instance. Plain data.

Knows no SFCC document, no request and no terminal. A step is about one thing alone, so that a single missing
right is a single bad row: what could not be tried because of another row is skipped, and says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from monitor.errors import Reason


class Outcome(StrEnum):
    """Worst first."""

    FAILED = "failed"
    WARNING = "warning"
    SKIPPED = "skipped"
    OK = "ok"


class What(StrEnum):
    """What is tried, in the order of trying, and as people read it."""

    SETTINGS = "settings"
    NAME = "name"
    TLS = "TLS"
    TOKEN = "token"  # noqa: S105 - a word, not a secret
    SEARCH = "job search"
    EXECUTION = "single run"
    LOG = "job log"
    IMPORT_LOG = "import log"
    CLOCK = "clock"
    CLIENT = "API client"
    TARGET = "target"


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to do about it, and where. `entry` is to be added to a document on `page`, ready to be pasted.

    `also` is said below: what may undo it.
    """

    how: str
    page: str | None = None
    entry: Mapping[str, Any] | None = None
    also: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """`api`: `ocapi`, `scapi`, `webdav`, `token`; for names and TLS the host; for targets theirs.

    `reason` is a `Reason`, or why a target did not take the message. `instance` is empty for targets.
    """

    instance: str
    what: What
    api: str
    outcome: Outcome
    detail: str
    reason: str | None = None
    remedy: Remedy | None = None


OUT_OF_REACH = frozenset(
    {Reason.NETWORK, Reason.TIMEOUT, Reason.SERVER, Reason.MAINTENANCE, Reason.THROTTLED, Reason.ASLEEP}
)
"""Reasons that say nothing about rights: nobody answered who knows of any."""

ANSWERED_BY_SFCC = frozenset({What.TOKEN, What.SEARCH, What.EXECUTION, What.LOG})


def exit_code(steps: Sequence[Step]) -> int:
    """0: nothing is missing; 3: no instance could be reached at all; 1: else."""
    if all(step.outcome is not Outcome.FAILED for step in steps):
        return 0
    of_instances = [step for step in steps if step.instance]
    failed = any(step.outcome is Outcome.FAILED for step in of_instances)
    return 3 if failed and not any(is_answer(step) for step in of_instances) else 1


def is_answer(step: Step) -> bool:
    """Whether somebody on the other side has answered, if only with a refusal."""
    if step.what is What.SETTINGS:
        return True  # wrong settings are ours: nothing was out of reach
    if step.what not in ANSWERED_BY_SFCC or step.outcome is Outcome.SKIPPED:
        return False
    if step.what is What.TOKEN and step.outcome is Outcome.OK:
        return False  # of Account Manager alone, which answers for instances that are long gone
    return step.outcome is not Outcome.FAILED or step.reason not in OUT_OF_REACH


def missing(steps: Sequence[Step]) -> list[Step]:
    return [step for step in steps if step.outcome is Outcome.FAILED]


def worst_first(steps: Sequence[Step]) -> list[Step]:
    """Otherwise as they were."""
    order = list(Outcome)
    return sorted(steps, key=lambda step: order.index(step.outcome))


def remedies(steps: Sequence[Step]) -> list[tuple[Remedy, list[Step]]]:
    """Each once for an instance, with the steps it mends; of what failed and what is warned of."""
    found: list[tuple[Remedy, list[Step]]] = []
    for step in steps:
        if step.remedy is None or step.outcome not in {Outcome.FAILED, Outcome.WARNING}:
            continue
        for remedy, mended in found:
            if remedy == step.remedy and mended[0].instance == step.instance:
                mended.append(step)
                break
        else:
            found.append((step.remedy, [step]))
    return found
