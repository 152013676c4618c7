"""Whatever bytes a log is made of: a file in its limits, in UTF-8, and no secret in it however it was cut."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.redact import mask
from monitor.sfcc import LogFile
from monitor.sfcc.logs.importlog import import_lines
from monitor.sfcc.logs.joblog import assemble, telling_lines, with_imports

KNOWN = "Kn0wn-S3cret.of~the+settings"
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJwbGFudGVkIn0.c2lnbmF0dXJl"
PASSWORD = "Pl4nted-Passw0rd"
KEY = "\n".join(["-----BEGIN PRIVATE KEY-----", *["PlantedKeyLine0123456789ABCDEFabcdef" * 2] * 20])
KEY += "\n-----END PRIVATE KEY-----"
HEAD, TAIL = 256 * 1024, 2 * 1024 * 1024
MEBI = 1 << 20


def secrets(text: str) -> tuple[str, int]:
    return mask(text, (KNOWN,))


def read(data: bytes, head: int = HEAD, tail: int = TAIL) -> LogFile:
    """As the reader of logs gives it."""
    if len(data) <= head + tail:
        return LogFile("a.log", data[:head], data[head:])
    return LogFile("a.log", data[:head], data[-tail:], omitted=len(data) - head - tail)


dice = random.Random(11)
ODD = {
    "nothing": b"",
    "no text at all": dice.randbytes(3 * MEBI),
    "one endless line": b"2026 password=" + PASSWORD.encode() + b" x" * (5 * MEBI // 2),
    "one endless word": b"a" * (5 * MEBI),
    "zero bytes": b"\0" * (3 * MEBI),
    "escapes of a terminal": b"\x1b[2J\x1b]0;owned\x07" * 20_000,
    "carriage returns alone": b"[2026-11-23 02:00:00.000 GMT] ERROR x\r" * 60_000,
    "an archive": gzip.compress(dice.randbytes(300_000)),
    "half characters": "€".encode()[:2] * 200_000,
    "UTF-16": ("[2026-11-23 02:00:00.000 GMT] ERROR failed\n" * 9000).encode("utf-16"),
    "line ends alone": b"\n" * (3 * MEBI),
    "nothing but prefixes": b"[2026-11-23 02:00:00.000 GMT] ERROR SystemJobThread|1|a|b \n" * 40_000,
}


@pytest.mark.parametrize("data", ODD.values(), ids=ODD)
def test_a_log_of_any_kind_is_a_file_in_its_limits(data: bytes) -> None:
    made = assemble(read(data), secrets, job_id="a")
    assert len(gzip.compress(made.content, 6)) <= MEBI
    text = made.content.decode("utf-8")
    assert "\0" not in text
    assert PASSWORD not in text
    assert len(made.lines) <= 12
    assert all(len(line) <= 300 and line.isprintable() for line in made.lines)


pieces = st.lists(
    st.sampled_from(
        [
            *(
                b"\n",
                b"\r",
                b"\r\n",
                b"\0",
                b"\xff",
                b"\xe2\x82",
                b"\x1b[31m",
                b"\t",
                b" ",
                b"{",
                b'"',
                b"Caused by: x",
            ),
            *(
                b"[2026-11-23 02:00:00.000 GMT] ERROR ",
                b"SystemJobThread|1|a|b ",
                b"DATAERROR",
                b"DATAWARNING",
                b"Impex/log/",
                b"a.log",
                b"password=",
                b"=" * 300,
            ),
        ]
    )
    | st.binary(max_size=20),
    max_size=20,
).map(b"".join)


@settings(max_examples=150)
@given(
    pieces, st.integers(1, 120), st.integers(1, 120), st.integers(150, 400), st.none() | st.text(max_size=8)
)
def test_any_bytes_cut_anywhere_make_a_file(
    data: bytes, head: int, tail: int, limit: int, job_id: str | None
) -> None:
    made = assemble(read(data, head, tail), secrets, job_id=job_id, max_stored=limit)
    assert len(gzip.compress(made.content, 6)) <= limit or not made.content
    assert all(line.isprintable() for line in made.lines)
    made.content.decode("utf-8")


@settings(max_examples=150)
@given(pieces, st.lists(pieces, max_size=2), st.integers(1, 120), st.integers(1, 120))
def test_any_import_logs_make_a_file_with_the_jobs_own(
    data: bytes, imports: list[bytes], head: int, tail: int
) -> None:
    job = assemble(read(data, head, tail), secrets, job_id="a")
    parts = [assemble(read(one, head, tail), secrets, is_import=True) for one in imports]
    made = with_imports(job, parts, ["without b.log: gone"])
    assert made.content.startswith(job.content)
    assert len(made.lines) <= 12
    assert all(line.isprintable() for line in made.lines)
    assert made.masked == job.masked + sum(one.masked for one in parts)
    assert made.note.endswith("without b.log: gone")
    made.content.decode("utf-8")


@pytest.mark.parametrize("data", ODD.values(), ids=ODD)
def test_an_import_log_of_any_kind_takes_its_share_of_a_file_and_no_more(data: bytes) -> None:
    made = assemble(read(data, HEAD, HEAD), secrets, is_import=True)
    assert len(gzip.compress(made.content, 6)) <= 128 * 1024
    assert len(made.lines) <= 12
    assert PASSWORD not in made.content.decode()


@settings(max_examples=100)
@given(st.text(max_size=300), st.integers(1, 12), st.integers(20, 300))
def test_import_lines_of_any_text_are_few_short_and_printable(text: str, limit: int, width: int) -> None:
    found = import_lines(text, limit=limit, width=width)
    assert len(found) <= limit
    assert all(len(line) <= width and line.isprintable() for line in found)


@settings(max_examples=100)
@given(st.text(max_size=300), st.integers(1, 12), st.integers(20, 300))
def test_telling_lines_of_any_text_are_few_short_and_printable(text: str, limit: int, width: int) -> None:
    found = telling_lines(text, limit=limit, width=width)
    assert len(found) <= limit
    assert all(len(line) <= width and line.isprintable() for line in found)


PLANTS: dict[str, tuple[str, Callable[[str], bool]]] = {
    "a known secret": (f"as {KNOWN} says", lambda text: KNOWN[:12] in text or KNOWN[-12:] in text),
    "a password": (f"password={PASSWORD} used", lambda text: PASSWORD[:9] in text or PASSWORD[-9:] in text),
    "a token": (
        f"Authorization: Bearer {TOKEN} sent",
        lambda text: TOKEN[-12:] in text or TOKEN[22:40] in text,
    ),
    "a login": (
        f"at https://user:{PASSWORD}@host/ it",
        lambda text: PASSWORD[:9] in text or PASSWORD[-9:] in text,
    ),
}


@pytest.mark.parametrize("plant", PLANTS)
@pytest.mark.parametrize("gap", ["\n", " "], ids=["in lines", "in one endless line"])
def test_a_secret_stays_masked_wherever_the_gap_cuts_it(plant: str, gap: str) -> None:
    text, leaks = PLANTS[plant]
    before, after = ("word" + gap) * 10_000, (gap + "word") * 20_000
    head = 40_000
    for shift in range(len(text) + 2):
        data = (before[: head - shift] + text + after + text + after[:40_000]).encode()
        tail = 40_000 + shift
        content = assemble(read(data, head, tail), secrets).content.decode()
        assert "left out by the monitor" in content
        assert not leaks(content), shift


@pytest.mark.parametrize("inside", range(0, len(KEY), 97))
def test_half_a_private_key_is_masked_on_either_side_of_the_gap(inside: int) -> None:
    filler = "2026 all is well\n" * 4000
    for data, head, tail in (
        (filler + KEY + "\n" + filler * 2, len(filler) + inside, 20_000),
        (filler * 2 + KEY + "\n" + filler, 20_000, len(filler) + len(KEY) + 1 - inside),
    ):
        content = assemble(read(data.encode(), head, tail), secrets).content.decode()
        assert "PlantedKeyLine" not in content.split("left out")[0 if tail == 20_000 else 1]


@pytest.mark.parametrize("size", [100, 4000, 4096, 4097, 5000, 20_000])
@pytest.mark.parametrize(
    "form", ["token={}", 'token="{}"', "token: {}", "<token>{}</token>", "Cookie: {}", "x?token={}&y=1"]
)
def test_a_secret_of_any_length_is_masked_whole(form: str, size: int) -> None:
    secret = "S3cretPart" * (size // 10)
    found, count = mask(f"before {form.format(secret)} after\nnext line")
    assert "S3cretPart" not in found
    assert count >= 1
    assert found.startswith("before ")
    assert found.endswith("\nnext line")


def test_every_private_key_of_a_line_is_masked() -> None:
    key = KEY.replace("\n", "\\n")
    assert mask(f'{{"a":"{key}","b":"{key}"}}') == ('{"a":"***","b":"***"}', 2)


@settings(max_examples=150)
@given(
    st.lists(
        st.sampled_from(
            [
                *(
                    "password",
                    "token",
                    "secret",
                    "=",
                    ":",
                    '"',
                    "'",
                    "\\",
                    ">",
                    "<",
                    " ",
                    "\n",
                    "\r",
                    "\0",
                    "&",
                    "%3D",
                ),
                *(
                    "Bearer ",
                    "eyJhbGciOi.eyJz.x",
                    "://",
                    "@",
                    "-----BEGIN PRIVATE KEY-----",
                    "-----END PRIVATE KEY-----",
                ),
                *(
                    "A" * 64,
                    "4111111111111111",
                    "a@b.example",
                    "hooks.slack.com/services/",
                    "\ud800",
                    "é",
                    "Cookie: ",
                ),
            ]
        ),
        max_size=25,
    ).map("".join)
)
def test_masking_takes_any_text_and_breaks_no_line_in_two(text: str) -> None:
    once, count = mask(text, (KNOWN,))
    assert count >= 0
    assert once.count("\n") <= text.count("\n")
    assert KNOWN not in once
