"""The command line. This file imports nothing heavy: each command's module is imported when it is called."""

from __future__ import annotations

import contextlib
import errno
import importlib
import io
import itertools
import os
import sys
import traceback
from pathlib import Path
from typing import Any

import click

from monitor import __version__
from monitor.errors import MonitorError, SettingsError, SfccError

COMMANDS = {
    "run": ("monitor.cli.run", "run", "Watch the instances until told to stop."),
    "poll": ("monitor.cli.poll", "poll", "One cycle: read, judge, alert; for cron and for trying out."),
    "check": ("monitor.cli.check", "check", "What works, what is missing, and what to paste where."),
    "jobs": ("monitor.cli.jobs", "jobs", "The last state of every job, what needs a person first."),
    "history": ("monitor.cli.history", "history", "Runs of the past, newest first."),
    "log": ("monitor.cli.log", "log", "The log of a run."),
    "trigger": ("monitor.cli.trigger", "trigger", "Start a job, where nothing speaks against it."),
    "explain": ("monitor.cli.explain", "explain", "What is decided about a job, and why."),
    "replay": ("monitor.cli.replay", "replay", "What would have been said of the history."),
    "schedule": ("monitor.cli.schedule", "schedule", "When jobs are due, and how that is known."),
    "ack": ("monitor.cli.ack", "ack", "Take incidents into your hands: no more repeats."),
    "silence": ("monitor.cli.silence", "silence", "Tell nobody of something for some time."),
    "routes": ("monitor.cli.routes", "routes", "Who would be told of what."),
    "outbox": ("monitor.cli.outbox", "outbox", "Messages on their way, and those given up."),
    "test-alert": ("monitor.cli.test_alert", "test_alert", "Send a sample alert with a log to each target."),
    "data": ("monitor.cli.data", "data", "Export, import and forget history."),
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

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""What writing to a file answers where there is no more room, or no more disk."""


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
    _open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that lacks a character gets its number
    sys.exit(_exit_code(args))


def _open_what_is_closed() -> None:
    """Whoever starts a daemon may close its output; the next file opened would be written to in its place."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            stream = Path(os.devnull).open("r" if name == "stdin" else "w", encoding="utf-8")  # noqa: SIM115 - for good
            setattr(sys, name, stream)


def _exit_code(args: list[str] | None) -> int:
    try:
        code = cli.main(args=args, prog_name="sfcc-job-monitor", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        with contextlib.suppress(OSError):
            error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except MonitorError as error:
        return _told(error)
    except OSError as error:
        is_ours = error.errno != errno.EPIPE and error.errno not in FULL
        return _own_mistake(error, args) if is_ours else _not_written(error)
    except Exception as error:  # noqa: BLE001 - the last place that can say what happened
        return _own_mistake(error, args)
    return code if isinstance(code, int) else 0


def _told(error: MonitorError) -> int:
    """What the program raises on purpose, in the form and with the code of its kind."""
    if isinstance(error, SettingsError):
        for problem in error.problems:
            _say(f"settings: {problem}")
        return EXIT_USAGE
    if isinstance(error, SfccError):
        _say(f"sfcc: {error}")
        return EXIT_SFCC
    _say(f"error: {error}")
    return EXIT_USAGE


def _not_written(error: OSError) -> int:
    """A reader that went on purpose is told nothing."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or the interpreter would try once more to write
    if error.errno != errno.EPIPE:
        _say(f"error: the output cannot be written: {error.strerror}; free some space where it goes")
    return EXIT_NOT_WELL


def _own_mistake(error: Exception, args: list[str] | None) -> int:
    from alerts.redact import mask

    text = "".join(traceback.format_exception(error)).rstrip("\n")
    _say(mask(text, _secrets(sys.argv[1:] if args is None else args), personal=False)[0])
    _say("error: this should not have happened; please report it, with the lines above and what was typed")
    return EXIT_BUG


def _secrets(args: list[str]) -> tuple[str, ...]:
    """Of the settings that were in use, as far as they can be read once more."""
    from monitor.confidential import secrets_of
    from monitor.settings import load

    given = [value for name, value in itertools.pairwise(args) if name == "--config"]
    given += [arg.partition("=")[2] for arg in args if arg.startswith("--config=")]
    try:
        settings = load(given[-1] if given else None, os.environ, Path.cwd()).settings
    except (MonitorError, OSError):
        return ()
    return tuple(secrets_of(settings, os.environ))


def _say(text: str) -> None:
    """Nobody is left to tell where stderr itself cannot be written."""
    with contextlib.suppress(OSError):
        click.echo(text, err=True)
