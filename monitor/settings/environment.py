"""The names in the environment: `SFCC_MONITOR_*` fields, and one instance by the official CLI's names."""

from __future__ import annotations

import ipaddress
import types
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel

from monitor.settings.model import Settings

PREFIX = "SFCC_MONITOR_"
_OWN = {"SFCC_MONITOR_CONFIG"}
_TRUE = {"1", "true", "yes", "on"}

INSTANCE_FIELDS = {
    "SFCC_SERVER": "server",
    "SFCC_WEBDAV_SERVER": "webdav_server",
    "SFCC_CLIENT_ID": "client_id",
    "SFCC_CLIENT_SECRET": "client_secret",
    "SFCC_CLIENT_SECRET_FILE": "client_secret_file",
    "SFCC_USERNAME": "username",
    "SFCC_PASSWORD": "password",
    "SFCC_PASSWORD_FILE": "password_file",
    "SFCC_SHORTCODE": "shortcode",
    "SFCC_TENANT_ID": "tenant_id",
    "SFCC_ACCOUNT_MANAGER_HOST": "account_manager_host",
    "SFCC_API_BACKEND": "api_backend",
    "SFCC_SELFSIGNED": "selfsigned",
    "SFCC_CA_FILE": "ca_file",
}


def instance_from_environment(environ: Mapping[str, str]) -> dict[str, Any] | None:
    """The instance the `SFCC_*` variables describe; None when `SFCC_SERVER` is not set."""
    given = {field: environ[name] for name, field in INSTANCE_FIELDS.items() if environ.get(name)}
    if "server" not in given:
        return None
    values: dict[str, Any] = {**given, "name": environ.get("SFCC_INSTANCE") or host_label(given["server"])}
    if "selfsigned" in values:
        values["selfsigned"] = str(values["selfsigned"]).lower() in _TRUE
    return values


def host_label(server: str) -> str:
    """The host's first label; of an IP address the whole host."""
    host = server.rpartition("://")[2].partition("/")[0]
    host = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host.split(".")[0] or host
    return host


def unknown_names(environ: Mapping[str, str]) -> list[str]:
    """A line for each `SFCC_MONITOR_*` name that is no field: a misspelt one must not do nothing."""
    known = sorted(known_names(Settings))
    found = []
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name in _OWN or _is_known(name, known):
            continue
        near = get_close_matches(name, known, n=1, cutoff=0.6)
        hint = f"; did you mean {near[0]}?" if near else ""
        found.append(f"{name}: there is no such setting{hint}")
    return found


def known_names(model: type[BaseModel], prefix: str = PREFIX) -> set[str]:
    """The environment names of all fields, those of nested tables included."""
    names = set()
    for field, info in model.model_fields.items():
        name = prefix + field.upper()
        names.add(name)
        nested = table_of(info.annotation)
        if nested is not None and get_origin(info.annotation) is not list:
            names |= known_names(nested, f"{name}__")
    return names


def _is_known(name: str, known: list[str]) -> bool:
    return name.upper() in known


def table_of(annotation: Any) -> type[BaseModel] | None:
    """The table type behind `X`, `X | None` and `list[X]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in {Union, types.UnionType, list}:
        return next((found for arg in get_args(annotation) if (found := table_of(arg))), None)
    return None
