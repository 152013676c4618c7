"""`routes`: who would be told of what, by the settings alone."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from monitor.cli.common import config_option, output_option, print_json, settings_of
from monitor.cli.table import Column, print_table
from monitor.errors import MonitorError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alerts.model import Incident
    from alerts.routing import RoutingPolicy
    from alerts.routing.model import Offer
    from monitor.settings import Settings

OFFERS = (Column("route"), Column("takes it"), Column("targets"), Column("why", prose=True))
MATRIX = (Column("instance"), Column("targets", prose=True))


@click.group()
def routes() -> None:
    """Who would be told of what."""


@routes.command(epilog='Example: sfcc-job-monitor routes test --job "3-1-1 Import" --condition failed')
@click.option(
    "--job", metavar="JOB", default="", help="The job it is about; none for what is of an instance."
)
@click.option("--condition", metavar="NAME", default="failed", show_default=True, help="What is told.")
@click.option(
    "--severity",
    type=click.Choice(["info", "warning", "critical"]),
    default="critical",
    show_default=True,
    help="How bad it is.",
)
@click.option("--instance", metavar="NAME", help="Where; of several instances one has to be named.")
@click.option("--matrix", is_flag=True, help="Instead: which instance can reach which target.")
@output_option
@config_option
@click.pass_context
def test(
    ctx: click.Context,
    job: str,
    condition: str,
    severity: str,
    instance: str | None,
    output: str,
    *,
    matrix: bool,
) -> None:
    """Where an alert would go, and why not elsewhere. Sends nothing.

    Exits with 1 where nobody would be told.
    """
    from monitor.routes import reach, routing
    from monitor.targets import names_of_targets

    settings = settings_of(ctx).settings
    policy = routing(settings, names_of_targets(settings))
    if matrix:
        _print_matrix(reach(settings, policy.routes), output)
        return
    incident = _incident(_instance(settings, instance), job, condition, severity)
    found = [*policy.offers(incident)]
    _print_offers([_row(one) for one in found], incident, policy, output)
    sys.exit(0 if any(one.takes and one.route.targets for one in found) else 1)


def _instance(settings: Settings, named: str | None) -> str:
    names = [one.name for one in settings.instances]
    known = ", ".join(names) or "none"
    if named is not None and named not in names:
        raise MonitorError(f"there is no instance {named!r} (--instance); known are {known}")
    if named is None and len(names) > 1:
        raise MonitorError(f"several instances are set ({known}): choose with --instance")
    return named or next(iter(names), "")


def _incident(instance: str, job: str, condition: str, severity: str) -> Incident:
    from alerts.model import Incident, Severity
    from monitor.settings.thresholds import CONDITION_NAMES

    if condition not in CONDITION_NAMES:
        known = ", ".join(CONDITION_NAMES)
        raise MonitorError(f"there is no condition {condition!r} (--condition); known are {known}")
    labels = {"sfcc_instance": instance, **({"job_id": job} if job else {})}
    now = datetime.now(UTC)
    about = (instance, condition, labels, Severity(severity), job, instance)
    return Incident("", "", *about, "", (), {}, (), 1, now, now)


def _print_offers(rows: list[dict[str, Any]], incident: Incident, policy: RoutingPolicy, output: str) -> None:
    if output == "json":
        known = {name: list(values) for name, values in policy.about(incident).items()}
        print_json({"known": known, "routes": rows})
        return
    shown = [
        (one["route"], "yes" if one["takes"] else "no", ", ".join(one["targets"]), one["why"]) for one in rows
    ]
    print_table(OFFERS, shown, empty="no route")
    told = dict.fromkeys(target for one in rows if one["takes"] for target in one["targets"])
    click.echo(f"\ntold: {', '.join(told) or 'nobody'}")


def _row(one: Offer) -> dict[str, Any]:
    from monitor.settings.duration import format_duration

    route, globs = one.route, one.route.match.globs
    if not one.asked:
        why = "a route above took it, and does not continue"
    elif one.misses:
        why = f"{' and '.join(one.misses)} {'does' if len(one.misses) == 1 else 'do'} not match"
    else:
        why = ", ".join(f"{name} matches {' or '.join(some)}" for name, some in globs.items())
        why = why or "it takes all that comes to it"
        why += "" if route.targets else "; it has no targets: nobody is told"
        if route.escalation:
            why += f"; without an acknowledgement {', '.join(route.escalation.targets)} after "
            why += format_duration(route.escalation.after)
    return {"route": route.name, "takes": one.takes, "targets": list(route.targets), "why": why}


def _print_matrix(found: Mapping[str, tuple[str, ...]], output: str) -> None:
    if output == "json":
        print_json({name: list(targets) for name, targets in found.items()})
        return
    rows = [(name, ", ".join(targets) or "none") for name, targets in found.items()]
    print_table(MATRIX, rows, empty="no instance is set")
