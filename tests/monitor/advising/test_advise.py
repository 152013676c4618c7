"""Advice from a timetable: what will clash, how likely, and the smallest change that prevents it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.advising import Job, Kind, Week, advise
from monitor.advising.clashes import neighbours
from monitor.detect.baseline import Baseline
from monitor.policy import GroupPolicy, Policy

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
IMPORTS = GroupPolicy("imports", ("1-*", "2-*", "3-*"))
POLICY = Policy(groups=(IMPORTS,))


def usual(minutes: float, sigma: float = 0.1) -> Baseline:
    middle = timedelta(minutes=minutes)
    return Baseline(middle, sigma, middle * 2, middle / 5, 30, middle * 1.2)


def daily(job_id: str, at: str, takes: float | None, sigma: float = 0.1, days: int = 7) -> Job:
    hours, minutes = map(int, at.split(":"))
    first = MONDAY + timedelta(hours=hours, minutes=minutes)
    slots = tuple(first + timedelta(days=day) for day in range(days))
    return Job(job_id, slots, None if takes is None else usual(takes, sigma))


def every(job_id: str, minutes: int, takes: float, sigma: float = 0.1) -> Job:
    number = 24 * 60 // minutes
    slots = tuple(MONDAY + timedelta(minutes=minutes * step) for step in range(number))
    return Job(job_id, slots, usual(takes, sigma))


def week(*jobs: Job, policy: Policy = POLICY) -> Week:
    return Week("production", MONDAY, MONDAY + timedelta(days=7), {job.job_id: job for job in jobs}, policy)


@pytest.mark.parametrize(
    ("second", "kind"),
    [
        pytest.param("02:10", Kind.OVERLAP, id="due while the first usually runs"),
        pytest.param("02:30", Kind.OVERLAP, id="due when the first usually ends"),
        pytest.param("02:40", Kind.BUFFER, id="due after all but a few runs of the first have ended"),
        pytest.param("02:55", None, id="due when the buffer holds for all but very few"),
    ],
)
def test_two_jobs_of_a_group_are_held_against_each_other(second: str, kind: Kind | None) -> None:
    found = advise(week(daily("1-a", "02:00", 30), daily("2-b", second, 5)))
    assert [one.kind for one in found] == ([kind] if kind else [])


def test_a_buffer_that_will_not_hold_comes_with_the_move_that_makes_it_hold() -> None:
    (one,) = advise(week(daily("1-a", "02:00", 30), daily("2-b", "02:35", 5)))
    assert one.jobs == ("2-b", "1-a")
    assert one.change is not None
    assert one.change.job_id == "2-b"
    assert one.change.text.startswith("move 2-b from 02:35 to 02:45: keeps the 5 min buffer in 99")


def test_a_proposed_move_solves_what_it_was_proposed_for() -> None:
    told = week(daily("1-a", "02:00", 30), daily("2-b", "02:35", 5), daily("3-c", "02:55", 20))
    (first, *_) = advise(told)
    assert first.change is not None
    moved = told.jobs[first.change.job_id]
    after = replace(moved, slots=tuple(slot + first.change.by for slot in moved.slots))
    anew = advise(replace(told, jobs={**told.jobs, after.job_id: after}))
    assert all(first.jobs != one.jobs for one in anew)


def test_jobs_of_no_common_group_may_run_together() -> None:
    assert advise(week(daily("1-a", "02:00", 30), daily("feed", "02:10", 5))) == []


def test_two_that_are_due_at_the_same_instant_are_told_once() -> None:
    found = advise(week(daily("1-a", "02:00", 30), daily("2-b", "02:00", 5)))
    assert [(one.kind, one.jobs, one.likely) for one in found] == [(Kind.OVERLAP, ("2-b", "1-a"), 1.0)]


def test_a_full_and_a_differential_import_at_once_are_named_so() -> None:
    policy = Policy()
    found = advise(
        week(
            daily("3-2-1-Akeneo-Full-Import", "02:00", 300),
            daily("3-1-1-Akeneo-Differential-Import", "04:00", 10),
            policy=policy,
        )
    )
    assert found[0].text.startswith("a full and a differential import at once: 3-1-1")
    assert found[0].group == "akeneo"


@pytest.mark.parametrize(
    ("takes", "said"), [pytest.param(20, False, id="rarely"), pytest.param(27, True, id="one run in a few")]
)
def test_a_run_that_outlasts_its_interval_swallows_the_next(takes: float, *, said: bool) -> None:
    found = [one for one in advise(week(every("feed", 30, takes))) if one.kind is Kind.SWALLOWED]
    assert bool(found) is said
    if said:
        assert found[0].change is not None
        assert found[0].change.text.startswith("let feed run every 35 min instead of every 30 min: 99")


@pytest.mark.parametrize(("count", "said"), [(11, False), (12, True)])
def test_an_hour_in_which_nearly_all_places_are_taken_is_named(count: int, *, said: bool) -> None:
    jobs = [daily(f"job {number}", f"03:{number:02}", 45) for number in range(count)]
    found = advise(week(*jobs))
    assert [one.kind for one in found] == ([Kind.SATURATED] if said else [])
    if said:
        assert "in the hour from 03:00 up to 12 of about 15" in found[0].text
        assert len(found[0].slots) == 7
        assert found[0].change is not None


def test_of_jobs_whose_duration_is_not_known_only_what_is_certain_is_said() -> None:
    assert advise(week(daily("1-a", "02:00", None), daily("2-b", "02:05", None))) == []
    (one,) = advise(week(daily("1-a", "02:00", None), daily("2-b", "02:00", None)))
    assert one.text == "2-b starts while 1-a may still run (how long it takes is not known yet)"


def test_an_empty_timetable_gives_no_advice() -> None:
    assert advise(week()) == []


def test_times_are_those_of_the_instance() -> None:
    berlin = replace(POLICY, timezone="Europe/Berlin")
    (one,) = advise(week(daily("1-a", "02:00", 30), daily("2-b", "02:35", 5), policy=berlin))
    assert one.change is not None
    assert "from 03:35 to 03:45" in one.change.text


TIMES = st.tuples(st.integers(0, 23), st.sampled_from(range(0, 60, 5))).map(lambda at: f"{at[0]}:{at[1]:02}")


@given(
    plan=st.lists(st.tuples(TIMES, st.integers(1, 200)), min_size=1, max_size=6),
    order=st.randoms(use_true_random=False),
)
def test_advice_does_not_depend_on_the_order_of_jobs(plan: list[Any], order: Any) -> None:
    jobs = [daily(f"1-{number}", at, takes, days=3) for number, (at, takes) in enumerate(plan)]
    shuffled = jobs.copy()
    order.shuffle(shuffled)
    assert advise(week(*jobs)) == advise(week(*shuffled))


@given(at=TIMES, takes=st.integers(1, 300), shift=st.integers(-300, 300))
def test_a_run_is_the_less_in_the_way_the_farther_it_is_moved_after_the_other(
    at: str, takes: int, shift: int
) -> None:
    told = week(daily("1-a", at, takes, days=1), daily("2-b", at, 5, days=1))
    near = neighbours(told.jobs["2-b"], told)
    by = timedelta(minutes=abs(shift) + 1)
    assert near.trouble(by + timedelta(minutes=5)) <= near.trouble(by)
