"""Reading a log line by line keeps little of it, whatever it holds; what is told stays the same."""

from __future__ import annotations

import tracemalloc

import pytest

from monitor.sfcc import LogFile
from monitor.sfcc.logs.joblog import assemble
from monitor.sfcc.logs.loglines import counted, telling_lines

TIMES = "\N{MULTIPLICATION SIGN}"
MEGABYTE = 1_000_000


def line(level: str, text: str, *, step: str = "import") -> str:
    return f"[2026-11-22 02:00:00.000 GMT] {level} SystemJobThread|1|job|{step} {text}\n"


def most_memory(text: str) -> int:
    tracemalloc.start()
    try:
        telling_lines(text)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "unit",
    [
        pytest.param(line("INFO", "Processed an element"), id="no errors"),
        pytest.param(line("ERROR", "Product 25 has no price"), id="the same error"),
        pytest.param("\tat a.b.C.d(C.java:1)\n", id="one trace"),
        pytest.param("a line without any time\n", id="another format"),
        pytest.param(line("ERROR", "DATAERROR [a] no value"), id="data errors"),
    ],
)
def test_reading_a_log_takes_a_fifth_of_its_size_at_most(unit: str) -> None:
    text = line("ERROR", "No feed") + unit * (MEGABYTE // 2 // len(unit))
    assert most_memory(text) < 0.2 * len(text)


def test_only_the_last_of_many_different_errors_are_kept_and_told() -> None:
    words = [f"{first}{second} broke" for first in "abcdefghij" for second in "klmnopqrst"]
    text = "".join(line("ERROR", word) for word in words)
    told = telling_lines(text, limit=5)
    assert [one.rpartition("] ")[2] for one in told] == [*reversed(words[-5:])]


def test_parts_are_read_as_one_log() -> None:
    head = line("ERROR", "No feed 1") + "java.io.IOException: gone\n"
    tail = "\tat a.b.C.d(C.java:1)\n" + line("ERROR", "No feed 2")
    assert telling_lines(head, "", tail) == telling_lines(head + tail)


def test_a_word_of_a_job_id_is_no_data_error() -> None:
    text = "[2026-11-22 02:00:00.000 GMT] INFO SystemJobThread|1|DATAERROR|import Working\n"
    assert telling_lines(text, job_id="DATAERROR") == [text.strip()]


def test_repeated_lines_are_counted_whatever_they_begin_with() -> None:
    assert telling_lines("\twaiting, try 1\n\twaiting, try 2\n") == [f"waiting, try 2 … {TIMES}2"]


def test_making_a_file_of_a_log_takes_five_times_its_size_at_most() -> None:
    lines = line("INFO", "Processed an element of the feed") * 25_000
    log = LogFile("a.log", b"", lines.encode(), omitted=100 * MEGABYTE)
    tracemalloc.start()
    try:
        made = assemble(log, lambda text: (text, 0), job_id="job")
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(made.content) > 2 * MEGABYTE
    assert most < 5 * len(log.tail)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("[2026-11-23 02:00:00.000 GMT] ERROR a", (1, 0), id="an error"),
        pytest.param("[2026-11-23 02:00:00.000 GMT] FATAL a", (1, 0), id="a fatal one"),
        pytest.param("[2026-11-23 02:00:00.000 GMT] WARN ERROR a", (0, 0), id="a warning about an error"),
        pytest.param("\tat java.lang.Thread ERROR", (0, 0), id="a line of a stack trace"),
        pytest.param("[2026-11-23 02:00:00.000 GMT] INFO DATAERROR a", (0, 1), id="refused data"),
        pytest.param("[2026-11-23 02:00:00.000 GMT] ERROR DATAERROR a", (1, 1), id="both in one line"),
        pytest.param("DATAERROR: price of 4711", (0, 1), id="refused data on a line of its own"),
    ],
)
def test_errors_are_counted_by_their_level_and_refused_data_by_its_word(
    line: str, expected: tuple[int, int]
) -> None:
    assert counted(f"{line}\n", f"{line}\n") == tuple(2 * number for number in expected)
