from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from monitor.settings import InstanceSettings
from monitor.settings.kinds import instance_type, realm


def instance(server: str, **fields: Any) -> InstanceSettings:
    return InstanceSettings(name="it", server=server, client_id="c", client_secret=SecretStr("s"), **fields)


@pytest.mark.parametrize(
    ("server", "fields", "expected"),
    [
        pytest.param("production-abcd-acme.demandware.net", {}, "production", id="a production host"),
        pytest.param("staging-abcd-acme.demandware.net", {}, "staging", id="a staging host"),
        pytest.param("development-abcd-acme.demandware.net", {}, "development", id="a development host"),
        pytest.param(
            "https://Staging-abcd-acme.demandware.net:443/", {}, "staging", id="an address in capitals"
        ),
        pytest.param("zzzz-001.dx.commercecloud.salesforce.com", {}, "sandbox", id="a sandbox host"),
        pytest.param("www.acme.example", {}, "production", id="an own host: the safe guess"),
        pytest.param("www.acme.example", {"tenant_id": "abcd_prd"}, "production", id="tenant prd"),
        pytest.param("www.acme.example", {"tenant_id": "abcd_stg"}, "staging", id="tenant stg"),
        pytest.param(
            "www.acme.example", {"tenant_id": "f_ecom_abcd_dev"}, "development", id="an organisation's name"
        ),
        pytest.param(
            "www.acme.example", {"tenant_id": "abcd-001"}, "sandbox", id="tenant in digits, with a dash"
        ),
        pytest.param(
            "staging-abcd-acme.demandware.net",
            {"tenant_id": "abcd_dev"},
            "development",
            id="the tenant before the host",
        ),
        pytest.param(
            "zzzz-001.dx.commercecloud.salesforce.com:443",
            {},
            "sandbox",
            id="a sandbox with a port",
        ),
        pytest.param("dev07-abcd-acme.demandware.net", {}, "sandbox", id="an old sandbox"),
        pytest.param("dev07.acme.example", {}, "production", id="a name like one on an own host"),
        pytest.param("cert.staging.abcd.acme.demandware.net", {}, "staging", id="staging by certificate"),
        pytest.param("production.abcd.acme.demandware.net", {}, "production", id="dots in place of dashes"),
        pytest.param(
            "www.acme.example",
            {"tenant_id": "zzzz-001.dx.commercecloud.salesforce.com"},
            "sandbox",
            id="a host in place of the tenant",
        ),
        pytest.param("www.acme.example", {"tenant_id": " ABCD_STG "}, "staging", id="capitals and blanks"),
        pytest.param(
            "staging-abcd-acme.demandware.net", {"tenant_id": "abcd"}, "staging", id="half a tenant"
        ),
        pytest.param(
            "staging-abcd-acme.demandware.net", {"tenant_id": "abcd_xyz"}, "staging", id="an odd tenant"
        ),
        pytest.param(
            "zzzz-001.dx.commercecloud.salesforce.com",
            {"type": "staging"},
            "staging",
            id="what is set before all",
        ),
    ],
)
def test_the_type_of_an_instance_is_told_by_tenant_or_host(
    server: str, fields: dict[str, Any], expected: str
) -> None:
    assert instance_type(instance(server, **fields)) == expected


@pytest.mark.parametrize(
    ("server", "tenant", "expected"),
    [
        pytest.param("www.acme.example", "abcd_prd", "abcd", id="the tenant's first part"),
        pytest.param("www.acme.example", "f_ecom_abcd_prd", "abcd", id="an organisation's name"),
        pytest.param("www.acme.example", "abcd-001", "abcd", id="a dash"),
        pytest.param("production-abcd-acme.demandware.net", None, "abcd", id="a platform host"),
        pytest.param("https://production-abcd-acme.demandware.net:443", None, "abcd", id="an address"),
        pytest.param("cert.staging.abcd.acme.demandware.net", None, "abcd", id="staging by certificate"),
        pytest.param("zzzz-001.dx.commercecloud.salesforce.com", None, "zzzz", id="a sandbox host"),
        pytest.param(
            "www.acme.example", "zzzz-001.dx.commercecloud.salesforce.com", "zzzz", id="as the tenant"
        ),
        pytest.param("production-abcd-acme.demandware.net", "abcd", "abcd", id="half a tenant"),
        pytest.param("abcd.demandware.net", None, "", id="a short platform host"),
        pytest.param("www-abcd-acme.example", None, "", id="an own host tells nothing"),
    ],
)
def test_the_realm_is_told_by_tenant_or_platform_host(server: str, tenant: str | None, expected: str) -> None:
    assert realm(instance(server, tenant_id=tenant)) == expected
