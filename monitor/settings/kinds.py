"""What kind of instance it is and whose, as far as its settings tell. Pure.

A host of the platform names both; a tenant's id is more certain, and what is set holds before all. Whoever
hides the instance behind an own host and gives no tenant is taken to mean production: the safe guess.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlsplit

from monitor.settings.model import InstanceSettings
from monitor.sfcc.endpoints import SANDBOXES, base_url

PLATFORM = ".demandware.net"

_SUFFIXES = {"prd": "production", "stg": "staging", "dev": "development"}
_KINDS = frozenset(_SUFFIXES.values())
_OLD_SANDBOX = re.compile(r"dev[0-9]+")
"""Of the days before sandboxes on demand: `dev01-realm-customer.demandware.net`."""


class _Told(NamedTuple):
    """Empty where nothing is told."""

    kind: str = ""
    realm: str = ""


def instance_type(instance: InstanceSettings) -> str:
    """`production`, `staging`, `development` or `sandbox`."""
    return instance.type or _by_tenant(instance).kind or _by_host(instance).kind or "production"


def realm(instance: InstanceSettings) -> str:
    """Empty where neither tenant nor host tell."""
    return _by_tenant(instance).realm or _by_host(instance).realm


def _by_tenant(instance: InstanceSettings) -> _Told:
    """`zzxy_prd`, `f_ecom_zzxy_001`, `zzxy-001`, or the whole host of a sandbox."""
    tenant = (instance.tenant_id or "").strip().lower().split(".")[0].replace("-", "_")
    name, _, suffix = tenant.removeprefix("f_ecom_").partition("_")
    if not name or not suffix:
        return _Told()
    return _Told("sandbox" if suffix.isdigit() else _SUFFIXES.get(suffix, ""), name)


def _by_host(instance: InstanceSettings) -> _Told:
    host = urlsplit(base_url(instance.server)).hostname or ""
    if host.endswith(SANDBOXES):
        return _Told("sandbox", host.partition("-")[0])
    words = re.split(r"[-.]", host.removesuffix(PLATFORM))
    if words[0] == "cert":  # the host of a staging instance that asks for a client certificate
        words = words[1:]
    kind = "sandbox" if _OLD_SANDBOX.fullmatch(words[0]) else words[0] if words[0] in _KINDS else ""
    is_told = kind and len(words) > 2 and host.endswith(PLATFORM)
    return _Told(kind if kind != "sandbox" or is_told else "", words[1] if is_told else "")
