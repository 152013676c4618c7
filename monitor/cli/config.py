"""`config`: are the settings right, what is in force, what may be written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from monitor.cli.common import (
    NO_INSTANCE,
    config_option,
    output_option,
    plural,
    print_json,
    settings_of,
)
from monitor.cli.config_init import init
from monitor.errors import SettingsError

if TYPE_CHECKING:
    from monitor.settings import InstanceSettings, Settings
    from monitor.settings.model import GroupSettings, JobSettings


@click.group()
def config() -> None:
    """Write, check and show the settings."""


@config.command(epilog="Example: sfcc-job-monitor --config settings.toml config check")
@config_option
@click.pass_context
def check(ctx: click.Context) -> None:
    """Say everything that is wrong with the settings, all at once; exit 1 when something is.

    Reads the files of secrets and the addresses of targets too; asks neither SFCC nor a target.
    """
    try:
        loaded = settings_of(ctx)
    except SettingsError as error:
        _say(ctx, list(error.problems))
        return
    settings = loaded.settings
    found = [f"{loaded.origin}: {problem}" for problem in _problems(settings)]
    if found:
        _say(ctx, found)
        return
    names = ", ".join(one.name for one in settings.instances)
    targets = len(settings.targets) + len(settings.apprise_urls)
    click.echo(f"ok: {loaded.origin}: instances: {names}; {plural(targets, 'target')}")
    if not targets:
        click.echo("note: nobody will be told: no target is set ([[targets]] or APPRISE_URLS)")
    for note in _without_effect(settings):
        click.echo(f"note: {note}")


@config.command(epilog="Example: sfcc-job-monitor config show -o json")
@output_option
@config_option
@click.pass_context
def show(ctx: click.Context, output: str) -> None:
    """The settings in force, defaults included, secrets hidden."""
    values = settings_of(ctx).settings.model_dump(mode="json", by_alias=True)
    if output == "json":
        print_json(values)
        return
    for name, value in _flat(values):
        if value is not None:  # a dozen for each instance and job, and they say nothing
            click.echo(f"{name} = {json.dumps(value, ensure_ascii=False)}")


@config.command(epilog="Example: sfcc-job-monitor config schema > schema.json")
def schema() -> None:
    """The JSON schema of the settings, for editors."""
    from monitor.settings import Settings

    print_json(Settings.model_json_schema())


config.add_command(init)


def _say(ctx: click.Context, problems: list[str]) -> None:
    for problem in problems:
        click.echo(problem)
    ctx.exit(1)


def _problems(settings: Settings) -> Iterator[str]:
    """What only shows when the settings are put to use."""
    from monitor.routes import routing
    from monitor.targets import names_of_targets, notifiers_for

    if not settings.instances:
        yield NO_INSTANCE
    for instance in settings.instances:
        yield from _access_problems(instance)
    for use in (lambda: notifiers_for(settings), lambda: routing(settings, names_of_targets(settings))):
        try:
            use()
        except SettingsError as error:
            yield from error.problems


def _access_problems(instance: InstanceSettings) -> Iterator[str]:
    from monitor.access import access

    try:
        granted = access(instance)
    except SettingsError as error:
        yield from error.problems
        return
    yield from (f"instance {instance.name!r}: {line}" for line in _scapi_problems(instance))
    for unread in granted.read_secrets():
        yield f"instance {instance.name!r}: {unread}"
    if instance.ca_file is not None:
        try:
            instance.ca_file.read_bytes()
        except OSError as error:
            why = f"its ca_file {instance.ca_file} cannot be read: {error.strerror}"
            yield f"instance {instance.name!r}: {why}"


def _scapi_problems(instance: InstanceSettings) -> Iterator[str]:
    """What `run` would not start with."""
    from monitor.sfcc.runs.tenant import scapi_url, tenant_of

    try:
        if instance.tenant_id:
            tenant_of(instance.tenant_id)
    except ValueError as error:
        yield f"tenant_id: {error}"
    try:
        if instance.shortcode and not instance.scapi_server:
            scapi_url(instance.shortcode, None)
    except ValueError as error:
        yield f"shortcode: {error}"


def _without_effect(settings: Settings) -> Iterator[str]:
    """What is allowed, as the rest of it may come from elsewhere, and yet looks like a slip."""
    from fnmatch import fnmatchcase

    from monitor.cli.known import among
    from monitor.settings.kinds import instance_type

    names = [one.name for one in settings.instances]
    types = {instance_type(one) for one in settings.instances}
    tables: list[tuple[str, JobSettings | GroupSettings]] = [
        *((f"jobs[{number}]", job) for number, job in enumerate(settings.jobs)),
        *((f"groups[{number}]", group) for number, group in enumerate(settings.groups)),
    ]
    for place, table in tables:
        for field, glob, known in (
            ("instance", table.instance, names),
            ("instance_type", table.instance_type, types),
        ):
            if not any(fnmatchcase(name, glob) for name in known):
                yield f"{place}.{field} = {glob!r}: matches no instance; {among(glob, known)}"
    timetables = any(job.cron or job.every for job in settings.jobs)
    for number, job in enumerate(settings.jobs):
        if (job.weekdays or job.valid_from or job.valid_until) and not timetables:
            yield f"jobs[{number}]: its days are without a timetable: give cron or every"


def _flat(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{prefix}.{key}" if prefix else key)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for index, inner in enumerate(value):
            yield from _flat(inner, f"{prefix}[{index}]")
    else:
        yield prefix, value
