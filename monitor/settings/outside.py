"""An instance that is described outside of the settings: by `SFCC_*` variables, and by dw.json.

Variables win over the file, field by field, but nothing is mixed that does not belong together: the file of
another host is not used at all, and the secret of another client neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from monitor.errors import SettingsError
from monitor.settings.credentials import SECRETS
from monitor.settings.dwjson import FILE, DwJson, names_in, read
from monitor.settings.environment import INSTANCE_FIELDS, host_label, instance_names

CONFIG_NAME = "SFCC_CONFIG"
INSTANCE_NAME = "SFCC_INSTANCE"


@dataclass(frozen=True, slots=True)
class Outside:
    """instance: its fields, None where none is described. spelt: where each field stands, for who has to mend
    it. origin: in words. ignored: what does not count, where the settings have instances of their own."""

    instance: Mapping[str, Any] | None = None
    spelt: Mapping[str, str] = field(default_factory=dict)
    origin: str = "the environment"
    warnings: tuple[str, ...] = ()


def found_outside(environ: Mapping[str, str], directory: Path | None) -> Outside:
    """Raises `SettingsError` where dw.json is meant and cannot be used; without a directory, none is looked
    for."""
    file = _file(environ, directory)
    warnings: list[str] = []
    dw = None if file is None else _read(file, environ, warnings)
    dw = None if dw is None else _fitting(dw, environ, warnings)
    named = {INSTANCE_FIELDS[name]: name for name in instance_names(environ)}
    values = {field: environ[name] for field, name in named.items()}
    spelt = dict(named)
    if dw is not None:
        values = {**dw.values, **values}
        spelt = {**{name: f"{dw.path}: {key}" for name, key in dw.keys.items()}, **named}
        warnings += dw.warnings
    if "server" not in values:
        return Outside(warnings=(*warnings, *_homeless(named.values(), dw)))
    name = environ.get(INSTANCE_NAME) or values.get("name") or host_label(str(values["server"]))
    if environ.get(INSTANCE_NAME) or "name" not in spelt:
        spelt["name"] = INSTANCE_NAME
    origin = "the environment" if dw is None else f"{dw.path} and the environment" if named else str(dw.path)
    return Outside({**values, "name": name}, spelt, origin, tuple(warnings))


def ignored(environ: Mapping[str, str], directory: Path | None) -> tuple[str, ...]:
    """What to say of it where the settings name their instances themselves."""
    given = instance_names(environ)
    file = _file(environ, directory)
    names = [*given, *([] if file is None else [str(file)])]
    if not names:
        return ()
    verb = "is" if len(names) == 1 else "are"
    return (f"{', '.join(names)} {verb} set but ignored: the settings name their instances themselves",)


def _file(environ: Mapping[str, str], directory: Path | None) -> Path | None:
    if directory is None:
        return None
    if environ.get(CONFIG_NAME):
        return directory / environ[CONFIG_NAME]
    default = directory / FILE
    return default if default.is_file() else None


def _read(file: Path, environ: Mapping[str, str], warnings: list[str]) -> DwJson | None:
    """Where the environment describes an instance by itself, a file that only happens to be there stops
    nobody."""
    instance = environ.get(INSTANCE_NAME)
    is_needed = not environ.get("SFCC_SERVER")
    try:
        found = read(file, instance)
    except SettingsError as error:
        if is_needed or environ.get(CONFIG_NAME):
            raise
        warnings += [f"{problem}; it is not used" for problem in error.problems]
        return None
    if found is None and is_needed:
        raise SettingsError([_nothing_chosen(file, instance)])
    return found


def _nothing_chosen(file: Path, instance: str | None) -> str:
    names = ", ".join(names_in(file)) or "none with a name"
    if instance:
        return f"{INSTANCE_NAME} = {instance!r}: {file} has no instance of this name; it has {names}"
    return f"{file}: none of its instances is active: name one in {INSTANCE_NAME}; it has {names}"


def _fitting(dw: DwJson, environ: Mapping[str, str], warnings: list[str]) -> DwJson | None:
    """What of the file belongs to the instance and the client that the environment names."""
    server, client = environ.get("SFCC_SERVER"), environ.get("SFCC_CLIENT_ID")
    if server and dw.values.get("server") not in {None, server}:
        warnings.append(f"{dw.path} is not used: its {dw.keys['server']} is not the instance of SFCC_SERVER")
        return None
    given = {INSTANCE_FIELDS[name] for name in instance_names(environ)}
    without = {secret for secret in SECRETS if {secret, f"{secret}_file"} & given}
    if client and dw.values.get("client_id") not in {None, client} and "client_secret" in dw.values:
        if "client_secret" not in without:
            warnings.append(
                f"{dw.path}: {dw.keys['client_secret']} is not used: SFCC_CLIENT_ID names another client"
            )
        without.add("client_secret")
    there = {*dw.values, *given} | ({"password"} if "password_file" in given else set())
    lone = {"username", "password"} & there
    if len(lone) == 1 and lone <= set(dw.keys):  # that command line takes both or neither
        (alone,) = lone
        warnings.append(f"{dw.path}: {dw.keys[alone]} is not used: WebDAV wants username and password")
        without |= lone
    return replace(dw, values={name: value for name, value in dw.values.items() if name not in without})


def _homeless(names: Any, dw: DwJson | None) -> tuple[str, ...]:
    given = list(names)
    if given:
        verb = "is" if len(given) == 1 else "are"
        return (f"{', '.join(given)} {verb} set but ignored: without SFCC_SERVER they describe no instance",)
    return () if dw is None else (f"{dw.path} is not used: it has no hostname",)
