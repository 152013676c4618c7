"""`data import`: JSON lines, each an OCAPI job_execution with `sfcc_instance`, into the history."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Engine

from monitor.access import masking_by
from monitor.history.executions import Judge
from monitor.history.transfer import import_documents
from monitor.judgement import judge_for
from monitor.masking import Mask, masked
from monitor.model import Execution
from monitor.replay.policies import policies
from monitor.settings import Settings
from monitor.sfcc.runs.wire import UnreadableError, parse

PROBLEMS_KEPT = 20


@dataclass(slots=True)
class Imported:
    """What an import came to.

    problems: a sentence for each of the first lines that could not be read, `unreadable` counts all.
    strangers: how many runs are of instances that the settings do not name.
    future, first_future: how many runs start after `now`, and the first line that has one.
    """

    read: int = 0
    stored: int = 0
    unreadable: int = 0
    problems: list[str] = field(default_factory=list)
    strangers: Counter[str] = field(default_factory=Counter)
    future: int = 0
    first_future: int = 0

    def refuse(self, number: int, why: str) -> None:
        self.unreadable += 1
        if len(self.problems) < PROBLEMS_KEPT:
            self.problems.append(f"line {number}: {why}")

    def note(self, number: int, run: Execution, watched: set[str], now: datetime) -> None:
        if run.instance not in watched:
            self.strangers[run.instance] += 1
        if run.start_time is not None and run.start_time > now:
            self.future += 1
            self.first_future = self.first_future or number


def import_lines(
    engine: Engine, settings: Settings, lines: Iterable[bytes], *, default_instance: str | None, now: datetime
) -> Imported:
    """All that can be read is stored; what cannot be is said, line by line.

    However many lines there are, some thousands of runs are in memory.
    """
    result = Imported()
    runs = readable(settings, lines, result, default_instance=default_instance, now=now)
    done = import_documents(engine, runs, seen_at=now, judge=_judge(settings))
    result.read, result.stored = done.read, done.stored
    return result


def readable(
    settings: Settings,
    lines: Iterable[bytes],
    result: Imported,
    *,
    default_instance: str | None,
    now: datetime,
) -> Iterator[Execution]:
    """The runs of those lines that can be read, masked; `result` is told of the others."""
    mask = masking_by(settings)
    watched = {one.name for one in settings.instances}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            run = _masked(line, default_instance, mask)
        except (ValueError, RecursionError) as error:
            result.refuse(number, _why(error))
            continue
        result.note(number, run, watched, now)
        yield run


def _masked(line: bytes, default_instance: str | None, mask: Mask) -> Execution:
    return masked(_execution(json.loads(line.decode("utf-8-sig")), default_instance), mask)


def _execution(document: Any, default_instance: str | None) -> Execution:
    if not isinstance(document, dict):
        raise UnreadableError("not a JSON object")
    instance = document.get("sfcc_instance")
    name = instance if isinstance(instance, str) and instance else default_instance
    if name is None:
        raise UnreadableError("it has no sfcc_instance: name one with --instance")
    return parse(document, name)


def _why(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    return str(error) if isinstance(error, UnreadableError) else f"not a JSON document: {error}"


def _judge(settings: Settings) -> Judge:
    """By the settings of the line's instance."""
    of = policies(settings)

    @cache
    def judge(instance: str) -> Judge:
        return judge_for(of(instance))

    return Judge(
        outcome=lambda run: judge(run.instance).outcome(run),
        trigger=lambda run: judge(run.instance).trigger(run),
    )
