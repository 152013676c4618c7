"""`schedule`: when jobs are due, and where that is known from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from monitor.cli import completion
from monitor.cli.common import config_option, existing_state_of, output_option, print_json, settings_of
from monitor.cli.schedule_advise import advise
from monitor.cli.schedule_import import diff, import_
from monitor.cli.schedule_learn import accept, learn
from monitor.cli.table import Column, moment_text, print_table
from monitor.errors import MonitorError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from monitor.policy import Policy
    from monitor.schedule import Revision, Source, Timetable
    from monitor.settings import Settings

COLUMNS = (
    Column("instance", leaves=1),
    Column("job"),
    Column("source"),
    Column("schedule"),
    Column("zone", leaves=2),
    Column("next (UTC)"),
    Column("why", leaves=3, prose=True),
)


@click.group()
def schedule() -> None:
    """When jobs are due, and how that is known: shown, imported, learned, compared."""


schedule.add_command(import_)
schedule.add_command(diff)
schedule.add_command(learn)
schedule.add_command(accept)
schedule.add_command(advise)


@schedule.command(
    epilog="Examples: sfcc-job-monitor schedule show; sfcc-job-monitor schedule show prices -n 10"
)
@click.argument("job", required=False)
@click.option("--instance", metavar="NAME", shell_complete=completion.instances, help="Only this instance.")
@click.option(
    "-n", "count", type=click.IntRange(1, 1000), default=3, show_default=True, help="Slots to show of each."
)
@output_option
@config_option
@click.pass_context
def show(ctx: click.Context, job: str | None, instance: str | None, count: int, output: str) -> None:
    """The schedule of every job, or of JOB: where it is known from and its next slots, or why there is none.

    What the settings say comes before what was imported, and that before what was learned.
    """
    from monitor.history.engine import reading

    settings = settings_of(ctx).settings
    now = datetime.now(UTC)
    with reading(existing_state_of(settings)) as connection:
        rows = [*_rows(connection, settings, instance, job, now, count)]
    if job is not None and not rows:
        raise MonitorError(f"nothing is known of the job {job!r}; `sfcc-job-monitor jobs` lists those known")
    if output == "json":
        print_json([row.document() for row in rows])
        return
    skipped = 1 if len({row.instance for row in rows}) < 2 else 0
    cells = [row.cells(now)[skipped:] for row in rows]
    print_table(COLUMNS[skipped:], cells, empty="no job is known yet; has a poll been made?")


@dataclass(frozen=True, slots=True)
class _Row:
    instance: str
    job_id: str
    table: Timetable
    slots: tuple[datetime, ...]
    reason: str

    def cells(self, now: datetime) -> tuple[str, ...]:
        return (
            self.instance,
            self.job_id,
            self.table.source.value,
            self.table.text,
            ", ".join(sorted({one.timezone for one in self.table.current.schedules})),
            ", ".join(moment_text(at, now) for at in self.slots),
            self.reason,
        )

    def document(self) -> dict[str, Any]:
        from monitor.schedule.codec import encode

        return {
            "sfcc_instance": self.instance,
            "job_id": self.job_id,
            "source": self.table.source.value,
            "schedule": self.table.text,
            "schedules": [encode(one) for one in self.table.current.schedules],
            "next": self.slots,
            "reason": self.reason,
        }


def _rows(
    connection: Connection,
    settings: Settings,
    instance: str | None,
    job: str | None,
    now: datetime,
    count: int,
) -> Iterator[_Row]:
    from monitor.cli import known
    from monitor.history import cursor as cursors
    from monitor.settings.policies import policy

    known.need_instance(known.instances(connection, settings), instance)
    for one in settings.instances:
        if instance in {None, one.name}:
            seen = cursors.load(connection, one.name).seen_until or now
            yield from _of_instance(connection, one.name, policy(settings, one), job, seen, count)


def _of_instance(
    connection: Connection, name: str, rules: Policy, job: str | None, seen: datetime, count: int
) -> Iterator[_Row]:
    from monitor import timetables
    from monitor.history import cursor as cursors
    from monitor.history import facts, schedules
    from monitor.model import is_wanted

    kept = schedules.kept(connection, name)
    coverage = cursors.coverage(connection, name)
    jobs = facts.jobs(connection, name) | {job_id for job_id, _ in kept} | {*rules.scheduled}
    for job_id in sorted(jobs):
        if job not in {None, job_id} or (job is None and not is_wanted(job_id, rules.system_jobs)):
            continue
        table = timetables.joined(job_id, rules, kept)
        slots = tuple(islice(_next(table, seen), count))
        reason = table.current.reason
        if not table.current.schedules:
            starts = timetables.starts_at(connection, name, job_id, rules, coverage, seen)
            reason = _why_none(starts, rules, kept, job_id)
        yield _Row(name, job_id, table, slots, reason)


def _next(table: Timetable, after: datetime) -> Iterator[datetime]:
    while (at := table.next_slot(after)) is not None:
        yield at
        after = at


def _why_none(
    starts: tuple[datetime, ...],
    rules: Policy,
    kept: Mapping[tuple[str, Source], tuple[Revision, ...]],
    job_id: str,
) -> str:
    from monitor.schedule import Source
    from monitor.schedule.learn import learn as learned

    imported = kept.get((job_id, Source.IMPORTED), ())
    before = f"{imported[-1].reason}; " if imported else ""
    if rules.is_sandbox:
        return f"{before}a sandbox runs no schedules"
    found = learned(starts, rules.timezone)
    return before + (
        f"{found.reason}, and is in force from the next look on" if found.schedules else found.reason
    )
