"""Reading the settings: a file or a directory of files, then the environment, which wins.

All problems are reported together, each with its place, the value and what is allowed. Knows where
settings come from; what they mean is said by `model`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import SettingsError as SourceError

from monitor.errors import SettingsError
from monitor.settings.environment import instance_from_environment, unknown_names
from monitor.settings.model import Settings
from monitor.settings.problems import problems

DEFAULT_FILE = "sfcc-job-monitor.toml"


@dataclass(frozen=True, slots=True)
class Loaded:
    """`origin` says in words where the settings come from; `warnings` are for the log."""

    settings: Settings
    origin: str
    warnings: tuple[str, ...] = ()


def load(config: str | None, environ: Mapping[str, str], directory: Path) -> Loaded:
    """Raises SettingsError with every problem found.

    `config` is `--config`; without it `SFCC_MONITOR_CONFIG`, then the default file in `directory`,
    then the environment alone.
    """
    path = _config_path(config or environ.get("SFCC_MONITOR_CONFIG"), directory)
    values = {} if path is None else read_files(path)
    warnings: list[str] = []
    from_environment = instance_from_environment(environ)
    if from_environment is not None and values.get("instances"):
        warnings.append("SFCC_SERVER is set but ignored: the settings name their instances themselves")
        from_environment = None
    if from_environment is not None:
        values = {**values, "instances": [from_environment]}
    if "APPRISE_URLS" in environ and "SFCC_MONITOR_APPRISE_URLS" not in environ:
        values = {**values, "apprise_urls": environ["APPRISE_URLS"]}
    origin = "the environment" if path is None else str(path)
    return Loaded(
        _checked(values, environ, origin, by_environment=from_environment is not None),
        origin,
        tuple(warnings),
    )


def read_files(path: Path) -> dict[str, Any]:
    """One TOML file, or all `*.toml` of a directory in the order of their names: tables are merged,
    lists of tables are joined, and other values of later files win."""
    files = sorted(path.glob("*.toml")) if path.is_dir() else [path]
    if not files:
        raise SettingsError([f"{path}: the directory holds no *.toml file"])
    merged: dict[str, Any] = {}
    for file in files:
        merged = _merged(merged, _read(file))
    return merged


def _config_path(config: str | None, directory: Path) -> Path | None:
    if config:
        path = Path(config)
        if not path.exists():
            raise SettingsError([f"{path}: there is no such file or directory"])
        return path
    default = directory / DEFAULT_FILE
    return default if default.exists() else None


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([f"{file}: not valid TOML: {error}"]) from error
    except UnicodeDecodeError as error:
        raise SettingsError([f"{file}: not UTF-8 text (byte {error.start})"]) from error
    except OSError as error:
        raise SettingsError([f"{file}: cannot be read: {error.strerror}"]) from error


def _merged(base: dict[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in more.items():
        before = result.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            result[key] = _merged(before, value)
        elif isinstance(before, list) and isinstance(value, list):
            result[key] = [*before, *value]
        else:
            result[key] = value
    return result


def _checked(
    values: dict[str, Any], environ: Mapping[str, str], origin: str, *, by_environment: bool
) -> Settings:
    found = unknown_names(environ)
    try:
        settings = Settings(**values)
    except ValidationError as error:
        found += problems(error, origin, environ, by_environment=by_environment)
    except SourceError as error:
        found.append(f"the environment: {error}: lists and tables are written as JSON there")
    if found:
        raise SettingsError(found)
    return settings
