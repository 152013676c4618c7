"""From settings to notifiers: each target's address and key are read here and known nowhere else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from alerts.channels.building import build
from alerts.notifier import Notifier
from monitor.errors import SettingsError
from monitor.settings import Settings, TargetSettings
from monitor.settings.model import apprise_name


def names_of_targets(settings: Settings) -> list[str]:
    """Without looking at any address."""
    unnamed = (apprise_name(number) for number, _ in enumerate(settings.apprise_urls, start=1))
    return [*(one.name for one in settings.targets), *unnamed]


def notifiers_for(settings: Settings, environ: Mapping[str, str] | None = None) -> dict[str, Notifier]:
    """One notifier a target, by name; those of `APPRISE_URLS` are named `apprise-1`, `apprise-2`, ….

    Raises SettingsError naming every target that cannot be used, never its address.
    """
    problems: list[str] = []
    notifiers: dict[str, Notifier] = {}
    environ = os.environ if environ is None else environ
    unnamed = (
        TargetSettings(name=apprise_name(number), url=url)
        for number, url in enumerate(settings.apprise_urls, start=1)
    )
    for target in (*settings.targets, *unnamed):
        try:
            notifiers[target.name] = _notifier(target, environ)
        except _NotGivenError as error:
            problems.append(f"target {target.name!r}: {error}")
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise SettingsError(problems)
    return notifiers


class _NotGivenError(Exception):
    """Says where it should have been, and what is there instead."""


def _notifier(target: TargetSettings, environ: Mapping[str, str]) -> Notifier:
    address = _given("url", (target.url, target.url_file, target.url_env), environ)
    key = _given("key", (target.key, target.key_file, target.key_env), environ)
    return build(target.name, target.type, address, key)


def _given(
    what: str, ways: tuple[SecretStr | None, Path | None, str | None], environ: Mapping[str, str]
) -> str:
    """The value itself, from the file or from the environment; empty where none of these is set."""
    value, file, variable = ways
    if value is not None:
        place, text = what, value.get_secret_value()
    elif file is not None:
        place, text = f"{what}_file {file}", _content(f"{what}_file", file)
    elif variable is not None:
        place, text = f"{what}_env {variable}", environ.get(variable, "")
    else:
        return ""
    if not text.strip():
        raise _NotGivenError(f"its {place} is empty or not set")
    return text.strip()


def _content(what: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise _NotGivenError(f"its {what} {path} cannot be read: {reason}") from error
