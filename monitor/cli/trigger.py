"""`trigger`: starts a job by a person's hand, where nothing speaks against it, and waits for it if asked."""

from __future__ import annotations

from collections.abc import Sequence

import click

from monitor.cli import completion
from monitor.cli.common import config_option, need_instances, output_option, print_json, settings_of
from monitor.errors import MonitorError, SfccError

COMMAND = "sfcc-job-monitor"


@click.command(epilog=f"Example: {COMMAND} trigger 3-1-1-Akeneo-Differential-Import-Master --wait")
@click.argument("job", shell_complete=completion.job_ids)
@click.option("--wait", is_flag=True, help="Wait for its end; exit 1 when it does not end well.")
@click.option(
    "--param", "parameters", metavar="NAME=VALUE", multiple=True, help="A parameter of the job; repeatable."
)
@click.option("--site", "sites", metavar="ID", multiple=True, help="Only for this site; repeatable.")
@click.option("--force", is_flag=True, help="Start it whatever speaks against it, and say what that was.")
@click.option("--dry-run", is_flag=True, help="Say what speaks against it; start nothing.")
@click.option(
    "--instance", metavar="NAME", shell_complete=completion.instances, help="Where there are several."
)
@output_option
@config_option
@click.pass_context
def trigger(
    ctx: click.Context,
    job: str,
    wait: bool,
    parameters: tuple[str, ...],
    sites: tuple[str, ...],
    force: bool,
    dry_run: bool,
    instance: str | None,
    output: str,
) -> None:
    """Start JOB, the one thing this program ever changes.

    Refused, with exit 1, while it or a job of one of its groups is active, or due by its schedule within
    the buffer. Needs the right to start jobs, which watching does not; the settings can name an own API
    client for it. Ctrl-C ends the waiting, not the job.
    """
    from monitor.cli.there import the_instance
    from monitor.cli.trial import Trial
    from monitor.sfcc.runs.starting import start_body

    settings = settings_of(ctx).settings
    need_instances(settings)
    where = the_instance(settings, instance)
    try:
        body = start_body(job, _parameters(parameters), sites)
    except ValueError as error:
        raise MonitorError(str(error)) from error
    trial = Trial(settings, where, job)
    try:
        code = trial.carry_out(body, force=force, dry_run=dry_run, wait=wait)
    except SfccError:
        if output == "json" and trial.result.execution_id:
            print_json(trial.result.document())
        raise
    if output == "json":
        print_json(trial.result.document())
    else:
        for line in trial.result.text():
            click.echo(line)
    ctx.exit(code)


def _parameters(words: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise MonitorError(f"--param {word!r}: write NAME=VALUE, such as --param ImportMode=merge")
        if name in found:
            raise MonitorError(f"--param {name}: it is given twice; a parameter has one value")
        found[name] = value
    return found
