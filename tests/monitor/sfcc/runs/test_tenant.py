from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.sfcc.runs.tenant import organization_of, scapi_url, scope_of, tenant_of

PAGE = "Administration > Site Development > Salesforce Commerce API Settings"


@pytest.mark.parametrize(
    ("text", "tenant"),
    [
        pytest.param("zzxy_prd", "zzxy_prd", id="as it is"),
        pytest.param("zzxy-prd", "zzxy_prd", id="with a hyphen"),
        pytest.param("ZZXY_PRD", "zzxy_prd", id="in capitals"),
        pytest.param("f_ecom_zzxy_prd", "zzxy_prd", id="an organization"),
        pytest.param(" F_ECOM_ZZXY_PRD\n", "zzxy_prd", id="an organization in capitals and blanks"),
        pytest.param("zzxy_001", "zzxy_001", id="a sandbox"),
        pytest.param("zzxy_s01", "zzxy_s01", id="an instance of another name"),
        pytest.param("zzxy-001.dx.commercecloud.salesforce.com", "zzxy_001", id="the host of a sandbox"),
        pytest.param("zzxy-001.test1.dx.commercecloud.salesforce.com", "zzxy_001", id="of another pod"),
        pytest.param("https://ZZXY-001.dx.commercecloud.salesforce.com/on/x", "zzxy_001", id="a URL"),
    ],
)
def test_a_tenant_is_known_in_any_spelling(text: str, tenant: str) -> None:
    assert tenant_of(text) == tenant
    assert organization_of(text) == f"f_ecom_{tenant}"
    assert scope_of(text) == f"sfcc.jobs SALESFORCE_COMMERCE_API:{tenant}"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("zzxy", id="a realm alone"),
        pytest.param("prd", id="an instance alone"),
        pytest.param("zzxyz_prd", id="a realm of five letters"),
        pytest.param("zzxy prd", id="with a blank"),
        pytest.param("zzxy_prd_eu", id="with more parts"),
        pytest.param("production-realm-customer.demandware.net", id="the host of an instance group"),
        pytest.param("zzxy-001.example.com", id="a host elsewhere"),
        pytest.param("zzxy_pr/d", id="with a path"),
        pytest.param("ẓzxy_prd", id="other letters"),
    ],
)
def test_what_is_no_tenant_is_refused_with_where_it_stands(text: str) -> None:
    with pytest.raises(ValueError, match="is no tenant: write realm and instance such as zzxy_prd") as caught:
        tenant_of(text)
    assert PAGE in str(caught.value)


@given(st.from_regex(r"[a-z0-9]{4}_[a-z0-9]{2,8}", fullmatch=True))
def test_a_tenant_written_again_is_the_same(tenant: str) -> None:
    assert tenant_of(tenant) == tenant == tenant_of(organization_of(tenant)) == tenant_of(tenant.upper())


@pytest.mark.parametrize(
    ("shortcode", "server", "url"),
    [
        pytest.param("kv7kzm78", None, "https://kv7kzm78.api.commercecloud.salesforce.com", id="a code"),
        pytest.param(" KV7KZM78 ", None, "https://kv7kzm78.api.commercecloud.salesforce.com", id="capitals"),
        pytest.param(
            "https://kv7kzm78.api.commercecloud.salesforce.com/",
            None,
            "https://kv7kzm78.api.commercecloud.salesforce.com",
            id="a URL instead of the code",
        ),
        pytest.param("kv7kzm78", "http://127.0.0.1:9", "http://127.0.0.1:9", id="a server wins"),
        pytest.param(None, "api.example", "https://api.example", id="a server alone"),
    ],
)
def test_where_scapi_answers(shortcode: str | None, server: str | None, url: str) -> None:
    assert scapi_url(shortcode, server) == url


@pytest.mark.parametrize("code", ["", None, "kv7", "kv7-kzm8", "kv7kzm78.example.com", "a b c d"])
def test_what_is_no_short_code_is_refused(code: str | None) -> None:
    with pytest.raises(ValueError, match=f"is no short code: .* under {PAGE}"):
        scapi_url(code, None)


@pytest.mark.parametrize("server", ["http://api.example", "https://u:p@api.example"])
def test_a_server_that_would_leak_secrets_is_refused(server: str) -> None:
    with pytest.raises(ValueError, match=r"would send secrets|does not belong"):
        scapi_url("kv7kzm78", server)
