"""`test-alert`: does every target get a message, and its file?"""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import click

from monitor.cli.common import config_option, output_option, print_json, settings_of
from monitor.cli.table import Column, print_table
from monitor.errors import MonitorError, SettingsError

COLUMNS = (Column("target"), Column("outcome"), Column("detail", prose=True))


@click.command(epilog="Example: APPRISE_URLS=slack://… sfcc-job-monitor test-alert")
@click.option("--target", "only", metavar="NAME", multiple=True, help="Only these targets.")
@output_option
@config_option
@click.pass_context
def test_alert(ctx: click.Context, only: tuple[str, ...], output: str) -> None:
    """Send a sample alert with a small log to each target, and say honestly what became of it."""
    from alerts.model import DeliveryError
    from monitor.cli.known import among
    from monitor.sample import send_sample
    from monitor.targets import notifiers_for

    settings = settings_of(ctx).settings
    notifiers = notifiers_for(settings)
    if not notifiers:
        raise SettingsError(["no target is set: name [[targets]] in the settings, or set APPRISE_URLS"])
    for name in only:
        if name not in notifiers:
            raise MonitorError(f"there is no target {name!r} (--target); {among(name, notifiers)}")
    rows = []
    for name, notifier in notifiers.items():
        if only and name not in only:
            continue
        try:
            outcome, text = "sent", send_sample(notifier, datetime.now(UTC))
        except DeliveryError as error:
            outcome, text = str(error.reason), str(error)
        rows.append({"target": name, "outcome": outcome, "detail": text})
    if output == "json":
        print_json(rows)
    else:
        print_table(
            COLUMNS,
            [(row["target"], row["outcome"], row["detail"]) for row in rows],
            empty="no target",
        )
    sys.exit(0 if all(row["outcome"] == "sent" for row in rows) else 1)
