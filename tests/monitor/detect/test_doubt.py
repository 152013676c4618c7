"""What an active run seems to have come to that the last read did not show: nothing, before the next one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from monitor.detect import judge
from monitor.detect.model import Decision, Facts, State
from monitor.policy import JobPolicy, Policy

STUCK_AFTER_AN_HOUR = Policy(job=lambda _: JobPolicy(stuck_after=timedelta(hours=1)))


@pytest.fixture
def look(facts: Callable[..., Facts], at: Callable[[str], datetime]) -> Callable[..., dict[str, Decision]]:
    def look(told: str, now: str, *, missing: int, last_seen: str) -> dict[str, Decision]:
        known = facts(told, now)
        seen = {
            series: tuple(
                run if run.is_final else replace(run, missing=missing, last_seen=at(last_seen))
                for run in runs
            )
            for series, runs in known.runs.items()
        }
        decisions = judge(replace(known, runs=seen), STUCK_AFTER_AN_HOUR)
        return {one.condition: one for one in decisions if one.executions}

    return look


@pytest.mark.parametrize(
    ("missing", "last_seen", "state"),
    [
        pytest.param(0, "03:30", State.HOLDS, id="the last read showed it"),
        pytest.param(1, "02:59", State.WAITING, id="last seen before it was stuck"),
        pytest.param(1, "03:00", State.HOLDS, id="it was stuck when last seen"),
        pytest.param(0, "02:59", State.WAITING, id="the last read could not ask for it"),
    ],
)
def test_what_came_about_after_a_run_was_last_seen_waits_for_the_next_read(
    look: Callable[..., dict[str, Decision]], missing: int, last_seen: str, state: State
) -> None:
    found = look("feed 02:00-?", "03:30", missing=missing, last_seen=last_seen)["stuck"]
    assert found.state is state, found.reason
    assert (found.finding is None) is (state is State.WAITING)


def test_the_next_read_looks_again(
    look: Callable[..., dict[str, Decision]], at: Callable[[str], datetime]
) -> None:
    found = look("feed 02:00-?", "03:30", missing=1, last_seen="02:10")["stuck"]
    assert found.look_again == at("03:30")
    assert "run 1" in found.reason


def test_a_run_that_may_be_gone_overlaps_nobody_who_came_after_it(
    look: Callable[..., dict[str, Decision]],
) -> None:
    night = "feed 02:00-?, feed 02:40-02:50"
    assert "overlap" not in look(night, "02:55", missing=1, last_seen="02:39")
    assert look(night, "02:55", missing=1, last_seen="02:41")["overlap"].state is State.HOLDS
    assert look(night, "02:55", missing=0, last_seen="02:55")["overlap"].state is State.OVER
