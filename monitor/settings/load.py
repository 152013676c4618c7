"""Reading the settings: a file or a directory of files, then the environment, which wins.

All problems are reported together, each with its place, the value and what is allowed. Knows where
settings come from; what they mean is said by `model`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from pydantic import ValidationError

from monitor.errors import SettingsError
from monitor.settings.environment import instance_from_environment, instance_names, monitor_fields
from monitor.settings.model import Settings
from monitor.settings.problems import problems

DEFAULT_FILE = "sfcc-job-monitor.toml"
CONFIG_NAME = "SFCC_MONITOR_CONFIG"
APPRISE_NAME = "APPRISE_URLS"


@dataclass(frozen=True, slots=True)
class Loaded:
    """`origin` says in words where the settings come from; `warnings` are for the log."""

    settings: Settings
    origin: str
    warnings: tuple[str, ...] = ()


def load(config: str | None, environ: Mapping[str, str], directory: Path) -> Loaded:
    """Raises SettingsError with every problem found.

    `config` is `--config`; without it `SFCC_MONITOR_CONFIG`, then the default file in `directory`,
    then the environment alone. A relative path starts at `directory`.
    """
    path = _config_path(config or environ.get(CONFIG_NAME), directory)
    if path is None:
        return settings_from({}, environ, "the environment")
    try:
        values = read_files(path)
    except SettingsError as error:
        raise SettingsError([*error.problems, *monitor_fields(environ).problems]) from error
    return settings_from(values, environ, str(path))


def settings_from(values: Mapping[str, Any], environ: Mapping[str, str], origin: str) -> Loaded:
    """The settings of a file's `values` and the environment. Pure; raises SettingsError."""
    named = monitor_fields(environ)
    found, names = list(named.problems), set(named.names)
    if environ.get(APPRISE_NAME):
        values = {**values, "apprise_urls": environ[APPRISE_NAME]}
        names.add(APPRISE_NAME)
    values = _over(values, named.values)
    instance, warnings = _instance(values, environ)
    if instance is not None:
        values = {**values, "instances": [instance]}
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        found += problems(error, origin, names, by_environment=instance is not None)
    if found:
        raise SettingsError(found)
    return Loaded(settings, origin, warnings)


def read_files(path: Path) -> dict[str, Any]:
    """One TOML file, or all `*.toml` of a directory in the order of their names: tables are merged,
    lists of tables are joined, and other values of later files win."""
    merged: dict[str, Any] = {}
    found: list[str] = []
    for file in _files(path):
        try:
            merged = _merged(merged, _read(file))
        except SettingsError as error:
            found += error.problems
    if found:
        raise SettingsError(found)
    return merged


def _config_path(config: str | None, directory: Path) -> Path | None:
    if config:
        return directory / config
    default = directory / DEFAULT_FILE
    return default if default.exists() else None


def _instance(
    values: Mapping[str, Any], environ: Mapping[str, str]
) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
    """The instance of the environment where it counts, and what to warn of where it does not."""
    given = instance_names(environ)
    if not given:
        return None, ()
    some = f"{', '.join(given)} {'is' if len(given) == 1 else 'are'} set but ignored"
    if values.get("instances"):
        return None, (f"{some}: the settings name their instances themselves",)
    instance = instance_from_environment(environ)
    return instance, () if instance else (f"{some}: without SFCC_SERVER they describe no instance",)


def _files(path: Path) -> list[Path]:
    try:
        if not path.is_dir():
            return [path]
        # Names with a dot in front are what editors leave behind.
        files = sorted(file for file in path.glob("*.toml") if not file.name.startswith("."))
    except OSError as error:
        raise SettingsError([f"{path}: cannot be read: {error.strerror}"]) from error
    if not files:
        raise SettingsError([f"{path}: the directory holds no *.toml file"])
    return files


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise SettingsError([f"{file}: there is no such file or directory"]) from error
    except OSError as error:
        raise SettingsError([f"{file}: cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise SettingsError([f"{file}: not UTF-8 text (byte {error.start})"]) from error
    except RecursionError as error:
        raise SettingsError([f"{file}: nested too deeply"]) from error
    except ValueError as error:  # TOMLDecodeError, or a number longer than Python takes
        raise SettingsError([f"{file}: not valid TOML: {error}"]) from error


def _merged(base: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in more.items():
        before = result.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            result[key] = _merged(before, value)
        elif _are_tables(before) and _are_tables(value):
            result[key] = [*before, *value]
        else:
            result[key] = value
    return result


def _are_tables(value: Any) -> TypeGuard[list[dict[str, Any]]]:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _over(base: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of tables one by one, a list as a whole."""
    result = dict(base)
    for key, value in more.items():
        before = result.get(key)
        result[key] = _over(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return result
