"""`run` and `poll`: the agent for good, and one cycle of it."""

from __future__ import annotations

import os
import signal
import sys
import threading
from datetime import timedelta

import click

from monitor import logs
from monitor.app import App
from monitor.cli.common import need_instances, output_option, print_json, print_table, settings_of


@click.command(epilog="Example: SFCC_SERVER=… SFCC_CLIENT_ID=… SFCC_CLIENT_SECRET=… sfcc-job-monitor run")
@click.pass_context
def run(ctx: click.Context) -> None:
    """Watch the instances until told to stop (SIGTERM, Ctrl-C)."""
    loaded = settings_of(ctx)
    settings = loaded.settings
    need_instances(settings)
    logs.configure(settings.log_level, settings.log_format)
    stop = stop_event()
    app = App(settings)
    app.start()
    click.echo(
        f"watching {', '.join(one.name for one in settings.instances)} by the settings of {loaded.origin}; "
        f"metrics at {app.url}/metrics; alerts to {', '.join(app.notifiers) or 'nobody (no target is set)'}",
        err=True,
    )
    stop.wait()
    click.echo("stopping", err=True)
    leave(clean=app.stop())


@click.command(
    epilog="Example, every five minutes by cron: */5 * * * * sfcc-job-monitor --config /etc/sfcc.toml poll"
)
@output_option
@click.pass_context
def poll(ctx: click.Context, output: str) -> None:
    """One cycle: read every instance, judge, send what is due, and say what was found.

    Exits 1 when a job needs attention and 3 when an instance could not be read.
    """
    settings = settings_of(ctx).settings
    need_instances(settings)
    logs.configure("warning", settings.log_format)
    app = App(settings)
    results = app.poll_all()
    app.settle(timedelta(seconds=settings.group_wait.total_seconds() + settings.log_wait.total_seconds() + 5))
    found = app.open_incidents()
    if output == "json":
        print_json(
            {
                "polls": [
                    {
                        "sfcc_instance": one.instance,
                        "complete": one.complete,
                        "reason": one.reason,
                        "message": one.message,
                        "changed": one.stored,
                        "opened": one.opened,
                        "resolved": one.resolved,
                    }
                    for one in results
                ],
                "open": [
                    {
                        "id": one.id,
                        "condition": one.condition,
                        "severity": one.severity,
                        "labels": one.labels,
                        "since": one.starts_at,
                        "summary": one.summary,
                    }
                    for one in found
                ],
            }
        )
    else:
        for one in results:
            text = f"{one.stored} runs new or changed" if one.complete else f"failed: {one.message}"
            click.echo(f"{one.instance}: {text}", err=True)
        print_table(
            ("severity", "condition", "job", "instance", "summary"),
            [(one.severity, one.condition, one.name, one.place, one.summary) for one in found],
            empty="nothing is wrong",
        )
    if any(not one.complete for one in results):
        sys.exit(3)
    sys.exit(1 if found else 0)


def stop_event() -> threading.Event:
    """Set by SIGTERM and SIGINT; the handlers stay, so that a second signal does not cut the end short."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    return stop


def leave(*, clean: bool) -> None:
    """Ends the process now if threads are left: what they hold is leased, and void with the process."""
    if not clean:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
