"""`replay` as a person uses it: on the state, on a file, against other settings."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.monitor.cli.conftest import Keep, Said, Say

NIGHT = datetime(2026, 11, 20, tzinfo=UTC)
FIELDS = ["at", "action", "condition", "severity", "sfcc_instance", "job_id", "jobs", "scope", "executions"]


def line(
    number: int, job: str, start: float, end: float, code: str = "OK", instance: str = "production"
) -> str:
    """Of [start, end) in minutes."""
    word = "error" if code == "ERROR" else "ok"
    return json.dumps(
        {
            "sfcc_instance": instance,
            "job_id": job,
            "id": str(number),
            "execution_status": "finished",
            "exit_status": {"code": code, "status": word},
            "start_time": (NIGHT + timedelta(minutes=start)).isoformat(),
            "end_time": (NIGHT + timedelta(minutes=end)).isoformat(),
        }
    )


FILE = "\n".join(
    [
        line(1, "feed-a", 0, 1.5, "ERROR"),
        line(2, "feed-a", 60, 61, "OK"),
        line(3, "feed-b", 120, 121, "ERROR"),
        line(4, "prices", 180, 181, "NOTHING_NEW"),
    ]
)
OTHER = """
[[jobs]]
match = "prices"
failure_codes = ["NOTHING_*"]
[[jobs]]
match = "feed-b"
severity = { failed = "info" }
"""


@pytest.fixture
def file(bare: Path) -> str:
    (bare / "history.jsonl").write_text(FILE)
    (bare / "other.toml").write_text(OTHER)
    return "history.jsonl"


def lines(found: Said) -> list[dict[str, Any]]:
    return [json.loads(one) for one in found.out.splitlines()]


def brief(found: Said) -> list[str]:
    return [
        " ".join(part for part in (one.get("only"), one["at"][11:16], one["action"], *one["jobs"]) if part)
        for one in lines(found)
        if one["condition"] == "failed"
    ]


def test_a_file_is_replayed_as_lines_for_programs(say: Say, file: str) -> None:
    found = say("replay", "--from", file, "-o", "json")
    assert found.code == 0
    first = lines(found)[0]
    assert list(first) == [*FIELDS, "since", "summary"]
    assert first["at"] == "2026-11-20T00:02:00Z"
    assert brief(found) == ["00:02 opened feed-a", "01:01 resolved feed-a", "02:01 opened feed-b"]


def test_what_is_imported_and_exported_again_is_replayed_alike(say: Say, file: str, bare: Path) -> None:
    direct = say("replay", "--from", file, "-o", "json").out
    assert say("data", "import", file).code == 0
    assert say("replay", "-o", "json").out == direct
    (bare / "again.jsonl").write_text(say("data", "export").out)
    assert say("replay", "--from", "again.jsonl", "-o", "json").out == direct


def test_people_are_shown_the_alerts_the_counts_and_a_sentence(say: Say, file: str) -> None:
    found = say("replay", "--from", file, "--job", "feed-*")
    shown = found.out.splitlines()
    assert shown[0].split() == ["at", "(UTC)", "over", "severity", "condition", "job", "what"]
    assert shown[1].split()[:7] == ["11-20", "00:02", "11-20", "01:01", "critical", "failed", "feed-a"]
    assert "condition  alerts  worst     jobs" in shown
    assert "failed     2       critical  feed-a, feed-b" in shown
    assert "1 day with messages, most on 2026-11-20: 2" in shown
    assert shown[-1].endswith("UTC would have sent 2 messages, all of them from feed-*.")
    assert "4 executions judged" in found.err


def test_more_than_are_shown_are_counted(say: Say, file: str) -> None:
    found = say("replay", "--from", file, "--job", "feed-*", "--limit", "1")
    assert "1 earlier ones are not shown; more with --limit" in found.err
    assert found.out.splitlines()[1].split()[:2] == ["11-20", "02:01"]


def test_nothing_to_say_is_said(say: Say, file: str) -> None:
    found = say("replay", "--from", file, "--job", "nothing-like-it")
    assert found.out.endswith("would have sent no message.\n")
    assert "nothing would have been said" in found.err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        pytest.param("--job feed-a", 0, id="an alert is no error by itself"),
        pytest.param("--job feed-a --exit-code", 1, id="where it is asked for"),
        pytest.param("--job nothing --exit-code", 0, id="no alert"),
        pytest.param("--against other.toml --exit-code", 1, id="a difference"),
        pytest.param("--against other.toml --exit-code --job feed-a", 0, id="no difference"),
    ],
)
def test_the_exit_code(say: Say, file: str, words: str, code: int) -> None:
    for output in ("table", "json"):
        assert say("replay", "--from", file, "-o", output, *words.split()).code == code


def test_against_other_settings_only_the_difference_is_told(say: Say, file: str) -> None:
    found = say("replay", "--from", file, "--against", "other.toml", "-o", "json")
    assert brief(found) == [
        "here 02:01 opened feed-b",
        "there 02:01 opened feed-b",
        "there 03:01 opened prices",
    ]
    table = say("replay", "--from", file, "--against", "other.toml").out.splitlines()
    assert table[1].split()[:5] == ["here", "11-20", "02:01", "critical", "failed"]
    assert "failed     0          1           1" in table
    assert table[-1] == "1 told alike, 1 told at another time or severity, 0 only here, 1 only there"


def test_a_span_is_cut_out_of_what_is_judged(say: Say, file: str) -> None:
    words = (
        "replay",
        "--from",
        file,
        "-o",
        "json",
        "--since",
        "2026-11-20T00:30",
        "--until",
        "2026-11-20T02:30",
    )
    assert brief(say(*words)) == ["01:01 resolved feed-a", "02:01 opened feed-b"]
    assert say(*words[:-1], "2026-11-19").code == 2


def test_other_settings_that_are_wrong_are_refused_with_their_place(say: Say, file: str, bare: Path) -> None:
    (bare / "other.toml").write_text("[[jobs]]\nmatsch = 'x'\n")
    found = say("replay", "--from", file, "--against", "other.toml")
    assert (found.code, found.out) == (2, "")
    assert "other.toml" in found.err


def test_a_line_that_cannot_be_read_is_named_and_the_rest_is_replayed(
    say: Say, file: str, bare: Path
) -> None:
    (bare / file).write_text(f"nonsense\n{FILE}")
    found = say("replay", "--from", file, "-o", "json")
    assert "history.jsonl: line 1: not a JSON document" in found.err
    assert len(brief(found)) == 3


def test_only_one_instance_of_several(say: Say, file: str, bare: Path) -> None:
    (bare / file).write_text(f"{FILE}\n{line(9, 'x', 0, 1, 'ERROR', 'staging')}")
    assert {one["sfcc_instance"] for one in lines(say("replay", "--from", file, "-o", "json"))} == {
        "production",
        "staging",
    }
    one = say("replay", "--from", file, "--instance", "staging", "-o", "json")
    assert {one["sfcc_instance"] for one in lines(one)} == {"staging"}
    say("data", "import", file)
    again = say("replay", "--instance", "staging", "-o", "json")
    assert again.out == one.out


def test_a_state_without_a_complete_read_has_nothing_to_judge(say: Say, keep: Keep) -> None:
    keep()
    found = say("replay")
    assert (found.code, found.out, found.err) == (0, "", "there is no history to judge\n")


def test_a_state_that_is_not_there_is_not_made(say: Say, bare: Path) -> None:
    found = say("replay")
    assert (found.code, found.out) == (2, "")
    assert "there is no state at" in found.err
    assert list(bare.iterdir()) == []
