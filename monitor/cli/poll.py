"""`poll`: one cycle of the agent, and an honest page about it: what was not read is not known to be well."""

from __future__ import annotations

import logging
import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from monitor.cli.common import (
    config_option,
    need_instances,
    output_option,
    plural,
    print_json,
    settings_of,
)
from monitor.cli.table import Column, print_table
from monitor.errors import Reason

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from alerts.model import Incident
    from monitor.history.cursor import Cursor
    from monitor.polling.poll import PollResult

COLUMNS = (
    Column("instance", leaves=2),
    Column("severity", leaves=1),
    Column("condition"),
    Column("job"),
    Column("summary", leaves=3, prose=True),
)


@dataclass(frozen=True, slots=True)
class Undelivered:
    """Messages a target has not taken. given_up: nobody will try them again by themselves."""

    target: str
    count: int
    reason: str
    given_up: bool

    @property
    def sentence(self) -> str:
        is_one = self.count == 1
        waits = "waits" if is_one else "wait"
        verb = f"{'was' if is_one else 'were'} given up" if self.given_up else waits
        return f"{plural(self.count, 'message')} {verb} for {self.target}: {self.reason or 'not tried yet'}"


@click.command(
    epilog="Example, every five minutes by cron: */5 * * * * sfcc-job-monitor --config /etc/sfcc.toml poll"
)
@output_option
@config_option
@click.pass_context
def poll(ctx: click.Context, output: str) -> None:
    """One cycle: read every instance, judge, send what is due, and say what was found.

    Exits 1 when a job needs attention and 3 when an instance could not be read. A sandbox that is asleep
    is said to be, and is no reason for either.
    """
    from monitor import logs
    from monitor.app import App
    from monitor.cli.gapline import GapLine
    from monitor.confidential import secrets_of

    settings = settings_of(ctx).settings
    need_instances(settings)
    logs.configure("warning", settings.log_format, secrets_of(settings, os.environ))
    for handler in logging.getLogger().handlers:
        handler.addFilter(_is_not_said_here)
    line = GapLine()
    app = App(settings, report=line)
    started = app.clock.now()
    with app.by_hand():
        results = app.poll_all()
        line.clear()
        app.settle(
            timedelta(seconds=settings.group_wait.total_seconds() + settings.log_wait.total_seconds() + 5)
        )
    found = app.open_incidents()
    known = _cursors(app.engine)
    results = [_as_known(one, known.get(one.instance)) for one in results]
    seen = {name: one.seen_until for name, one in known.items() if one.seen_until is not None}
    lost = undelivered(app.engine, started)
    if output == "json":
        print_json(_document(results, found, seen, lost))
    else:
        _print(results, found, seen)
        for one in lost:
            click.echo(one.sentence, err=True)
    if any(_is_blind(one, seen) for one in results):
        sys.exit(3)
    sys.exit(1 if found else 0)


def _is_not_said_here(record: logging.LogRecord) -> bool:
    """This command says itself what came of each poll."""
    return "poll failed" not in str(record.msg)


def _print(results: Sequence[PollResult], found: Sequence[Incident], seen: Mapping[str, datetime]) -> None:
    for one in results:
        click.echo(f"{one.instance}: {_came_to(one, seen.get(one.instance))}", err=True)
    read = [one.instance for one in results if not (_is_blind(one, seen) or _is_asleep(one))]
    blind = [one.instance for one in results if _is_blind(one, seen)]
    asleep = [one.instance for one in results if _is_asleep(one)]
    if found or not (blind or asleep):
        skipped = 1 if len({one.instance for one in results} | {one.source for one in found}) < 2 else 0
        rows = [(one.place, one.severity, one.condition, one.name, one.summary)[skipped:] for one in found]
        print_table(COLUMNS[skipped:], rows, empty="nothing is wrong")
    elif read:
        click.echo(f"nothing is wrong on {', '.join(read)}", err=True)
    for name in (*asleep, *blind):
        line = f"asleep: {name}" if name in asleep else f"not known: {name} could not be read"
        if name in seen and any(one.source == name for one in found):
            line += f"; what is open there is as of the last complete poll, {seen[name]:%Y-%m-%d %H:%M} UTC"
        click.echo(line)


def _as_known(result: PollResult, cursor: Cursor | None) -> PollResult:
    """What is watched by another agent: with what its last poll there came to."""
    if not result.watched_by or cursor is None or cursor.last_reason is None:
        return result
    return replace(result, reason=Reason(cursor.last_reason), message=cursor.last_error or "")


def _is_blind(result: PollResult, seen: Mapping[str, datetime]) -> bool:
    return not _is_asleep(result) and (result.reason is not None or result.instance not in seen)


def _is_asleep(result: PollResult) -> bool:
    return result.reason is Reason.ASLEEP


def _came_to(result: PollResult, seen: datetime | None) -> str:
    if result.watched_by:
        left = f"left to the agent that watches it already ({result.watched_by})"
        if result.reason is not None:
            return f"{left}, which could not read it: {result.message}"
        if seen is None:
            return f"{left}, which has not read it completely yet"
        return f"{left}; as of its last complete poll, {seen:%Y-%m-%d %H:%M} UTC:"
    if _is_asleep(result):
        return result.message
    if result.reason is not None:
        return f"not read: {result.message}"
    return f"{plural(result.stored, 'run')} new or changed"


def _cursors(engine: Engine) -> dict[str, Cursor]:
    """By instance."""
    from monitor.history import stats
    from monitor.history.engine import reading

    with reading(engine) as connection:
        return {one.instance: one for one in stats.cursors(connection)}


def undelivered(engine: Engine, since: datetime) -> list[Undelivered]:
    """What still waits, whenever it began to, and what was given up since then."""
    from alerts import outbox
    from alerts.outbox import RowState
    from monitor.history.engine import reading

    with reading(engine) as connection:
        waiting = outbox.listing(connection, (RowState.PENDING, RowState.LEASED), limit=sys.maxsize)
        dead = outbox.listing(connection, (RowState.DEAD,))
    counts: Counter[tuple[str, bool]] = Counter()
    reasons: dict[tuple[str, bool], str] = {}
    for row in (*waiting, *(row for row in dead if row.finished_at and row.finished_at >= since)):
        key = row.target, row.state is RowState.DEAD
        counts[key] += 1
        reasons.setdefault(key, row.last_error or "")
    return [
        Undelivered(target, count, reasons[target, given_up], given_up)
        for (target, given_up), count in sorted(counts.items())
    ]


def _document(
    results: Sequence[PollResult],
    found: Sequence[Incident],
    seen: Mapping[str, datetime],
    lost: Sequence[Undelivered],
) -> dict[str, Any]:
    return {
        "polls": [
            {
                "sfcc_instance": one.instance,
                "complete": one.complete,
                "reason": one.reason,
                "message": one.message,
                "watched_by": one.watched_by or None,
                "seen_until": seen.get(one.instance),
                "changed": one.stored,
                "opened": one.opened,
                "resolved": one.resolved,
            }
            for one in results
        ],
        "open": [
            {
                "id": one.id,
                "sfcc_instance": one.labels.get("sfcc_instance", one.source),
                "job_id": one.labels.get("job_id"),
                "condition": one.condition,
                "severity": one.severity,
                "labels": dict(one.labels),
                "since": one.starts_at,
                "summary": one.summary,
            }
            for one in found
        ],
        "undelivered": [
            {"target": one.target, "messages": one.count, "reason": one.reason, "given_up": one.given_up}
            for one in lost
        ],
    }
