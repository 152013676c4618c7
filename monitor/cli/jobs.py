"""`jobs`: the last state of every job, sorted by what needs a person."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from monitor.cli import completion
from monitor.cli.common import (
    config_option,
    existing_state_of,
    json_line,
    output_option,
    print_json,
    seconds,
    settings_of,
)
from monitor.cli.screen import screen
from monitor.cli.signals import stop_event
from monitor.cli.table import Column, duration_text, moment_text, print_table, table_lines
from monitor.model import Outcome

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from monitor.overview import JobRow
    from monitor.settings import Settings

COLUMNS = (
    Column("instance", leaves=1),
    Column("job"),
    Column("conditions"),
    Column("last"),
    Column("ended (UTC)", leaves=2),
    Column("took", leaves=4),
    Column("usually", leaves=5),
    Column("running since (UTC)", leaves=7),
    Column("running for", leaves=3),
    Column("last success (UTC)", leaves=8),
    Column("next due (UTC)", leaves=6),
    Column("failures", leaves=9),
)
ANEW = 3.0
"""Seconds between two looks of `--watch`: far more often than anything is polled."""

_SEVERITIES = ("critical", "warning", "info")
_BAD = ("failed", "aborted")


@click.command(
    epilog="Examples: sfcc-job-monitor jobs --job '3-*'; sfcc-job-monitor jobs --status failed --watch"
)
@click.option("--instance", metavar="NAME", shell_complete=completion.instances, help="Only this instance.")
@click.option("--job", "glob", metavar="GLOB", default="*", help="Only jobs whose id matches.")
@click.option(
    "--status",
    type=click.Choice([one.value for one in Outcome]),
    multiple=True,
    help="Only jobs whose last run ended so, or that are active; repeatable.",
)
@click.option("--watch", is_flag=True, help="Look again every few seconds, until Ctrl-C.")
@click.option("--exit-code", is_flag=True, help="Exit 1 when a condition is open.")
@output_option
@config_option
@click.pass_context
def jobs(
    ctx: click.Context,
    instance: str | None,
    glob: str,
    status: tuple[str, ...],
    watch: bool,
    exit_code: bool,
    output: str,
) -> None:
    """The last state of every job, what needs a person first. Times are UTC.

    `last`, `ended` and `took` tell of the last run that ended, `running` of one that has not, `next due`
    of the schedule in the settings. --watch draws the table anew at a terminal; anywhere else it prints a
    line for each job that changed, as JSON lines with -o json.
    """
    stop = stop_event() if watch else None
    settings = settings_of(ctx).settings
    question = _Question(settings, existing_state_of(settings), instance, glob, frozenset(status))
    found = question.ask()
    if stop is not None:
        found = _watch(question, found, stop, output)
    elif output == "json":
        print_json([_document(row, found.now) for row in found.rows])
    else:
        print_table(found.columns, found.cells, empty=question.nothing)
    sys.exit(1 if exit_code and any(row.conditions for row in found.rows) else 0)


@dataclass(frozen=True, slots=True)
class _Found:
    """skipped: columns that say the same of every job."""

    rows: Sequence[JobRow]
    now: datetime
    skipped: int

    @property
    def columns(self) -> Sequence[Column]:
        return COLUMNS[self.skipped :]

    @property
    def cells(self) -> list[Sequence[str]]:
        return [_cells(row, self.now)[self.skipped :] for row in self.rows]


@dataclass(frozen=True, slots=True)
class _Question:
    """Which jobs are asked for, and where."""

    settings: Settings
    engine: Engine
    instance: str | None
    glob: str
    status: frozenset[str]

    def ask(self) -> _Found:
        from monitor import overview
        from monitor.cli import known
        from monitor.history.engine import reading
        from monitor.settings.policies import policy

        now = datetime.now(UTC)
        with reading(self.engine) as connection:
            names = known.instances(connection, self.settings)
            known.need_instance(names, self.instance)
            policies = {one.name: policy(self.settings, one) for one in self.settings.instances}
            rows = overview.jobs(
                connection, instance=self.instance, glob=self.glob, now=now, policies=policies
            )
        rows = [row for row in rows if not self.status or _states(row) & self.status]
        skipped = 1 if self.instance is not None or len(names) < 2 else 0
        return _Found(sorted(rows, key=_need), now, skipped)

    @property
    def nothing(self) -> str:
        is_all = self.glob == "*" and not self.status
        return "no job is known yet; has a poll been made?" if is_all else "no job matches"


def _watch(question: _Question, found: _Found, stop: threading.Event, output: str) -> _Found:
    """What was found last."""
    place = screen() if output == "table" else None
    before: dict[tuple[str, str], Sequence[object]] = {}
    while True:
        if place is not None:
            place.draw(_drawn(question, found))
        else:
            _append([row for row in found.rows if before.get(_key(row)) != _state(row)], found, output)
            before = {_key(row): _state(row) for row in found.rows}
        if stop.wait(ANEW):
            return found
        found = question.ask()


def _drawn(question: _Question, found: _Found) -> Iterator[str]:
    yield from table_lines(found.columns, found.cells)
    if not found.rows:
        yield question.nothing
    yield f"{found.now:%H:%M:%S} UTC; Ctrl-C ends it"


def _append(rows: Sequence[JobRow], found: _Found, output: str) -> None:
    """One line for each, in words that need no heading."""
    for row in rows:
        if output == "json":
            click.echo(json_line({"at": found.now, **_document(row, found.now)}))
            continue
        where = f" on {row.instance}" if not found.skipped else ""
        what = ", ".join(row.conditions) or "nothing open"
        last = row.last_outcome or "no run yet"
        if row.last_end is not None:
            last += f" at {row.last_end:%Y-%m-%d %H:%M} UTC after {duration_text(row.last_duration)}"
        runs = "" if row.running is None else f"; running for {duration_text(row.running)}"
        click.echo(f"{found.now:%Y-%m-%dT%H:%M:%SZ} {row.job_id}{where}: {what}; last {last}{runs}")
    sys.stdout.flush()


def _key(row: JobRow) -> tuple[str, str]:
    return row.instance, row.job_id


def _state(row: JobRow) -> Sequence[object]:
    """What is worth a line when it is another: not the time that passes."""
    return row.conditions, row.last_outcome, row.last_end, row.running is None, row.consecutive_failures


def _states(row: JobRow) -> set[str]:
    return {row.last_outcome or "", Outcome.ACTIVE if row.running is not None else ""}


def _need(row: JobRow) -> tuple[int, bool, bool, str, str]:
    """What is open first, then what ended badly, then what runs."""
    severity = row.severity or ""
    rank = _SEVERITIES.index(severity) if severity in _SEVERITIES else len(_SEVERITIES)
    return rank, row.last_outcome not in _BAD, row.running is None, row.instance, row.job_id


def _cells(row: JobRow, now: datetime) -> tuple[str, ...]:
    return (
        row.instance,
        row.job_id,
        ", ".join(row.conditions),
        row.last_outcome or "",
        moment_text(row.last_end, now),
        duration_text(row.last_duration),
        duration_text(row.usual),
        "" if row.running is None else moment_text(now - row.running, now),
        duration_text(row.running),
        moment_text(row.last_success, now),
        moment_text(row.next_due, now),
        str(row.consecutive_failures or ""),
    )


def _document(row: JobRow, now: datetime) -> dict[str, Any]:
    return {
        "sfcc_instance": row.instance,
        "job_id": row.job_id,
        "severity": row.severity,
        "conditions": row.conditions,
        "last_outcome": row.last_outcome,
        "last_start": row.last_start,
        "last_end": row.last_end,
        "last_duration_seconds": seconds(row.last_duration),
        "usual_duration_seconds": seconds(row.usual),
        "last_success": row.last_success,
        "last_failure": row.last_failure,
        "running_since": None if row.running is None else now - row.running,
        "running_seconds": seconds(row.running),
        "consecutive_failures": row.consecutive_failures,
        "next_due": row.next_due,
    }
