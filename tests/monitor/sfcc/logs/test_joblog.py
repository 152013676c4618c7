from __future__ import annotations

import gzip
import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.redact import mask
from monitor.sfcc import LogFile
from monitor.sfcc.logs.joblog import assemble, telling_lines, with_imports

TIMES = "\N{MULTIPLICATION SIGN}"

FAILED_IMPORT = """\
[2026-11-22 02:08:00.316 GMT] INFO SystemJobThread|67|3-1-1 Executing job [3-1-1][2664334]...
[2026-11-22 02:08:00.400 GMT] WARN SystemJobThread|67|3-1-1|prepare Slow answer of the PIM
[2026-11-22 02:09:00.000 GMT] ERROR SystemJobThread|67|3-1-1|prepare Optional file missing
[2026-11-22 02:10:00.000 GMT] ERROR SystemJobThread|67|3-1-1|import GET /products answered 401
[2026-11-22 02:10:01.000 GMT] ERROR SystemJobThread|67|3-1-1|import GET /products answered 401
[2026-11-22 02:11:00.000 GMT] ERROR SystemJobThread|67|3-1-1|import DATAERROR [Product 25518820M] no value
[2026-11-22 02:11:01.000 GMT] ERROR SystemJobThread|67|3-1-1|import DATAERROR [Product 25518821M] no value
[2026-11-22 02:12:00.000 GMT] ERROR SystemJobThread|67|3-1-1|import Import failed after page 36
java.io.IOException: Server returned HTTP response code: 401
\tat pim.client.HttpCall.execute(HttpCall.java:212)
\tat pim.client.PagedReader.next(PagedReader.java:88)
\tat jobs.step.ScriptModuleStep.execute(ScriptModuleStep.java:118)
Caused by: java.lang.IllegalStateException: no token
\tat pim.client.Token.get(Token.java:9)
Caused by: java.net.SocketTimeoutException: Read timed out
\t... 14 more
[2026-11-22 02:12:00.500 GMT] ERROR SystemJobThread|6|3-1-1|import Step [import] finished with status [ERROR].
[2026-11-22 02:12:00.600 GMT] ERROR SystemJobThread|67|3-1-1 Execution of job finished with status [ERROR].
"""


def line(level: str, text: str, *, at: str = "02:00:00", step: str = "import") -> str:
    return f"[2026-11-22 {at}.000 GMT] {level} SystemJobThread|1|job|{step} {text}\n"


def test_the_failed_steps_last_trace_comes_first_then_data_then_other_errors() -> None:
    assert telling_lines(FAILED_IMPORT) == [
        "02:12:00 ERROR [import] Import failed after page 36",
        "java.io.IOException: Server returned HTTP response code: 401",
        "  at pim.client.HttpCall.execute(HttpCall.java:212)",
        "  at pim.client.PagedReader.next(PagedReader.java:88)",
        "Caused by: java.net.SocketTimeoutException: Read timed out",
        f"02:11:00 ERROR [import] DATAERROR [Product 25518820M] no value … {TIMES}2",
        f"02:10:01 ERROR [import] GET /products answered 401 … {TIMES}2",
        "02:09:00 ERROR [prepare] Optional file missing",
    ]


def test_a_trace_of_another_step_does_not_hide_the_failed_one() -> None:
    text = (
        line("ERROR", "Cleaning up failed", step="prepare")
        + "java.lang.Exception: ignored\n"
        + line("ERROR", "No feed in the folder")
        + line("ERROR", "Execution of job finished with status [ERROR].")
    )
    assert telling_lines(text)[0] == "02:00:00 ERROR [import] No feed in the folder"


def test_repeated_errors_are_one_line_with_a_count() -> None:
    text = "".join(line("ERROR", f"Product {number} has no price") for number in range(37))
    assert telling_lines(text) == [f"02:00:00 ERROR [import] Product 36 has no price … {TIMES}37"]


def test_when_all_that_is_said_is_that_it_failed_that_is_told() -> None:
    text = line("INFO", "Working") + line("ERROR", "Step [import] finished with status [ERROR].")
    assert telling_lines(text) == ["02:00:00 ERROR [import] Step [import] finished with status [ERROR]."]


@pytest.mark.parametrize("level", ["ERROR", "FATAL"])
def test_levels_that_tell(level: str) -> None:
    text = line("WARN", "first") + line(level, "then") + line("INFO", "last")
    assert telling_lines(text) == [f"02:00:00 {level} [import] then"]


def test_without_any_error_the_last_lines_are_told() -> None:
    text = "".join(line("INFO", f"Step {'abcdefghijklmno'[number]}") for number in range(15)) + "\n\n"
    found = telling_lines(text, limit=3)
    assert [one[-6:] for one in found] == ["Step m", "Step n", "Step o"]


def test_repeated_last_lines_are_one_with_a_count() -> None:
    text = line("INFO", "Begin") + "".join(line("INFO", f"Waiting, try {number}") for number in range(9))
    assert [one[-27:] for one in telling_lines(text)][1:] == [f"|import Waiting, try 8 … {TIMES}9"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param("\n \n", [], id="blank lines"),
        pytest.param("plain words\nof another format", ["plain words", "of another format"], id="no format"),
        pytest.param("[x] ERROR almost", ["[x] ERROR almost"], id="almost the format"),
        pytest.param("DATAERROR: no value", ["DATAERROR: no value"], id="data errors have no time"),
        pytest.param(
            "[2026-11-22 02:00:00.000 GMT] ERROR no thread here\r\n",
            ["02:00:00 ERROR no thread here"],
            id="CRLF",
        ),
        pytest.param(
            "[2026-11-22 02:00:00.000 GMT] ERROR SystemJobThread|1|3-1 Akeneo|import No feed\n",
            ["02:00:00 ERROR Akeneo|import No feed"],
            id="blanks in a job id lose no word of the message",
        ),
        pytest.param("\x1b[31mred\x1b[0m\tend", [" [31mred [0m   end"], id="control characters"),
    ],
)
def test_other_texts(text: str, expected: list[str]) -> None:
    found = telling_lines(text)
    assert [" ".join(one.split()) for one in found] == [" ".join(one.split()) for one in expected]


def thread(job_id: str, rest: str) -> str:
    return f"[2026-11-22 02:00:00.000 GMT] ERROR SystemJobThread|1|{job_id}{rest}\n"


@pytest.mark.parametrize(
    "job_id",
    [
        "3-1-1",
        "3-1-1 Akeneo Import",
        "prices|all",
        "100% stock",
        "a.b(c)*[d]+?^$\\",
        "a|b c|d",
        "  x ",
        "ü ö",
    ],
)
@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("|import No feed", "02:00:00 ERROR [import] No feed"),
        (" No feed", "02:00:00 ERROR No feed"),
        ("|import", "02:00:00 ERROR [import]"),
    ],
    ids=["in a step", "of the job", "without text"],
)
def test_a_job_id_that_is_known_is_no_part_of_the_text(job_id: str, rest: str, expected: str) -> None:
    assert telling_lines(thread(job_id, rest), job_id=job_id) == [expected]


def test_lines_of_another_job_are_read_as_if_none_were_known() -> None:
    text = thread("3-1-1", "|import No feed")
    assert telling_lines(text, job_id="3-1") == telling_lines(text) == ["02:00:00 ERROR [import] No feed"]


def test_the_main_error_is_looked_for_in_the_failed_step_of_a_job_with_blanks() -> None:
    text = (
        thread("a b", "|prepare Cleaning up failed")
        + "java.lang.Exception: ignored\n"
        + thread("a b", "|import No feed in the folder")
        + thread("a b", " Execution of job finished with status [ERROR].")
    )
    assert telling_lines(text, job_id="a b")[0] == "02:00:00 ERROR [import] No feed in the folder"
    assert (
        assemble(LogFile("a.log", text.encode()), nothing, job_id="a b")
        .lines[0]
        .endswith("[import] No feed in the folder")
    )


def test_lines_are_cut_to_the_width_with_their_count() -> None:
    text = "".join(line("ERROR", f"try {number} " + "x" * 500) for number in range(3))
    (found,) = telling_lines(text, width=80)
    assert len(found) == 80
    assert found.endswith(f"xx… … {TIMES}3")


def test_a_gap_ends_the_trace_before_it() -> None:
    text = line("ERROR", "No feed") + "[… 4 MiB left out by the monitor …]\nat the.end(of:another)\n"
    assert telling_lines(text) == ["02:00:00 ERROR [import] No feed"]


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from([*FAILED_IMPORT.splitlines(), "", "x" * 400, "\0\ud800"])).map("\n".join)
    | st.text(),
    st.integers(1, 20),
    st.integers(20, 300),
)
def test_never_more_lines_nor_longer_ones_than_asked_for(text: str, limit: int, width: int) -> None:
    found = telling_lines(text, limit=limit, width=width)
    assert len(found) <= limit
    assert all(len(one) <= width for one in found)
    assert all(one.isprintable() for one in found)
    assert bool(found) == any(one.strip() for one in text.split("\n"))


def nothing(text: str) -> tuple[str, int]:
    return text, 0


def secrets(text: str) -> tuple[str, int]:
    return re.subn(r"token=\w+", "token=***", text)


def test_a_small_log_is_kept_as_it_is() -> None:
    data = FAILED_IMPORT.encode()
    made = assemble(LogFile("Job-1.log", data), nothing)
    assert (made.name, made.content, made.note, made.masked) == ("Job-1.log", data, "", 0)
    assert list(made.lines) == telling_lines(FAILED_IMPORT)


def test_head_and_tail_without_a_gap_are_one_text() -> None:
    made = assemble(LogFile("a.log", "über".encode()[:1], "über".encode()[1:]), nothing)
    assert made.content.decode() == "über"
    assert made.note == ""


def test_the_gap_is_marked_and_cut_at_line_ends() -> None:
    log = LogFile("a.log", b"one\ntwo\nthr", b"ight\nnine\nten\n", omitted=2_000_000)
    made = assemble(log, nothing)
    assert made.content.decode() == "one\ntwo\n[… 1.9 MiB left out by the monitor …]\nnine\nten\n"
    assert made.note == "cut from 1.9 MiB to its first 8 bytes and last 9 bytes"


def test_a_line_without_end_still_yields_something() -> None:
    made = assemble(LogFile("a.log", b"a" * 300, b"b" * 5000, omitted=10_000), nothing)
    head, marker, tail = made.content.decode().split("\n")
    assert (head, tail) == ("a" * 300, "b" * 5000)
    assert marker == "[… 9.8 KiB left out by the monitor …]"
    assert made.lines


def test_characters_broken_by_the_cut_do_no_harm() -> None:
    text = "ü".encode() * 100
    made = assemble(LogFile("a.log", text[:99], text[101:], omitted=2), nothing)
    assert made.content.decode().count("ü") == 98


def test_an_end_that_was_not_read_is_said() -> None:
    why = "its end could not be read in time"
    made = assemble(LogFile("a.log", b"one\ntwo\n", omitted=200 << 20, why=why), nothing)
    marker = "[… 200 MiB left out by the monitor: its end could not be read in time …]"
    assert made.content.decode() == f"one\ntwo\n{marker}\n"
    assert made.note == f"cut from 200 MiB to its first 8 bytes; {why}"


def test_an_end_that_is_damaged_is_said_after_the_last_line_there_is() -> None:
    damaged = LogFile("a.log", b"one\n", b"nine\nte", omitted=2000, why="the packed log is damaged")
    made = assemble(damaged, nothing)
    rest = "[… the rest left out by the monitor: the packed log is damaged …]"
    text = f"one\n[… 2 KiB left out by the monitor …]\nnine\nte\n{rest}\n"
    assert made.content.decode() == text
    assert made.lines[-1] == rest


IMPORT = LogFile(
    "import-1.log",
    b"[2026-11-22 02:00:00.000 GMT] INFO Starting Import\n"
    b"[2026-11-22 02:00:01.000 GMT] ERROR DATAERROR: product 'M-1': no value, token=abc123\n",
)


def test_an_import_log_is_a_section_of_the_jobs_log_with_lines_of_its_own() -> None:
    job = assemble(LogFile("Job-1.log", FAILED_IMPORT.encode()), nothing)
    made = with_imports(job, [assemble(IMPORT, mask, is_import=True)], ["without b.log: gone"])
    assert made.name == "Job-1.log"
    text = made.content.decode()
    assert text.startswith(FAILED_IMPORT)
    assert "\n===== import-1.log =====\n[2026-11-22 02:00:00.000 GMT] INFO Starting Import\n" in text
    assert made.lines[:8] == job.lines
    assert made.lines[8:] == ("import-1.log:", "02:00:01 DATAERROR: product 'M-1': no value, token=***")
    assert made.note == "with import-1.log (1 secret masked); without b.log: gone"
    assert made.masked == 1


def test_lines_of_imports_leave_room_for_the_jobs_main_error_and_no_more_than_twelve_in_all() -> None:
    many = b"".join(b"DATAERROR: kind %s\n" % bytes([number]) for number in b"abcdefghijklmno")
    job = assemble(LogFile("Job-1.log", FAILED_IMPORT.encode() * 3), nothing)
    imports = [assemble(LogFile(f"{name}.log", many), nothing, is_import=True) for name in "ab"]
    made = with_imports(job, imports)
    assert len(made.lines) == 12
    assert made.lines[0] == job.lines[0]
    assert [one for one in made.lines if one.endswith(".log:")] == ["a.log:", "b.log:"]


def test_a_job_log_leaves_room_for_the_imports_it_names() -> None:
    dice = random.Random(3)
    incompressible = "\n".join(f"{dice.getrandbits(400):x}" for _ in range(20_000)).encode()
    named = b"\nImport log file: /Sites/IMPEX/log/a.log and /Sites/IMPEX/log/b.log\n"
    job = assemble(LogFile("Job-1.log", incompressible + named), nothing)
    assert job.imports == ("Impex/log/a.log", "Impex/log/b.log")
    made = with_imports(
        job, [assemble(LogFile(name, incompressible), nothing, is_import=True) for name in ("a.log", "b.log")]
    )
    assert len(gzip.compress(made.content)) <= 1 << 20
    assert job.note.startswith("cut from")


def test_secrets_are_masked_in_head_and_tail_and_counted() -> None:
    log = LogFile("a.log", b"token=abc\n", b"x\ntoken=def token=ghi\n", omitted=50)
    made = assemble(log, secrets)
    assert b"token=***" in made.content
    assert not re.search(rb"token=\w", made.content)
    assert made.masked == 3
    assert made.note.endswith("; 3 secrets masked")


def test_masking_alone_is_no_cut() -> None:
    made = assemble(LogFile("a.log", b"\xef\xbb\xbftoken=abcdefghi\0\n"), secrets)
    assert made.content == b"token=***\n"
    assert made.note == "1 secret masked"


def test_the_lines_told_are_masked_ones() -> None:
    made = assemble(LogFile("a.log", line("ERROR", "token=abc expired").encode()), mask)
    assert made.lines == ("02:00:00 ERROR [import] token=*** expired",)


def test_an_empty_log_says_so() -> None:
    made = assemble(LogFile("a.log", b"", size=0), nothing)
    assert (made.content, made.lines, made.note) == (b"", (), "the log is empty")


def noise(count: int) -> bytes:
    """Lines that do not compress."""
    dice = random.Random(7)
    return b"".join(b"%032x\n" % dice.getrandbits(128) for _ in range(count // 33))


@pytest.mark.parametrize(
    "log",
    [
        pytest.param(LogFile("a", noise(50_000), noise(200_000), omitted=10**8), id="cut already"),
        pytest.param(LogFile("a", noise(250_000)), id="whole"),
        pytest.param(LogFile("a", noise(250_000), omitted=10**8), id="only a beginning"),
        pytest.param(LogFile("a", noise(33), noise(250_000), omitted=10**8), id="nearly no beginning"),
    ],
)
def test_what_does_not_compress_is_cut_until_it_fits(log: LogFile) -> None:
    limit = 40_000
    made = assemble(log, nothing, max_stored=limit)
    assert limit / 2 < len(gzip.compress(made.content, 6)) <= limit
    head, tail = made.content.split(b"]\n")[0], made.content.split(b"]\n")[1]
    assert head.startswith(log.head[:33])
    assert (log.head + log.tail).endswith(tail)
    assert made.note.startswith("cut from ")
    assert "left out by the monitor" in head.decode()


def test_what_compresses_well_is_not_cut() -> None:
    data = FAILED_IMPORT.encode() * 200
    assert assemble(LogFile("a", data), nothing, max_stored=40_000).content == data


@settings(max_examples=60)
@given(st.binary(max_size=300), st.binary(max_size=300), st.integers(0, 10**9), st.integers(150, 600))
def test_any_bytes_make_a_file_that_fits(head: bytes, tail: bytes, omitted: int, limit: int) -> None:
    made = assemble(LogFile("a", head, tail, omitted), nothing, max_stored=limit)
    assert len(gzip.compress(made.content, 6)) <= limit
    made.content.decode()
    assert bool(made.note) == bool(omitted or not head + tail) or "left out" in made.content.decode()
