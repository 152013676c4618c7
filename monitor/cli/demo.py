"""`demo`: a simulated night of imports at sixty times its speed, and the agent watching it."""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from alerts.model import Capabilities, Message
from monitor.cli.addresses import need_free
from monitor.cli.signals import leave, stop_event
from monitor.errors import MonitorError

if TYPE_CHECKING:
    from monitor.app import App
    from monitor.settings import Settings
    from monitor.settings.model import JobSettings
    from monitor.simulator import JobSpec

SPEED = 60.0
TICK = 6.0
"""Seconds of the demo's time between turns of the loops: a tenth of a real one."""


class ConsoleNotifier:
    """Prints a message as chat would show it, its file by name, size and telling lines."""

    name = "console"
    capabilities = Capabilities()

    def send(self, message: Message) -> None:
        colour = (
            "green"
            if message.resolved
            else {"critical": "red", "warning": "yellow"}.get(message.severity, "cyan")
        )
        click.echo()
        click.secho(f"┃ {message.title}", fg=colour, bold=True)
        for line in message.body.splitlines():
            click.echo(f"{click.style('┃', fg=colour)} {line}")
        for file in message.files:
            click.echo(f"{click.style('┃', fg=colour)} 📎 {file.name} ({len(file.content):,} bytes)")


@click.command(epilog="Example: sfcc-job-monitor demo --seconds 40")
@click.option(
    "--seconds", type=click.FloatRange(min=1), help="End after that many seconds, with exit code 0."
)
@click.option("--listen", default="127.0.0.1:9985", show_default=True, help="Where the metrics are served.")
def demo(seconds: float | None, listen: str) -> None:
    """A night of Akeneo imports on a simulated instance, sixty times as fast, and the agent watching it."""
    _check(listen)
    stop = stop_event()
    from monitor import logs
    from monitor.app import App
    from monitor.clock import ScaledClock
    from monitor.simulator import SCENARIOS, Simulator
    from monitor.simulator import ScaledClock as WorldClock

    logs.configure("error", "text")
    start = datetime.now(UTC).replace(hour=1, minute=58, second=0, microsecond=0)
    click.echo("preparing a simulated instance with five days of history …", err=True)
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sfcc-job-monitor-demo-")))
        world = SCENARIOS["akeneo-night"](WorldClock(start, SPEED))
        simulator = stack.enter_context(Simulator(world))
        settings = _settings(
            simulator.url, f"sqlite:///{directory / 'state.sqlite'}", listen, schedules(world.jobs())
        )
        app = App(
            settings, clock=ScaledClock(start, SPEED), notifiers={"console": ConsoleNotifier()}, tick=TICK
        )
        app.start()
        _introduce(app, simulator.url)
        _wait(stop, seconds)
        clean = app.stop()
        click.echo("\nthe demo is over; `sfcc-job-monitor --help` shows the rest", err=True)
    leave(clean=clean)


def _check(listen: str) -> None:
    from pydantic import TypeAdapter, ValidationError

    from monitor.settings.values import Listen

    try:
        TypeAdapter(Listen).validate_python(listen)
    except ValidationError as error:
        raise MonitorError(f"--listen: {listen!r}: write HOST:PORT, such as 127.0.0.1:9985") from error
    host, _, port = listen.rpartition(":")
    need_free(host.strip("[]"), int(port), of_host="--listen", of_port="--listen")


def schedules(jobs: Sequence[JobSpec]) -> list[JobSettings]:
    """As a person would configure what the simulated instance runs."""
    from monitor.settings.model import JobSettings

    midnight = datetime.min.replace(tzinfo=UTC)  # both schedules of the simulator and this demo are in UTC
    return [
        JobSettings(
            match=job.job_id,
            cron=job.cron,
            every=job.every,
            at=None if job.every is None else (midnight + job.offset).time(),
        )
        for job in jobs
        if job.cron is not None or job.every is not None
    ]


def _settings(server: str, state: str, listen: str, jobs: list[JobSettings]) -> Settings:
    from pydantic import SecretStr

    from monitor.settings import InstanceSettings, Settings
    from monitor.simulator import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET

    instance = InstanceSettings(
        name="demo",
        server=server,
        account_manager_host=server,
        client_id=DEMO_CLIENT_ID,
        client_secret=SecretStr(DEMO_CLIENT_SECRET),
        type="production",
    )
    return Settings(
        instances=[instance],
        jobs=jobs,
        state=state,
        listen=listen,
        group_wait=timedelta(seconds=10),
        group_interval=timedelta(minutes=1),
    )


def _introduce(app: App, server: str) -> None:
    click.echo(
        f"""
A night of imports, sixty times as fast: one second is a minute. It is 01:58 on the instance.
Around 02:12 an import fails; around 02:30 a full import starts while a differential one still runs.

  instance (simulated)  {server}
  metrics               {app.url}/metrics
  health                {app.url}/healthz  {app.url}/readyz

Alerts, as they would arrive in chat (Ctrl-C ends the demo):"""
    )


def _wait(stop: threading.Event, seconds: float | None) -> None:
    stop.wait(seconds)
