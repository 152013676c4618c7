from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest

from monitor.detect.beside import before_failures, neighbourhood
from monitor.detect.model import Facts
from monitor.model import Execution, Interval
from monitor.policy import GroupPolicy, Policy

At = Callable[[str], datetime]
Story = Callable[[str], tuple[Execution, ...]]
Tell = Callable[..., Facts]

POLICY = Policy(
    groups=(
        GroupPolicy("imports", ("full", "diff")),
        GroupPolicy("nightly", ("full", "late"), exclusive=False),
    )
)


@pytest.mark.parametrize(
    ("job", "times", "is_near"),
    [
        pytest.param("diff", "02:05-02:10", True, id="of its group, while it ran"),
        pytest.param("diff", "01:00-02:00", False, id="touching its start"),
        pytest.param("diff", "01:00-02:00:01", True, id="a second into it"),
        pytest.param("diff", "03:00-03:10", False, id="touching its end"),
        pytest.param("late", "02:05-02:10", False, id="of a group that is not exclusive"),
        pytest.param("other", "02:05-02:10", False, id="of no group"),
        pytest.param("full", "02:05-02:10", True, id="of its own job"),
        pytest.param("full", "01:45-01:51", True, id="of its own job, a site that it may follow"),
        pytest.param("full", "01:45-01:50", False, id="of its own job, longer ago than sites follow"),
    ],
)
def test_who_may_have_met_a_run(story: Story, at: At, job: str, times: str, *, is_near: bool) -> None:
    near = neighbourhood(story("full 02:00-03:00"), POLICY, at("04:00"), None)
    start, end = times.split("-")
    assert near.has(job, at(start), at(end)) is is_near
    assert near.whole == Interval(at("01:50"), at("03:00"))


@pytest.mark.parametrize(
    ("seen", "since"),
    [
        pytest.param("11:31", "02:00", id="not known at the last judgement: all of it"),
        pytest.param("11:30", "11:15", id="known by then: what ended shortly before"),
        pytest.param(None, "02:00", id="nobody knows since when"),
    ],
)
def test_how_far_back_a_long_run_is_looked_at(story: Story, at: At, seen: str | None, since: str) -> None:
    (run,) = story("full 02:00-?")
    run = replace(run, first_seen=None if seen is None else at(seen))
    near = neighbourhood([run], POLICY, at("12:00"), at("11:30"))
    assert near.groups[0] == Interval(at(since), at("12:00:01"))


def test_nothing_new_has_no_neighbours(story: Story, at: At) -> None:
    for told in ("", "full pending"):
        near = neighbourhood(story(told), POLICY, at("12:00"), None)
        assert near.whole is None
        assert not near.has("full", at("00:00"), at("12:00"))


def test_the_hours_before_failures_are_taken_together(facts: Tell, at: At) -> None:
    told = "full 02:00-02:10 failed, diff 02:30-02:40 failed, late 09:00-09:10 failed, x 03:00-03:10"
    before = before_failures(facts(told), POLICY)
    assert before.times == (Interval(at("01:00"), at("02:30")), Interval(at("08:00"), at("09:00")))
    assert before.groups == {0, 1}
    assert before.concerns("late", POLICY)
    assert not before.concerns("other", POLICY)


def test_without_a_failure_nothing_before_matters(facts: Tell) -> None:
    assert before_failures(facts("full 02:00-02:10"), POLICY).times == ()
