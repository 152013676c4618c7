"""`check`: what works, what does not, and exactly what to paste where."""

from __future__ import annotations

import os
import shlex
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from monitor.cli import completion
from monitor.cli.common import (
    config_option,
    need_instances,
    output_option,
    plural,
    print_json,
    say,
    settings_of,
)
from monitor.cli.table import Column, print_table
from monitor.errors import MonitorError

if TYPE_CHECKING:
    from monitor.checkup.inspection import Inspection
    from monitor.checkup.model import Remedy, Step
    from monitor.checkup.permissions import Document
    from monitor.settings import Settings

COLUMNS = (Column("what"), Column("of", leaves=1), Column("outcome"), Column("detail", prose=True))
AGAIN_SECONDS = 15.0
"""Between two tries of --wait: the platform keeps permissions for up to 3 minutes."""


@click.command(epilog="Example: sfcc-job-monitor check production --wait")
@click.argument("names", metavar="[INSTANCE]...", nargs=-1, shell_complete=completion.instances)
@click.option("--targets", is_flag=True, help="Also send a sample alert to each target.")
@click.option(
    "--merge",
    metavar="FILE",
    help="Print the document in FILE (- for stdin), as it stands on the page in Business Manager now, with "
    "the agent's entry merged in. ocapi:FILE or webdav:FILE where it does not show which one it is.",
)
@click.option("--as-request", is_flag=True, help="Print a text to send to whoever administers the instance.")
@click.option("--wait", is_flag=True, help="Try every 15 s until nothing is missing.")
@output_option
@config_option
@click.pass_context
def check(
    ctx: click.Context,
    names: tuple[str, ...],
    targets: bool,
    merge: str | None,
    as_request: bool,
    wait: bool,
    output: str,
) -> None:
    """Try each thing the agent needs of the instances, and say what to paste where for what is missing.

    Exits 1 when something is missing, and 3 when no instance could be reached at all.
    """
    _need_sense(merge, as_request, wait, targets, output)
    settings = settings_of(ctx).settings
    need_instances(settings)
    inspections = _inspections(settings, names)
    if merge is not None:
        _print_merged(merge, inspections)
        return
    from monitor import logs
    from monitor.checkup.announcing import try_targets
    from monitor.checkup.inspection import side_by_side, until_well
    from monitor.checkup.model import exit_code
    from monitor.confidential import secrets_of

    logs.configure("error", settings.log_format, secrets_of(settings, os.environ))  # steps say it themselves
    progress = _Progress(inspections)
    if wait:
        found = until_well(inspections, progress, _Waiting(progress), lambda: time.sleep(AGAIN_SECONDS))
    else:
        found = side_by_side(inspections, progress)
    progress.clear()
    sent = try_targets(settings, datetime.now(UTC)) if targets else []
    every = [*(step for steps in found.values() for step in steps), *sent]
    if output == "json":
        print_json(_document(every))
    elif as_request:
        _print_requests(inspections, found)
    else:
        _print(inspections, found, sent)
    sys.exit(exit_code(every))


class _Progress:
    """At a terminal, from the second second on: which instances are looked at, and what is tried there."""

    def __init__(
        self, inspections: Mapping[str, Inspection], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._inspections = inspections
        self._monotonic = monotonic
        self._begun = monotonic()
        self._said = False

    def __call__(self, done: int) -> None:
        if not sys.stderr.isatty() or self._monotonic() - self._begun < 1:
            return
        now = [f"{name}: {one.trying}" for name, one in self._inspections.items() if one.trying]
        if not now:
            return
        text = f"{done} of {plural(len(self._inspections), 'instance')} checked; {', '.join(now)}"
        click.echo(f"\r\x1b[K{text[:78]} …", nl=False, err=True)
        self._said = True

    def clear(self) -> None:
        if self._said:
            click.echo("\r\x1b[K", nl=False, err=True)
            self._said = False


class _Waiting:
    """Says what is still missing, whenever that is something else than before."""

    def __init__(self, progress: _Progress) -> None:
        self._progress = progress
        self._last = ""

    def __call__(self, found: Mapping[str, Sequence[Step]]) -> None:
        from monitor.checkup.model import missing

        self._progress.clear()
        lines = [
            f"{name}: {step.what}{f' ({step.api})' if step.api else ''}: {step.detail}"
            for name, steps in found.items()
            for step in missing(steps)
        ]
        text = "\n".join(lines)
        if text != self._last:
            say(f"still missing at {datetime.now(UTC):%H:%M:%S} UTC:\n{text}")
            if not self._last:
                say(f"trying again every {AGAIN_SECONDS:.0f} s; Ctrl-C ends it")
            self._last = text


def _need_sense(merge: str | None, as_request: bool, wait: bool, targets: bool, output: str) -> None:
    if merge is not None and (as_request or wait or targets or output == "json"):
        raise MonitorError("--merge prints a document and tries nothing: leave the other options out")
    if as_request and output == "json":
        raise MonitorError(
            "--as-request prints a text: leave -o json out; it has page and entry of each step"
        )


def _inspections(settings: Settings, names: Sequence[str]) -> dict[str, Inspection]:
    from monitor.checkup.inspection import Inspection
    from monitor.cli.known import among
    from monitor.clock import SystemClock

    known = {one.name: one for one in settings.instances}
    for name in names:
        if name not in known:
            raise MonitorError(f"there is no instance {name!r}; {among(name, known)}")
    clock, stopping = SystemClock(), threading.Event()
    return {
        name: Inspection(settings, one, clock, stopping)
        for name, one in known.items()
        if not names or name in names
    }


def _print_merged(given: str, inspections: Mapping[str, Inspection]) -> None:
    from monitor.checkup.merging import MergeError, merge, read

    file, wanted = _kind_and_file(given)
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise MonitorError(f"{file} cannot be read: {why}") from error
    try:
        kind, document = read(text, wanted)
        merged = merge(kind, document, _entry(kind, inspections))
    except MergeError as error:
        raise MonitorError(f"{'stdin' if file == '-' else file} cannot be merged into: {error}") from error
    for note in merged.notes:
        say(f"note: {note}")
    if not merged.changed:
        say("nothing was missing in it")
    say(f"replace all the text on this page by what follows: {kind.page}")
    click.echo(merged.text)


def _kind_and_file(given: str) -> tuple[str, Document | None]:
    from monitor.checkup.permissions import Document

    for kind in Document:
        if given.startswith(f"{kind}:"):
            return given.removeprefix(f"{kind}:"), kind
    return given, None


def _entry(kind: Document, inspections: Mapping[str, Inspection]) -> Mapping[str, Any]:
    from monitor.checkup.permissions import Document, ocapi_entry, webdav_entry

    subjects = [one.subject for one in inspections.values()]
    clients = {one.clients.get(kind.value) for one in subjects}
    if len(clients) > 1:
        names = ", ".join(one.instance for one in subjects)
        raise MonitorError(f"these instances have different API clients ({names}): name the one it is for")
    client = next(iter(clients))
    if client is None:
        why = "its logs are read by a user, whose roles say what it may"
        if kind is Document.OCAPI or subjects[0].webdav_user is None:
            why = "its settings name none"
        raise MonitorError(f"{subjects[0].instance} has no API client for this document: {why}")
    return ocapi_entry(client) if kind is Document.OCAPI else webdav_entry(client)


def _print_requests(inspections: Mapping[str, Inspection], found: Mapping[str, Sequence[Step]]) -> None:
    from monitor.checkup.asking import request_text
    from monitor.checkup.model import missing

    texts = []
    for name, steps in found.items():
        text = request_text(inspections[name].subject, steps)
        if text is not None:
            texts.append(text)
        else:
            say(f"{name}: nothing to ask anybody for")
        for step in missing(steps):
            if step.remedy is None or step.remedy.page is None:
                say(f"{name}: {step.what}: {step.detail}")
    if texts:
        click.echo("\n\n---\n\n".join(texts))


def _print(
    inspections: Mapping[str, Inspection], found: Mapping[str, Sequence[Step]], sent: Sequence[Step]
) -> None:
    from monitor.checkup.model import missing

    for name, steps in found.items():
        subject = inspections[name].subject
        click.echo(
            click.style(f"{name} ({subject.host('ocapi') or subject.type}, {subject.type})", bold=True)
        )
        _print_steps(steps)
        click.echo()
    if sent:
        click.echo(click.style("targets", bold=True))
        _print_steps(sent)
        click.echo()
    for name, steps in found.items():
        _print_remedies(name, steps)
    count = len(missing([step for steps in (*found.values(), sent) for step in steps]))
    say(f"{plural(count, 'thing')} missing" if count else "nothing is missing")


def _print_steps(steps: Sequence[Step]) -> None:
    from monitor.checkup.model import worst_first

    rows = [(step.what, step.api, step.outcome, step.detail) for step in worst_first(steps)]
    print_table(COLUMNS, rows, empty="nothing was tried")


def _print_remedies(name: str, steps: Sequence[Step]) -> None:
    from monitor.checkup.model import remedies

    for remedy, mended in remedies(steps):
        what = ", ".join(
            dict.fromkeys(f"{step.what} ({step.api})" if step.api else step.what for step in mended)
        )
        click.echo(click.style(f"{name}: {what}", bold=True))
        for line in _remedy_lines(name, remedy):
            click.echo(line)
        click.echo()


def _remedy_lines(name: str, remedy: Remedy) -> list[str]:
    from monitor.checkup.permissions import entry_text

    lines = [f"where: {remedy.page}"] if remedy.page else []
    lines.append(f"what:  {remedy.how}")
    if remedy.also:
        lines.append(f"mind:  {remedy.also}")
    if remedy.entry is not None:
        typed = f"sfcc-job-monitor check {shlex.quote(name)} --merge current.json"
        lines.append(f"or:    save what stands there as current.json, and paste what `{typed}` prints")
        lines += ["", entry_text(remedy.entry)]
    return lines


def _document(steps: Sequence[Step]) -> list[dict[str, Any]]:
    return [
        {
            "sfcc_instance": step.instance or None,
            "what": step.what,
            "api": step.api or None,
            "outcome": step.outcome,
            "reason": step.reason,
            "detail": step.detail,
            "page": step.remedy.page if step.remedy else None,
            "entry": step.remedy.entry if step.remedy else None,
            "remedy": step.remedy.how if step.remedy else None,
            "mind": (step.remedy.also or None) if step.remedy else None,
        }
        for step in steps
    ]
