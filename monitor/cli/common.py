"""What commands share: settings, the state, moments, JSON. Imports nothing heavy before it is needed."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from monitor.errors import MonitorError, SettingsError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from monitor.settings import Loaded, Settings

Item = TypeVar("Item")

NO_INSTANCE = (
    "no SFCC instance is given: set SFCC_SERVER, SFCC_CLIENT_ID and SFCC_CLIENT_SECRET, "
    "or name [[instances]] in a settings file; `sfcc-job-monitor demo` needs neither"
)


def _take_config(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.find_root().obj = value


output_option = click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "json"]),
    default="table",
    help="For people, or for programs.",
)
config_option = click.option(
    "--config",
    metavar="PATH",
    expose_value=False,
    callback=_take_config,
    help="Settings, where not named before the command.",
)


def settings_of(ctx: click.Context) -> Loaded:
    """The settings the command line names; warnings go to stderr."""
    from monitor.settings import load

    loaded = load(ctx.find_root().obj, os.environ, Path.cwd())
    for warning in loaded.warnings:
        say(f"warning: {warning}")
    return loaded


def say(text: str) -> None:
    """On stderr, as far as it takes it: a full disk behind it, or a reader that went, ends no command."""
    with contextlib.suppress(OSError):
        click.echo(text, err=True)


def state_of(settings: Settings) -> Engine:
    """The prepared state, made where there is none; raises StateError."""
    from monitor.history.engine import open_state, prepare

    engine = open_state(settings.state)
    prepare(engine)
    return engine


def existing_state_of(settings: Settings) -> Engine:
    """For commands that only read: a state that nobody has filled tells nothing, and is not made."""
    file = _sqlite_file(settings.state)
    if file is not None and _is_missing(file):
        raise MonitorError(
            f"there is no state at {file}; has `run` or `poll` been started with these settings?"
        )
    return state_of(settings)


def need_instances(settings: Settings) -> None:
    if not settings.instances:
        raise SettingsError([NO_INSTANCE])


class Moment(click.ParamType[datetime]):
    """A point in time: a duration back from now (`2h`), a date, or an instant; UTC without a zone."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        from monitor.settings.duration import parse_duration

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
                f"{value!r} is no duration (90s, 5m, 2h, 30d), date (2026-11-23) "
                "or instant (2026-11-23T02:00Z)",
                param,
                ctx,
            )
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class Length(click.ParamType[timedelta]):
    """How long: a duration."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        from monitor.settings.duration import parse_duration

        try:
            length = parse_duration(value)
        except ValueError as error:
            self.fail(f"{value!r}: {error}", param, ctx)
        if wrong := self.trouble(length):
            self.fail(f"{value!r}: {wrong}", param, ctx)
        return length

    def trouble(self, length: timedelta) -> str:
        """Why one that can be read will not do; empty where it does."""
        return "" if length > timedelta() else "must be longer than 0s"


since_option = click.option(
    "--since",
    type=Moment(),
    help="A duration back from now, in s, m, h or d (90s, 5m, 2h, 30d), a date or an instant; "
    "both are UTC where they name no zone.",
)
until_option = click.option("--until", type=Moment(), help="The same.")


def need_order(since: datetime | None, until: datetime | None) -> None:
    if since is not None and until is not None and since > until:
        raise MonitorError(
            f"--since ({_to_the_second(since)}) is after --until ({_to_the_second(until)}): "
            "nothing can lie between them"
        )


def _to_the_second(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def print_json(value: Any) -> None:
    """Instants end in Z, whoever wrote them."""
    text = json.dumps(_plain(value), ensure_ascii=False, indent=2 if sys.stdout.isatty() else None)
    click.echo(text)


def print_json_list(values: Iterable[Any]) -> None:
    """As `print_json` of a list of them, each as it comes."""
    indent = 2 if sys.stdout.isatty() else None
    before = "["
    for value in values:
        click.echo(f"{before}{json.dumps(_plain(value), ensure_ascii=False, indent=indent)}", nl=False)
        before = ",\n"
    click.echo("]" if before != "[" else "[]")


def json_line(value: Any) -> str:
    """For JSON lines."""
    return json.dumps(_plain(value), ensure_ascii=False)


def instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def seconds(duration: timedelta | None) -> float | None:
    return None if duration is None else duration.total_seconds()


def plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def watched(
    items: Iterable[Item], noun: str, monotonic: Callable[[], float] = time.monotonic
) -> Iterator[Item]:
    """The same; how many there were so far is said at a terminal, once it takes more than a second."""
    begun = monotonic()
    said = False
    for count, item in enumerate(items, start=1):
        yield item
        if count % 1000 == 0 and sys.stderr.isatty() and monotonic() - begun > 1:
            click.echo(f"\r{plural(count, noun)} …", nl=False, err=True)
            said = True
    if said:
        click.echo("\r\x1b[K", nl=False, err=True)


_UTC_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?\+00:00")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return _leaf(value)


def _leaf(value: Any) -> Any:
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    is_instant = isinstance(value, str) and _UTC_INSTANT.fullmatch(value)
    return value.replace("+00:00", "Z") if is_instant else value


def _sqlite_file(state: str) -> Path | None:
    """None for a state that is no plain file."""
    from sqlalchemy import make_url

    url = make_url(state)
    plain = url.get_backend_name() == "sqlite" and url.database and not url.database.startswith("file:")
    return Path(url.database) if plain and url.database else None


def _is_missing(file: Path) -> bool:
    try:
        file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:  # there may be one: opening it says what is in the way
        return False
    return False
