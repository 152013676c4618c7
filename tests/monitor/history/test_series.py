from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from monitor.history.series import Mark, SeriesFacts, advance, is_withdrawn, mark, withdraw
from monitor.model import Execution, Outcome

At = Callable[[float], datetime]
Make = Callable[..., Execution]
TEN = timedelta(minutes=10)


@pytest.mark.parametrize(
    ("story", "streak"),
    [
        pytest.param("failed", 1, id="one failure"),
        pytest.param("failed aborted failed", 3, id="aborted counts as failed"),
        pytest.param("failed failed ok", 0, id="a good run ends the streak"),
        pytest.param("failed degraded", 0, id="a degraded one as well"),
        pytest.param("failed unknown failed", 2, id="an unknown end neither counts nor ends it"),
        pytest.param("failed vanished failed", 2, id="nor does a vanished run"),
        pytest.param("failed superseded failed", 2, id="nor an attempt that was superseded"),
    ],
)
def test_the_streak_of_failures(at: At, story: str, streak: int) -> None:
    facts = _empty(at)
    for number, word in enumerate(story.split()):
        run = Mark(at(number), at(number + 1), Outcome(word), TEN) if word != "superseded" else Mark()
        facts, in_order = advance(facts, [run])
        assert in_order
    assert facts.consecutive_failures == streak


def test_the_last_run_is_the_one_that_ended_last(at: At) -> None:
    facts, _ = advance(_empty(at), [Mark(at(0), at(20), Outcome.FAILED, TEN)])
    facts, in_order = advance(facts, [Mark(at(5), at(10), Outcome.OK, 2 * TEN)])
    assert not in_order
    assert (facts.last_start, facts.last_end) == (at(5), at(20))
    assert (facts.last_success, facts.last_failure) == (at(10), at(20))
    assert (facts.last_outcome, facts.last_duration) == (Outcome.FAILED, TEN)


def test_two_that_ended_at_once_are_for_the_stored_runs_to_decide(at: At) -> None:
    facts, _ = advance(_empty(at), [Mark(at(0), at(20), Outcome.FAILED)])
    assert advance(facts, [Mark(at(1), at(20), Outcome.OK)])[1] is False


def test_what_a_run_gave_can_be_taken_back(at: At) -> None:
    facts, _ = advance(_empty(at), [Mark(at(0), at(5), Outcome.OK)])
    given = Mark(at(10), at(20), Outcome.FAILED)
    facts, _ = advance(facts, [given])
    bare = withdraw(facts, given)
    assert (bare.last_start, bare.last_end, bare.last_failure) == (None, None, None)
    assert bare.last_success == at(5)


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        pytest.param("ok", (True, True), id="a final run gives a start and an end"),
        pytest.param("running", (True, False), id="an active one its start"),
        pytest.param("pending", (False, False), id="a pending one nothing: it has not begun"),
        pytest.param("retried", (False, False), id="a superseded one nothing"),
    ],
)
def test_what_a_run_contributes(run: Make, how: str, expected: tuple[bool, bool]) -> None:
    outcome = {"ok": Outcome.OK, "retried": Outcome.SUPERSEDED}.get(how, Outcome.ACTIVE)
    given = mark(run(how=how), outcome)
    assert (given.started is not None, given.ended is not None) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"duration": timedelta(minutes=9)}, timedelta(minutes=9), id="as the platform says"),
        pytest.param({"duration": None}, TEN, id="else from start to end"),
        pytest.param({"duration": None, "start_time": None}, None, id="unknown without a start"),
        pytest.param({"duration": None, "end_time": None}, None, id="unknown without an end"),
    ],
)
def test_how_long_a_run_took(run: Make, fields: dict[str, object], expected: timedelta | None) -> None:
    assert mark(run(**fields), Outcome.OK).duration == expected


def test_how_long_a_vanished_run_took_is_unknown(run: Make, at: At) -> None:
    gone = run(how="running", end=None, duration=TEN, missing=2, last_seen=at(30))
    assert mark(gone, Outcome.VANISHED) == Mark(at(0), at(30), Outcome.VANISHED, None)


def test_a_run_is_withdrawn_when_it_no_longer_gives_what_it_gave(at: At) -> None:
    active = Mark(at(0))
    ended = Mark(at(0), at(1), Outcome.FAILED)
    assert not is_withdrawn(Mark(), active)
    assert not is_withdrawn(active, ended)
    assert not is_withdrawn(ended, ended)
    assert is_withdrawn(ended, Mark())
    assert is_withdrawn(active, Mark())
    assert is_withdrawn(ended, active)
    assert is_withdrawn(ended, ended._replace(outcome=Outcome.OK))


def test_facts_of_nothing_are_empty(at: At) -> None:
    assert advance(_empty(at), [Mark()]) == (_empty(at), True)
    assert withdraw(_empty(at), Mark(at(0), at(1), Outcome.OK)) == replace(_empty(at))


def _empty(at: At) -> SeriesFacts:
    return SeriesFacts("production", "import", "Organization", at(0))
