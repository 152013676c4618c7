"""From settings to notifiers: each target's address is read here and known nowhere else."""

from __future__ import annotations

import os

from alerts.notifier import Notifier, build

from monitor.errors import SettingsError
from monitor.settings import Settings, TargetSettings


def notifiers_for(settings: Settings) -> dict[str, Notifier]:
    """One notifier a target, by name; those of `APPRISE_URLS` are named `apprise-1`, `apprise-2`, ….

    Raises SettingsError naming every target that cannot be used, never its address.
    """
    problems: list[str] = []
    notifiers: dict[str, Notifier] = {}
    for name, address in _addresses(settings, problems):
        try:
            notifiers[name] = build(name, address)
        except ValueError as error:
            problems.append(f"target {name}: {error}")
    if problems:
        raise SettingsError(problems)
    return notifiers


def _addresses(settings: Settings, problems: list[str]) -> list[tuple[str, str]]:
    found = []
    for target in settings.targets:
        try:
            found.append((target.name, _address(target)))
        except (OSError, KeyError, UnicodeDecodeError) as error:
            problems.append(f"target {target.name}: {_trouble(target, error)}")
    for number, url in enumerate(settings.apprise_urls, start=1):
        found.append((f"apprise-{number}", url.get_secret_value()))
    return found


def _address(target: TargetSettings) -> str:
    if target.url is not None:
        return target.url.get_secret_value()
    if target.url_file is not None:
        return target.url_file.read_text(encoding="utf-8").strip()
    return os.environ[str(target.url_env)]


def _trouble(target: TargetSettings, error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"the environment variable {target.url_env} of its url_env is not set"
    reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
    return f"its url_file {target.url_file} cannot be read: {reason}"
