"""`simulate`: a simulated SFCC instance on loopback, for trying alerts and other clients."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click


@click.command(epilog="Example: sfcc-job-monitor simulate --scenario busy --speed 60")
@click.option(
    "--scenario", default="akeneo-night", show_default=True, help="Which world to play (--list shows them)."
)
@click.option("--list", "show", is_flag=True, help="List the scenarios.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=9986, show_default=True, help="HTTP; 0: any free one."
)
@click.option("--https-port", type=click.IntRange(0, 65535), default=None, help="The same by HTTPS.")
@click.option(
    "--ca-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write the certificate to trust.",
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
    """Serve a simulated SFCC instance: token endpoint, OCAPI jobs, WebDAV logs."""
    from monitor.cli.run import stop_event
    from monitor.simulator import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, SCENARIOS, ScaledClock, Simulator

    if show:
        for name in SCENARIOS:
            click.echo(name)
        return
    if scenario not in SCENARIOS:
        raise click.BadParameter(f"{scenario!r}: choose from {', '.join(SCENARIOS)}", param_hint="--scenario")
    stop = stop_event()
    world = SCENARIOS[scenario](ScaledClock(datetime.now(UTC), speed))
    with Simulator(world, host=host, port=port, https_port=https_port) as simulator:
        server = simulator.url
        click.echo(f"SFCC_SERVER={server}")
        click.echo(f"SFCC_ACCOUNT_MANAGER_HOST={server}")
        click.echo(f"SFCC_CLIENT_ID={DEMO_CLIENT_ID}")
        click.echo(f"SFCC_CLIENT_SECRET={DEMO_CLIENT_SECRET}")
        if simulator.https_url is not None:
            click.echo(f"# the same by HTTPS: {simulator.https_url}")
        if ca_file is not None:
            ca_file.write_bytes(simulator.ca_pem)
            click.echo(f"SFCC_CA_FILE={ca_file}")
        click.echo("serving until Ctrl-C", err=True)
        stop.wait()
