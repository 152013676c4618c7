"""`outbox`: messages on their way, and those that were given up."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from monitor.cli.common import (
    config_option,
    existing_state_of,
    output_option,
    plural,
    print_json,
    settings_of,
)
from monitor.cli.table import Column, print_table
from monitor.errors import MonitorError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from sqlalchemy import Connection

    from alerts.outbox import Row

STATES = ("pending", "leased", "dead", "sent", "merged")
COLUMNS = (
    Column("id"),
    Column("target"),
    Column("state"),
    Column("what", leaves=1),
    Column("since", leaves=2),
    Column("tries", leaves=3),
    Column("last error", prose=True),
)

ids_argument = click.argument("ids", nargs=-1, type=int, metavar="[ID...]")
target_option = click.option("--target", metavar="NAME", help="Only messages for this target.")


@click.group()
def outbox() -> None:
    """Messages that targets have not taken: on their way, or given up (dead)."""


@outbox.command("list", epilog="Example: sfcc-job-monitor outbox list --state dead")
@click.option(
    "--state",
    "states",
    type=click.Choice(STATES),
    multiple=True,
    help="In these states; without it all but those that were sent.",
)
@target_option
@click.option("-n", "--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@click.option("--exit-code", is_flag=True, help="Exit with 1 where a message was given up.")
@output_option
@config_option
@click.pass_context
def list_(
    ctx: click.Context,
    states: tuple[str, ...],
    target: str | None,
    limit: int,
    output: str,
    *,
    exit_code: bool,
) -> None:
    """The newest first."""
    from alerts import outbox as rows
    from monitor.history.engine import reading
    from monitor.history.trouble import state_errors

    engine = existing_state_of(settings_of(ctx).settings)
    wanted = [rows.RowState(one) for one in states or STATES[:3]]
    with state_errors(engine.url), reading(engine) as connection:
        found = rows.listing(connection, wanted, target, limit)
        documents = [_document(connection, row) for row in found]
    if output == "json":
        print_json(documents)
    else:
        print_table(
            COLUMNS,
            [
                (
                    str(one["id"]),
                    one["target"],
                    one["state"],
                    one["what"],
                    f"{one['created_at']:%Y-%m-%d %H:%M}",
                    str(one["attempts"]),
                    one["last_error"] or "",
                )
                for one in documents
            ],
            empty="nothing waits, and nothing was given up" if not states else "no such message",
        )
    sys.exit(1 if exit_code and any(one["state"] == "dead" for one in documents) else 0)


@outbox.command(epilog="Example: sfcc-job-monitor outbox retry --all --target ops")
@ids_argument
@click.option("--all", "everything", is_flag=True, help="Every message that was given up.")
@target_option
@config_option
@click.pass_context
def retry(ctx: click.Context, ids: tuple[int, ...], target: str | None, *, everything: bool) -> None:
    """Send it again, now: what was given up, or waits for its next try."""
    from alerts import outbox as rows

    done = _change(ctx, ids, target, rows.retry_now, "dead", everything=everything)
    click.echo(f"{plural(done, 'message')} due now; a running agent sends them")


@outbox.command(epilog="Example: sfcc-job-monitor outbox drop 4711")
@ids_argument
@click.option("--all", "everything", is_flag=True, help="Every message that waits.")
@target_option
@config_option
@click.pass_context
def drop(ctx: click.Context, ids: tuple[int, ...], target: str | None, *, everything: bool) -> None:
    """Do not send it any more. It stays in the list, and `retry` takes it back."""
    from alerts import outbox as rows

    done = _change(ctx, ids, target, rows.drop, "pending", everything=everything)
    click.echo(f"{plural(done, 'message')} dropped")


def _change(
    ctx: click.Context,
    ids: Collection[int],
    target: str | None,
    change: Callable[[Connection, Collection[int], datetime], int],
    state: str,
    *,
    everything: bool,
) -> int:
    from alerts import outbox as rows
    from monitor.history.trouble import state_errors

    if bool(ids) == everything:
        raise MonitorError("name messages by their ids, or say --all; `outbox list` lists them")
    if target is not None and not everything:
        raise MonitorError("--target goes with --all: an id says its target")
    engine = existing_state_of(settings_of(ctx).settings)
    with state_errors(engine.url), engine.begin() as connection:
        if everything:
            found = rows.listing(connection, [rows.RowState(state)], target, limit=sys.maxsize)
            return change(connection, [row.id for row in found], datetime.now(UTC))
        done = 0
        for one in ids:
            if not change(connection, [one], datetime.now(UTC)):
                raise MonitorError(
                    f"of message {one} that cannot be said now, and nothing was changed: "
                    "`outbox list` shows what there is, and its state"
                )
            done += 1
        return done


def _document(connection: Connection, row: Row) -> dict[str, Any]:
    return {
        "id": row.id,
        "notification_id": row.notification_id,
        "target": row.target,
        "state": row.state.value,
        "kind": row.kind.value,
        "what": _what(connection, row),
        "created_at": row.created_at,
        "next_attempt_at": row.next_attempt_at if row.state.value == "pending" else None,
        "finished_at": row.finished_at,
        "attempts": row.attempts,
        "file_refused": row.file_refused,
        "last_error": row.last_error,
    }


def _what(connection: Connection, row: Row) -> str:
    """Its first incident; of a message that cannot be read only what kind it was."""
    from alerts import outbox as rows

    try:
        told = rows.notification(connection, row.notification_id)
    except (KeyError, TypeError, ValueError):
        return f"unreadable ({row.kind.value})"
    first, more = told.incidents[0], len(told.incidents) - 1
    word = first.condition if first.is_open else f"over: {first.condition}"
    return f"{word} {first.name} on {first.place}{f' and {more} more' if more else ''}"
