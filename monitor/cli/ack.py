"""`ack`: somebody has taken an incident into their hands."""

from __future__ import annotations

from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import click

from monitor.cli.common import config_option, existing_state_of, output_option, print_json, settings_of
from monitor.cli.table import Column, print_table
from monitor.errors import MonitorError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from alerts.acks import Ack
    from alerts.model import Incident

COLUMNS = (
    Column("incident"),
    Column("condition"),
    Column("severity", leaves=2),
    Column("what"),
    Column("instance", leaves=1),
    Column("acknowledged", prose=True),
)


@click.command(epilog='Example: sfcc-job-monitor ack 3f2a9c01 --comment "on it"')
@click.argument("ids", nargs=-1, metavar="[INCIDENT...]")
@click.option("--job", metavar="GLOB", help="Instead: all that is open of these jobs.")
@click.option("--instance", metavar="GLOB", help="Of these instances alone.")
@click.option("--comment", default="", help="What is being done.")
@click.option("--by", metavar="NAME", help="Who; the name of this user without it.")
@output_option
@config_option
@click.pass_context
def ack(
    ctx: click.Context,
    /,
    ids: tuple[str, ...],
    job: str | None,
    instance: str | None,
    comment: str,
    by: str | None,
    output: str,
) -> None:
    """Acknowledge incidents by the id in their alert, or its beginning; without one list what is open.

    What is acknowledged is neither repeated nor escalated. A new cause, and its end, are told as ever.
    """
    from alerts import acks, store
    from monitor.cli.known import user
    from monitor.history.trouble import state_errors

    if ids and job is not None:
        raise MonitorError("name incidents, or jobs by --job, not both")
    engine = existing_state_of(settings_of(ctx).settings)
    now = datetime.now(UTC)
    with state_errors(engine.url), engine.begin() as connection:
        every = [one for one in store.current(connection, now) if one.is_open and one.quiet is None]
        asked = [one for one in every if instance is None or fnmatchcase(one.source, instance)]
        wanted = _named(asked, ids) if ids else _of_jobs(asked, job) if job is not None else []
        for one in wanted:
            acks.save(connection, one.id, acks.Ack(now, by or user(), comment))
        shown = wanted if ids or job is not None else asked
        known = acks.of(connection, {one.id for one in shown})
    _print(shown, known, output)


def _named(incidents: Sequence[Incident], ids: Sequence[str]) -> list[Incident]:
    found = []
    for wanted in ids:
        some = [one for one in incidents if one.id.startswith(wanted)]
        if len(some) != 1:
            what = "no open incident begins" if not some else f"{len(some)} open incidents begin"
            raise MonitorError(f"{what} with {wanted!r}; `sfcc-job-monitor ack` lists those that are open")
        found.append(some[0])
    return found


def _of_jobs(incidents: Sequence[Incident], glob: str) -> list[Incident]:
    found = [one for one in incidents if fnmatchcase(one.labels.get("job_id", ""), glob)]
    if not found:
        raise MonitorError(f"nothing is open of jobs like {glob!r} (--job)")
    return found


def _print(incidents: Sequence[Incident], known: Mapping[str, Ack], output: str) -> None:
    documents = [_document(one, known.get(one.id)) for one in incidents]
    if output == "json":
        print_json(documents)
        return
    rows = [
        (
            one["id"][:8],
            one["condition"],
            one["severity"],
            one["name"],
            one["sfcc_instance"],
            f"{one['acked_at']:%Y-%m-%d %H:%M} UTC by {one['acked_by']} {one['comment']}".strip()
            if one["acked_at"]
            else "no",
        )
        for one in documents
    ]
    print_table(COLUMNS, rows, empty="nothing is open")


def _document(one: Incident, ack: Ack | None) -> dict[str, Any]:
    return {
        "id": one.id,
        "condition": one.condition,
        "severity": one.severity.value,
        "name": one.name,
        "job_id": one.labels.get("job_id", ""),
        "sfcc_instance": one.source,
        "since": one.starts_at,
        "acked_at": ack.at if ack else None,
        "acked_by": ack.by if ack else None,
        "comment": ack.comment if ack else "",
    }
