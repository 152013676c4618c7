"""`history`: the Job History page, kept longer, and searched."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from glob import escape
from itertools import islice
from typing import TYPE_CHECKING

import click

from monitor.cli import completion
from monitor.cli.common import (
    config_option,
    existing_state_of,
    instant,
    need_order,
    print_json_list,
    seconds,
    settings_of,
    since_option,
    until_option,
    watched,
)
from monitor.cli.table import Column, duration_text, moment_text, print_table
from monitor.errors import MonitorError
from monitor.model import Execution, Outcome

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from monitor.history.executions import Judged

COLUMNS = (
    Column("instance", leaves=1),
    Column("job"),
    Column("id"),
    Column("scope", leaves=6),
    Column("outcome"),
    Column("code", leaves=4),
    Column("trigger", leaves=5),
    Column("started (UTC)", leaves=2),
    Column("took", leaves=3),
)
SHOWN = 50
"""Rows of a table where no limit is given."""

FIELDS = (
    *("sfcc_instance", "job_id", "id", "scope", "outcome", "trigger", "code", "message"),
    *("start_time", "end_time", "duration_seconds", "user_login"),
)


@click.command(epilog="Example: sfcc-job-monitor history --job '3-*' --since 2d --status failed -o csv")
@click.argument("job", required=False, shell_complete=completion.job_ids)
@click.option("--instance", metavar="NAME", shell_complete=completion.instances, help="Only this instance.")
@click.option("--job", "glob", metavar="GLOB", help="Only jobs whose id matches.")
@since_option
@until_option
@click.option(
    "--status",
    type=click.Choice([one.value for one in Outcome]),
    multiple=True,
    help="Only runs that ended so, or are active; repeatable.",
)
@click.option(
    "--limit", type=click.IntRange(1), help=f"No more than these; {SHOWN} in a table, all for programs."
)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "json", "csv"]),
    default="table",
    help="For people, or for programs.",
)
@config_option
@click.pass_context
def history(
    ctx: click.Context,
    job: str | None,
    instance: str | None,
    glob: str | None,
    since: datetime | None,
    until: datetime | None,
    status: tuple[str, ...],
    limit: int | None,
    output: str,
) -> None:
    """Runs of the past, newest first, of one JOB or of all. Times are UTC."""
    from monitor.cli import known
    from monitor.history import executions
    from monitor.history.engine import reading

    need_order(since, until)
    if job is not None and glob is not None:
        raise MonitorError("give JOB, or a pattern with --job, not both")
    settings = settings_of(ctx).settings
    engine = existing_state_of(settings)
    with reading(engine) as connection:
        names = known.instances(connection, settings)
        known.need_instance(names, instance)
        if job is not None:
            _need_job(connection, job, instance)
        found = executions.newest(
            connection,
            instance=instance,
            job=glob if job is None else escape(job),
            since=since,
            until=until,
            outcomes=[Outcome(one) for one in status] or None,
        )
        if limit is None and output == "table":
            limit = SHOWN
        _print(islice(found, limit), output, with_instance=instance is None and len(names) > 1)
        if limit is not None and next(found, None) is not None:
            click.echo(f"{limit} shown; more with --limit", err=True)


def _need_job(connection: Connection, job: str, instance: str | None) -> None:
    from monitor.cli import known

    try:
        known.need_job(connection, job, instance)
    except MonitorError as error:
        if not set(job) & {"*", "?", "["}:
            raise
        raise MonitorError(
            f"nothing is known of the job {job!r}; a pattern goes with --job: --job '{job}'"
        ) from error


def _print(found: Iterator[Judged], output: str, *, with_instance: bool) -> None:
    """For programs one after the other, however many there are."""
    if output == "json":
        print_json_list(_document(*one) for one in watched(found, "run"))
    elif output == "csv":
        writer = csv.DictWriter(sys.stdout, fieldnames=list(FIELDS))
        writer.writeheader()
        for one in watched(found, "run"):
            document = _document(*one)
            writer.writerow({name: "" if value is None else value for name, value in document.items()})
    else:
        skipped = 0 if with_instance else 1
        now = datetime.now(UTC)
        print_table(COLUMNS[skipped:], [_cells(*one, now)[skipped:] for one in found], empty="no run matches")


def _cells(run: Execution, outcome: Outcome, trigger: str, now: datetime) -> tuple[str, ...]:
    return (
        run.instance,
        run.job_id,
        run.id,
        run.scope,
        outcome,
        _code(run),
        trigger,
        moment_text(run.began, now),
        duration_text(run.duration),
    )


def _document(run: Execution, outcome: Outcome, trigger: str) -> dict[str, object]:
    values = (
        run.instance,
        run.job_id,
        run.id,
        run.scope,
        str(outcome),
        str(trigger),
        _code(run),
        run.exit_status.message if run.exit_status else None,
        instant(run.start_time) if run.start_time else None,
        instant(run.ended) if run.ended else None,
        seconds(run.duration),
        run.user_login,
    )
    return dict(zip(FIELDS, values, strict=True))


def _code(run: Execution) -> str:
    return (run.exit_status.code if run.exit_status else None) or run.status or run.execution_status
