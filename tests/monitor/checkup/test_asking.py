"""The text for whoever administers the instance."""

from __future__ import annotations

import json

from monitor.checkup.asking import request_text
from monitor.checkup.model import What
from monitor.checkup.permissions import ocapi_entry, webdav_entry
from monitor.checkup.subject import Subject
from monitor.checkup.verdict import failed, passed, skipped
from monitor.errors import Reason, SfccError

SUBJECT = Subject(
    "staging",
    "staging",
    {"ocapi": "https://staging-realm-customer.demandware.net"},
    {"ocapi": "our-client", "webdav": "our-client"},
)
DENIED = SfccError(Reason.PERMISSION, "no", status=403, fault_type="ClientAccessForbiddenException")


def asked_for(text: str) -> list[object]:
    """The JSON entries of it, as somebody would copy them."""
    found, decoder, at = [], json.JSONDecoder(), text.find("\n{")
    while at >= 0:
        entry, length = decoder.raw_decode(text[at + 1 :])
        found.append(entry)
        at = text.find("\n{", at + length)
    return found


def test_it_says_who_asks_for_what_why_where_and_how_to_see_that_it_works() -> None:
    steps = [failed(SUBJECT, What.SEARCH, "ocapi", DENIED), failed(SUBJECT, What.LOG, "webdav", DENIED)]
    text = request_text(SUBJECT, steps)
    assert text is not None
    assert asked_for(text) == [ocapi_entry("our-client"), webdav_entry("our-client")]
    for said in (
        "staging-realm-customer.demandware.net",
        "It logs in as the API client our-client.",
        "1. Where: Business Manager > Administration > Site Development > Open Commerce API Settings",
        "2. Where: Business Manager > Administration > Organization > WebDAV Client Permissions",
        "do not replace what is there",
        "Why: to see which jobs ran, and how they ended.",
        "let nobody start, change or",
        "`sfcc-job-monitor check staging`",
    ):
        assert said in text


def test_the_same_entry_is_asked_for_once() -> None:
    steps = [failed(SUBJECT, What.SEARCH, "ocapi", DENIED), failed(SUBJECT, What.EXECUTION, "ocapi", DENIED)]
    text = request_text(SUBJECT, steps)
    assert text is not None
    assert asked_for(text) == [ocapi_entry("our-client")]
    assert "to see which jobs ran, and how they ended; to look at one run" in text


def test_without_a_token_it_asks_for_all_that_will_be_needed() -> None:
    refused = SfccError(Reason.CREDENTIALS, "no", status=401, fault_type="invalid_client")
    steps = [
        failed(SUBJECT, What.TOKEN, "ocapi", refused),
        skipped(SUBJECT, What.SEARCH, "ocapi", "there is no token"),
        skipped(SUBJECT, What.LOG, "webdav", "there is no token"),
    ]
    text = request_text(SUBJECT, steps)
    assert text is not None
    assert "1. Where: Account Manager > API Client" in text
    assert asked_for(text) == [ocapi_entry("our-client"), webdav_entry("our-client")]


def test_where_all_is_well_there_is_nothing_to_ask_for() -> None:
    assert request_text(SUBJECT, [passed(SUBJECT, What.SEARCH, "ocapi", "")]) is None


def test_nobody_is_asked_for_what_no_page_gives() -> None:
    down = failed(SUBJECT, What.SEARCH, "ocapi", SfccError(Reason.NETWORK, "no"))
    assert request_text(SUBJECT, [down]) is None
