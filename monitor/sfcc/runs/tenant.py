"""Which organization an instance is to SCAPI, and where that answers, however people write it. Pure.

Knows names; knows no settings: what is wrong is said as a `ValueError` whose text fits behind the
setting's name. A tenant is realm and instance, `zzxy_prd`; its organization is `f_ecom_zzxy_prd`.
"""

from __future__ import annotations

import re

from monitor.sfcc.endpoints import base_url

TENANT = re.compile(r"(?:f_ecom_)?([a-z0-9]{4})[_-]([a-z0-9]{2,8})")
INSTANCE_HOST = re.compile(r"([a-z0-9]{4}-[a-z0-9]{2,8})(?:\.[a-z0-9-]+)*\.commercecloud\.salesforce\.com")
SHORT_CODE = re.compile(r"([a-z0-9]{4,32})(?:\.api\.commercecloud\.salesforce\.com)?")
PAGE = "Administration > Site Development > Salesforce Commerce API Settings"
READ_JOBS = "sfcc.jobs"


def tenant_of(text: str) -> str:
    """`zzxy_prd` of a tenant or organization in any spelling, or of the host of a sandbox."""
    name = _bare(text)
    if host := INSTANCE_HOST.fullmatch(name):
        name = host[1]
    found = TENANT.fullmatch(name)
    if found is None:
        raise ValueError(
            f"{text.strip()!r} is no tenant: write realm and instance such as zzxy_prd, "
            f"as Business Manager shows them under {PAGE}"
        )
    return f"{found[1]}_{found[2]}"


def organization_of(tenant: str) -> str:
    return f"f_ecom_{tenant_of(tenant)}"


def scapi_url(shortcode: str | None, server: str | None) -> str:
    """The base URL: of `server` where one is given, else of the host that the short code names."""
    if server is not None:
        return base_url(server)
    code = SHORT_CODE.fullmatch(_bare(shortcode or ""))
    if code is None:
        raise ValueError(
            f"{(shortcode or '').strip()!r} is no short code: it is about eight letters and digits, "
            f"in Business Manager under {PAGE}"
        )
    return f"https://{code[1]}.api.commercecloud.salesforce.com"


def scope_of(tenant: str, right: str = READ_JOBS) -> str:
    """What to ask Account Manager for: the right, and the tenant it is for."""
    return f"{right} SALESFORCE_COMMERCE_API:{tenant_of(tenant)}"


def _bare(text: str) -> str:
    """In small letters; of a URL its host."""
    return re.sub(r"^https?://([^/]*).*$", r"\1", text.strip().lower())
