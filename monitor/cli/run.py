"""`run`: the agent, for good."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from monitor.cli.common import config_option, need_instances, say, settings_of
from monitor.cli.signals import Told, interruptible, leave, told
from monitor.errors import MonitorError

if TYPE_CHECKING:
    from monitor.app import App
    from monitor.reload import Succession
    from monitor.settings import Loaded, Settings

LOOK_SECONDS = 10.0
"""Between two looks whether files of secrets have changed."""


@click.command(epilog="Example: SFCC_SERVER=… SFCC_CLIENT_ID=… SFCC_CLIENT_SECRET=… sfcc-job-monitor run")
@config_option
@click.pass_context
def run(ctx: click.Context) -> None:
    """Watch the instances until told to stop (SIGTERM, Ctrl-C).

    SIGHUP has it read its settings again, and so does a file of secrets that changes: what is wrong leaves
    the last settings in force, and the log says what it is.
    """
    heard = told()  # before anything that takes time: a supervisor may change its mind at once
    agents = interruptible(lambda: _started(ctx), heard.stop)
    _introduce(agents)
    _watch(agents, heard)
    say("stopping")
    leave(clean=agents.agent.stop())


def _started(ctx: click.Context) -> Succession[App]:
    from monitor.reload import Succession

    agents = Succession(lambda: _loaded(ctx), Builder())
    agents.start()
    return agents


def _loaded(ctx: click.Context) -> Loaded:
    loaded = settings_of(ctx)
    need_instances(loaded.settings)
    return loaded


class Builder:
    """Makes one agent after the other, and has the log as each wants it.

    What was a secret once is masked for good: the last agent is still at work while the next one is made, and
    goes on where that one cannot be.
    """

    def __init__(self) -> None:
        self._secrets: set[str] = set()
        self._last: Settings | None = None

    def __call__(self, loaded: Loaded) -> App:
        from monitor.app import App
        from monitor.confidential import secrets_of

        self._secrets |= secrets_of(loaded.settings, os.environ)
        self._configure(loaded.settings)
        try:
            app = App(loaded.settings)
        except MonitorError:
            self._configure(self._last or loaded.settings)
            raise
        self._last = loaded.settings
        return app

    def _configure(self, settings: Settings) -> None:
        from monitor import logs

        logs.configure(settings.log_level, settings.log_format, self._secrets)


def _watch(agents: Succession[App], heard: Told) -> None:
    """Until told to stop."""
    while not heard.stop.is_set():
        heard.wait(LOOK_SECONDS)
        if heard.stop.is_set():
            return
        if heard.reload or agents.secrets_changed():
            heard.reload = False
            if interruptible(agents.reload, heard.stop):
                _introduce(agents)


def _introduce(agents: Succession[App]) -> None:
    app = agents.agent
    say(
        f"watching {', '.join(one.name for one in app.settings.instances)} by the settings of "
        f"{agents.loaded.origin}; metrics at {app.url}/metrics; "
        f"alerts to {', '.join(app.notifiers) or 'nobody (no target is set)'}"
    )
