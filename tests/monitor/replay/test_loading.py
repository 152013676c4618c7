"""What a replay reads: everything that decides, from a state as from a file, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from monitor.detect.model import RUNS_KEPT
from monitor.history.engine import reading
from monitor.history.executions import iterate
from monitor.history.transfer import import_documents
from monitor.judgement import judge_for
from monitor.model import Execution, ExitStatus, Interval, Step
from monitor.policy import JobPolicy, Policy
from monitor.replay import of_runs, of_state
from monitor.replay.loading import from_file, stored
from monitor.replay.model import Past, document, lines_of
from monitor.replay.slim import PATIENCE, patience_of
from monitor.settings import Settings

NIGHT = datetime(2026, 11, 23, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WITHIN_AN_HOUR = patience_of(Policy())
WELL = Step("read", "1", execution_status="finished", exit_status=ExitStatus("OK", None, "ok"), status="OK")


def run(number: int, start: float, end: float | None, code: str = "OK", **fields: Any) -> Execution:
    """Of [start, end) in minutes."""
    ending: dict[str, Any] = {"execution_status": "running"}
    if end is not None:
        word = "error" if code == "ERROR" else "ok"
        ending = {
            "execution_status": "finished",
            "exit_status": ExitStatus(code, None, word),
            "end_time": NIGHT + end * MINUTE,
            "duration": (end - start) * MINUTE,
        }
    fields = {"job_id": "feed", "steps": (WELL,), **ending, **fields}
    return Execution(instance="production", id=str(number), start_time=NIGHT + start * MINUTE, **fields)


def keep(state: Engine, runs: Iterable[Execution]) -> None:
    import_documents(state, runs, seen_at=NIGHT + timedelta(days=9), judge=judge_for(Policy()))


def of_the_state(state: Engine, since: float | None = None, until: float | None = None) -> Past:
    with reading(state) as conn:
        found = stored(
            conn,
            "production",
            None if since is None else NIGHT + since * MINUTE,
            None if until is None else NIGHT + until * MINUTE,
            WITHIN_AN_HOUR,
        )
        assert found is not None
        return replace(found, runs=sorted(found.runs, key=lambda one: (one.began or NIGHT, one.id)))


def ids(past: Past) -> list[str]:
    return [one.id for one in past.runs]


@pytest.mark.parametrize(
    ("steps", "took", "kept"),
    [
        pytest.param((WELL,), 60, False, id="it went well within an hour"),
        pytest.param((WELL,), 61, True, id="it took so long that its progress matters"),
        pytest.param((replace(WELL, status="WARN"),), 10, True, id="a step said something else"),
        pytest.param(
            (replace(WELL, exit_status=ExitStatus("NO_FILES_FOUND", None, "ok")),), 10, True, id="a code"
        ),
        pytest.param((replace(WELL, exit_status=ExitStatus(None, None, "error")),), 10, True, id="a word"),
        pytest.param((replace(WELL, execution_status="retried"),), 10, True, id="an attempt"),
        pytest.param((replace(WELL, exit_status=None, status=None),), 10, False, id="it said nothing"),
    ],
)
def test_steps_are_read_where_they_tell_something(
    state: Engine,
    steps: tuple[Step, ...],
    took: int,
    kept: bool,  # noqa: FBT001 - a column of the table
) -> None:
    one = run(1, 0, took, steps=steps)
    keep(state, [one])
    for past in (of_the_state(state), *from_file([one], None, lambda _name: WITHIN_AN_HOUR)):
        (found,) = past.runs
        assert found.steps == (steps if kept else ())


def test_steps_that_are_unknown_stay_unknown(state: Engine) -> None:
    keep(state, [run(1, 0, 10, steps=None), run(2, 20, 30, steps=())])
    assert [one.steps for one in of_the_state(state).runs] == [None, ()]


def test_words_in_a_message_are_no_words_of_a_step(state: Engine) -> None:
    quoted = ExitStatus("OK", 'It said "status":"broken", "exit_code":"WARN".', "ok")
    keep(state, [run(1, 0, 10, steps=(replace(WELL, exit_status=quoted),))])
    assert [one.steps for one in of_the_state(state).runs] == [()]


def test_what_decides_is_read_as_it_is_stored(state: Engine) -> None:
    rich = run(
        1,
        0,
        10,
        "ERROR",
        scope="RefArch",
        user_login="ann",
        client_id="abc",
        current_retry_attempt=1,
        max_retries=2,
        is_restart=True,
    )
    keep(state, [rich])
    (found,) = of_the_state(state).runs
    assert replace(found, first_seen=None, last_seen=None, steps=rich.steps) == rich


def test_how_long_a_run_may_take_unseen_is_the_least_of_all_settings() -> None:
    sooner = Policy(job=lambda job: JobPolicy(stuck_after=5 * MINUTE if job == "feed" else None))
    assert patience_of(Policy(), sooner)("feed") == 5 * MINUTE
    assert patience_of(Policy(), sooner)("prices") == PATIENCE


def test_of_the_time_before_the_last_runs_of_each_series_are_read(state: Engine) -> None:
    many = [run(number, 10 * number, 10 * number + 5) for number in range(RUNS_KEPT + 3)]
    few = [run(900 + number, number, number + 1, job_id="prices") for number in range(2)]
    still = run(1000, 1, None)
    later = run(1001, 2000, 2005)
    keep(state, [*many, *few, still, later])
    past = of_the_state(state, since=1000)
    assert past.kept == RUNS_KEPT
    assert set(ids(past)) == {one.id for one in (*many[3:], *few, still, later)}
    assert len(ids(past)) == len(set(ids(past)))
    assert set(ids(of_the_state(state))) == {one.id for one in (*many, *few, still, later)}


@pytest.mark.parametrize(
    ("until", "expected"), [(19.9, ["1"]), (20, ["1", "2"])], ids=["before", "at its start"]
)
def test_what_begins_later_is_not_read(state: Engine, until: float, expected: list[str]) -> None:
    runs = [run(1, 0, 10), run(2, 20, 30)]
    keep(state, runs)
    past = of_the_state(state, until=until)
    assert (ids(past), past.seen_until) == (expected, NIGHT + until * MINUTE)


def test_an_instance_of_which_nothing_was_read_completely_has_no_past(state: Engine) -> None:
    with reading(state) as conn:
        assert stored(conn, "production", None, None, WITHIN_AN_HOUR) is None


def test_a_file_counts_as_seen_from_its_first_start_to_its_last_end() -> None:
    (past,) = from_file([run(2, 20, 30), run(1, 0, 90)], None, lambda _name: WITHIN_AN_HOUR)
    assert past.coverage == (Interval(NIGHT, NIGHT + 90 * MINUTE),)
    assert past.seen_until == NIGHT + 90 * MINUTE


def test_of_two_lines_about_one_run_the_one_that_knows_its_end_counts() -> None:
    lines = [run(1, 0, 10), run(1, 0, None)]
    for some in (lines, lines[::-1]):
        (past,) = from_file(some, None, lambda _name: WITHIN_AN_HOUR)
        assert [one.execution_status for one in past.runs] == ["finished"]


def test_a_state_and_a_file_of_the_same_runs_say_the_same(state: Engine) -> None:
    runs = [
        run(number, 60 * number, 60 * number + 5, "ERROR" if number % 7 == 3 else "OK")
        for number in range(90)
    ]
    keep(state, [*runs, run(900, 60 * 90, None)])
    with reading(state) as conn:
        exported = [found.execution for found in iterate(conn)]
        ours = of_state(conn, [Settings()], ["production"], since=None, until=None, notice=print)
    theirs = of_runs(exported, [Settings()], since=None, until=None, notice=print)
    assert ours.alerts[0]
    assert [document(line) for line in lines_of(ours.alerts[0])] == [
        document(line) for line in lines_of(theirs.alerts[0])
    ]
    assert (ours.span, ours.executions) == (theirs.span, theirs.executions) == (ours.span, 91)


def test_what_was_told_before_the_time_that_is_asked_for_is_left_out(state: Engine) -> None:
    keep(state, [run(1, 0, 10, "ERROR"), run(2, 20, 30), run(3, 40, 50, "ERROR"), run(4, 60, 70)])
    with reading(state) as conn:
        done = of_state(
            conn, [Settings()], ["production"], since=NIGHT + 25 * MINUTE, until=None, notice=print
        )
    told = [
        (line.action.value, line.alert.executions[0])
        for line in lines_of(done.alerts[0], NIGHT + 25 * MINUTE)
        if line.alert.condition == "failed"
    ]
    assert told == [("resolved", "1"), ("opened", "3"), ("resolved", "3")]
    assert done.span == Interval(NIGHT + 25 * MINUTE, NIGHT + 70 * MINUTE)


def test_an_import_is_judged_by_what_an_agent_would_have_learned_of_it(state: Engine) -> None:
    day = 24 * 60
    runs = [run(number, day * number, day * number + 5) for number in range(30) if number != 25]
    keep(state, runs)
    with reading(state) as conn:
        ours = of_state(conn, [Settings()], ["production"], since=None, until=None, notice=print)
    theirs = of_runs(runs, [Settings()], since=None, until=None, notice=print)
    for done in (ours, theirs):
        (late,) = [one for one in done.alerts[0] if one.condition in {"late", "missed"} and one.over_at][:1]
        assert late.severity == "warning"
        assert NIGHT + 25 * day * MINUTE < late.at < NIGHT + 26 * day * MINUTE
