"""`jobs`: which are shown, and how they are shown again and again."""

from __future__ import annotations

import io
import json

import pytest
from sqlalchemy import Engine

from monitor.cli.screen import Screen
from monitor.history import stats
from monitor.history.stats import ExpectedDuration
from tests.monitor.cli.conftest import Keep, Say, a_run, running


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", {"a", "b", "c"}),
        ("--status failed", {"c"}),
        ("--status active", {"b"}),
        ("--status ok", {"a", "b"}),
        ("--status failed --status active", {"b", "c"}),
        ("--status failed --job a", set()),
    ],
)
def test_jobs_are_chosen_by_how_their_last_run_ended_or_by_one_that_is_active(
    say: Say, keep: Keep, options: str, expected: set[str]
) -> None:
    keep(a_run(1, job="a"), a_run(5, job="b"), running(a_run(1, job="b")), a_run(1, job="c", code="ERROR"))
    found = json.loads(say("jobs", "-o", "json", *options.split()).out)
    assert {row["job_id"] for row in found} == expected


def test_a_choice_without_a_job_says_so(say: Say, keep: Keep) -> None:
    keep(a_run(1))
    assert say("jobs", "--status", "failed") == (0, "", "no job matches\n")


def test_how_long_a_job_usually_takes_stands_beside_how_long_it_took(
    say: Say, keep: Keep, engine: Engine
) -> None:
    keep(a_run(1))
    length = a_run(1).duration
    assert length is not None
    assert "usually" not in say("jobs").out
    with engine.begin() as connection:
        stats.expect(
            connection,
            [
                ExpectedDuration("production", "prices", site, length, times * length, 9 * length)
                for site, times in (("DE", 2), ("FR", 3))
            ],
        )
    head, line = say("jobs").out.splitlines()
    assert line[head.index("took") :].split()[:2] == ["0:10:00", "0:30:00"]
    assert json.loads(say("jobs", "-o", "json").out)[0]["usual_duration_seconds"] == 1800


def shown(drawings: list[list[str]], height: int = 24) -> str:
    stream = io.StringIO()
    screen = Screen(stream, lambda: height)
    for lines in drawings:
        screen.draw(lines)
    return stream.getvalue().replace("\x1b[?7l", "").replace("\x1b[?7h", "")


def test_a_screen_is_drawn_in_its_own_place() -> None:
    assert shown([["a", "b"], ["c"], ["d"]]) == "\r\x1b[Ja\nb\n\x1b[2A\r\x1b[Jc\n\x1b[1A\r\x1b[Jd\n"


@pytest.mark.parametrize(("count", "last"), [(4, "3"), (5, "… and 1 more; --job and --status show fewer")])
def test_a_screen_is_no_higher_than_the_terminal(count: int, last: str) -> None:
    assert shown([[str(number) for number in range(count)]], height=6).splitlines()[-1] == last
