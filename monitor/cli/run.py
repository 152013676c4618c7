"""`run`: the agent, for good."""

from __future__ import annotations

import os

import click

from monitor.cli.common import config_option, need_instances, say, settings_of
from monitor.cli.signals import interruptible, leave, stop_event


@click.command(epilog="Example: SFCC_SERVER=… SFCC_CLIENT_ID=… SFCC_CLIENT_SECRET=… sfcc-job-monitor run")
@config_option
@click.pass_context
def run(ctx: click.Context) -> None:
    """Watch the instances until told to stop (SIGTERM, Ctrl-C)."""
    stop = stop_event()  # before anything that takes time: a supervisor may change its mind at once
    loaded = settings_of(ctx)
    settings = loaded.settings
    need_instances(settings)
    from monitor import logs
    from monitor.app import App
    from monitor.confidential import secrets_of

    logs.configure(settings.log_level, settings.log_format, secrets_of(settings, os.environ))
    if stop.is_set():
        return

    def started() -> App:
        app = App(settings)
        app.start()
        return app

    app = interruptible(started, stop)
    say(
        f"watching {', '.join(one.name for one in settings.instances)} by the settings of {loaded.origin}; "
        f"metrics at {app.url}/metrics; alerts to {', '.join(app.notifiers) or 'nobody (no target is set)'}"
    )
    stop.wait()
    say("stopping")
    leave(clean=app.stop())
