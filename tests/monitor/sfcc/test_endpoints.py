from __future__ import annotations

import pytest

from monitor.sfcc.endpoints import base_url


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("production-realm-customer.demandware.net", "https://production-realm-customer.demandware.net"),
        (" Production.Example.com ", "https://production.example.com"),
        ("example.com:8443", "https://example.com:8443"),
        ("https://example.com/", "https://example.com"),
        ("https://example.com:8443", "https://example.com:8443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.9.9.9", "http://127.9.9.9"),
        ("http://localhost:1", "http://localhost:1"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("127.0.0.1:8080", "https://127.0.0.1:8080"),
        ("[2001:db8::1]", "https://[2001:db8::1]"),
        ("müller.example", "https://müller.example"),
        ("under_score.example", "https://under_score.example"),
    ],
)
def test_a_host_or_a_url_becomes_a_base_url(text: str, expected: str) -> None:
    assert base_url(text) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is empty"),
        ("   ", "is empty"),
        ("http://example.com", "http:// would send secrets"),
        ("http://127.0.0.1.example.com", "http:// would send secrets"),
        ("http://localhost.example.com", "http:// would send secrets"),
        ("ftp://example.com", "ftp:// is not known"),
        ("https://user:pass@example.com", "a login does not belong"),
        ("user@example.com", "a login does not belong"),
        ("https://example.com/on/demandware.store", "without a path"),
        ("https://example.com?x=1", "without a path"),
        ("example.com#x", "without a path"),
        ("exa mple.com", "not a host name"),
        ("-example.com", "not a host name"),
        ("example..com", "not a host name"),
        ("https://", "not a host name"),
        ("example.com:0", "1 to 65535"),
        ("example.com:99999", "1 to 65535"),
        ("example.com:", "1 to 65535"),
        ("example.com:http", "1 to 65535"),
        ("[::1", "not a host name"),
        ("[nonsense]", "not a host name"),
        ("x" * 254, "not a host name"),
    ],
)
def test_other_text_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        base_url(text)
    assert "pass" not in str(caught.value)
