"""`schedule import`, `schedule diff`: the jobs.xml of a site export, taken over or compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, BinaryIO

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
    state_of,
)
from monitor.cli.table import Column, print_table
from monitor.errors import MonitorError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from monitor.policy import Policy
    from monitor.schedule import Schedule, Timetable
    from monitor.schedule.jobsxml import Export
    from monitor.settings import InstanceSettings, Settings

CHUNK = 65536
AHEAD = timedelta(days=8)
"""Slots are compared for so long, and the next one: the same times can be said in many ways."""

DIFFERENCES = (
    Column("job"),
    Column("is"),
    Column("here"),
    Column("there"),
    Column("source", leaves=1),
)

instance_option = click.option(
    "--instance",
    metavar="NAME",
    shell_complete=completion.instances,
    help="The instance it was exported from; needed where the settings have several.",
)
times_option = click.option(
    "--times",
    type=click.Choice(["auto", "instance", "utc", "written"]),
    default="auto",
    show_default=True,
    help="What 02:00:00.000Z means: an instant, which comes back at what the instance's clock showed then; "
    "that time UTC all year; or what the clock shows. auto: what the known runs fit best.",
)


@click.command("import", epilog="Example: sfcc-job-monitor schedule import jobs.xml --instance production")
@click.argument("file", type=click.File("rb"))
@instance_option
@times_option
@click.option("--dry-run", is_flag=True, help="Say what would be taken, and keep nothing.")
@output_option
@config_option
@click.pass_context
def import_(
    ctx: click.Context, file: BinaryIO, instance: str | None, times: str, dry_run: bool, output: str
) -> None:
    """Take over the schedules in FILE, the jobs.xml of a site export, in place of those imported before.

    Says which were taken, which are disabled, and what was not understood (exit 1 then). What the settings
    say of a job stays before it.
    """
    from monitor import timetables
    from monitor.history.engine import reading

    settings = settings_of(ctx).settings
    one, rules = chosen(settings, instance)
    engine = state_of(settings)
    now = datetime.now(UTC)
    with reading(engine) as connection:
        export = read(connection, file, one.name, rules, times, now)
    taken = {job: current for job, some in export.schedules.items() if (current := _current(some, now))}
    if not dry_run:
        reason = f"imported {now:%Y-%m-%d %H:%M} UTC"
        with engine.begin() as connection:
            timetables.replace_imported(connection, one.name, taken, now, reason)
    over = sorted(export.schedules.keys() - taken.keys())
    if output == "json":
        print_json(_document(export, taken, over))
    else:
        _print(export, taken, over, dry_run=dry_run)
    ctx.exit(1 if export.problems else 0)


@click.command(epilog="Example: sfcc-job-monitor schedule diff jobs.xml --instance production --exit-code")
@click.argument("file", type=click.File("rb"))
@instance_option
@times_option
@click.option("--exit-code", is_flag=True, help="Exit 1 when something differs.")
@output_option
@config_option
@click.pass_context
def diff(
    ctx: click.Context, file: BinaryIO, instance: str | None, times: str, exit_code: bool, output: str
) -> None:
    """Compare FILE, the jobs.xml of a site export, with the schedules in force here."""
    from monitor import timetables
    from monitor.history.engine import reading

    settings = settings_of(ctx).settings
    one, rules = chosen(settings, instance)
    now = datetime.now(UTC)
    with reading(existing_state_of(settings)) as connection:
        export = read(connection, file, one.name, rules, times, now)
        here = timetables.load(connection, one.name, rules)
    for problem in export.problems:
        say(f"not understood: {problem}")
    found = [*differences(here, export, now)]
    if output == "json":
        print_json([row.document() for row in found])
    else:
        shown = [row.cells() for row in found if row.state != "same"]
        same = len(found) - len(shown)
        print_table(DIFFERENCES, shown, empty=f"{plural(same, 'schedule')}, all the same")
    if exit_code and any(row.state != "same" for row in found):
        ctx.exit(1)


def chosen(settings: Settings, name: str | None) -> tuple[InstanceSettings, Policy]:
    """The instance that is named, or the only one."""
    from monitor.settings.policies import policy

    need_instances(settings)
    names = [one.name for one in settings.instances]
    if name is None and len(names) > 1:
        raise MonitorError(f"name the instance (--instance): there are {', '.join(names)}")
    for one in settings.instances:
        if name in {None, one.name}:
            return one, policy(settings, one)
    raise MonitorError(f"there is no instance {name!r} (--instance) in the settings: {', '.join(names)}")


def read(
    connection: Connection, file: BinaryIO, name: str, rules: Policy, times: str, now: datetime
) -> Export:
    from monitor.schedule.jobsxml import JobsXmlError, Times, parse

    content = (
        [*iter(lambda: file.read(CHUNK), b"")] if times == "auto" else iter(lambda: file.read(CHUNK), b"")
    )
    try:
        if times != "auto":
            return parse(content, rules.timezone, Times(times))
        found = {one: parse(content, rules.timezone, one) for one in Times}
    except JobsXmlError as error:
        raise MonitorError(f"{file.name}: {error}") from error
    first = found[Times.INSTANCE]
    if all(one.schedules == first.schedules for one in found.values()):
        return first
    fitting = {one: _fitting(connection, export, name, rules, now) for one, export in found.items()}
    best = max(found, key=lambda one: fitting[one])
    say(f"times are taken as --times {best.value}: so the runs of {plural(fitting[best], 'job')} fit them")
    return found[best]


def _fitting(connection: Connection, export: Export, name: str, rules: Policy, now: datetime) -> int:
    from monitor import timetables
    from monitor.history import cursor as cursors
    from monitor.schedule.learn import fits

    coverage = cursors.coverage(connection, name)
    count = 0
    for job_id, some in export.schedules.items():
        starts = timetables.starts_at(connection, name, job_id, rules, coverage, now)
        count += bool(starts) and fits(some, starts)
    return count


def _current(some: Sequence[Schedule], now: datetime) -> tuple[Schedule, ...]:
    """Without those that are over."""
    return tuple(one for one in some if one.next_slot(now) is not None)


@dataclass(frozen=True, slots=True)
class Difference:
    job_id: str
    state: str  # same, different, only here, only there
    here: str
    there: str
    source: str

    def cells(self) -> tuple[str, ...]:
        return self.job_id, self.state, self.here, self.there, self.source

    def document(self) -> dict[str, str]:
        return {
            "job_id": self.job_id,
            "state": self.state.replace(" ", "_"),
            "here": self.here,
            "there": self.there,
            "source": self.source,
        }


def differences(here: Mapping[str, Timetable], export: Export, now: datetime) -> Iterator[Difference]:
    """By job; those that have no schedule in either are left out."""
    from monitor.schedule import NO_TIMETABLE, Revision, Source, Timetable

    for job_id in sorted({*here, *export.schedules}):
        ours = here.get(job_id, NO_TIMETABLE)
        some = _current(export.schedules.get(job_id, ()), now)
        theirs = Timetable(Source.IMPORTED, (Revision(some),)) if some else NO_TIMETABLE
        has_ours = ours.next_slot(now) is not None
        if not has_ours and not some:
            continue
        if not has_ours or not some:
            state = "only here" if has_ours else "only there"
        else:
            state = "same" if _slots(ours, now) == _slots(theirs, now) else "different"
        there = theirs.text or ("disabled" if job_id in export.disabled else "")
        yield Difference(job_id, state, ours.text, there, ours.source.value)


def _slots(table: Timetable, now: datetime) -> list[datetime | None]:
    return [*(slot.at for slot in table.slots(now, now + AHEAD)), table.next_slot(now + AHEAD)]


def _print(
    export: Export, taken: Mapping[str, Sequence[Schedule]], over: Sequence[str], *, dry_run: bool
) -> None:
    rows = [
        (job, "; ".join(one.text for one in some), some[0].timezone) for job, some in sorted(taken.items())
    ]
    columns = (Column("job"), Column("schedule"), Column("zone"))
    print_table(columns, rows, empty="no schedule is switched on there")
    for problem in export.problems:
        say(f"not understood: {problem}")
    for word, jobs in (("disabled", export.disabled), ("over", over)):
        if jobs:
            say(f"{word}: {', '.join(jobs)}")
    would = "would be" if dry_run else "were" if len(taken) != 1 else "was"
    say(f"{plural(len(taken), 'schedule')} of {plural(len(export.jobs), 'job')} {would} taken")


def _document(
    export: Export, taken: Mapping[str, Sequence[Schedule]], over: Sequence[str]
) -> dict[str, object]:
    from monitor.schedule.codec import encode

    return {
        "taken": {job: [encode(one) for one in some] for job, some in sorted(taken.items())},
        "disabled": export.disabled,
        "over": over,
        "not_understood": [
            {"job_id": one.job_id, "element": one.element, "text": one.text} for one in export.problems
        ],
    }
