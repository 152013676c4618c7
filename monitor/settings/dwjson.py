"""The official command line's settings file, `dw.json`, read as that reads it.

Knows its spellings and how it chooses among several instances; what a value means is said by `model`, and
what the environment says instead by `outside`. Keys are written `client-id` or `clientId`, and some have an
older name too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from monitor.errors import SettingsError

FILE = "dw.json"

FIELDS = {
    "name": "name",
    "hostname": "server",
    "webdavHostname": "webdav_server",
    "clientId": "client_id",
    "clientSecret": "client_secret",
    "jwtCertPath": "jwt_cert",
    "jwtKeyPath": "jwt_key",
    "jwtPassphrase": "jwt_passphrase",
    "certificate": "certificate",
    "certificatePassphrase": "certificate_passphrase",
    "username": "username",
    "password": "password",
    "accountManagerHost": "account_manager_host",
    "shortCode": "shortcode",
    "tenantId": "tenant_id",
    "apiBackend": "api_backend",
    "selfSigned": "selfsigned",
}
"""Key of the file -> field of an instance."""

ALIASES = {
    "server": "hostname",
    "webdav-server": "webdavHostname",
    "secure-server": "webdavHostname",
    "secureHostname": "webdavHostname",
    "scapi-shortcode": "shortCode",
    "passphrase": "certificatePassphrase",
    "selfsigned": "selfSigned",
    "cartridgesPath": "cartridges",
    "cloudOrigin": "mrtOrigin",
}

OF_NO_USE = frozenset(
    {
        *("codeVersion", "cartridges", "autoUpload", "importSetExclude", "siteId", "catalogs", "libraries"),
        *("contentLibrary", "assetQuery", "docsCategories", "safety", "realm", "sandboxApiHost", "cipHost"),
        *("oauthScopes", "authMethods", "userAuth", "slasClientId", "slasClientSecret"),
        *("mrtProject", "mrtEnvironment", "mrtApiKey", "mrtOrigin"),
    }
)
"""Fields of that command line that tell this program nothing."""

_CHOICE = frozenset({"active", "configs"})


@dataclass(frozen=True, slots=True)
class DwJson:
    """One instance of the file. keys: how a field is spelt there."""

    path: Path
    values: Mapping[str, Any]
    keys: Mapping[str, str]
    warnings: tuple[str, ...] = ()


def read(path: Path, instance: str | None) -> DwJson | None:
    """The instance of that name, or the one that is active; None where the file has none to choose.

    Raises `SettingsError`, which names file and key.
    """
    tables = _tables(path)
    chosen = _chosen(tables, instance)
    return None if chosen is None else _understood(path, chosen)


def names_in(path: Path) -> list[str]:
    """What its instances are called; raises `SettingsError`."""
    return [name for table in _tables(path) if isinstance(name := table.get("name"), str)]


def _tables(path: Path) -> list[Mapping[str, Any]]:
    """Its own fields, then those of each of `configs`."""
    root = _parsed(path)
    if not isinstance(root, dict):
        raise SettingsError([f"{path}: a JSON object is wanted here"])
    configs = root.get("configs")
    if not isinstance(configs, list):  # then that command line looks at the rest alone
        return [root]
    wrong = [number for number, one in enumerate(configs) if not isinstance(one, dict)]
    if wrong:
        raise SettingsError([f"{path}: configs[{number}]: a JSON object is wanted here" for number in wrong])
    return [root, *configs]


def _parsed(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SettingsError([f"{path}: cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise SettingsError([f"{path}: not UTF-8 text (byte {error.start})"]) from error
    except RecursionError as error:
        raise SettingsError([f"{path}: nested too deeply"]) from error
    except json.JSONDecodeError as error:
        raise SettingsError([f"{path}: not valid JSON: {error.msg} (line {error.lineno})"]) from error
    except ValueError as error:  # a number longer than Python takes
        raise SettingsError([f"{path}: not valid JSON: {error}"]) from error


def _chosen(tables: list[Mapping[str, Any]], instance: str | None) -> Mapping[str, Any] | None:
    root, *configs = tables
    if instance and configs:
        return next((table for table in tables if table.get("name") == instance), None)
    active = next((table for table in configs if table.get("active") is True), None)
    if active is not None or (root.get("active") is False and not instance):
        return active
    return root if any(_canonical(key) not in _CHOICE for key in root) else None


def _understood(path: Path, table: Mapping[str, Any]) -> DwJson:
    values: dict[str, Any] = {}
    keys: dict[str, str] = {}
    for key, value in table.items():
        field = FIELDS.get(_canonical(key))
        if field is not None and field not in values and value is not None and value != "":
            values[field], keys[field] = value, key
    return DwJson(path, values, keys, tuple(_warnings(path, table)))


def _warnings(path: Path, table: Mapping[str, Any]) -> Iterator[str]:
    idle = [key for key in table if _canonical(key) in OF_NO_USE]
    if idle:
        yield f"{path}: of no use here: {', '.join(idle)}"
    for key in table:
        name = _canonical(key)
        if name not in FIELDS and name not in OF_NO_USE and name not in _CHOICE:
            known = [_kebab(one) for one in (*FIELDS, *OF_NO_USE)]
            near = get_close_matches(_kebab(key), known, n=1, cutoff=0.7)
            yield f"{path}: {key}: there is no such field" + (f"; did you mean {near[0]}?" if near else "")


def _canonical(key: str) -> str:
    return ALIASES.get(key) or re.sub("-([a-z])", lambda found: found[1].upper(), key)


def _kebab(key: str) -> str:
    return re.sub("[A-Z]", lambda found: f"-{found[0].lower()}", key)
