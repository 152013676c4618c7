"""What commands share: settings, the state, output as a table for people or JSON for programs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import click
from sqlalchemy import Engine

from monitor.errors import SettingsError
from monitor.settings import Loaded, Settings, load
from monitor.settings.duration import parse_duration

Command = TypeVar("Command", bound=Callable[..., Any])

output_option = click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "json"]),
    default="table",
    help="For people, or for programs.",
)


def settings_of(ctx: click.Context) -> Loaded:
    """The settings the command line names; warnings go to stderr."""
    loaded = load(ctx.find_root().obj, os.environ, Path.cwd())
    for warning in loaded.warnings:
        click.echo(f"warning: {warning}", err=True)
    return loaded


def state_of(settings: Settings) -> Engine:
    """The prepared state; raises StateError."""
    from monitor.history.engine import open_state, prepare

    engine = open_state(settings.state)
    prepare(engine)
    return engine


def need_instances(settings: Settings) -> None:
    if not settings.instances:
        problem = (
            "no SFCC instance is given: set SFCC_SERVER, SFCC_CLIENT_ID and SFCC_CLIENT_SECRET, "
            "or name [[instances]] in a settings file; `sfcc-job-monitor demo` needs neither"
        )
        raise SettingsError([problem])


class Moment(click.ParamType[datetime]):
    """A point in time: a duration back from now (`2h`), a date, or an instant; UTC without a zone."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return datetime.now(UTC) - parse_duration(value)
        except ValueError:
            pass
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(
                f"{value!r} is no duration (2h), date (2026-11-23) or instant (2026-11-23T02:00Z)", param, ctx
            )
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, default=_plain, indent=None if _piped() else 2))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, empty: str) -> None:
    """Aligned columns; one line to stderr where there is nothing to show."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    count = 0
    for row in rows:
        table.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
        count += 1
    if count == 0:
        click.echo(empty, err=True)
        return
    Console(width=None if sys.stdout.isatty() else 200, highlight=False).print(table)


def moment_text(at: datetime | None) -> str:
    return "" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def duration_text(duration: timedelta | None) -> str:
    if duration is None:
        return ""
    seconds = int(duration.total_seconds())
    hours, minutes, seconds = seconds // 3600, seconds // 60 % 60, seconds % 60
    return f"{hours}:{minutes:02}:{seconds:02}"


_STYLES: Mapping[str, str] = {
    "failed": "red",
    "aborted": "red",
    "critical": "red",
    "degraded": "yellow",
    "warning": "yellow",
    "active": "cyan",
    "ok": "green",
}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"cannot be written as JSON: {type(value).__name__}")


def _piped() -> bool:
    return not sys.stdout.isatty()
