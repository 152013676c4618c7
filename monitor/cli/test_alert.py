"""`test-alert`: does every target get a message, and its file?"""

from __future__ import annotations

import sys
import uuid
from datetime import UTC, datetime

import click

from monitor.cli.common import output_option, print_json, print_table, settings_of
from monitor.errors import SettingsError


@click.command(epilog="Example: APPRISE_URLS=slack://… sfcc-job-monitor test-alert")
@click.option("--target", "only", metavar="NAME", multiple=True, help="Only these targets.")
@output_option
@click.pass_context
def test_alert(ctx: click.Context, only: tuple[str, ...], output: str) -> None:
    """Send a sample alert with a small log to each target, and say honestly what became of it."""
    from alerts.model import DeliveryError
    from monitor.sample import sample_message
    from monitor.targets import notifiers_for

    settings = settings_of(ctx).settings
    notifiers = {name: one for name, one in notifiers_for(settings).items() if not only or name in only}
    if not notifiers:
        raise SettingsError(["no target is set: name [[targets]] in the settings, or set APPRISE_URLS"])
    rows = []
    for name, notifier in notifiers.items():
        message = sample_message(notifier.capabilities, uuid.uuid4().hex, datetime.now(UTC))
        try:
            notifier.send(message)
            outcome, text = (
                "sent",
                "with its file" if message.files else "without a file: this service takes none",
            )
        except DeliveryError as error:
            outcome, text = str(error.reason), str(error)
        rows.append({"target": name, "outcome": outcome, "detail": text})
    if output == "json":
        print_json(rows)
    else:
        print_table(
            ("target", "outcome", "detail"),
            [(row["target"], row["outcome"], row["detail"]) for row in rows],
            empty="no target",
        )
    sys.exit(0 if all(row["outcome"] == "sent" for row in rows) else 1)
