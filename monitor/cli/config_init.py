"""`config init`: a first settings file, by questions at a terminal or by options, tried before it is trusted.

Secrets are asked for without echo and written to files of their own, readable by their owner alone; the
settings name the files.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from monitor.cli.common import say
from monitor.errors import MonitorError, SettingsError

DEFAULT_FILE = "sfcc-job-monitor.toml"
SECRETS_FOLDER = "secrets"

ORDER = ("server", "client_id", "client_secret_file", "shortcode", "tenant_id", "timezone")
"""Fields of the file that come first; then the others, as they were found."""

FILES = ("jwt_cert", "jwt_key", "certificate", "ca_file")


@dataclass(frozen=True, slots=True)
class _Question:
    """One thing to know: a field of the instance, or `target`. `check` raises ValueError with a text."""

    field: str
    text: str
    needed: bool = False
    secret: bool = False
    check: Callable[[str], object] = str

    @property
    def option(self) -> str:
        return "--" + self.field.replace("_", "-") + ("-file" if self.secret else "")


@click.command("init", epilog="Example: sfcc-job-monitor config init")
@click.option(
    "--file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=DEFAULT_FILE,
    show_default=True,
    help="What to write.",
)
@click.option("--name", help="Of the instance, in metrics and alerts; else from its host.")
@click.option("--server", help="Its host, such as production-realm-customer.demandware.net.")
@click.option("--client-id", help="The API client, made in Account Manager.")
@click.option("--client-secret-file", type=click.Path(path_type=Path), help="A file that holds its secret.")
@click.option("--shortcode", help="For SCAPI, with --tenant-id; without them OCAPI is used.")
@click.option("--tenant-id", help="Such as zzxy_prd.")
@click.option("--timezone", help="Of the instance's schedules, such as Europe/Berlin; else UTC.")
@click.option("--target-file", type=click.Path(path_type=Path), help="A file that holds an Apprise URL.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@click.option("--no-check", is_flag=True, help="Ask the instance nothing.")
@click.pass_context
def init(ctx: click.Context, /, file: Path, force: bool, no_check: bool, **given: Any) -> None:
    """Write a first settings file, and try what it names.

    Takes what the environment (SFCC_SERVER, …) or the official CLI's dw.json has, then the options, and asks
    for the rest at a terminal. Secrets go to files of their own beside it. Exit code 1 when something does
    not work yet: the file is written all the same, and `check` says what to do.
    """
    if file.exists() and not force:
        raise MonitorError(
            f"{file} is there already: name another (--file), or give --force to write over it"
        )
    answers = _answers({name: value for name, value in given.items() if value is not None})
    written = _write(file, answers, force=force)
    say(f"written: {', '.join(str(one) for one in written)}")
    _validate(file)
    if no_check:
        say(f"next: sfcc-job-monitor --config {file} check")
        return
    code = _try(ctx, file)
    if code == 0:
        _look_back(file)
    ctx.exit(code)


def _answers(given: Mapping[str, Any]) -> dict[str, Any]:
    """What is known, and what is asked for. Raises `SettingsError` with all that is missing."""
    known: dict[str, Any] = {**_found(), **given}
    if "client_secret_file" in given:
        known.pop("client_secret", None)
    missing = []
    for question in _questions(with_secret="jwt_cert" not in known):
        if question.field in known or (question.secret and f"{question.field}_file" in known):
            _checked(question, known.get(question.field))
        elif sys.stdin.isatty():
            answer = _asked(question, known)
            if answer:
                known[question.field] = answer
        elif question.needed:
            missing.append(f"{question.text.lower()} is not given: {question.option}")
    if missing:
        raise SettingsError(missing)
    return known


def _found() -> dict[str, Any]:
    """The instance as the environment or dw.json describe it; what of it is no field here was warned of."""
    from monitor.settings.outside import found_outside

    found = found_outside(os.environ, Path.cwd())
    for warning in found.warnings:
        say(f"warning: {warning}")
    return dict(found.instance or {})


def _questions(*, with_secret: bool) -> tuple[_Question, ...]:
    from monitor.settings.values import known_timezone
    from monitor.sfcc.endpoints import base_url

    return (
        _Question("server", "Host of the instance", needed=True, check=base_url),
        _Question("client_id", "Client id", needed=True),
        *((_Question("client_secret", "Client secret", needed=True, secret=True),) if with_secret else ()),
        _Question("shortcode", "Short code, for SCAPI (empty: OCAPI)"),
        _Question("tenant_id", "Tenant id, for SCAPI, such as zzxy_prd"),
        _Question("timezone", "Time zone of its schedules (empty: UTC)", check=known_timezone),
        _Question("target", "Where alerts go, an Apprise URL (empty: later)", secret=True, check=_target),
    )


def _target(address: str) -> object:
    from alerts.channels.library import build

    return build("ops", address)


def _asked(question: _Question, known: Mapping[str, Any]) -> str:
    """At a terminal, until the answer will do; empty where it may be."""
    if question.field == "tenant_id" and not known.get("shortcode"):
        return ""
    while True:
        prompt = click.prompt(
            question.text,
            default=None if question.needed else "",
            show_default=False,
            hide_input=question.secret,
            err=True,
        )
        answer = str(prompt).strip()
        if not answer and not question.needed:
            return ""
        try:
            _checked(question, answer)
        except SettingsError as error:
            say(str(error))
            continue
        return answer


def _checked(question: _Question, answer: object) -> None:
    if answer is None:
        return
    if not str(answer).isprintable():
        raise SettingsError([f"{question.text}: holds characters that cannot be printed"])
    try:
        question.check(str(answer))
    except ValueError as error:
        shown = "" if question.secret else f"{answer!r}: "
        raise SettingsError([f"{question.text}: {shown}{error}"]) from error


def _write(file: Path, answers: Mapping[str, Any], *, force: bool) -> list[Path]:
    """The secrets' files first, then the settings; all of them are named."""
    from monitor.settings.draft import Draft, toml_of
    from monitor.settings.environment import host_label

    name = str(answers.get("name") or host_label(str(answers["server"])))
    try:
        secrets = _secret_files(file.parent, name, answers, force=force)
        fields = {**answers, **secrets}
        target = fields.pop("target_file", None)
        draft = Draft(name, _of_instance(fields), None if target is None else str(Path(target).absolute()))
        file.write_text(toml_of(draft), encoding="utf-8")
    except OSError as error:
        raise MonitorError(f"cannot write {error.filename}: {error.strerror}") from error
    return [*secrets.values(), file]


def _of_instance(fields: Mapping[str, Any]) -> dict[str, str | bool]:
    """As they stand in the file: no secret by its value, and files by where they are."""
    from monitor.settings.credentials import SECRETS

    values = {}
    for name in sorted(fields, key=_place):
        value = fields[name]
        if name in {*SECRETS, "name", "target"} or value in {None, ""}:
            continue
        is_file = name.endswith("_file") or name in FILES
        values[name] = str(Path(value).absolute()) if is_file else value
    return values


def _place(name: str) -> int:
    return ORDER.index(name) if name in ORDER else len(ORDER)


def _secret_files(folder: Path, name: str, answers: Mapping[str, Any], *, force: bool) -> dict[str, Path]:
    """A file for each secret that is known by its value; none where one would replace another secret."""
    from monitor.settings.credentials import SECRETS

    paths = {
        field: folder / SECRETS_FOLDER / f"{_file_name(name)}-{field.replace('_', '-')}"
        for field in (*SECRETS, "target")
        if answers.get(field)
    }
    for field, path in paths.items():
        kept = path.read_bytes() if path.exists() and not force else None
        if kept is not None and kept != f"{answers[field]}\n".encode():
            raise MonitorError(
                f"{path} holds another secret, which other settings may name: give the instance another "
                "name (--name), or --force to write over it"
            )
    found = {}
    for field, path in paths.items():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(f"{answers[field]}\n")
        found[f"{field}_file"] = path
    return found


def _file_name(name: str) -> str:
    return (
        "".join(char if char.isalnum() or char in "-_." else "-" for char in name).lstrip(".") or "instance"
    )


def _validate(file: Path) -> None:
    """Raises `SettingsError` for what the agent would not take."""
    from monitor.settings import load

    load(str(file), {}, Path.cwd())


def _try(ctx: click.Context, file: Path) -> int:
    """What `check` says of it."""
    from monitor.cli.check import check

    ctx.find_root().obj = str(file)
    try:
        ctx.invoke(check)
    except SystemExit as left:  # as that command ends
        return int(left.code or 0)
    return 0


def _look_back(file: Path) -> None:
    """What these settings would have sent of the history that the platform still has.

    Read into a state of its own, which is gone afterwards: the first start of the agent finds its own empty.
    """
    from monitor.app import App
    from monitor.cli.gapline import GapLine
    from monitor.history.engine import reading
    from monitor.replay import of_state
    from monitor.replay.digest import sentence, span_text
    from monitor.settings import load

    say("reading the history that is there (Ctrl-C leaves it out) …")
    with tempfile.TemporaryDirectory(prefix="sfcc-job-monitor-") as folder:
        loaded = load(str(file), os.environ, Path.cwd()).settings
        settings = loaded.model_copy(update={"state": f"sqlite:///{folder}/state.sqlite"})
        line = GapLine()
        app = App(settings, notifiers={}, report=line)
        try:
            results = app.poll_all()
            line.clear()
            with reading(app.engine) as connection:
                names = [one.instance for one in results if one.complete]
                done = of_state(
                    connection, [settings], names, since=None, until=None, notice=lambda _text: None
                )
        except KeyboardInterrupt:
            line.clear()
            return
        finally:
            app.engine.dispose()
    for one in results:
        if not one.complete:
            say(f"{one.instance}: its history could not be read: {one.message}")
    if done.span is not None:
        span = span_text(*done.span, until_now=True)
        say(sentence(done.alerts[0], span, settings.storm_threshold))
    say(f"next: sfcc-job-monitor --config {file} run")
