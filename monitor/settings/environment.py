"""The names in the environment: `SFCC_MONITOR_*` fields, and one instance by the official CLI's names.

Reads the mapping it is given, never the process: what is not in there was not set.
An empty value is as good as none: that is what a container gets for a variable left out.
"""

from __future__ import annotations

import ipaddress
import json
import types
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, NoDecode, SettingsConfigDict

from monitor.settings.model import Settings

PREFIX = "SFCC_MONITOR_"
_BETWEEN_LEVELS = "__"
_OWN = {"SFCC_MONITOR_CONFIG"}

INSTANCE_FIELDS = {
    f"SFCC_{field.upper()}": field
    for field in (
        *("server", "webdav_server", "scapi_server", "account_manager_host"),
        *("client_id", "client_secret", "client_secret_file", "token_endpoint_auth_method"),
        *("jwt_cert", "jwt_key", "jwt_passphrase", "jwt_passphrase_file"),
        *("certificate", "certificate_passphrase", "certificate_passphrase_file"),
        *("username", "password", "password_file"),
        *("shortcode", "tenant_id", "api_backend", "search_field_style"),
        *("selfsigned", "ca_file"),
    )
}


@dataclass(frozen=True, slots=True)
class FromEnvironment:
    """`values` shaped like the file's, from the variables `names`; a line for each that cannot be used."""

    values: Mapping[str, Any]
    names: frozenset[str]
    problems: tuple[str, ...] = ()


def monitor_fields(environ: Mapping[str, str]) -> FromEnvironment:
    """All `SFCC_MONITOR_*` variables. One that is no field is a problem: it must not silently do nothing."""
    fields = known_names(Settings)
    problems = []
    usable = {}
    for name in sorted(environ):
        if not name.upper().startswith(PREFIX) or name in _OWN or not environ[name]:
            continue
        problem = _problem(name, environ[name], fields)
        if problem is None:
            usable[name.lower()] = environ[name]
        else:
            problems.append(f"{name}: {problem}")
    source = EnvSettingsSource(_Readable)
    source.env_vars = usable
    return FromEnvironment(source(), frozenset(name.upper() for name in usable), tuple(problems))


def instance_names(environ: Mapping[str, str]) -> list[str]:
    """Which of the variables that describe an instance are set."""
    return [name for name in INSTANCE_FIELDS if environ.get(name)]


def host_label(server: str) -> str:
    """The host's first label; of an IP address the whole host."""
    host = server.rpartition("://")[2].partition("/")[0]
    host = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host.split(".")[0] or server
    return host


def known_names(model: type[BaseModel], prefix: str = PREFIX) -> dict[str, FieldInfo]:
    """The fields by their names in the environment, those of nested tables included."""
    names = {}
    for field, info in model.model_fields.items():
        name = prefix + field.upper()
        names[name] = info
        nested = table_of(info.annotation)
        if nested is not None and get_origin(info.annotation) is not list:
            names |= known_names(nested, name + _BETWEEN_LEVELS)
    return names


def table_of(annotation: Any) -> type[BaseModel] | None:
    """The table type behind `X`, `X | None` and `list[X]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in {Union, types.UnionType, list}:
        return next((found for arg in get_args(annotation) if (found := table_of(arg))), None)
    return None


class _Readable(Settings, BaseSettings):
    """Tells the library how fields are named in the environment; nobody ever makes one."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter=_BETWEEN_LEVELS, extra="forbid", frozen=True
    )


def _problem(name: str, value: str, fields: Mapping[str, FieldInfo]) -> str | None:
    if name not in fields:
        names = [known.removeprefix(PREFIX) for known in fields]
        near = get_close_matches(name.upper().removeprefix(PREFIX), names, n=1, cutoff=0.6)
        return "there is no such setting" + (f"; did you mean {PREFIX}{near[0]}?" if near else "")
    if not _is_json(fields[name]):
        return None
    try:
        json.loads(value)
    except (ValueError, RecursionError) as error:
        why = error.msg if isinstance(error, json.JSONDecodeError) else "too long or nested too deeply"
        return f"not valid JSON ({why}); lists and tables are written as JSON in the environment"
    return None


def _is_json(field: FieldInfo) -> bool:
    if NoDecode in field.metadata:
        return False
    return get_origin(field.annotation) in {list, dict} or table_of(field.annotation) is not None
