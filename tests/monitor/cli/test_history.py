"""`history`: as a table for people, all of it for programs."""

from __future__ import annotations

import csv
import io
import json

import pytest

from tests.monitor.cli.conftest import Keep, Say, a_run


@pytest.mark.parametrize(("output", "count"), [("table", 51), ("csv", 61), ("json", 60)])
def test_a_table_is_short_and_programs_get_all(say: Say, keep: Keep, output: str, count: int) -> None:
    keep(*(a_run(number) for number in range(1, 61)))
    found = say("history", "-o", output)
    assert len(found.out.splitlines()) == count
    assert found.err == ("50 shown; more with --limit\n" if output == "table" else "")


def test_csv_has_a_header_and_instants_of_iso_8601(say: Say, keep: Keep) -> None:
    keep(a_run(1, code="ERROR"), a_run(2))
    (first, second) = csv.DictReader(io.StringIO(say("history", "-o", "csv").out))
    assert (first["id"], first["outcome"], first["duration_seconds"]) == ("1", "failed", "600.0")
    assert first["start_time"].endswith("Z")
    assert first["start_time"] > second["start_time"]


@pytest.mark.parametrize("runs", [0, 1, 3])
def test_json_is_a_list_however_many_there_are(say: Say, keep: Keep, runs: int) -> None:
    keep(a_run(9, job="other"), *(a_run(number) for number in range(1, runs + 1)))
    found = json.loads(say("history", "--job", "pri*", "-o", "json").out)
    assert [one["id"] for one in found] == [str(number) for number in range(1, runs + 1)]


def test_only_runs_of_some_outcomes_within_a_time(say: Say, keep: Keep) -> None:
    keep(a_run(1, code="ERROR"), a_run(2), a_run(3, code="ERROR"), a_run(30, code="ERROR"))
    words = ("history", "--status", "failed", "--since", "24h", "--until", "2h", "-o", "json")
    assert [one["id"] for one in json.loads(say(*words).out)] == ["3"]
