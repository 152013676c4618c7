"""`explain`: what is decided about a job, with its numbers and reasons."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from monitor.cli.common import output_option, print_json, settings_of, state_of
from monitor.errors import MonitorError


@click.command(epilog="Example: sfcc-job-monitor explain 3-1-1-Akeneo-Differential-Import-Master")
@click.argument("job")
@click.option("--instance", metavar="NAME", help="Where several instances have the job.")
@output_option
@click.pass_context
def explain(ctx: click.Context, job: str, instance: str | None, output: str) -> None:
    """What is decided about JOB, by the same functions the agent uses, and why."""
    from monitor.detect.explain import document
    from monitor.explanation import explanations, page

    settings = settings_of(ctx).settings
    engine = state_of(settings)
    found = explanations(engine, settings, job, instance, now=datetime.now(UTC))
    if not found:
        raise MonitorError(f"nothing is known of the job {job!r}; `sfcc-job-monitor jobs` lists those known")
    if output == "json":
        print_json([document(one) for one in found])
        return
    for one in found:
        click.echo(page(one))
