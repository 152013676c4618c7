"""Masking: what must not leave, what must stay as it is, and that it takes linear time."""

from __future__ import annotations

import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.redact import _NAME_BEGIN, _SECRET_NAME, MASK, _folded, mask

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Authorization: Bearer abc.def-123", "Authorization: ***"),
        ('{"Authorization":"Basic dXNlcjpwYXNz"}', '{"Authorization":"***"}'),
        ("headers={Authorization=[Bearer abc123xyz]}", "headers={Authorization=[***]}"),
        ('Authorization: Digest username="x", response="y"', "Authorization: ***"),
        ("sent Bearer abcd1234efgh to it", "sent Bearer *** to it"),
        (f"got {JWT} back", "got *** back"),
        ("password=hunter2", "password=***"),
        ("ftpPassword: hunter2, host: x", "ftpPassword: ***, host: x"),
        ('"password": "a b c"', '"password": "***"'),
        (r'{\"password\":\"x y\"}', r'{\"password\":\"***\"}'),
        (r'"secret": "a\"b"', '"secret": "***"'),
        ("<password>my pass</password>", "<password>***</password>"),
        ('<pref id="apiPassword">x</pref>', '<pref id="apiPassword">***</pref>'),
        ('<ftp password="x y" user="me"/>', '<ftp password="***" user="me"/>'),
        ("GET /x?access_token=abc.def&y=2", "GET /x?access_token=***&y=2"),
        ("client_secret=%2Fabc&x=1", "client_secret=***&x=1"),
        ("api-key => abc", "api-key => ***"),
        ("secretAccessKey -> abc", "secretAccessKey -> ***"),
        ("redirect=%3Ftoken%3Dabc", "redirect=%3Ftoken%3D***"),
        ("Cookie: dwsid=abc; x=y", "Cookie: ***"),
        ("sftp://user:p@ss@host/in", "sftp://***@host/in"),
        ("key AKIAABCDEFGHIJKLMNOP used", "key *** used"),
        ("token ghp_abcdefghijklmnopqrstuvwxyz0123456789 used", "token *** used"),
        ("https://hooks.slack.com/services/T0/B0/abcdef", "https://hooks.slack.com/services/***"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIEa\n-----END RSA PRIVATE KEY-----\nx", "***\n***\n***\nx"),
        ("-----BEGIN PRIVATE KEY-----\nMIIEa\nabc=\nthen the log", "***\n***\n***\nthen the log"),
        (r'"-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----" x', '"***" x'),
        ("jdoe@example.com wrote", "*** wrote"),
        ("user=jdoe%40example.com&x", "user=***&x"),
        ("card 4111 1111 1111 1111 ok", "card *** ok"),
        ("1234 4111-1111-1111-1111", "1234 ***"),
        ("amex 3782 822463 10005", "amex ***"),
        ("4111111111111111", "***"),
    ],
)  # fmt: skip
def test_what_is_masked(text: str, expected: str) -> None:
    assert mask(text) == (expected, 1)


@pytest.mark.parametrize(
    "text",
    [
        "Unexpected token < in JSON at position 0",
        "tests passed: 12, compass: north",
        "Bearer authentication failed",
        "Basic authentication required",
        "password: *** and token=null",
        "order 4111111111111112 does not add up",  # no valid check digit
        "ean 4006381333931 and id 1763863920123",
        "2026-11-23 02:12:00.123 GMT",
        "https://host/path@version",
        "step 3-1-1-import, product p-1@site",
        "0.4111111111111111",
    ],
)
def test_what_stays(text: str) -> None:
    assert mask(text) == (text, 0)


def test_personal_data_stay_if_wished_and_secrets_do_not() -> None:
    assert mask("a@b.de password=x 4111111111111111", personal=False) == (
        "a@b.de password=*** 4111111111111111",
        1,
    )


def test_known_secrets_are_masked_in_every_spelling() -> None:
    assert mask("x s3/cr et x s3%2Fcr%20et x", ["s3/cr et"]) == ("x *** x *** x", 2)


def test_a_known_secret_within_another_leaves_nothing_over() -> None:
    assert mask("abcdefgh", ["cdef", "abcdefgh"]) == ("***", 1)


def test_a_very_short_known_secret_does_not_mask_prose() -> None:
    assert mask("a b c", ["a", ""]) == ("a b c", 0)


secrets = st.text(string.ascii_letters + string.digits + "!#%*+-./:=?@^_~", min_size=8, max_size=40).filter(
    lambda one: (
        any(c.isalnum() for c in one) and not one.startswith(("***", "=", ">")) and one.lower() != "undefined"
    )
)
PLACES = [
    "password={}",
    "password: {}",
    '"password": "{}"',
    "'token':'{}'",
    "<secret>{}</secret>",
    'apiKey="{}"',
    '{{\\"client_secret\\":\\"{}\\"}}',
    "Authorization: Bearer {}",
]


@given(secrets, st.sampled_from(PLACES), st.text("äöü \n", max_size=30))
def test_a_planted_secret_never_survives(secret: str, place: str, around: str) -> None:
    core = secret.rstrip(",;)]}.")
    masked, count = mask(f"{around}\n{place.format(secret)}\n{around}")

    assert count >= 1
    assert core not in masked.replace(MASK, "\x00")


@given(st.text(string.ascii_letters + string.digits + " .,()_\n", max_size=300))
def test_text_without_anything_secret_stays_as_it_is(text: str) -> None:
    assert mask(text, personal=False)[0] == text or "key" in text.lower() or "eyJ" in text


@given(st.text(string.ascii_letters + string.digits + "pasword token=:\"'<>@&%\\ \n", max_size=200))
def test_masking_twice_changes_nothing_and_lines_stay_lines(text: str) -> None:
    masked, _ = mask(text)

    assert mask(masked)[0] == masked
    assert masked.count("\n") == text.count("\n")


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "password",
        'password="',
        "a@",
        "eyJ",
        "-eyJaaaaaa",
        "://",
        "1 ",
        "token=&a",
        "-----BEGIN PRIVATE KEY-----\n",
    ],
)
def test_time_grows_linearly_with_whatever_text(unit: str) -> None:
    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        start = time.perf_counter()
        mask(text)
        return time.perf_counter() - start

    # Five times the text; a quadratic expression would take 25 times as long.
    assert seconds(500_000) < 15 * max(seconds(100_000), 0.01)


NAMES = (
    *(
        "password",
        "Passwort",
        "KENNWORT",
        "to\u212aen",
        "credent\u0130al",
        "api_key",
        "apikey",
        "secret",
        "pwd",
    ),
    *(
        "acce\u017f\u017fkey",
        "accessecret",
        "session-id",
        "x-amz-signature",
        "dwsid",
        "asid",
        "s\u0131d",
        "sid",
    ),
    *(
        "set-cookie",
        "reset-cookie",
        "jwt",
        "sign",
        "sig",
        "private-key",
        "client_assertion",
        "=",
        ": ",
        '": "',
        ">",
    ),
    *("</x>", "%3D", "\n", " ", "'", '"', ";", "-", "_", "a", "Abc123def", "ß", "Σ", "😀"),
)


@given(st.lists(st.sampled_from(NAMES), max_size=14).map("".join))
def test_a_name_is_found_in_whatever_letters_as_if_each_place_were_tried(text: str) -> None:
    """Where names begin is looked for in a faster way: it leaves none out."""
    places = {place for place in range(len(text)) if _SECRET_NAME.match(text, place)}
    found = {
        begin.start() for place in places for begin in [_NAME_BEGIN.match(_folded(text), place)] if begin
    }
    assert found == places
    assert len(_folded(text)) == len(text)
