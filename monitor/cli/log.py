"""`log`: the log of a run, from the state where it was kept, else from the instance."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from monitor.cli import completion
from monitor.cli.common import config_option, existing_state_of, settings_of
from monitor.errors import LogError, MonitorError, Reason

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from alerts.model import Attachment
    from monitor.joblogs.runlog import FoundRun
    from monitor.masking import Mask
    from monitor.settings import Settings

NOT_TO_BE_HAD = frozenset({Reason.NOT_FOUND, Reason.PERMISSION, Reason.REFUSED, Reason.PROTOCOL})
"""The instance answered, and there is no log to give; whatever else is wrong, it was out of reach."""


@click.command(
    epilog="Examples: sfcc-job-monitor log 3-1-1-Akeneo-Differential-Import-Master --errors; "
    "sfcc-job-monitor log 3-1-1-Akeneo-Differential-Import-Master --follow"
)
@click.argument("job", shell_complete=completion.job_ids)
@click.argument("execution_id", required=False)
@click.option(
    "--instance",
    metavar="NAME",
    shell_complete=completion.instances,
    help="Where several instances have the job.",
)
@click.option("--errors", is_flag=True, help="Only the telling lines.")
@click.option("--tail", type=click.IntRange(1), metavar="N", help="Only the last N lines.")
@click.option("--follow", is_flag=True, help="Of the run that is active: all that comes, until it ends.")
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
    follow: bool,
    save: Path | None,
) -> None:
    """The log of JOB's run EXECUTION_ID, of its last failed run without one. Secrets are masked.

    What the history does not know is asked of the instance: a run by its id, else those of the last day.
    Exits 1 when there is no log to be had. --follow asks the instance in any case, and exits as the run
    ends: 0 when it ended ok, else 1.
    """
    from monitor.access import masking_by

    if save is not None:
        _need_place(save)
    settings = settings_of(ctx).settings
    if follow:
        if errors or save is not None or tail is not None:
            raise MonitorError("--follow shows all of the log as it comes: give it without the other options")
        from monitor.cli.following import follow_log

        ctx.exit(follow_log(settings, job, execution_id, instance))
    kept = _kept(settings, job, execution_id, instance)
    click.echo(_heading(kept.found, datetime.now(UTC)), err=True)
    try:
        attachment = kept.read(masking_by(settings))
    except LogError as error:
        if error.reason not in NOT_TO_BE_HAD:
            raise
        click.echo(error, err=True)
        ctx.exit(1)
    click.echo(f"{attachment.name}{f' ({attachment.note})' if attachment.note else ''}", err=True)
    _print(_text(attachment, tail, errors=errors), save)


class _Kept(NamedTuple):
    """Which run it is, and how its log is read."""

    found: FoundRun
    read: Callable[[Mask], Attachment]


def _kept(settings: Settings, job: str, execution_id: str | None, instance: str | None) -> _Kept:
    """By the history; where that does not know it, by the instance, if there is one to ask."""
    from monitor.cli import there
    from monitor.joblogs.runlog import read_log, read_log_there

    try:
        engine = existing_state_of(settings)
    except MonitorError:
        if not settings.instances:
            raise
        found = there.find(settings, job, execution_id, instance)
        return _Kept(found, lambda mask: read_log_there(settings, found.run, mask))
    try:
        found = _in_history(settings, engine, job, execution_id, instance)
    except MonitorError as error:
        is_open = instance is None and len(settings.instances) > 1 and "--instance" not in str(error)
        if execution_id is not None and is_open:
            raise MonitorError(f"{error}; with --instance NAME, that instance is asked for it") from error
        run = execution_id and there.by_id(settings, job, execution_id, instance)
        if not run:
            raise
        found = run
    return _Kept(found, lambda mask: read_log(settings, engine, found.run, mask))


def _in_history(
    settings: Settings, engine: Engine, job: str, execution_id: str | None, instance: str | None
) -> FoundRun:
    from monitor.cli import known
    from monitor.history.engine import reading
    from monitor.joblogs.runlog import find_run

    with reading(engine) as connection:
        known.need_instance(known.instances(connection, settings), instance)
        known.need_job(connection, job, instance)
    return find_run(engine, job, execution_id, instance)


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
