"""`data`: the history as JSON lines, out and in."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO

import click

from monitor.cli.common import (
    config_option,
    existing_state_of,
    need_order,
    plural,
    settings_of,
    since_option,
    state_of,
    until_option,
    watched,
)
from monitor.errors import MonitorError

if TYPE_CHECKING:
    from monitor.importing import Imported

GZIP = b"\x1f\x8b"


@click.group()
def data() -> None:
    """Export and import the history as JSON lines: an OCAPI job_execution each, with sfcc_instance added."""


@data.command(epilog="Example: sfcc-job-monitor data export --since 30d > history.jsonl")
@click.option("--instance", metavar="NAME", help="Only this instance.")
@click.option("--job", "glob", metavar="GLOB", help="Only jobs whose id matches.")
@since_option
@until_option
@config_option
@click.pass_context
def export(
    ctx: click.Context, instance: str | None, glob: str | None, since: datetime | None, until: datetime | None
) -> None:
    """Write the history to stdout, oldest first."""
    from monitor.cli import known
    from monitor.history import executions
    from monitor.history.engine import reading
    from monitor.history.transfer import document

    need_order(since, until)
    settings = settings_of(ctx).settings
    engine = existing_state_of(settings)
    count = 0
    with reading(engine) as connection:
        known.need_instance(known.instances(connection, settings), instance)
        found = executions.iterate(connection, instance=instance, job=glob, since=since, until=until)
        for one in watched(found, "run"):
            click.echo(json.dumps(document(one.execution), ensure_ascii=False))
            count += 1
    click.echo(plural(count, "run"), err=True)


@data.command(name="import", epilog="Example: sfcc-job-monitor data import history.jsonl")
@click.argument("file", type=click.File("rb"))
@click.option("--instance", metavar="NAME", help="The instance of lines that do not name theirs.")
@config_option
@click.pass_context
def import_(ctx: click.Context, file: BinaryIO, instance: str | None) -> None:
    """Read JSON lines into the history. What is there already is not doubled; nothing is announced."""
    from monitor.importing import import_lines

    lines = _plain(file)
    settings = settings_of(ctx).settings
    engine = state_of(settings)
    result = import_lines(
        engine, settings, watched(lines, "line"), default_instance=instance, now=datetime.now(UTC)
    )
    for sentence in _said(result):
        click.echo(f"{file.name}: {sentence}", err=True)
    was = "was" if result.stored == 1 else "were"
    click.echo(f"{result.stored} of {plural(result.read, 'run')} {was} new or changed", err=True)
    ctx.exit(1 if result.unreadable else 0)


def _plain(file: BinaryIO) -> Iterator[bytes]:
    lines = iter(file)
    first = next(lines, b"")
    if first.startswith(GZIP):
        name = "FILE" if file.name == "<stdin>" else shlex.quote(file.name)
        raise MonitorError(f"{file.name}: this is gzip; use: zcat {name} | sfcc-job-monitor data import -")
    return chain((first,), lines)


def _said(result: Imported) -> Iterator[str]:
    yield from result.problems
    more = result.unreadable - len(result.problems)
    if more:
        yield f"… and {plural(more, 'more line')} that could not be read"
    for name, count in sorted(result.strangers.items()):
        yield f"warning: {plural(count, 'run')} of {name}, an instance that is not in the settings"
    if result.future:
        start = "starts" if result.future == 1 else "start"
        runs = f"{plural(result.future, 'run')} {start} in the future"
        yield f"warning: {runs}, the first in line {result.first_future}"
