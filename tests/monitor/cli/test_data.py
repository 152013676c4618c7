"""`data import` as a person uses it on files of all kinds."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.monitor.cli.conftest import Keep, Say, a_run

LINE = json.dumps({"sfcc_instance": "production", "job_id": "a", "id": "1", "execution_status": "finished"})


def test_a_line_that_is_not_text_is_named_and_the_rest_is_read(say: Say, bare: Path) -> None:
    (bare / "a.jsonl").write_bytes(f"{LINE}\n".encode() * 6 + b'{"job_id": "\xff"}\n' + LINE.encode())
    found = say("data", "import", "a.jsonl")
    assert found.code == 1
    assert found.err.splitlines() == [
        "a.jsonl: line 7: not UTF-8",
        "a.jsonl: warning: 7 runs of production, an instance that is not in the settings",
        "1 of 7 runs was new or changed",
    ]


def test_a_packed_file_is_read_like_any_other(say: Say, bare: Path) -> None:
    (bare / "a b.gz").write_bytes(gzip.compress(f"{LINE}\n".encode()))
    found = say("data", "import", "a b.gz")
    assert (found.code, found.err.splitlines()[-1]) == (0, "1 of 1 run was new or changed")


def test_a_packed_file_that_was_cut_short_says_so_and_claims_nothing(say: Say, bare: Path) -> None:
    (bare / "a.gz").write_bytes(gzip.compress(f"{LINE}\n".encode() * 9)[:-6])
    found = say("data", "import", "a.gz")
    assert (found.code, found.out) == (2, "")
    assert "error: a.gz: cannot be unpacked any further: " in found.err


def test_runs_that_are_written_out_are_counted_by_instance(say: Say, keep: Keep) -> None:
    keep(a_run(1), a_run(2), a_run(1, instance="staging"))
    assert say("data", "export").err == "3 runs (production 2, staging 1)\n"
    assert say("data", "export", "--instance", "staging").err == "1 run\n"


def test_many_bad_lines_are_counted_in_the_end(say: Say, bare: Path) -> None:
    (bare / "a.jsonl").write_text("[]\n" * 21)
    found = say("data", "import", "a.jsonl").err.splitlines()
    assert found[0] == "a.jsonl: line 1: not a JSON object"
    assert found[20:] == [
        "a.jsonl: … and 1 more line that could not be read",
        "0 of 0 runs were new or changed",
    ]


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_nothing_is_no_error(say: Say, bare: Path, text: str) -> None:
    (bare / "a.jsonl").write_text(text)
    assert say("data", "import", "a.jsonl") == (0, "", "0 of 0 runs were new or changed\n")


def test_an_instance_is_forgotten_and_it_is_said_what_that_means(say: Say, keep: Keep) -> None:
    keep(a_run(1), a_run(2), a_run(1, instance="staging"))
    assert say("data", "forget", "--instance", "staging", "--yes").out == (
        "forgotten: 1 run and 0 incidents of staging\n"
    )
    assert say("data", "export").err == "2 runs\n"
    assert say("data", "forget", "--instance", "staging", "--yes").out.startswith("forgotten: 0 runs")


def test_whoever_is_asked_and_says_nothing_forgets_nothing(say: Say, keep: Keep) -> None:
    keep(a_run(1))
    found = say("data", "forget", "--instance", "production")
    assert found.code != 0
    assert "Forget all that is known of the instance production, for good?" in found.err
    assert say("data", "export").err == "1 run\n"


@pytest.mark.parametrize("words", [(), ("--instance", "a", "--user", "jdoe")])
def test_one_of_both_is_forgotten(say: Say, words: tuple[str, ...]) -> None:
    found = say("data", "forget", "--yes", *words)
    assert (found.code, "give --instance or --user" in found.err) == (2, True)


def test_a_login_is_forgotten(say: Say, keep: Keep) -> None:
    keep(replace(a_run(1), user_login="jdoe"), a_run(2))
    assert say("data", "forget", "--user", "jdoe", "--yes").out == "forgotten in 1 row\n"
    lines = [json.loads(line) for line in say("data", "export").out.splitlines()]
    assert {one["id"]: one.get("user_login") for one in lines} == {"1": "forgotten", "2": None}
