"""`simulate`: a simulated SFCC instance on loopback, for trying alerts and other clients."""

from __future__ import annotations

import inspect
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.cli.addresses import need_free
from monitor.cli.signals import stop_event
from monitor.errors import MonitorError

if TYPE_CHECKING:
    from monitor.simulator import Simulator


@click.command(epilog="Example: sfcc-job-monitor simulate --scenario busy --speed 60")
@click.option(
    "--scenario", default="akeneo-night", show_default=True, help="Which world to play (--list shows them)."
)
@click.option("--list", "show", is_flag=True, help="List the scenarios.")
@click.option("--host", default="127.0.0.1", show_default=True, help="An address of this machine.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=9986, show_default=True, help="HTTP; 0: any free one."
)
@click.option("--https-port", type=click.IntRange(0, 65535), default=None, help="The same by HTTPS.")
@click.option(
    "--ca-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write the certificate to trust for HTTPS.",
)
@click.option(
    "--speed", type=click.FloatRange(min=0.001), default=1.0, show_default=True, help="1: real time."
)
def simulate(
    scenario: str,
    show: bool,
    host: str,
    port: int,
    https_port: int | None,
    ca_file: Path | None,
    speed: float,
) -> None:
    """Serve a simulated SFCC instance: token endpoint, OCAPI and SCAPI jobs, WebDAV logs.

    Prints what to set to watch it, ready to paste into a shell.
    """
    from monitor.simulator import SCENARIOS, ScaledClock, Simulator

    if show:
        for name, build in SCENARIOS.items():
            click.echo(f"{name:<14} {' '.join((inspect.getdoc(build) or '').split())}")
        return
    if scenario not in SCENARIOS:
        raise click.BadParameter(f"{scenario!r}: choose from {', '.join(SCENARIOS)}", param_hint="--scenario")
    host = host.strip("[]")
    _check(host, port, https_port, ca_file)
    stop = stop_event()
    world = SCENARIOS[scenario](ScaledClock(datetime.now(UTC), speed))
    with Simulator(world, host=host, port=port, https_port=https_port) as simulator:
        if ca_file is not None:
            _write(ca_file, simulator.ca_pem)
        for line in _introduction(simulator, https_port, ca_file):
            click.echo(line)
        click.echo("serving until Ctrl-C", err=True)
        stop.wait()


def _check(host: str, port: int, https_port: int | None, ca_file: Path | None) -> None:
    if ca_file is not None and https_port is None:
        raise MonitorError("--ca-file: there is a certificate only with --https-port")
    if https_port is not None and https_port == port != 0:
        raise MonitorError(f"--https-port: {port} is the port of HTTP already (--port)")
    need_free(host, port, of_host="--host", of_port="--port")
    if https_port is not None:
        need_free(host, https_port, of_host="--host", of_port="--https-port")


def _write(ca_file: Path, pem: bytes) -> None:
    try:
        ca_file.write_bytes(pem)
    except OSError as error:
        raise MonitorError(f"--ca-file: cannot write {ca_file}: {error.strerror}") from error


def _introduction(simulator: Simulator, https_port: int | None, ca_file: Path | None) -> list[str]:
    from monitor.simulator import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET

    lines = [
        *_servers(simulator.url),
        f"export SFCC_CLIENT_ID={shlex.quote(DEMO_CLIENT_ID)}",
        f"export SFCC_CLIENT_SECRET={shlex.quote(DEMO_CLIENT_SECRET)}",
        f"export SFCC_TENANT_ID={shlex.quote(simulator.world.tenant)}",
    ]
    if https_port is not None:
        # Without the scheme: other clients take a host there, and mean HTTPS.
        lines += ["# the same by HTTPS:", *_servers(simulator.https_url.removeprefix("https://"))]
        trust = f"SFCC_CA_FILE={shlex.quote(str(ca_file.resolve()))}" if ca_file else "SFCC_SELFSIGNED=true"
        lines.append(f"export {trust}")
        if ca_file is not None:
            lines.append(f"export NODE_EXTRA_CA_CERTS={shlex.quote(str(ca_file.resolve()))}")
    return lines


def _servers(url: str) -> list[str]:
    """A short code would send others to the real gateway; the server stands for it."""
    for everywhere in ("0.0.0.0:", "[::]:"):  # good for listening, not for calling
        scheme, found, port = url.rpartition(everywhere)
        url = f"{scheme}localhost:{port}" if found else url
    names = ("SFCC_SERVER", "SFCC_SCAPI_SERVER", "SFCC_ACCOUNT_MANAGER_HOST")
    return [f"export {name}={url}" for name in names]
