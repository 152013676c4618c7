"""A site stays away from a run of a job over several sites."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.detect import Detect
from monitor.detect.absence.site_missing import site_missing
from monitor.detect.model import Decision, Facts, State
from monitor.model import Interval
from monitor.policy import JobPolicy, Policy

BOTH = "feed@A {0}:00-{0}:10, feed@B {0}:01-{0}:20"
THREE = ", ".join(BOTH.format(hour) for hour in (1, 4, 7))


@pytest.fixture
def look(facts: Callable[..., Facts], at: Callable[[str], datetime]) -> Callable[..., list[Decision]]:
    def look(told: str, now: str, **fields: Any) -> list[Decision]:
        policy = Policy(**fields.pop("policy", {}))
        coverage = (Interval(at(fields.pop("covered", "0:00")), at(now)),)
        return list(site_missing(facts(told, at=now, coverage=coverage, **fields), policy))

    return look


@pytest.mark.parametrize(
    ("told", "now", "state"),
    [
        pytest.param("feed@A 10:00-10:10", "11:09", State.WAITING, id="less than an hour after its siblings"),
        pytest.param("feed@A 10:00-10:10", "11:10", State.HOLDS, id="an hour after its siblings"),
        pytest.param("feed@A 10:00-?", "15:00", State.WAITING, id="its siblings are under way"),
        pytest.param(
            "feed@A 10:00-10:10, feed@B 11:09-11:12", "11:20", State.CLEAR, id="it came within the hour"
        ),
        pytest.param("feed@B 10:00-10:10, feed@A 10:15-10:20", "13:00", State.CLEAR, id="in another order"),
        pytest.param("feed@A 10:00-10:10 by:jdoe", "13:00", State.CLEAR, id="by hand, for one site"),
        pytest.param("feed@A 10:00-10:10 try:1/2", "13:00", State.CLEAR, id="a retry of one site"),
        pytest.param("", "23:00", State.CLEAR, id="no run at all"),
    ],
)
def test_a_site_is_awaited_for_an_hour(
    look: Callable[..., list[Decision]], told: str, now: str, state: State
) -> None:
    (found,) = look(", ".join(filter(None, (THREE, told))), now)
    assert found.state is state, found.reason


def test_a_site_that_was_not_in_the_last_three_runs_is_not_awaited(
    look: Callable[..., list[Decision]],
) -> None:
    two = ", ".join(BOTH.format(hour) for hour in (4, 7))
    (found,) = look(f"feed@A 1:00-1:10, {two}, feed@A 10:00-10:10", "13:00")
    assert found.state is State.CLEAR
    (found,) = look(f"{THREE}, feed@A 10:00-10:10", "13:00", covered="3:00")
    assert found.state is State.CLEAR


def test_it_is_over_when_the_site_runs_and_that_is_no_run_without_the_others(
    look: Callable[..., list[Decision]], at: Callable[[str], datetime]
) -> None:
    over, now = look(f"{THREE}, feed@A 10:00-10:10, feed@B 12:00-12:10", "20:00")
    assert (over.state, over.opens, over.closes) == (State.OVER, at("11:10"), at("12:00"))
    assert now.state is State.CLEAR
    assert over.finding is not None
    assert over.finding.labels["scope"] == "B"


def test_what_was_made_up_for_counts_in_the_runs_that_follow(
    look: Callable[..., list[Decision]],
) -> None:
    """The oldest of the last three runs was completed by a run of one site alone."""
    made_up = "feed@A 10:00-10:10, feed@B 12:00-12:10"
    found = look(f"{THREE}, {made_up}, {BOTH.format(14)}, {BOTH.format(16)}, feed@A 18:00-18:10", "20:00")
    assert [one.state for one in found] == [State.OVER, State.HOLDS]


def test_after_three_runs_without_it_the_site_is_given_up(
    look: Callable[..., list[Decision]], at: Callable[[str], datetime]
) -> None:
    told = f"{THREE}, feed@A 10:00-10:10, feed@A 13:00-13:10, feed@A 16:00-16:10"
    (holds,) = look(told, "17:09")
    assert (holds.state, holds.look_again) == (State.HOLDS, at("17:10"))
    over, now = look(f"{told}, feed@A 19:00-19:10", "22:00")
    assert (over.state, over.closes) == (State.OVER, at("17:10"))
    assert over.finding is not None
    assert "closed" in over.finding.resolution
    assert now.state is State.CLEAR


def test_a_job_of_one_site_is_none_of_its_business(look: Callable[..., list[Decision]]) -> None:
    assert look("feed 1:00-1:10, feed 4:00-4:10, feed 7:00-7:10", "12:00") == []


@st.composite
def stories(draw: st.DrawFn) -> str:
    told = []
    minute = 0
    for _ in range(draw(st.integers(3, 7))):
        for scope in draw(st.permutations(["A", "B", "C"])):
            if draw(st.integers(0, 5)):
                minute += draw(st.sampled_from([0, 1, 8, 30]))
                length = draw(st.integers(1, 30))
                end = f"{(minute + length) // 60}:{(minute + length) % 60:02}"
                word = draw(st.sampled_from(["", "", "", "failed", "by:jdoe", "try:1/2"]))
                told.append(f"feed@{scope} {minute // 60}:{minute % 60:02}-{end} {word}")
        minute += draw(st.sampled_from([15, 70, 130]))
    return ", ".join(told)


@settings(max_examples=200, deadline=None)
@given(
    told=stories(),
    minute=st.integers(0, 24 * 60),
    after=st.sampled_from([0, 20, 60]),
    gap=st.sampled_from([None, (6, 7)]),
)
def test_what_was_found_at_an_instant_is_what_a_look_back_finds(
    facts: Callable[..., Facts],
    at: Callable[[str], datetime],
    same_at_any_time: Callable[[Detect, Facts, Policy, datetime], None],
    told: str,
    minute: int,
    after: int,
    gap: tuple[int, int] | None,
) -> None:
    covered = [Interval(at("0:00"), at("30:00"))]
    if gap is not None:
        covered = [Interval(at("0:00"), at(f"{gap[0]}:00")), Interval(at(f"{gap[1]}:00"), at("30:00"))]
    policy = Policy(job=lambda _job_id: JobPolicy(site_missing_after=timedelta(minutes=after)))
    whole = facts(told, at="30:00", coverage=tuple(covered))
    same_at_any_time(site_missing, whole, policy, at("0:00") + timedelta(minutes=minute))
