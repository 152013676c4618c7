"""The command line. This file imports nothing heavy: each command's module is imported when it is called."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from monitor import __version__
from monitor.errors import MonitorError, SettingsError, SfccError

COMMANDS = {
    "run": ("monitor.cli.run", "run", "Watch the instances until told to stop."),
    "poll": ("monitor.cli.run", "poll", "One cycle: read, judge, alert; for cron and for trying out."),
    "jobs": ("monitor.cli.jobs", "jobs", "The last state of every job, what needs a person first."),
    "history": ("monitor.cli.jobs", "history", "Runs of the past, newest first."),
    "log": ("monitor.cli.log", "log", "The log of a run."),
    "explain": ("monitor.cli.explain", "explain", "What is decided about a job, and why."),
    "test-alert": ("monitor.cli.test_alert", "test_alert", "Send a sample alert with a log to each target."),
    "data": ("monitor.cli.data", "data", "Export and import the history."),
    "config": ("monitor.cli.config", "config", "Check and show the settings."),
    "simulate": ("monitor.cli.simulate", "simulate", "Serve a simulated SFCC instance."),
    "demo": ("monitor.cli.demo", "demo", "A simulated night of imports, and the agent watching it."),
}
"""Command -> module, function, and the line of the overview, so that `--help` imports none of them."""

EXIT_NOT_WELL = 1
EXIT_USAGE = 2
EXIT_SFCC = 3


class Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, function, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), function)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in COMMANDS.items()])


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Try it without an account: sfcc-job-monitor demo",
)
@click.option("--config", metavar="PATH", help="Settings: a TOML file, or a directory of them.")
@click.version_option(__version__, prog_name="sfcc-job-monitor")
@click.pass_context
def cli(ctx: click.Context, config: str | None) -> None:
    """Watches the jobs of Salesforce B2C Commerce instances.

    Results go to stdout, everything else to stderr. Exit codes: 0 done, 1 what was checked is not
    well, 2 wrong usage or settings, 3 SFCC out of reach.
    """
    ctx.obj = config


def main(args: list[str] | None = None) -> Any:
    """The console script: errors meant for people are one line each, never a traceback."""
    try:
        cli.main(args=args, prog_name="sfcc-job-monitor", standalone_mode=True)
    except SettingsError as error:
        for problem in error.problems:
            click.echo(f"settings: {problem}", err=True)
        sys.exit(EXIT_USAGE)
    except SfccError as error:
        click.echo(f"sfcc: {error}", err=True)
        sys.exit(EXIT_SFCC)
    except MonitorError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(EXIT_USAGE)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(EXIT_NOT_WELL)
