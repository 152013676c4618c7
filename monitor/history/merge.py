"""What is kept when a run is seen again: pure, and the same whatever the order of the pages.

The platform's own `last_modified` decides which of two looks is the newer one. Where it does not say,
a run only moves forward: from active to final to superseded; among equals the later arrival wins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import datetime
from operator import attrgetter

from monitor.model import FINAL_WORDS, SUPERSEDED_WORDS, Execution, Step

_TOLD = attrgetter(*[field.name for field in fields(Execution)][:-5])
"""All that a document tells; what follows is our own: missing, backfilled, first_seen, last_seen, logged."""
_told_as: Callable[..., Execution] = Execution


def merge(stored: Execution | None, seen: Execution, *, seen_at: datetime, backfill: bool) -> Execution:
    """The execution to store; `stored` itself when there is nothing to write, not even that it was seen."""
    if stored is None:
        old = backfill and seen.execution_status in FINAL_WORDS
        return _told_as(*_TOLD(seen), 0, old, seen_at, seen_at)
    newest = stored if _is_older(seen, stored) else seen
    merged = replace(
        newest,
        steps=_steps(stored, newest),
        log_file_path=newest.log_file_path or stored.log_file_path,
        missing=0,
        backfilled=stored.backfilled,
        first_seen=_earliest(stored.first_seen, seen_at),
        last_seen=_latest(stored.last_seen, seen_at),
        logged=stored.logged,
    )
    if stored.execution_status in FINAL_WORDS and is_same(stored, merged):
        return stored
    return merged


def is_same(one: Execution, other: Execution) -> bool:
    """Whether two looks at a run tell the same, apart from when it was looked at."""
    return one == replace(other, first_seen=one.first_seen, last_seen=one.last_seen)


def _is_older(seen: Execution, stored: Execution) -> bool:
    times = seen.last_modified, stored.last_modified
    if times[0] is not None and times[1] is not None and times[0] != times[1]:
        return times[0] < times[1]
    return _progress(seen) < _progress(stored)


def _progress(execution: Execution) -> int:
    if execution.execution_status in SUPERSEDED_WORDS:
        return 2
    return 1 if execution.execution_status in FINAL_WORDS else 0


def _steps(stored: Execution, newest: Execution) -> tuple[Step, ...] | None:
    """A search hit may come without the steps that a look-up by id brought before."""
    if newest.steps is not None:
        return newest.steps
    unmoved = stored.version == newest.version or (_progress(stored) > 0 and _progress(newest) > 0)
    return stored.steps if unmoved else None


def _earliest(one: datetime | None, other: datetime) -> datetime:
    return other if one is None else min(one, other)


def _latest(one: datetime | None, other: datetime) -> datetime:
    return other if one is None else max(one, other)
