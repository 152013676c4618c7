"""`data import`: JSON lines, each an OCAPI job_execution with `sfcc_instance`, into the history."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from monitor.access import masking_by
from monitor.history.executions import Judge
from monitor.history.transfer import import_documents
from monitor.judgement import judge_for
from monitor.masking import masked
from monitor.model import Execution
from monitor.policy import Policy
from monitor.settings import Settings
from monitor.settings.policies import policy
from monitor.sfcc.wire import UnreadableError, parse


@dataclass(slots=True)
class Imported:
    """`problems`: a sentence for each line that could not be read, with its number."""

    read: int = 0
    stored: int = 0
    problems: list[str] = field(default_factory=list)


def import_lines(
    engine: Engine, settings: Settings, lines: Iterable[str], *, default_instance: str | None, now: datetime
) -> Imported:
    """All that can be read is stored in one transaction; what cannot be is said, line by line."""
    result = Imported()
    with engine.begin() as connection:
        done = import_documents(
            connection,
            _executions(lines, default_instance, masking_by(settings), result.problems),
            seen_at=now,
            judge=_judge(settings),
        )
    result.read, result.stored = done.read, done.stored
    return result


def _executions(
    lines: Iterable[str], default_instance: str | None, mask: Mask, problems: list[str]
) -> Iterator[Execution]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield masked(_execution(json.loads(line), default_instance), mask)
        except (ValueError, RecursionError) as error:
            problems.append(f"line {number}: {_why(error)}")


def _execution(document: Any, default_instance: str | None) -> Execution:
    instance = document.get("sfcc_instance") if isinstance(document, dict) else None
    name = instance if isinstance(instance, str) and instance else default_instance
    if name is None:
        raise UnreadableError("it has no sfcc_instance: name one with --instance")
    return parse(document, name)


def _why(error: Exception) -> str:
    return str(error) if isinstance(error, UnreadableError) else f"not a JSON document: {error}"


def _judge(settings: Settings) -> Judge:
    """By the settings of the line's instance, or the defaults where they do not name it."""
    judges = {one.name: judge_for(policy(settings, one)) for one in settings.instances}
    plain = judge_for(Policy())
    return Judge(
        outcome=lambda run: judges.get(run.instance, plain).outcome(run),
        trigger=lambda run: judges.get(run.instance, plain).trigger(run),
    )
