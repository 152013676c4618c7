"""`jobs` and `history`: the Job History page, kept longer and sorted by what needs a person."""

from __future__ import annotations

import csv
import sys
from datetime import UTC, datetime
from glob import escape

import click

from monitor.cli.common import (
    Moment,
    duration_text,
    moment_text,
    output_option,
    print_json,
    print_table,
    settings_of,
    state_of,
)
from monitor.model import Execution, Outcome

_BADNESS = {"critical": 0, "warning": 1, "info": 2}


@click.command(epilog="Example: sfcc-job-monitor jobs --job '3-*'")
@click.option("--instance", metavar="NAME", help="Only this instance.")
@click.option("--job", "glob", metavar="GLOB", default="*", help="Only jobs whose id matches.")
@click.option("--exit-code", is_flag=True, help="Exit 1 when a condition is open.")
@output_option
@click.pass_context
def jobs(ctx: click.Context, instance: str | None, glob: str, output: str, exit_code: bool) -> None:
    """The last state of every job, what needs a person first."""
    from monitor import overview
    from monitor.history.engine import reading

    engine = state_of(settings_of(ctx).settings)
    with reading(engine) as connection:
        rows = overview.jobs(connection, instance=instance, glob=glob, now=datetime.now(UTC))
    rows.sort(key=lambda row: (_BADNESS.get(row.severity or "", 3), row.instance, row.job_id))
    if output == "json":
        print_json([row.as_dict() for row in rows])
    else:
        print_table(
            (
                "instance",
                "job",
                "last",
                "conditions",
                "started",
                "took",
                "running",
                "last success",
                "failures",
            ),
            [
                (
                    row.instance,
                    row.job_id,
                    row.last_outcome or "",
                    ", ".join(row.conditions),
                    moment_text(row.last_start),
                    duration_text(row.last_duration),
                    duration_text(row.running),
                    moment_text(row.last_success),
                    str(row.consecutive_failures or ""),
                )
                for row in rows
            ],
            empty="no job is known yet; has a poll been made? (times are UTC)",
        )
    sys.exit(1 if exit_code and any(row.conditions for row in rows) else 0)


@click.command(epilog="Example: sfcc-job-monitor history --job '3-*' --since 2d --status failed -o csv")
@click.argument("job", required=False)
@click.option("--instance", metavar="NAME", help="Only this instance.")
@click.option("--job", "glob", metavar="GLOB", help="Only jobs whose id matches.")
@click.option("--since", type=Moment(), help="A duration (2d), a date or an instant.")
@click.option("--until", type=Moment(), help="The same.")
@click.option(
    "--status", type=click.Choice([one.value for one in Outcome]), multiple=True, help="Only these outcomes."
)
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True)
@click.option("-o", "--output", type=click.Choice(["table", "json", "csv"]), default="table")
@click.pass_context
def history(
    ctx: click.Context,
    job: str | None,
    instance: str | None,
    glob: str | None,
    since: datetime | None,
    until: datetime | None,
    status: tuple[str, ...],
    limit: int,
    output: str,
) -> None:
    """Runs of the past, newest first, of one JOB or of all."""
    from monitor.history import executions
    from monitor.history.engine import reading

    engine = state_of(settings_of(ctx).settings)
    with reading(engine) as connection:
        found = executions.search(
            connection,
            instance=instance,
            job=glob if job is None else escape(job),
            since=since,
            until=until,
            outcomes=[Outcome(one) for one in status] or None,
            limit=limit,
        )
    rows = [_row(*one) for one in found]
    if output == "json":
        print_json(rows)
    elif output == "csv":
        writer = csv.DictWriter(sys.stdout, fieldnames=list(_row_names()))
        writer.writeheader()
        writer.writerows(
            {name: "" if value is None else value for name, value in row.items()} for row in rows
        )
    else:
        print_table(
            ("instance", "job", "id", "scope", "outcome", "code", "trigger", "started", "took"),
            [
                (
                    run.instance,
                    run.job_id,
                    run.id,
                    run.scope,
                    outcome,
                    _code(run),
                    trigger,
                    moment_text(run.began),
                    duration_text(run.duration),
                )
                for run, outcome, trigger in found
            ],
            empty="no run matches",
        )


def _row_names() -> tuple[str, ...]:
    return (
        "sfcc_instance",
        "job_id",
        "id",
        "scope",
        "outcome",
        "trigger",
        "code",
        "message",
        "start_time",
        "end_time",
        "duration_seconds",
        "user_login",
    )


def _row(run: Execution, outcome: Outcome, trigger: str) -> dict[str, object]:
    values = (
        run.instance,
        run.job_id,
        run.id,
        run.scope,
        str(outcome),
        str(trigger),
        _code(run),
        run.exit_status.message if run.exit_status else None,
        run.start_time.isoformat() if run.start_time else None,
        run.ended.isoformat() if run.ended else None,
        run.duration.total_seconds() if run.duration is not None else None,
        run.user_login,
    )
    return dict(zip(_row_names(), values, strict=True))


def _code(run: Execution) -> str:
    return (run.exit_status.code if run.exit_status else None) or run.status or run.execution_status
