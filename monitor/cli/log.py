"""`log`: the log of a run, from the state where it was kept, else from the instance."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.cli.common import config_option, existing_state_of, settings_of
from monitor.errors import LogError, MonitorError, Reason

if TYPE_CHECKING:
    from alerts.model import Attachment
    from monitor.runlog import FoundRun

NOT_TO_BE_HAD = frozenset({Reason.NOT_FOUND, Reason.PERMISSION, Reason.REFUSED, Reason.PROTOCOL})
"""The instance answered, and there is no log to give; whatever else is wrong, it was out of reach."""


@click.command(epilog="Example: sfcc-job-monitor log 3-1-1-Akeneo-Differential-Import-Master --errors")
@click.argument("job")
@click.argument("execution_id", required=False)
@click.option("--instance", metavar="NAME", help="Where several instances have the job.")
@click.option("--errors", is_flag=True, help="Only the telling lines.")
@click.option("--tail", type=click.IntRange(1), metavar="N", help="Only the last N lines.")
@click.option(
    "--save", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write it to a file."
)
@config_option
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
    """The log of JOB's run EXECUTION_ID, of its last failed run without one. Secrets are masked.

    Exits 1 when there is none to be had.
    """
    from monitor.access import masking_by
    from monitor.cli import known
    from monitor.history.engine import reading
    from monitor.runlog import find_run, read_log

    if save is not None:
        _need_place(save)
    settings = settings_of(ctx).settings
    engine = existing_state_of(settings)
    with reading(engine) as connection:
        known.need_instance(known.instances(connection, settings), instance)
        known.need_job(connection, job, instance)
    found = find_run(engine, job, execution_id, instance)
    click.echo(_heading(found, datetime.now(UTC)), err=True)
    try:
        attachment = read_log(settings, engine, found.run, masking_by(settings))
    except LogError as error:
        if error.reason not in NOT_TO_BE_HAD:
            raise
        click.echo(error, err=True)
        ctx.exit(1)
    click.echo(f"{attachment.name}{f' ({attachment.note})' if attachment.note else ''}", err=True)
    _print(_text(attachment, tail, errors=errors), save)


def _need_place(file: Path) -> None:
    """Before anything is fetched for it."""
    if not file.parent.is_dir():
        raise MonitorError(f"--save: there is no directory {file.parent}")
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        raise MonitorError(f"--save: this user may not write {file}")


def _heading(found: FoundRun, now: datetime) -> str:
    from monitor.detect.words import OUTCOME_WORDS, moment

    run, word = found.run, OUTCOME_WORDS[found.outcome]
    when = f", ended {moment(run.ended, now)}" if run.ended else ""
    if not run.ended and run.began:
        when = f" since {moment(run.began, now)}"
    text = f"{run.job_id} {run.id} on {run.instance}: {word}{when}"
    return f"no failed run is known, this is the newest: {text}" if found.is_stopgap else text


def _text(attachment: Attachment, tail: int | None, *, errors: bool) -> str:
    if errors:
        text = "".join(f"{line}\n" for line in attachment.lines)
    else:
        text = (attachment.content or b"").decode("utf-8", "replace")
    if tail is None or not text:
        return text
    return "\n".join(text.removesuffix("\n").split("\n")[-tail:]) + "\n"


def _print(text: str, save: Path | None) -> None:
    if save is None:
        click.echo(text, nl=False)
        return
    try:
        save.write_text(text, encoding="utf-8")
    except OSError as error:
        raise MonitorError(f"--save: cannot write {save}: {error.strerror}") from error
    click.echo(f"saved to {save}", err=True)
