"""`schedule learn`, `schedule accept`: what the runs themselves show, kept as a setting or taken as it is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from monitor.cli import completion
from monitor.cli.common import (
    config_option,
    existing_state_of,
    need_instances,
    output_option,
    plural,
    print_json,
    say,
    settings_of,
)
from monitor.cli.schedule_import import chosen, instance_option
from monitor.errors import MonitorError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from monitor.policy import Policy
    from monitor.schedule import Schedule
    from monitor.settings import Settings

FILE = "learned-schedules.toml"


@click.command(
    epilog="Examples: sfcc-job-monitor schedule learn; sfcc-job-monitor schedule learn --write settings.d"
)
@click.argument("job", required=False)
@click.option("--instance", metavar="NAME", shell_complete=completion.instances, help="Only this instance.")
@click.option(
    "--write",
    type=click.Path(path_type=Path),
    help=f"A new file, or a directory of settings that gets {FILE}; what is there is never written over.",
)
@output_option
@config_option
@click.pass_context
def learn(ctx: click.Context, job: str | None, instance: str | None, write: Path | None, output: str) -> None:
    """Print what was learned of jobs (of JOB) that the settings name no schedule for, as tables to confirm.

    A learned schedule raises warnings at most. One that is confirmed in the settings is taken at its word.
    """
    from monitor.history.engine import reading

    settings = settings_of(ctx).settings
    need_instances(settings)
    now = datetime.now(UTC)
    with reading(existing_state_of(settings)) as connection:
        found = [*_found(connection, settings, instance, job, now)]
    known = [one for one in found if one.schedules]
    for one in found:
        if job is not None and not one.schedules:
            say(f"{one.job_id} on {one.instance}: {one.reason}")
    if output == "json":
        print_json([one.document() for one in found])
        return
    text = "\n".join(one.table(several=len(settings.instances) > 1) for one in known)
    if write is None or not known:
        click.echo(text, nl=False)
    else:
        say(f"written: {_written(write, text)}")
    say(f"of {plural(len(found), 'job')} without a schedule in the settings, {len(known)} show one")


@click.command(epilog="Example: sfcc-job-monitor schedule accept prices --instance production")
@click.argument("job")
@instance_option
@output_option
@config_option
@click.pass_context
def accept(ctx: click.Context, job: str, instance: str | None, output: str) -> None:
    """Take what the last runs of JOB show as its schedule from now on: for one that was moved on purpose.

    It counts before what was learned, and until the next import. A schedule in the settings is not touched:
    the table to put there is printed.
    """
    from monitor import timetables
    from monitor.history.engine import reading

    settings = settings_of(ctx).settings
    one, rules = chosen(settings, instance)
    engine = existing_state_of(settings)
    now = datetime.now(UTC)
    with reading(engine) as connection:
        found = _accepted(connection, one.name, rules, job, now)
    is_configured = rules.job(job).schedule is not None
    if not is_configured:
        with engine.begin() as connection:
            timetables.accept(connection, one.name, job, found.schedules, now)
    if output == "json":
        print_json({**found.document(), "kept": not is_configured})
        return
    click.echo(found.table(several=len(settings.instances) > 1), nl=False)
    if is_configured:
        say("the settings have a schedule for it, which stays in force: put this there in its place")
    else:
        say("in force from now on, until the next import; put it in the settings to keep it")


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the runs of one job show; no schedules where they show none."""

    instance: str
    job_id: str
    schedules: tuple[Schedule, ...]
    reason: str

    def table(self, *, several: bool) -> str:
        from monitor.settings.job_tables import job_table

        name = self.instance if several else None
        return job_table(self.job_id, self.schedules, instance=name, reason=self.reason)

    def document(self) -> dict[str, Any]:
        from monitor.schedule.codec import encode

        return {
            "sfcc_instance": self.instance,
            "job_id": self.job_id,
            "schedules": [encode(one) for one in self.schedules],
            "reason": self.reason,
        }


def _found(
    connection: Connection, settings: Settings, instance: str | None, job: str | None, now: datetime
) -> Iterator[_Shown]:
    from monitor.cli import known
    from monitor.history import facts
    from monitor.model import is_wanted
    from monitor.settings.policies import policy

    known.need_instance(known.instances(connection, settings), instance)
    if job is not None:
        known.need_job(connection, job, instance)
    for one in settings.instances:
        if instance not in {None, one.name}:
            continue
        rules = policy(settings, one)
        for job_id in sorted(facts.jobs(connection, one.name)):
            wanted = is_wanted(job_id, rules.system_jobs) if job is None else job == job_id
            if wanted and rules.job(job_id).schedule is None:
                yield _shown(connection, one.name, rules, job_id, now)


def _shown(connection: Connection, name: str, rules: Policy, job_id: str, now: datetime) -> _Shown:
    """What is in force as learned; else what would be learned now."""
    from monitor import timetables
    from monitor.history import cursor as cursors
    from monitor.history import schedules
    from monitor.schedule import Source
    from monitor.schedule.learn import learn as learned
    from monitor.schedule.starts import SETTLED

    kept = schedules.kept(connection, name, [job_id]).get((job_id, Source.LEARNED), ())
    if kept and kept[-1].schedules:
        return _Shown(name, job_id, kept[-1].schedules, kept[-1].reason)
    seen = cursors.load(connection, name).seen_until or now
    starts = timetables.starts_at(
        connection, name, job_id, rules, cursors.coverage(connection, name), seen + SETTLED
    )
    found = learned(starts, rules.timezone)
    return _Shown(name, job_id, found.schedules, found.reason)


def _accepted(connection: Connection, name: str, rules: Policy, job_id: str, now: datetime) -> _Shown:
    """What the last runs show: the schedule there is at another time of day, else one learned from them."""
    from monitor import timetables
    from monitor.cli import known
    from monitor.history import cursor as cursors
    from monitor.schedule.moving import moved
    from monitor.schedule.starts import SETTLED

    known.need_job(connection, job_id, name)
    seen = cursors.load(connection, name).seen_until or now
    starts = timetables.starts_at(
        connection, name, job_id, rules, cursors.coverage(connection, name), seen + SETTLED
    )
    table = timetables.load(connection, name, rules, [job_id]).get(job_id)
    if table is not None:
        by = moved(table.current.schedules, starts)
        if by is not None:
            count = plural(by.runs, "run")
            return _Shown(name, job_id, by.schedules, f"the last {count} began {by.text} than {table.text}")
    found = _shown(connection, name, rules, job_id, now)
    if not found.schedules:
        raise MonitorError(
            f"{job_id}: its last runs show no schedule ({found.reason}); write cron or every in [[jobs]]"
        )
    return found


def _written(path: Path, text: str) -> Path:
    file = path / FILE if path.is_dir() else path
    try:
        with os.fdopen(
            os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "w", encoding="utf-8"
        ) as out:
            out.write(text)
    except FileExistsError as error:
        raise MonitorError(f"{file} is there already: name another, or move it away") from error
    except OSError as error:
        raise MonitorError(f"{file}: cannot be written: {error.strerror}") from error
    return file
