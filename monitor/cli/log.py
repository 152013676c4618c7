"""`log`: the log of a run, from the state where it was kept, else from the instance."""

from __future__ import annotations

from pathlib import Path

import click

from monitor.cli.common import need_instances, settings_of, state_of
from monitor.errors import MonitorError


@click.command(epilog="Example: sfcc-job-monitor log 3-1-1-Akeneo-Differential-Import-Master --errors")
@click.argument("job")
@click.argument("execution_id", required=False)
@click.option("--instance", metavar="NAME", help="Where several instances have the job.")
@click.option("--errors", is_flag=True, help="Only the telling lines.")
@click.option("--tail", type=click.IntRange(1), metavar="N", help="Only the last N lines.")
@click.option(
    "--save", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write it to a file."
)
@click.pass_context
def log(
    ctx: click.Context,
    job: str,
    execution_id: str | None,
    instance: str | None,
    errors: bool,
    tail: int | None,
    save: Path | None,
) -> None:
    """The log of JOB's run EXECUTION_ID, of its last failed run without one. Secrets are masked."""
    from monitor.access import masking_by
    from monitor.runlog import find_run, read_log

    settings = settings_of(ctx).settings
    need_instances(settings)
    engine = state_of(settings)
    run = find_run(engine, job, execution_id, instance)
    masking = masking_by(settings)
    found = read_log(settings, engine, run, masking)
    click.echo(
        f"{run.job_id} {run.id} on {run.instance}: {found.name}{f' ({found.note})' if found.note else ''}",
        err=True,
    )
    if errors:
        click.echo("\n".join(found.lines))
        return
    if found.content is None:
        raise MonitorError(found.note or "the log cannot be had")
    text = found.content.decode("utf-8", "replace")
    if tail is not None:
        text = "\n".join(text.splitlines()[-tail:]) + "\n"
    if save is not None:
        save.write_text(text, encoding="utf-8")
        click.echo(f"saved to {save}", err=True)
    else:
        click.echo(text, nl=False)
