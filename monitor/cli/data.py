"""`data`: the history as JSON lines, out and in; and what has to be forgotten."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
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
from monitor.cli.packed import lines_of

if TYPE_CHECKING:
    from monitor.importing import Imported


@click.group()
def data() -> None:
    """The history as JSON lines, out and in; and what has to be forgotten.

    A line is an OCAPI job_execution, with sfcc_instance added.
    """


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
    """Write the history to stdout, oldest first; `| gzip` packs it well, and import reads that too."""
    from monitor.cli import known
    from monitor.history import executions
    from monitor.history.engine import reading
    from monitor.history.transfer import document

    need_order(since, until)
    settings = settings_of(ctx).settings
    engine = existing_state_of(settings)
    counts: Counter[str] = Counter()
    with reading(engine) as connection:
        known.need_instance(known.instances(connection, settings), instance)
        found = executions.iterate(connection, instance=instance, job=glob, since=since, until=until)
        for one in watched(found, "run"):
            click.echo(json.dumps(document(one.execution), ensure_ascii=False))
            counts[one.execution.instance] += 1
    by_instance = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
    several = f" ({by_instance})" if len(counts) > 1 else ""
    click.echo(f"{plural(counts.total(), 'run')}{several}", err=True)


@data.command(name="import", epilog="Example: sfcc-job-monitor data import history.jsonl")
@click.argument("file", type=click.File("rb"))
@click.option("--instance", metavar="NAME", help="The instance of lines that do not name theirs.")
@config_option
@click.pass_context
def import_(ctx: click.Context, file: BinaryIO, instance: str | None) -> None:
    """Read JSON lines, packed with gzip or not, into the history.

    What is there already is not doubled; nothing is announced. The time from the first start to the last end
    counts as seen completely. An import that was interrupted is completed by the same command.
    """
    from monitor.importing import import_lines

    settings = settings_of(ctx).settings
    engine = state_of(settings)
    result = import_lines(
        engine, settings, watched(lines_of(file), "line"), default_instance=instance, now=datetime.now(UTC)
    )
    for sentence in said(result):
        click.echo(f"{file.name}: {sentence}", err=True)
    was = "was" if result.stored == 1 else "were"
    click.echo(f"{result.stored} of {plural(result.read, 'run')} {was} new or changed", err=True)
    ctx.exit(1 if result.unreadable else 0)


def said(result: Imported) -> Iterator[str]:
    """What is to be said of lines that were read."""
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


@data.command(epilog="Example: sfcc-job-monitor data forget --user jdoe@example.com")
@click.option("--instance", metavar="NAME", help="All that is known of this instance.")
@click.option("--user", metavar="LOGIN", help="This login, wherever it stands; runs by hand stay such.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
@click.pass_context
def forget(ctx: click.Context, instance: str | None, user: str | None, *, yes: bool) -> None:
    """Take an instance or a person out of the state: runs, incidents, messages, logs. For good."""
    from monitor.forgetting import forget_instance, forget_user

    if (instance is None) == (user is None):
        raise click.UsageError("give --instance or --user")
    settings = settings_of(ctx).settings
    engine = existing_state_of(settings)
    what = f"all that is known of the instance {instance}" if instance else f"the login {user}"
    if not yes:
        click.confirm(f"Forget {what}, for good?", abort=True, err=True)
    if instance is not None:
        gone = forget_instance(engine, instance)
        counted = f"{plural(gone.runs, 'run')} and {plural(gone.incidents, 'incident')}"
        click.echo(f"forgotten: {counted} of {instance}")
        if any(one.name == instance for one in settings.instances):
            click.echo(f"{instance} is still in the settings: its history is read anew", err=True)
    elif user is not None:
        click.echo(f"forgotten in {plural(forget_user(engine, user), 'row')}")
