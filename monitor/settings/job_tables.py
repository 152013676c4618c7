"""A schedule as a table of the settings, for people to keep. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

from monitor.schedule import Schedule

_DAY = timedelta(days=1)
_UNITS = (("d", _DAY), ("h", timedelta(hours=1)), ("m", timedelta(minutes=1)))


def job_table(job_id: str, schedules: Sequence[Schedule], *, instance: str | None, reason: str = "") -> str:
    """`[[jobs]]` with one schedule; one more, or another time zone, cannot be said there and is a comment.

    instance: where others must not take it for theirs. reason: said above it.
    """
    return "".join(f"{line}\n" for line in _lines(job_id, schedules, instance, reason))


def _lines(job_id: str, schedules: Sequence[Schedule], instance: str | None, reason: str) -> Iterator[str]:
    if reason:
        yield f"# {' '.join(reason.split())}"
    yield "[[jobs]]"
    yield _line("match", re.sub(r"([*?\[])", r"[\1]", job_id))
    if instance is not None:
        yield _line("instance", re.sub(r"([*?\[])", r"[\1]", instance))
    for number, one in enumerate(schedules):
        if number:
            yield f"# and {one.text}: a table holds one of them; a cron that has both may do"
            continue
        yield from _schedule(one)


def _schedule(one: Schedule) -> Iterator[str]:
    if one.cron is not None:
        yield _line("cron", one.cron)
    if one.every is not None:
        unit, size = next((unit, size) for unit, size in _UNITS if not one.every % size)
        yield _line("every", f"{one.every // size}{unit}")
    if one.at is not None:
        yield _line("at", f"{one.at:%H:%M}")
    if one.weekdays:
        yield _line("weekdays", list(one.weekdays))
    if one.valid_from is not None and _counts_from(one):
        yield _line("valid_from", _iso(one.valid_from))
    if one.valid_until is not None:
        yield _line("valid_until", _iso(one.valid_until))


def _counts_from(one: Schedule) -> bool:
    """Whether other days would come without it."""
    return one.valid_until is not None or (one.every is not None and bool(_DAY % one.every))


def _iso(value: date) -> str:
    return value.isoformat()


def _line(name: str, value: Any) -> str:
    return f"{name} = {json.dumps(value, ensure_ascii=False)}".replace("\x7f", "\\u007F")
