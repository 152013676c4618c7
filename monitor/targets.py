"""From settings to notifiers: each target's address is read here and known nowhere else."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from alerts.notifier import Notifier, build
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
    for name, address in _addresses(settings, os.environ if environ is None else environ, problems):
        try:
            notifiers[name] = build(name, address)
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise SettingsError(problems)
    return notifiers


def _addresses(
    settings: Settings, environ: Mapping[str, str], problems: list[str]
) -> Iterator[tuple[str, str]]:
    for target in settings.targets:
        try:
            yield target.name, _address(target, environ)
        except _NoAddressError as error:
            problems.append(f"target {target.name!r}: {error}")
    for number, url in enumerate(settings.apprise_urls, start=1):
        yield apprise_name(number), url.get_secret_value()


class _NoAddressError(Exception):
    """Says where it should have been, and what is there instead."""


def _address(target: TargetSettings, environ: Mapping[str, str]) -> str:
    if target.url is not None:
        place, address = "url", target.url.get_secret_value()
    elif target.url_file is not None:
        place, address = f"url_file {target.url_file}", _content(target.url_file)
    else:
        place, address = f"url_env {target.url_env}", environ.get(target.url_env or "", "")
    if not address.strip():
        raise _NoAddressError(f"its {place} is empty or not set")
    return address.strip()


def _content(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise _NoAddressError(f"its url_file {path} cannot be read: {reason}") from error
