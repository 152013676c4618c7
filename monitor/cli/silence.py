"""`silence`: for some time nobody is told of some of what happens; it is recorded all the same."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from monitor.cli.common import (
    Length,
    config_option,
    existing_state_of,
    output_option,
    plural,
    print_json,
    settings_of,
    state_of,
)
from monitor.cli.table import Column, print_table
from monitor.errors import MonitorError

if TYPE_CHECKING:
    from alerts.routing.silences import Silence

COLUMNS = (
    Column("id"),
    Column("matches"),
    Column("from", leaves=2),
    Column("until"),
    Column("by", leaves=1),
    Column("comment", prose=True),
)


@click.group()
def silence() -> None:
    """Nobody is told, for some time; it is recorded and shown all the same.

    What still holds at the end is told then. What was told before is still said to be over.
    """


@silence.command(
    epilog='Example: sfcc-job-monitor silence add --job "3-*" --for 2h --comment "catalogue is moved"'
)
@click.option("--job", "job_id", metavar="GLOB", multiple=True, help="Jobs, by id.")
@click.option("--condition", metavar="GLOB", multiple=True, help="Conditions, such as late.")
@click.option("--severity", metavar="GLOB", multiple=True, help="Severities, such as warning.")
@click.option("--instance", metavar="GLOB", multiple=True, help="Instances, by name.")
@click.option("--group", metavar="GLOB", multiple=True, help="Groups of the settings.")
@click.option("--owner", metavar="GLOB", multiple=True, help="Owners of the settings.")
@click.option("--all", "everything", is_flag=True, help="Everything.")
@click.option("--for", "length", type=Length(), required=True, help="How long: 90s, 5m, 2h, 30d.")
@click.option("--comment", required=True, help="Why, for whoever wonders.")
@click.option("--by", "created_by", metavar="NAME", help="Who; the name of this user without it.")
@output_option
@config_option
@click.pass_context
def add(
    ctx: click.Context,
    /,
    length: timedelta,
    comment: str,
    created_by: str | None,
    output: str,
    *,
    everything: bool,
    **globs: tuple[str, ...],
) -> None:
    """From now on. Of an option given twice either value matches; different options have to match all."""
    from alerts import silence_store
    from alerts.routing.matching import Match
    from alerts.routing.silences import Silence
    from monitor.cli.known import user
    from monitor.history.trouble import state_errors
    from monitor.settings.routes import refuse_unknown

    wanted = {name: some for name, some in globs.items() if some}
    if bool(wanted) == everything:
        raise MonitorError("say what to silence (--job, --condition, …), or that it is everything (--all)")
    try:
        refuse_unknown(wanted)
    except ValueError as error:
        raise MonitorError(str(error)) from None
    settings = settings_of(ctx).settings
    now = datetime.now(UTC)
    new = Silence(uuid.uuid4().hex[:8], Match(wanted), now, now + length, comment, created_by or user())
    engine = state_of(settings)
    with state_errors(engine.url), engine.begin() as connection:
        silence_store.add(connection, new)
    if output == "json":
        print_json(_document(new, now))
    else:
        click.echo(f"{new.id}: {_matches(new)} until {_minute(new.ends_at)}")


@silence.command("list", epilog="Example: sfcc-job-monitor silence list --expired")
@click.option("--expired", is_flag=True, help="Those that are over as well.")
@output_option
@config_option
@click.pass_context
def list_(ctx: click.Context, output: str, *, expired: bool) -> None:
    """Silences that hold or are to come, and what they hold back now."""
    from alerts import silence_store, store
    from alerts.routing.matching import said_of
    from monitor.history.engine import reading
    from monitor.history.trouble import state_errors
    from monitor.routes import about

    settings = settings_of(ctx).settings
    now = datetime.now(UTC)
    engine = existing_state_of(settings)
    with state_errors(engine.url), reading(engine) as connection:
        found = silence_store.ending_after(connection, None if expired else now)
        incidents = [one for one in store.open_everywhere(connection) if one.quiet is None]
    known = about(settings)
    said = [(it, said_of(it, known(it))) for it in incidents]
    held = {one.id: [it for it, matched in said if one.hides(matched, now)] for one in found}
    if output == "json":
        print_json([{**_document(one, now), "holds_back": [i.id for i in held[one.id]]} for one in found])
        return
    rows = [
        (one.id, _matches(one), _minute(one.starts_at), _minute(one.ends_at), one.created_by, one.comment)
        for one in found
    ]
    print_table(COLUMNS, rows, empty="nothing is silenced")
    for one in {incident.id: incident for some in held.values() for incident in some}.values():
        click.echo(f"held back: {one.condition} {one.name} on {one.place}")


@silence.command(epilog="Example: sfcc-job-monitor silence expire 3f2a9c01")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@config_option
@click.pass_context
def expire(ctx: click.Context, ids: tuple[str, ...]) -> None:
    """Ends silences now: what still holds is told."""
    from alerts import silence_store
    from monitor.history.trouble import state_errors

    engine = existing_state_of(settings_of(ctx).settings)
    now = datetime.now(UTC)
    with state_errors(engine.url), engine.begin() as connection:
        known = {one.id for one in silence_store.ending_after(connection, now)}
        unknown = [one for one in ids if one not in known]
        if unknown:
            raise MonitorError(
                f"no silence of that id holds or is to come: {', '.join(unknown)}; "
                "`sfcc-job-monitor silence list` lists them"
            )
        done = silence_store.expire(connection, ids, now)
    click.echo(f"{plural(done, 'silence')} ended")


def _document(one: Silence, now: datetime) -> dict[str, Any]:
    return {
        "id": one.id,
        "match": {name: list(some) for name, some in one.match.globs.items()},
        "starts_at": one.starts_at,
        "ends_at": one.ends_at,
        "comment": one.comment,
        "created_by": one.created_by,
        "active": one.is_active(now),
    }


def _matches(one: Silence) -> str:
    return ", ".join(f"{name} {' or '.join(some)}" for name, some in one.match.globs.items()) or "everything"


def _minute(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
