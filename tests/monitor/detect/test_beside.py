from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, time, timedelta

import pytest

from monitor.detect.beside import before_failures, judged_with, neighbourhood, wanted_inputs
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
        pytest.param("diff", "01:00-01:55", False, id="ended the buffer before it"),
        pytest.param("diff", "01:00-01:55:01", True, id="ended a second less than the buffer before it"),
        pytest.param("diff", "03:05-03:10", False, id="started the buffer after it"),
        pytest.param("diff", "03:04:59-03:10", True, id="started a second less than the buffer after it"),
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
    assert near.whole == Interval(at("01:50"), at("03:05"))


@pytest.mark.parametrize(
    ("seen", "since"),
    [
        pytest.param("11:31", "01:55", id="not known at the last judgement: all of it"),
        pytest.param("11:30", "11:10", id="known by then: what ended shortly before"),
        pytest.param(None, "01:55", id="nobody knows since when"),
    ],
)
def test_how_far_back_a_long_run_is_looked_at(story: Story, at: At, seen: str | None, since: str) -> None:
    (run,) = story("full 02:00-?")
    run = replace(run, first_seen=None if seen is None else at(seen))
    near = neighbourhood([run], POLICY, at("12:00"), at("11:30"))
    assert near.groups[0] == Interval(at(since), at("12:05:01"))


def test_a_group_with_a_buffer_of_its_own_has_neighbours_though_not_exclusive(story: Story, at: At) -> None:
    group = GroupPolicy("nightly", ("full", "late"), exclusive=False, buffer=timedelta(minutes=20))
    near = neighbourhood(story("full 02:00-03:00 retried"), Policy(groups=(group,)), at("04:00"), None)
    assert near.has("late", at("01:00"), at("01:40:01"))
    assert not near.has("late", at("01:00"), at("01:40"))


KNOWN = ("full", "diff", "late", "other")


@pytest.mark.parametrize(
    ("policy", "news", "expected"),
    [
        pytest.param(POLICY, "full 02:00-03:00", {"full"}, id="alone"),
        pytest.param(
            Policy(groups=(GroupPolicy("a", ("full", "late"), order=("full", "late")),)),
            "full 02:00-03:00",
            {"full", "late"},
            id="with its group where that has an order",
        ),
        pytest.param(
            Policy(groups=(GroupPolicy("a", ("full", "late"), finish_by=time(6)),)),
            "full 02:00-03:00",
            {"full", "late"},
            id="with its group where that has to be done in time",
        ),
        pytest.param(
            POLICY, "full 02:00-? by:jdoe", {"full", "diff"}, id="by hand: with those that it excludes"
        ),
        pytest.param(POLICY, "other 02:00-? by:jdoe", {"other"}, id="by hand, of no group"),
    ],
)
def test_whom_a_job_is_judged_with(story: Story, policy: Policy, news: str, expected: set[str]) -> None:
    changed = story(news)
    assert judged_with({run.job_id for run in changed}, KNOWN, policy, changed) == expected


ORDER = Policy(groups=(GroupPolicy("a", ("load", "mail"), order=("load", "mail")),))


@pytest.mark.parametrize(
    ("told", "kept", "expected"),
    [
        pytest.param(
            "mail 02:00-02:10, load 03:00-03:10", 1, {("load", "02:00")}, id="older than what is kept"
        ),
        pytest.param("mail 02:00-02:10, load 03:00-03:10", 2, set(), id="all there are is loaded"),
        pytest.param("mail 02:00-02:10, load 03:00-03:10", None, set(), id="nothing was left out"),
        pytest.param("load 01:00-01:10, mail 02:00-02:10", 1, set(), id="it is loaded"),
        pytest.param(
            "mail 02:00-02:10, load 01:00-?, load 03:00-03:01", 1, {("load", "02:00")}, id="had not ended"
        ),
        pytest.param(
            "mail 00:30-00:31, mail 01:00-01:10, mail 02:00-02:10, load 03:00-03:10",
            1,
            {("load", "01:00"), ("load", "02:00")},
            id="of its last two starts",
        ),
        pytest.param("load 02:00-02:10, mail 03:00-03:10", 1, set(), id="what goes first needs nothing"),
    ],
)
def test_what_went_before_is_asked_for_where_it_is_older_than_what_is_kept(
    facts: Tell, at: At, told: str, kept: int | None, expected: set[tuple[str, str]]
) -> None:
    wanted = wanted_inputs(facts(told, kept=kept), ORDER)
    assert set(wanted) == {(job_id, at(instant)) for job_id, instant in expected}


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
