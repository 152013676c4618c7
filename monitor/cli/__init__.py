"""The command line. This file imports nothing heavy: each command's module is imported when it is called."""

from __future__ import annotations

import importlib
import io
import os
import sys
import traceback
from typing import Any

import click

from monitor import __version__
from monitor.errors import MonitorError, SettingsError, SfccError

COMMANDS = {
    "run": ("monitor.cli.run", "run", "Watch the instances until told to stop."),
    "poll": ("monitor.cli.poll", "poll", "One cycle: read, judge, alert; for cron and for trying out."),
    "jobs": ("monitor.cli.jobs", "jobs", "The last state of every job, what needs a person first."),
    "history": ("monitor.cli.history", "history", "Runs of the past, newest first."),
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
EXIT_BUG = 70
EXIT_INTERRUPTED = 130


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
    well, 2 wrong usage or settings, 3 SFCC out of reach; 70 a mistake of this program, 130 Ctrl-C.
    """
    ctx.obj = config


def main(args: list[str] | None = None) -> Any:
    """The console script: errors meant for people are one line each; a traceback is for a mistake of ours."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that lacks a character gets its number
    sys.exit(_exit_code(args))


def _exit_code(args: list[str] | None) -> int:
    try:
        code = cli.main(args=args, prog_name="sfcc-job-monitor", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except MonitorError as error:
        return _told(error)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or the interpreter would try once more to write
        return EXIT_NOT_WELL
    except Exception as error:  # noqa: BLE001 - the last place that can say what happened
        return _own_mistake(error)
    return code if isinstance(code, int) else 0


def _told(error: MonitorError) -> int:
    """What the program raises on purpose, in the form and with the code of its kind."""
    if isinstance(error, SettingsError):
        for problem in error.problems:
            click.echo(f"settings: {problem}", err=True)
        return EXIT_USAGE
    if isinstance(error, SfccError):
        click.echo(f"sfcc: {error}", err=True)
        return EXIT_SFCC
    click.echo(f"error: {error}", err=True)
    return EXIT_USAGE


def _own_mistake(error: Exception) -> int:
    from alerts.redact import mask

    click.echo(mask("".join(traceback.format_exception(error)), personal=False)[0], err=True, nl=False)
    click.echo(
        "error: this should not have happened; please report it, with the lines above and what was typed",
        err=True,
    )
    return EXIT_BUG
