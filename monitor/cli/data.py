"""`data`: the history as JSON lines, out and in."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TextIO

import click

from monitor.cli.common import Moment, settings_of, state_of


@click.group()
def data() -> None:
    """Export and import the history as JSON lines: an OCAPI job_execution each, with sfcc_instance added."""


@data.command(epilog="Example: sfcc-job-monitor data export --since 30d > history.jsonl")
@click.option("--instance", metavar="NAME", help="Only this instance.")
@click.option("--job", "glob", metavar="GLOB", help="Only jobs whose id matches.")
@click.option("--since", type=Moment(), help="A duration (30d), a date or an instant.")
@click.option("--until", type=Moment(), help="The same.")
@click.pass_context
def export(
    ctx: click.Context, instance: str | None, glob: str | None, since: datetime | None, until: datetime | None
) -> None:
    """Write the history to stdout, oldest first."""
    from monitor.history import executions
    from monitor.history.engine import reading
    from monitor.history.transfer import document

    engine = state_of(settings_of(ctx).settings)
    count = 0
    with reading(engine) as connection:
        for found in executions.iterate(connection, instance=instance, job=glob, since=since, until=until):
            click.echo(json.dumps(document(found.execution), ensure_ascii=False))
            count += 1
    click.echo(f"{count} runs", err=True)


@data.command(name="import", epilog="Example: sfcc-job-monitor data import history.jsonl")
@click.argument("file", type=click.File("r", encoding="utf-8"))
@click.option("--instance", metavar="NAME", help="The instance of lines that do not name theirs.")
@click.pass_context
def import_(ctx: click.Context, file: TextIO, instance: str | None) -> None:
    """Read JSON lines into the history. What is there already is not doubled; nothing is announced."""
    from monitor.importing import import_lines

    settings = settings_of(ctx).settings
    engine = state_of(settings)
    result = import_lines(engine, settings, file, default_instance=instance, now=datetime.now(UTC))
    for problem in result.problems[:20]:
        click.echo(f"{file.name}: {problem}", err=True)
    if len(result.problems) > 20:
        click.echo(f"… and {len(result.problems) - 20} more lines that could not be read", err=True)
    click.echo(f"{result.stored} of {result.read} runs were new or changed", err=True)
    ctx.exit(1 if result.problems else 0)
