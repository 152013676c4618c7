"""`replay`: what would have been said of the history that is there, by these settings or by others."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from monitor.cli import completion
from monitor.cli.common import (
    config_option,
    existing_state_of,
    json_line,
    need_order,
    output_option,
    plural,
    settings_of,
    since_option,
    until_option,
    watched,
)
from monitor.cli.table import Column, moment_text, print_table

if TYPE_CHECKING:
    from monitor.model import Execution
    from monitor.replay import Replayed
    from monitor.replay.difference import Difference
    from monitor.replay.digest import Count
    from monitor.replay.model import Alert
    from monitor.settings import Settings

SHOWN = 50
"""Alerts of a table where no limit is given."""

LOUDEST = 10
"""Jobs that are counted one by one."""

ALERTS = (
    Column("side", leaves=1),
    Column("at (UTC)"),
    Column("over", leaves=3),
    Column("instance", leaves=2),
    Column("severity", leaves=4),
    Column("condition"),
    Column("job"),
    Column("what", prose=True),
)
COUNTS = (Column("alerts"), Column("worst"))


@click.command(epilog="Example: sfcc-job-monitor replay --since 30d --against other.toml")
@since_option
@until_option
@click.option("--instance", metavar="NAME", shell_complete=completion.instances, help="Only this instance.")
@click.option("--job", "glob", metavar="GLOB", help="Only alerts about jobs whose id matches.")
@click.option("--from", "file", type=click.File("rb"), help="Instead of the state: what `data export` wrote.")
@click.option("--against", metavar="PATH", help="Other settings: print what they would say differently.")
@click.option("--limit", type=click.IntRange(1), help=f"Show the last of them; {SHOWN} where not said.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 where there is an alert, or a difference.")
@output_option
@config_option
@click.pass_context
def replay(
    ctx: click.Context,
    since: datetime | None,
    until: datetime | None,
    instance: str | None,
    glob: str | None,
    file: BinaryIO | None,
    against: str | None,
    limit: int | None,
    output: str,
    *,
    exit_code: bool,
) -> None:
    """What would have been said of the history, by the same functions the agent uses. Times are UTC.

    Judges all that is stored (or --since), or a file, as if it had been watched from the beginning. Nothing
    is sent and nothing is written. With -o json a line for each thing that would have been said.
    """
    from monitor.replay.digest import span_text

    need_order(since, until)
    settings = [settings_of(ctx).settings]
    if against is not None:
        settings.append(_settings(against))
    with _noticed() as notice:
        if file is None:
            done = _of_state(settings, instance, since, until, notice)
        else:
            done = _of_file(settings, file, instance, since, until, notice)
    for name in done.unread:
        click.echo(f"warning: {name}: nothing was read completely, so there is nothing to judge", err=True)
    found = [[one for one in alerts if _is_wanted(one, glob)] for alerts in done.alerts]
    if done.span is None:
        click.echo("there is no history to judge", err=True)
        return
    runs = plural(done.executions, "execution")
    click.echo(f"{runs} judged", err=True)
    span = span_text(*done.span, until_now=until is None and file is None)
    if against is None:
        _print(found[0], span, since, settings[0], limit, output)
        ctx.exit(1 if exit_code and found[0] else 0)
    else:
        differs = _print_difference(found[0], found[1], span, since, settings, limit, output)
        ctx.exit(1 if exit_code and differs else 0)


def _settings(path: str) -> Settings:
    from monitor.settings import load

    return load(path, os.environ, Path.cwd()).settings


def _of_state(
    settings: list[Settings],
    instance: str | None,
    since: datetime | None,
    until: datetime | None,
    notice: Callable[[str], object],
) -> Replayed:
    from monitor.cli import known
    from monitor.history.engine import reading
    from monitor.replay import loading, of_state

    engine = existing_state_of(settings[0])
    with reading(engine) as connection:
        known.need_instance(known.instances(connection, settings[0]), instance)
        names = loading.instances(connection) if instance is None else [instance]
        return of_state(connection, settings, names, since=since, until=until, notice=notice)


def _of_file(
    settings: list[Settings],
    file: BinaryIO,
    instance: str | None,
    since: datetime | None,
    until: datetime | None,
    notice: Callable[[str], object],
) -> Replayed:
    from monitor.cli.data import said
    from monitor.cli.packed import lines_of
    from monitor.importing import Imported, readable
    from monitor.replay import of_runs

    result = Imported()
    lines = watched(lines_of(file), "line")
    runs = readable(settings[0], lines, result, default_instance=instance, now=datetime.now(UTC))
    done = of_runs(_of_instance(runs, instance), settings, since=since, until=until, notice=notice)
    for sentence in said(result):
        click.echo(f"{file.name}: {sentence}", err=True)
    return done


def _of_instance(runs: Iterable[Execution], instance: str | None) -> Iterator[Execution]:
    return (run for run in runs if instance is None or run.instance == instance)


def _is_wanted(alert: Alert, glob: str | None) -> bool:
    return glob is None or any(fnmatchcase(job_id, glob) for job_id in (*alert.jobs, alert.job_id))


@contextmanager
def _noticed() -> Iterator[Callable[[str], object]]:
    """What is being done, in one line at a terminal that is gone in the end."""
    if not sys.stderr.isatty():
        yield lambda _text: None
        return
    try:
        yield lambda text: click.echo(f"\r\x1b[K{text} …", nl=False, err=True)
    finally:
        click.echo("\r\x1b[K", nl=False, err=True)


def _print(
    alerts: list[Alert],
    span: str,
    since: datetime | None,
    settings: Settings,
    limit: int | None,
    output: str,
) -> None:
    from monitor.replay.digest import by_condition, by_day, by_job, messages, sentence
    from monitor.replay.model import document, lines_of

    if output == "json":
        for line in lines_of(alerts, since):
            click.echo(json_line(document(line)))
        return
    news = _news(alerts, since)
    _print_alerts([("", one) for one in news], limit)
    if news:
        _print_counts("condition", by_condition(news))
        _print_counts("job", by_job(news))
        days = by_day(messages(news, settings.storm_threshold))
        most = max(days.items(), key=lambda item: (item[1], item[0]))
        click.echo(f"\n{plural(len(days), 'day')} with messages, most on {most[0]}: {most[1]}")
    click.echo(sentence(news, span, settings.storm_threshold))


def _news(alerts: Iterable[Alert], since: datetime | None) -> list[Alert]:
    """What was told before that time is over at most."""
    return sorted(
        (one for one in alerts if since is None or one.at >= since), key=lambda one: (one.at, one.jobs)
    )


def _print_alerts(alerts: list[tuple[str, Alert]], limit: int | None) -> None:
    most = limit or SHOWN
    now = datetime.now(UTC)
    several = len({one.instance for _, one in alerts}) > 1
    rows = [
        (
            side,
            moment_text(one.at, now),
            moment_text(one.over_at, now),
            one.instance if several else "",
            one.severity.value,
            one.condition,
            " + ".join(one.jobs) or one.instance,
            one.summary,
        )
        for side, one in alerts[-most:]
    ]
    print_table(ALERTS, rows, empty="nothing would have been said")
    if len(alerts) > most:
        click.echo(f"{len(alerts) - most} earlier ones are not shown; more with --limit", err=True)


def _print_counts(what: str, counts: list[Count]) -> None:
    also = "jobs" if what == "condition" else "conditions"
    shown = counts if what == "condition" else counts[:LOUDEST]
    rows = [(one.what, str(one.alerts), one.worst.value, _some(one.also)) for one in shown]
    click.echo()
    print_table((Column(what), *COUNTS, Column(also, prose=True)), rows, empty="")
    if len(counts) > len(shown):
        click.echo(f"and {plural(len(counts) - len(shown), f'more {what}')}")


def _some(names: tuple[str, ...], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _print_difference(
    here: list[Alert],
    there: list[Alert],
    span: str,
    since: datetime | None,
    settings: list[Settings],
    limit: int | None,
    output: str,
) -> bool:
    from monitor.replay.difference import difference, sides
    from monitor.replay.digest import sentence
    from monitor.replay.model import document

    ours, theirs = _news(here, since), _news(there, since)
    found = difference(ours, theirs)
    if output == "json":
        for side, line in sides(difference(here, there), since):
            click.echo(json_line({"only": side, **document(line)}))
        return bool(found)
    told = [("here", one) for one in found.here] + [("there", one) for one in found.there]
    told += [(side, one) for pair in found.changed for side, one in zip(("here", "there"), pair, strict=True)]
    _print_alerts(sorted(told, key=lambda item: (item[1].at, item[1].jobs, item[0])), limit)
    if found:
        _print_both("condition", found)
        _print_both("job", found)
        click.echo()
    for side, alerts, one in (("here", ours, settings[0]), ("there", theirs, settings[1])):
        click.echo(f"{side}: {sentence(alerts, span, one.storm_threshold)}")
    changed = f"{len(found.changed)} told at another time or severity"
    click.echo(
        f"{found.same} told alike, {changed}, {len(found.here)} only here, {len(found.there)} only there"
    )
    return bool(found)


def _print_both(what: str, found: Difference) -> None:
    """How many alerts of each condition, or of each job, are told by one side only, or otherwise."""
    from monitor.replay.digest import by_condition, by_job

    count = by_condition if what == "condition" else by_job
    parts = (found.here, found.there, [pair[0] for pair in found.changed])
    numbers = [{one.what: one.alerts for one in count(alerts)} for alerts in parts]
    names = {name for some in numbers for name in some}
    worst = sorted(names, key=lambda name: (-sum(some.get(name, 0) for some in numbers), name))
    rows = [(name, *(str(some.get(name, 0)) for some in numbers)) for name in worst[:LOUDEST]]
    click.echo()
    columns = (Column(what), Column("only here"), Column("only there"), Column("changed"))
    print_table(columns, rows, empty="")
    if len(names) > len(rows):
        click.echo(f"and {plural(len(names) - len(rows), f'more {what}')}")
