from __future__ import annotations

import posixpath
import unicodedata
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import LogError, Reason
from monitor.sfcc.logs.logpath import ROOT, archives, log_parts, log_url, redirected, spellings

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
        ("Impex/log/import-fail.log", "Impex/log/import-fail.log"),
        ("Job-orders-export-20261123013000000.log", "Impex/log/Job-orders-export-20261123013000000.log"),
        ("Job-1. Import 100%-1.LOG", "Impex/log/Job-1. Import 100%-1.LOG"),
        ("/on/demandware.servlet/webdav/Sites/LOGS/jobs/a.log", "LOGS/jobs/a.log"),
        ("on/demandware.servlet/webdav/Sites/Impex/log/a.log", "Impex/log/a.log"),
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
    "/a.log",
    "a.xml",
    "%2e%2e%2fa.log",
    "a\\b.log",
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


@pytest.mark.parametrize(
    ("path", "others"),
    [
        pytest.param("/Sites/LOGS/jobs/a b/Job-a b-1.log", [], id="nothing to decode"),
        pytest.param("/Sites/LOGS/jobs/100%/Job-100%-1.log", [], id="a percent sign of the name"),
        pytest.param(
            "/Sites/LOGS/jobs/a%20b/Job-a%20b-1.log", ["LOGS/jobs/a b/Job-a b-1.log"], id="an address"
        ),
        pytest.param("/Sites/LOGS/jobs/100%25/a.log", ["LOGS/jobs/100%/a.log"], id="an escaped percent sign"),
    ],
)
def test_percent_signs_are_taken_both_ways_as_they_stand_first(path: str, others: list[str]) -> None:
    found = ["/".join(parts) for parts in spellings(log_parts(path))]
    assert found == [path.removeprefix("/Sites/"), *others]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param(
            "/Sites/LOGS/jobs/a/Job-a-1.log",
            [
                "LOGS/log_archive/jobs/a/Job-a-1.log.gz",
                "LOGS/jobs/a/log_archive/Job-a-1.log.gz",
                "LOGS/jobs/log_archive/Job-a-1.log.gz",
            ],
            id="of a job",
        ),
        pytest.param("/Logs/job.log", ["Logs/log_archive/job.log.gz"], id="directly in the folder of logs"),
        pytest.param("/Sites/Impex/log/a.log", [], id="of an import: nothing is said to move"),
    ],
)
def test_places_of_a_log_that_was_moved_away(path: str, expected: list[str]) -> None:
    assert list(dict.fromkeys("/".join(parts) for parts in archives(log_parts(path)))) == expected


HERE = BASE + ROOT + "LOGS/jobs/a/Job-a-1.log"


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        (ROOT + "Logs/jobs/a/Job-a-1.log", "Logs/jobs/a/Job-a-1.log"),
        (BASE + ROOT + "LOGS/log_archive/a.log.gz", "LOGS/log_archive/a.log.gz"),
        ("https://SHOP.example:443" + ROOT + "LOGS/x.log", "LOGS/x.log"),
        ("other.log", "LOGS/jobs/a/other.log"),
        ("../b/c%20d.log", "LOGS/jobs/b/c%20d.log"),
        ("https://evil.example" + ROOT + "LOGS/x.log", None),
        ("http://shop.example" + ROOT + "LOGS/x.log", None),
        ("https://shop.example:8443" + ROOT + "LOGS/x.log", None),
        ("https://user@shop.example" + ROOT + "LOGS/x.log", None),
        ("https://shop.example@evil.example" + ROOT + "LOGS/x.log", None),
        ("//evil.example" + ROOT + "LOGS/x.log", None),
        ("\\\\evil.example\\x.log", None),
        (ROOT + "Catalogs/shop/x.xml", None),
        (ROOT + "LOGS/%2e%2e/Catalogs/x.xml", None),
        (ROOT + "LOGS/x.log?token=1", None),
        ("/login", None),
        ("https://[", None),
        ("https://shop.example:none/", None),
        (ROOT + "LOGS/%ff.log", None),
        ("", None),
        ("javascript:alert(1)", None),
    ],
    ids=ascii,
)
def test_a_redirect_leads_to_a_log_of_the_same_server_or_nowhere(location: str, expected: str | None) -> None:
    found = redirected(BASE, location, HERE)
    assert found == (None if expected is None else BASE + ROOT + expected) or (location, found) == ("", HERE)
