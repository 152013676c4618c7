"""`config`: are the settings right, what is in force, what may be written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click

from monitor.cli.common import output_option, print_json, settings_of
from monitor.errors import SettingsError


@click.group()
def config() -> None:
    """Check and show the settings."""


@config.command(epilog="Example: sfcc-job-monitor --config settings.toml config check")
@click.pass_context
def check(ctx: click.Context) -> None:
    """Say everything that is wrong with the settings, all at once; exit 1 when something is."""
    try:
        loaded = settings_of(ctx)
    except SettingsError as error:
        for problem in error.problems:
            click.echo(problem)
        ctx.exit(1)
    settings = loaded.settings
    names = ", ".join(one.name for one in settings.instances) or "none"
    targets = len(settings.targets) + len(settings.apprise_urls)
    click.echo(f"ok: {loaded.origin}: instances: {names}; {targets} targets")


@config.command(epilog="Example: sfcc-job-monitor config show -o json")
@output_option
@click.pass_context
def show(ctx: click.Context, output: str) -> None:
    """The settings in force, defaults included, secrets hidden."""
    values = settings_of(ctx).settings.model_dump(mode="json")
    if output == "json":
        print_json(values)
        return
    for name, value in _flat(values):
        click.echo(f"{name} = {json.dumps(value, ensure_ascii=False)}")


@config.command(epilog="Example: sfcc-job-monitor config schema > schema.json")
def schema() -> None:
    """The JSON schema of the settings, for editors."""
    from monitor.settings import Settings

    print_json(Settings.model_json_schema())


def _flat(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{prefix}.{key}" if prefix else key)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for index, inner in enumerate(value):
            yield from _flat(inner, f"{prefix}[{index}]")
    else:
        yield prefix, value
