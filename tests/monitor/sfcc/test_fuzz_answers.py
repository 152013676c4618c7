"""Whatever comes over HTTP: an answer, or an `SfccError` that says what happened, in bounded memory."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from hypothesis import example, given, settings
from hypothesis import strategies as st

from monitor.errors import LogError, Reason, SfccError
from monitor.sfcc.http import MAX_BODY, http_date
from monitor.sfcc.login.authorization import BearerAuth
from monitor.sfcc.refusal import page_title, plain, retry_after
from tests.monitor.answers import TOKEN, Answer, Client, always, searched
from tests.monitor.mangled import FINISHED, values

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
PATH = "/Sites/LOGS/jobs/import/Job-import-1.log"
MEBI = 1 << 20


def client(answer: Answer) -> Client:
    return Client(always(answer), lambda: NOW)


def searched_by(answer: Answer) -> list[str]:
    """Ids of the runs that a search finds when this is its answer."""
    pages = client(answer).jobs.recent(NOW - timedelta(hours=1), {})
    return [run.id for page in pages for run in page.executions]


BODY = searched([FINISHED])[1]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"\xef\xbb\xbf" + BODY, id="with a mark at the beginning"),
        pytest.param(BODY.decode().encode("utf-16"), id="UTF-16"),
        pytest.param(BODY.decode().encode("utf-32-be"), id="UTF-32"),
        pytest.param(b" \r\n\t" + BODY + b"\n", id="in blanks"),
        pytest.param(BODY.replace(b"No feed.", b"No\0feed\xff\x1b[0m\n"), id="odd bytes in a message"),
        pytest.param(
            BODY.replace(b'"_v"', b'"v"').replace(b"599684", b"9" * 9000), id="a number of 9000 digits"
        ),
    ],
)
def test_documents_in_odd_dress_are_read(body: bytes) -> None:
    assert searched_by((200, body, {})) == [FINISHED["id"]]


@pytest.mark.parametrize(
    ("body", "headers", "text"),
    [
        pytest.param(BODY[: len(BODY) // 2], {}, "something that cannot be read", id="half a document"),
        pytest.param(b"<title>Log in</title>", {}, 'a page "Log in"', id="a page with 200"),
        pytest.param(
            b"\x1f\x8b\x08\0\0", {}, "something that cannot be read", id="compressed and not said so"
        ),
        pytest.param(
            gzip.compress(BODY)[:40], {"Content-Encoding": "gzip"}, "JSON was due", id="half an archive"
        ),
        pytest.param(BODY, {"Content-Encoding": "gzip"}, "not compressed as it says", id="no archive"),
        pytest.param(b"<title>&#" + b"9" * 9000, {}, "a page", id="a character of absurd number"),
        pytest.param(b"<title>" * 9000, {}, "a page", id="titles without end"),
        pytest.param(b"[]", {}, "something that cannot be read", id="a list"),
    ],
)
def test_what_is_no_document_is_said(body: bytes, headers: Mapping[str, str], text: str) -> None:
    with pytest.raises(SfccError, match=text) as caught:
        searched_by((200, body, headers))
    assert caught.value.reason is Reason.PROTOCOL
    assert caught.value.retryable
    assert len(str(caught.value)) < 300


BOMB = gzip.compress(gzip.compress(b"[" * (60 * MEBI)))


@pytest.mark.parametrize("status", [200, 302, 400, 404, 500, 599])
@pytest.mark.parametrize(
    ("body", "headers"),
    [
        pytest.param(b" " * (50 * MEBI), {}, id="50 MB"),
        pytest.param(gzip.compress(b" " * (50 * MEBI)), {"Content-Encoding": "gzip"}, id="50 MB compressed"),
        pytest.param(BOMB, {"Content-Encoding": "gzip, gzip"}, id="compressed twice"),
    ],
)
def test_memory_is_bounded_whatever_the_size_of_an_answer(
    status: int, body: bytes, headers: Mapping[str, str]
) -> None:
    one = client((status, body, {**headers, "Location": "https://elsewhere.example/"}))
    one.login.auth()
    tracemalloc.start()
    try:
        with pytest.raises(SfccError):
            list(one.jobs.recent(NOW, {}))
        assert tracemalloc.get_traced_memory()[1] < 3 * MAX_BODY
    finally:
        tracemalloc.stop()


tokens = st.fixed_dictionaries(
    {},
    optional={
        "access_token": values | st.text(st.characters(codec="ascii"), min_size=1),
        "expires_in": values,
        "token_type": values,
        "error": values,
    },
)


@settings(max_examples=100)
@example({"access_token": "x" * 100_000}, 200)
@given(tokens | values, st.sampled_from([200, 400, 401, 500]))
def test_an_answer_of_any_shape_is_a_token_a_header_can_carry_or_an_error(doc: Any, status: int) -> None:
    body = json.dumps(doc).encode()
    try:
        auth = Client(lambda _request: (status, body, {}), lambda: NOW).login.auth()
    except SfccError:
        return
    prepared = auth(requests.Request("GET", "https://a.example").prepare())
    assert isinstance(auth, BearerAuth)
    assert prepared.headers["Authorization"].isascii()
    assert len(prepared.headers["Authorization"]) < 20_000


texts = st.text(max_size=40) | st.text(alphabet="0123456789 :,-+GMTFriDec/[]@", max_size=40)


@settings(max_examples=200)
@given(texts)
def test_headers_and_words_of_servers_are_read_or_left(text: str) -> None:
    found = http_date(text)
    assert found is None or found.tzinfo is UTC
    seconds = retry_after(text, NOW)
    assert seconds is None or seconds >= 0
    assert plain(text).isprintable()
    assert page_title(f"<title>{text}").isprintable()


@pytest.mark.parametrize(
    ("text", "year"),
    [
        ("Fri, 31 Dec 9999 23:59:59 -1200", None),
        ("Mon, 01 Jan 0001 00:00:00 +1200", None),
        ("Mon, 23 Nov 2026 02:00:00 GMT", 2026),
    ],
)
def test_dates_at_the_ends_of_time(text: str, year: int | None) -> None:
    found = http_date(text)
    assert found is None or found.year in {2000, year}


@pytest.mark.parametrize(
    ("date", "now", "known"),
    [
        pytest.param("Mon, 23 Nov 2026 02:10:00 GMT", NOW, True, id="ten minutes apart"),
        pytest.param("Tue, 24 Nov 2026 02:00:00 GMT", NOW, True, id="a day apart"),
        pytest.param("Tue, 24 Nov 2026 02:00:01 GMT", NOW, False, id="more than a day apart"),
        pytest.param("Fri, 31 Dec 9999 23:59:59 GMT", NOW, False, id="the end of time"),
        pytest.param(
            "Mon, 23 Nov 2026 02:00:00 GMT",
            datetime(1970, 1, 1, tzinfo=UTC),
            True,
            id="our clock was never set",
        ),
    ],
)
def test_which_times_of_a_server_are_believed(date: str, now: datetime, *, known: bool) -> None:
    status, body, _ = searched([])
    one = Client(always((status, body, {"Date": date})), lambda: now)
    list(one.jobs.recent(NOW, {}))
    assert (one.jobs.clock_offset is not None) == known


headers = st.fixed_dictionaries(
    {},
    optional={
        "Content-Range": st.sampled_from(
            [
                "bytes 0-9/10",
                "bytes 0-99/10",
                "bytes 9-0/5",
                "bytes */0",
                "bytes 0-0/" + "9" * 18,
                "x",
                "bytes ²-9/9",
            ]
        )
        | st.builds("bytes {}-{}/{}".format, *[st.integers(0, 30)] * 3),
        "Content-Length": st.sampled_from(["", "²", "9" * 5000, "-1", "10", "1,1"]),
        "Content-Encoding": st.sampled_from(["gzip", "identity", "br", "\xff"]),
        "Location": st.sampled_from(
            ["", "x.log", "//evil.example/x.log", "http://[", "https://a:b/", "/Sites/%2e%2e", "\xff"]
        ),
    },
)
bodies = st.binary(max_size=40) | st.binary(max_size=40).map(gzip.compress)
replies = st.tuples(st.sampled_from([200, 204, 206, 206, 206, 301, 302, 404, 416, 500]), bodies, headers)


@settings(max_examples=300)
@given(st.lists(replies, min_size=1, max_size=4), st.integers(0, 12), st.integers(0, 12))
def test_any_answers_are_a_log_within_its_bounds_or_a_log_error(
    answers: list[Answer], head_bytes: int, tail_bytes: int
) -> None:
    left = list(answers)

    def script(request: requests.PreparedRequest) -> Answer:
        if (request.url or "").endswith("/token"):
            return TOKEN
        return left.pop(0) if len(left) > 1 else left[0]

    with suppress(LogError):
        log = Client(script, lambda: NOW).logs.read(PATH, head_bytes=head_bytes, tail_bytes=tail_bytes)
        assert len(log.head) <= max(head_bytes, 1)
        assert len(log.tail) <= tail_bytes
        assert log.omitted >= 0
        assert log.size is None or log.size >= len(log.head) + len(log.tail)


@settings(max_examples=200)
@given(st.lists(replies, min_size=1, max_size=4), st.integers(-3, 12), st.integers(-3, 12))
def test_any_answers_are_what_is_new_in_a_log_within_its_bounds_or_a_log_error(
    answers: list[Answer], offset: int, limit: int
) -> None:
    left = list(answers)
    hosts = set()

    def script(request: requests.PreparedRequest) -> Answer:
        hosts.add(urlsplit(request.url or "").hostname)
        if (request.url or "").endswith("/token"):
            return TOKEN
        return left.pop(0) if len(left) > 1 else left[0]

    client = Client(script, lambda: NOW)
    with suppress(LogError):
        assert len(client.logs.since(PATH, offset, limit=limit)) <= max(limit, 0)
    assert "evil.example" not in hosts
