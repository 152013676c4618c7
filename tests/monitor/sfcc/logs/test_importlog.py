from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.sfcc import LogFile
from monitor.sfcc.logs.importlog import MOST, import_lines, import_logs
from monitor.sfcc.logs.logpath import log_parts

TIMES = "\N{MULTIPLICATION SIGN}"


def named(text: str | bytes, tail: bytes = b"", name: str = "Job-a-1.log") -> tuple[str, ...]:
    return import_logs(LogFile(name, text.encode() if isinstance(text, str) else text, tail))


@pytest.mark.parametrize(
    "text",
    [
        "Import log file: /Sites/IMPEX/log/import-1.log",
        "Import log file: /Sites/Impex/log/import-1.log.",
        "log file [impex/log/import-1.log] written",
        "(see Impex/log/import-1.log)",
        "logFile='/Impex/log/import-1.log', mode=MERGE",
        '"Impex/log/import-1.log"',
        "/on/demandware.servlet/webdav/Sites/Impex/log/import-1.log;",
        "https://shop.example/on/demandware.servlet/webdav/Sites/Impex/log/import-1.log",
        "Impex/log/import-1.log\r",
    ],
)
def test_an_import_log_is_found_wherever_a_line_names_it(text: str) -> None:
    assert named(f"[2026-11-22 02:00:00.000 GMT] INFO x {text}\nnext line") == ("Impex/log/import-1.log",)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("no file at all", id="no name"),
        pytest.param("/Sites/Impex/src/customers.log", id="another folder of Impex"),
        pytest.param("/Sites/LOGS/jobs/other/Job-1.log", id="the log of another job"),
        pytest.param("/Sites/Impex/log/../src/customers.log", id="a way up"),
        pytest.param("/Sites/Impex/log/%2e%2e/src/customers.log", id="a hidden way up"),
        pytest.param("/Sites/Impex/log/export.xml", id="no log"),
        pytest.param("/Sites/Impex/log/a.log.gz", id="an archive"),
        pytest.param("/Sites/Impex/log/.log", id="nothing before the dot"),
        pytest.param("/Sites/Impex/log/a b.log", id="a blank within"),
        pytest.param("notimpex/log/a.log", id="the end of another word"),
        pytest.param("Impex/log/" + "a" * 500 + ".log", id="endless"),
        pytest.param("Impex/log/Job-a-1.log", id="the job's own log"),
    ],
)
def test_nothing_else_is_taken_for_one(text: str) -> None:
    assert named(text) == ()


def test_of_many_the_last_are_taken_each_once_and_in_order() -> None:
    text = "".join(f"Impex/log/{name}.log\n" for name in ("a", "b", "c", "a"))
    assert named(text) == ("Impex/log/c.log", "Impex/log/a.log")
    assert named("Impex/log/a.log\n", tail=b"Impex/log/b.log\n") == ("Impex/log/a.log", "Impex/log/b.log")


@settings(max_examples=200)
@given(st.lists(st.sampled_from([b"Impex/log/", b"a", b"..", b"/", b".log", b"%2e", b"\xff", b" ", b"\n"])))
def test_whatever_a_log_says_only_logs_of_that_folder_are_asked_for(pieces: list[bytes]) -> None:
    found = named(b"".join(pieces))
    assert len(found) <= MOST
    for path in found:
        assert log_parts(path)[:2] == ("Impex", "log")
        assert path.endswith(".log")


def test_looking_for_names_takes_no_time_whatever_the_log_is_made_of() -> None:
    began = time.process_time()
    for text in (b"impex/log/" * 200_000, b"impex/log/a.log" * 100_000, b"impex/log/" + b"a.log-" * 300_000):
        named(text)
    assert time.process_time() - began < 5


def line(level: str, text: str) -> str:
    return f"[2026-11-22 02:00:00.000 GMT] {level} {text}\n"


def test_refused_items_come_first_then_doubts_then_errors() -> None:
    text = (
        line("INFO", "Starting Import: catalog")
        + line("ERROR", "Import failed")
        + line("WARN", "DATAWARNING: image 'a.jpg' not found")
        + line("ERROR", "DATAERROR: product 'M-1' has no value")
        + line("ERROR", "DATAERROR: product 'M-2' has no value")
        + "DATAERROR line 7: no such category\n"
        + line("INFO", "Processed 9 total elements")
    )
    assert import_lines(text) == [
        f"02:00:00 DATAERROR: product 'M-1' has no value … {TIMES}2",
        "DATAERROR line 7: no such category",
        "02:00:00 DATAWARNING: image 'a.jpg' not found",
        "02:00:00 Import failed",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param(line("INFO", "Starting Import"), [], id="nothing wrong and nothing counted"),
        pytest.param(
            line("INFO", "Processed 5 elements") + line("INFO", "Processed 9 total elements"),
            ["02:00:00 Processed 9 total elements"],
            id="nothing wrong: how much was processed",
        ),
        pytest.param(line("INFO", "0 DATAERRORS"), [], id="a word that only begins so"),
    ],
)
def test_an_import_without_errors(text: str, expected: list[str]) -> None:
    assert import_lines(text) == expected


def test_lines_are_as_many_and_as_long_as_allowed() -> None:
    kinds = "abcdefghijklmnopqrstuvwxyz"
    text = "".join(line("ERROR", f"DATAERROR {kind * 400}") for kind in kinds)
    found = import_lines(text, limit=3, width=80)
    assert [len(one) for one in found] == [80, 80, 80]
