"""`jobs`: the last state of every job, sorted by what needs a person."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from monitor.cli.common import (
    config_option,
    existing_state_of,
    output_option,
    print_json,
    seconds,
    settings_of,
)
from monitor.cli.table import Column, duration_text, moment_text, print_table

if TYPE_CHECKING:
    from monitor.overview import JobRow

COLUMNS = (
    Column("instance", leaves=1),
    Column("job"),
    Column("conditions"),
    Column("last"),
    Column("ended (UTC)", leaves=2),
    Column("took", leaves=4),
    Column("running since (UTC)", leaves=6),
    Column("running for", leaves=3),
    Column("last success (UTC)", leaves=7),
    Column("next due (UTC)", leaves=5),
    Column("failures", leaves=8),
)

_SEVERITIES = ("critical", "warning", "info")
_BAD = ("failed", "aborted")


@click.command(epilog="Example: sfcc-job-monitor jobs --job '3-*'")
@click.option("--instance", metavar="NAME", help="Only this instance.")
@click.option("--job", "glob", metavar="GLOB", default="*", help="Only jobs whose id matches.")
@click.option("--exit-code", is_flag=True, help="Exit 1 when a condition is open.")
@output_option
@config_option
@click.pass_context
def jobs(ctx: click.Context, instance: str | None, glob: str, output: str, exit_code: bool) -> None:
    """The last state of every job, what needs a person first. Times are UTC.

    `last`, `ended` and `took` tell of the last run that ended, `running` of one that has not, `next due`
    of the schedule in the settings.
    """
    from monitor import overview
    from monitor.cli import known
    from monitor.history.engine import reading
    from monitor.settings.policies import policy

    settings = settings_of(ctx).settings
    engine = existing_state_of(settings)
    now = datetime.now(UTC)
    with reading(engine) as connection:
        names = known.instances(connection, settings)
        known.need_instance(names, instance)
        policies = {one.name: policy(settings, one) for one in settings.instances}
        rows = overview.jobs(connection, instance=instance, glob=glob, now=now, policies=policies)
    rows.sort(key=_need)
    if output == "json":
        print_json([_document(row, now) for row in rows])
    else:
        skipped = 1 if instance is not None or len(names) < 2 else 0
        print_table(
            COLUMNS[skipped:],
            [_cells(row, now)[skipped:] for row in rows],
            empty="no job is known yet; has a poll been made?" if glob == "*" else "no job matches",
        )
    sys.exit(1 if exit_code and any(row.conditions for row in rows) else 0)


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
        "last_success": row.last_success,
        "last_failure": row.last_failure,
        "running_since": None if row.running is None else now - row.running,
        "running_seconds": seconds(row.running),
        "consecutive_failures": row.consecutive_failures,
        "next_due": row.next_due,
    }
