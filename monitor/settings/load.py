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
from monitor.settings.advice import advice
from monitor.settings.environment import monitor_fields
from monitor.settings.model import Settings
from monitor.settings.outside import Outside, found_outside, ignored
from monitor.settings.problems import problems

DEFAULT_FILE = "sfcc-job-monitor.toml"
CONFIG_NAME = "SFCC_MONITOR_CONFIG"
ENVIRONMENT = "the environment"
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
        return settings_from({}, environ, ENVIRONMENT, directory)
    try:
        values = read_files(path)
    except SettingsError as error:
        raise SettingsError([*error.problems, *monitor_fields(environ).problems]) from error
    return settings_from(values, environ, str(path), directory)


def settings_from(
    values: Mapping[str, Any], environ: Mapping[str, str], origin: str, directory: Path | None = None
) -> Loaded:
    """The settings of a file's `values` and the environment; raises SettingsError.

    Also of a dw.json in `directory`, where that counts; pure without one.
    """
    named = monitor_fields(environ)
    found, names = list(named.problems), set(named.names)
    if environ.get(APPRISE_NAME):
        values = {**values, "apprise_urls": environ[APPRISE_NAME]}
        names.add(APPRISE_NAME)
    values = _over(values, named.values)
    try:
        outside = _outside(values, environ, directory)
    except SettingsError as error:
        found += error.problems
        outside = Outside()
    origin = outside.origin if origin == ENVIRONMENT else origin
    if outside.instance is not None:
        values = {**values, "instances": [outside.instance]}
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        found += problems(error, origin, names, outside)
    if found:
        raise SettingsError(found)
    return Loaded(settings, origin, (*outside.warnings, *advice(settings)))


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


def _outside(values: Mapping[str, Any], environ: Mapping[str, str], directory: Path | None) -> Outside:
    if values.get("instances"):
        return Outside(warnings=ignored(environ, directory))
    return found_outside(environ, directory)


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
