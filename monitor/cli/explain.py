"""`explain`: what is decided about a job, with its reasons."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from monitor.cli.common import (
    Moment,
    config_option,
    existing_state_of,
    output_option,
    print_json,
    settings_of,
)
from monitor.errors import MonitorError


@click.command(epilog="Example: sfcc-job-monitor explain 3-1-1-Akeneo-Differential-Import-Master")
@click.argument("job")
@click.option("--instance", metavar="NAME", help="Where several instances have the job.")
@click.option(
    "--at", type=Moment(), help="As it looked then: a duration back from now, a date or an instant."
)
@output_option
@config_option
@click.pass_context
def explain(ctx: click.Context, job: str, instance: str | None, at: datetime | None, output: str) -> None:
    """What is decided about JOB, by the same functions the agent uses, and why. Times are UTC."""
    from monitor.cli import known
    from monitor.explanation import document, explanations, page
    from monitor.history.engine import reading

    settings = settings_of(ctx).settings
    engine = existing_state_of(settings)
    with reading(engine) as connection:
        known.need_instance(known.instances(connection, settings), instance)
        known.need_job(connection, job, instance)
    found = explanations(engine, settings, job, instance, now=datetime.now(UTC), at=at)
    if not found:
        raise MonitorError(
            f"no time is known in which all runs of {job!r} were read: nothing can be judged yet"
        )
    if output == "json":
        print_json([document(one) for one in found])
        return
    for number, one in enumerate(found):
        if number:
            click.echo()
        click.echo(page(one))
