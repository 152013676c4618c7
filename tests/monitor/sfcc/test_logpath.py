from __future__ import annotations

import posixpath
import unicodedata
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import LogError, Reason
from monitor.sfcc.logpath import ROOT, log_parts, log_url

BASE = "https://shop.example"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/Sites/LOGS/jobs/a/Job-a-1.log", "LOGS/jobs/a/Job-a-1.log"),
        ("Sites/LOGS/jobs/a/Job-a-1.log", "LOGS/jobs/a/Job-a-1.log"),
        ("/sites/Logs/jobs/a.log", "Logs/jobs/a.log"),
        ("/SITES/Logs/jobs/a.log", "Logs/jobs/a.log"),
        ("LOGS/jobs/a.log", "LOGS/jobs/a.log"),
        ("/Logs/job.log", "Logs/job.log"),
        ("/Sites/Impex/log/import-fail.log", "Impex/log/import-fail.log"),
        ("/on/demandware.servlet/webdav/Sites/LOGS/jobs/a.log", "LOGS/jobs/a.log"),
        ("/Sites/LOGS/jobs/1. Akeneo Import/Job-1. Akeneo Import-1.log", None),
        ("/Sites/LOGS/jobs/100%/Job-ü…-1.log", None),
        ("/Sites/LOGS/jobs/a?b#c/Job-a?b#c-1.log", None),
        ("/Sites/LOGS/jobs/a..b/...log", None),
        ("/Sites/LOGS/jobs/a:b@c/x;y=z&w.log", None),
    ],
)
def test_a_path_becomes_an_address_below_the_webdav_root(path: str, expected: str | None) -> None:
    wanted = expected or path.removeprefix("/Sites/")
    url = urlsplit(log_url(BASE, log_parts(path)))
    assert (url.scheme, url.netloc, url.query, url.fragment) == ("https", "shop.example", "", "")
    assert unquote(url.path) == ROOT + wanted


ATTACKS = [
    "/Sites/LOGS/../Catalogs/secret.xml",
    "/Sites/../../etc/passwd",
    "..",
    "/Sites/..",
    "/Sites/LOGS/./a.log",
    "/Sites/LOGS/%2e%2e/Catalogs/x",
    "/Sites/LOGS/%2E./x",
    "/Sites/LOGS/..%2fCatalogs/x",
    "/Sites/LOGS/a%2fb/x",
    "/Sites/LOGS/a%5cb/x",
    "/Sites/LOGS/ .. /x",
    "/Sites/LOGS\\..\\x",
    "\\\\evil.example\\share",
    "//evil.example/Sites/LOGS/a.log",
    "https://evil.example/Sites/LOGS/a.log",
    "HTTP://evil.example/a.log",
    "file:///etc/passwd",
    "ftp:/evil/a.log",
    " https://evil.example/a.log",
    "/Sites/LOGS/a\nb.log",
    "/Sites/LOGS/a\r\nHost: evil",
    "/Sites/LOGS/a\0.log",
    "/Sites/LOGS/a%00.log",
    "/Sites/LOGS/a%0d%0aHost:evil.log",
    "/Sites/LOGS//a.log",
    "/Sites/LOGS/jobs/",
    "/Sites/",
    "/",
    "/Sites/LOGS/\ud800.log",
    "/Sites/" + "a" * 4000,
    "/Sites/LOGS/%252e%252e/x",
    "/Sites/LOGS/%25252e%25252e/x",
    "/Sites/LOGS/.%2e/x",
    "/Sites/LOGS/%252fx/x",
    "/Sites/LOGS/%u002e%u002e/x",
    "/Sites/LOGS/%c0%ae%c0%ae/x",
    "/Sites/LOGS/..;/x",
    "/Sites/LOGS/..;a=b/x",
    "/Sites/LOGS/\N{TWO DOT LEADER}/x",
    "/Sites/LOGS/\N{FULLWIDTH FULL STOP}\N{FULLWIDTH FULL STOP}/x",
    "/Sites/LOGS/\N{FULLWIDTH PERCENT SIGN}2e./x",
    "/Sites/LOGS/\N{IDEOGRAPHIC FULL STOP}./x",
    "/Sites/LOGS/a\N{FULLWIDTH SOLIDUS}x",
    "/Sites/LOGS/a\N{DIVISION SLASH}x",
    "/Sites/LOGS/a\N{FULLWIDTH REVERSE SOLIDUS}x",
    "/Sites/LOGS/.\N{ZERO WIDTH SPACE}./x",
    "/Sites/LOGS/%e2%80%a5/x",
    "/Sites/LOGS/%" + "25" * 900 + "2e./x",
    "/Sites/Catalogs/shop/default/image.jpg",
    "/Sites/Impex/src/customers.csv",
    "/Sites/Impex/a.log",
    "/Sites/Impex/logs/a.log",
    "/Sites/logsx/a.log",
    "/Sites/LOGS",
    "a.log",
]


@pytest.mark.parametrize("path", ATTACKS, ids=ascii)
def test_a_path_with_a_trick_in_it_is_not_followed(path: str) -> None:
    with pytest.raises(LogError, match="not one to follow") as caught:
        log_parts(path)
    assert caught.value.reason is Reason.PROTOCOL
    assert not caught.value.retryable
    str(caught.value).encode("ascii")


@pytest.mark.parametrize("path", ["", "  ", "\n"])
def test_no_path_means_no_log(path: str) -> None:
    with pytest.raises(LogError, match="the platform names none for this run") as caught:
        log_parts(path)
    assert caught.value.reason is Reason.NOT_FOUND


PIECES = [
    *(
        "Sites",
        "LOGS",
        "Impex",
        "log",
        "jobs",
        "..",
        ".",
        "a",
        "",
        " ",
        "?",
        "#",
        ";",
        "%",
        "2e",
        "%2e",
        "%252e",
    ),
    *(
        "%2f",
        "%5c",
        "\\",
        "/",
        "\0",
        "\n",
        "%00",
        ":",
        "@",
        "evil.example",
        "http:",
        "\u2025",
        "\uff0e",
        "\uff0f",
    ),
    *("\u200b", "\ud800", "\u202e", "%c0%ae", "%u002e"),
]


@settings(max_examples=400)
@given(st.text() | st.lists(st.sampled_from(PIECES), max_size=12).map("".join).map("/Sites/LOGS/{}".format))
def test_no_path_leads_out_of_the_folders_of_logs(path: str) -> None:
    try:
        url = urlsplit(log_url(BASE, log_parts(path)))
    except LogError as error:
        str(error).encode("ascii")
        return
    assert (url.scheme, url.netloc, url.query, url.fragment) == ("https", "shop.example", "", "")
    assert url.path.startswith(ROOT)
    assert url.path.isascii()
    assert url.path.removeprefix(ROOT).lower().startswith(("logs/", "impex/log/"))
    decoded = url.path
    for _ in range(6):
        plain = unicodedata.normalize("NFKC", decoded)
        assert posixpath.normpath(plain) == plain, "no way up, no empty part"
        assert "\\" not in plain
        assert decoded.count("/") == url.path.count("/")
        decoded = unquote(decoded)
