"""`silence`: set, listed with what it holds back, ended; refused where it would say nothing."""

from __future__ import annotations

import json

import pytest

from tests.monitor.cli.conftest import Keep, Say

ADD = ["silence", "add", "--for", "2h", "--comment", "the catalogue is moved", "--by", "ann"]


def test_a_silence_is_stored_listed_and_ended(say: Say, keep: Keep) -> None:
    keep()
    added = json.loads(say(*ADD, "--job", "3-*", "--condition", "failed", "-o", "json").out)
    assert added["match"] == {"job_id": ["3-*"], "condition": ["failed"]}

    (listed,) = json.loads(say("silence", "list", "-o", "json").out)
    assert listed == {**added, "holds_back": []}

    assert say("silence", "expire", added["id"]) == (0, "1 silence ended\n", "")
    assert "nothing is silenced" in "".join(say("silence", "list")[1:])
    (over,) = json.loads(say("silence", "list", "--expired", "-o", "json").out)
    assert not over["active"]


def test_a_person_reads_until_when_by_whom_and_why(say: Say, keep: Keep) -> None:
    keep()
    added = say(*ADD, "--all")
    assert ": everything until " in added.out
    table = say("silence", "list", COLUMNS="200").out
    assert "everything" in table
    assert "ann" in table
    assert "the catalogue is moved" in table


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ([], "say what to silence (--job, --condition, …), or that it is everything (--all)"),
        (["--all", "--job", "x"], "say what to silence (--job"),
        (["--condition", "fail"], "there is no condition fail; did you mean failed?"),
        (["--severity", "CRITICAL"], "there is no severity CRITICAL; did you mean critical?"),
    ],
)
def test_one_that_would_match_nothing_is_refused(say: Say, words: list[str], error: str) -> None:
    found = say(*ADD, *words)
    assert found.code == 2
    assert found.err.startswith(f"error: {error}")


@pytest.mark.parametrize("length", ["2", "0s", "soon"])
def test_a_length_needs_a_unit(say: Say, length: str) -> None:
    found = say("silence", "add", "--all", "--comment", "x", "--for", length)
    assert found.code == 2
    assert length in found.err


def test_an_unknown_id_is_not_ended(say: Say, keep: Keep) -> None:
    keep()
    found = say("silence", "expire", "nothing")
    assert (found.code, found.out) == (2, "")
    assert "no silence of that id holds or is to come: nothing" in found.err
