from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import Reason
from monitor.sfcc.refusal import Refusal, general_error, page_title, plain, retry_after

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
SANDBOX = "abcd-001.dx.commercecloud.salesforce.com"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("5", 5.0, id="seconds"),
        pytest.param(" 5 ", 5.0, id="seconds with blanks"),
        pytest.param("0", 0.0, id="now"),
        pytest.param("9" * 400, 999999999.0, id="never"),
        pytest.param("Sun, 22 Nov 2026 02:00:30 GMT", 30.0, id="a date"),
        pytest.param("Sun, 22 Nov 2026 01:00:00 GMT", 0.0, id="a date that has passed"),
        pytest.param("-5", None, id="nonsense"),
        pytest.param("soon", None, id="a word"),
        pytest.param("\N{ARABIC-INDIC DIGIT FIVE}", None, id="digits of another script"),
        pytest.param("", None, id="empty"),
        pytest.param(None, None, id="absent"),
    ],
)
def test_when_to_come_back(text: str | None, expected: float | None) -> None:
    assert retry_after(text, NOW) == expected


@given(st.text())
def test_no_header_text_breaks_it(text: str) -> None:
    found = retry_after(text, NOW)
    assert found is None or found >= 0


def refusal(status: int, host: str = "shop.example", **fields: object) -> Refusal:
    return Refusal(host, status, **fields)  # type: ignore[arg-type] # columns of the table below


@pytest.mark.parametrize(
    ("given_", "reason", "retryable", "text"),
    [
        (refusal(429), Reason.THROTTLED, "yes", "asks for fewer requests (429)"),
        (refusal(429, retry_after=90.0), Reason.THROTTLED, "yes", "and to come back in 90 s"),
        (refusal(503, sheds_load=True), Reason.THROTTLED, "yes", "asks for fewer requests (503)"),
        (refusal(503, retry_after=1.0), Reason.THROTTLED, "yes", "come back in 1 s"),
        (refusal(503), Reason.SERVER, "yes", "has trouble of its own (503)"),
        (refusal(503, maintenance=True), Reason.MAINTENANCE, "yes", "is down for maintenance"),
        (refusal(521, title="Web Server Is Down"), Reason.SERVER, "yes", '(521, page "Web Server Is Down")'),
        (refusal(408), Reason.TIMEOUT, "yes", "waited too long"),
        (refusal(413, SANDBOX), Reason.MAINTENANCE, "", "as a stopped sandbox does: start it"),
        (refusal(413), Reason.REFUSED, "", "refuses the request as too large (413)"),
        (refusal(400, fault_type="Odd", message="Why?"), Reason.REFUSED, "", "(400, Odd: Why?)"),
        (
            refusal(301, location="https://login.example/x?y"),
            Reason.PROTOCOL,
            "",
            "redirects to login.example",
        ),
        (refusal(302), Reason.PROTOCOL, "", "redirects to another address"),
        (refusal(204), Reason.PROTOCOL, "yes", "an answer that is none (204)"),
    ],
)
def test_what_holds_for_every_api(given_: Refusal, reason: Reason, retryable: str, text: str) -> None:
    error = general_error(given_)
    assert error.reason is reason
    assert error.retryable == bool(retryable)
    assert text in str(error)
    assert given_.host in str(error)
    assert error.status == given_.status
    assert error.retry_after == given_.retry_after


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("got Bearer abc.def", "got …"),
        ("Basic dXNlcjprZXk= was wrong", "… was wrong"),
        ("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln ended", "token … ended"),
        (f"key {'a1' * 30} ended", "key … ended"),
        ("job 3-1-1-Akeneo-Differential-Import-Master-With-A-Long-Name", None),
        ("two\nlines\tand\x1b[31m colour", "two lines and[31m colour"),
        ("x y " * 100, "x y " * 49 + "x y…"),
        (None, ""),
        (17, ""),
    ],
)
def test_a_servers_words_are_quoted_short_plain_and_without_tokens(
    text: object, expected: str | None
) -> None:
    assert plain(text) == (text if expected is None else expected)


@pytest.mark.parametrize(
    ("page", "title"),
    [
        ("<html><head><TITLE lang=en>\n Site  Maintenance </TITLE>", "Site Maintenance"),
        ("<title>a &lt; b &#8230;</title>", "a < b …"),
        ("<title></title>", ""),
        ("no page at all", ""),
        (f"<title>{'long ' * 100}</title>", ("long " * 16).strip() + " "),
    ],
)
def test_the_title_of_a_page(page: str, title: str) -> None:
    assert page_title(page).strip() == title.strip()


def test_the_server_knows_its_own_time_better() -> None:
    ahead = NOW + timedelta(hours=2)
    assert retry_after("Sun, 22 Nov 2026 04:00:10 GMT", ahead) == 10.0
