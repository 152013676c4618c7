"""What has to be done by a time of day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.model import Severity
from monitor.detect import Detect
from monitor.detect.absence.deadline import deadline
from monitor.detect.model import Decision, Facts, State
from monitor.model import Interval
from monitor.policy import GroupPolicy, JobPolicy, Policy
from monitor.schedule import Schedule, Timetable

USUAL = "feed 1:00-2:00, feed 2:10-3:10, feed 3:20-4:20, feed 4:30-5:30, feed 5:35-6:29"
"""Five good runs of an hour before the first deadline, at 06:30; the next is at 30:30."""

BY = JobPolicy(finish_by=time(6, 30))


def rules(job: JobPolicy = BY, **fields: Any) -> Policy:
    return Policy(job=lambda _job_id: job, **fields)


@pytest.fixture
def look(facts: Callable[..., Facts], at: Callable[[str], datetime]) -> Callable[..., list[Decision]]:
    def look(told: str, now: str, policy: Policy | None = None, **fields: Any) -> list[Decision]:
        covered = (Interval(at(fields.pop("covered", "-24:0")), at(now)),)
        job = (policy or rules()).job("feed")
        fields.setdefault("timetables", {"feed": Timetable.of(job.schedule)} if job.schedule else {})
        found = facts(", ".join(filter(None, (USUAL, told))), at=now, coverage=covered, fresh="", **fields)
        return list(deadline(found, policy or rules()))

    return look


@pytest.mark.parametrize(
    ("told", "now", "state", "severity"),
    [
        pytest.param("", "29:30:29", State.WAITING, None, id="it would just be done in time"),
        pytest.param("", "29:30:30", State.HOLDS, Severity.WARNING, id="it no longer fits"),
        pytest.param("", "30:30:29", State.HOLDS, Severity.WARNING, id="not passed as far as can be known"),
        pytest.param("", "30:30:30", State.HOLDS, Severity.CRITICAL, id="passed"),
        pytest.param("feed 28:00-28:50", "31:00", State.CLEAR, None, id="done in time"),
        pytest.param("feed 29:00-?", "30:29", State.WAITING, None, id="one is under way that fits"),
        pytest.param("feed 29:00-?", "30:30:30", State.HOLDS, Severity.CRITICAL, id="it took longer"),
        pytest.param(
            "feed 29:31-?", "29:32", State.HOLDS, Severity.WARNING, id="one is under way that does not"
        ),
        pytest.param(
            "feed 29:00-29:50 failed", "29:50", State.HOLDS, Severity.WARNING, id="it failed, too late"
        ),
        pytest.param("feed 27:00-27:50 failed", "28:50", State.WAITING, None, id="it failed, there is time"),
        pytest.param("feed 7:00-7:50 by:jdoe", "31:00", State.CLEAR, None, id="by hand the day before"),
        pytest.param(
            "feed 6:00-7:50", "31:00", State.HOLDS, Severity.CRITICAL, id="that was for the day before"
        ),
    ],
)
def test_a_warning_when_it_no_longer_fits_and_critical_when_it_has_passed(
    look: Callable[..., list[Decision]], told: str, now: str, state: State, severity: Severity | None
) -> None:
    found = look(told, now)[0]
    assert found.state is state, found.reason
    assert (found.finding and found.finding.severity) is severity


@pytest.mark.parametrize(
    ("told", "now", "rungs"),
    [
        pytest.param("", "30:00", [], id="no worse yet"),
        pytest.param("", "30:31", [("29:30:30", "warning"), ("30:30:30", "critical")], id="passed"),
        pytest.param("feed 29:00-?", "30:31", [], id="not told before it had passed"),
    ],
)
def test_the_warning_before_is_kept(
    look: Callable[..., list[Decision]],
    at: Callable[[str], datetime],
    told: str,
    now: str,
    rungs: list[tuple[str, str]],
) -> None:
    found = look(told, now)[0]
    assert [(one.known, one.severity) for one in found.ladder] == [(at(known), name) for known, name in rungs]
    assert len({one.summary for one in found.ladder}) == len(rungs)


def test_it_is_over_when_done_though_late(
    look: Callable[..., list[Decision]], at: Callable[[str], datetime]
) -> None:
    found = look("feed 30:00-31:10", "31:20", judged_until=at("31:00"))
    over = next(one for one in found if one.state is State.OVER)
    assert over.finding is not None
    assert (over.opens, over.closes) == (at("29:30:30"), at("31:10"))
    assert over.finding.severity is Severity.CRITICAL
    assert over.finding.resolution.startswith("done at")


def test_it_is_over_when_the_next_day_begins(
    look: Callable[..., list[Decision]], at: Callable[[str], datetime]
) -> None:
    (holds, *_) = look("", "47:59")
    assert (holds.state, holds.look_again) == (State.HOLDS, at("48:00"))
    found = look("", "48:00", judged_until=at("47:00"))
    assert [one.closes for one in found if one.state is State.OVER] == [at("48:00")]


def test_days_without_a_slot_are_free(look: Callable[..., list[Decision]]) -> None:
    job = JobPolicy(
        finish_by=time(6, 30), schedule=Schedule(cron="0 3 * * wed")
    )  # the story begins on a Monday
    assert [one.state for one in look("", "31:00", rules(job))] == [State.WAITING]
    assert look("", "54:31", rules(job))[0].state is State.HOLDS


def test_a_job_without_slots_has_to_be_done_from_the_day_of_its_first_run_on(
    facts: Callable[..., Facts], at: Callable[[str], datetime]
) -> None:
    found = facts("feed 31:00-31:10 failed", at="55:00", coverage=(Interval(at("0:00"), at("55:00")),))
    told = [one.opens for one in deadline(found, rules()) if one.state in {State.HOLDS, State.OVER}]
    assert told == [at("54:30:30")], "and not on the day before, when nobody knew of it"


def test_the_time_is_that_of_the_time_zone(look: Callable[..., list[Decision]]) -> None:
    policy = rules(timezone="America/New_York")  # 06:30 there is 11:30
    assert look("", "34:30", policy)[0].state is State.WAITING
    assert look("", "35:31", policy)[0].state is State.HOLDS


def test_before_reading_began_for_a_whole_day_nothing_is_concluded(
    look: Callable[..., list[Decision]],
) -> None:
    assert [one.state for one in look("", "31:00", covered="7:00")] == [State.WAITING]


GROUP = Policy(groups=(GroupPolicy("night", ("feed", "stock"), finish_by=time(6, 30)),))
STOCK = "stock 1:00-2:00, stock 2:10-3:10, stock 3:20-4:20, stock 4:30-5:30, stock 5:35-6:29"


@pytest.mark.parametrize(
    ("told", "now", "state"),
    [
        pytest.param("", "28:30:29", State.WAITING, id="two hours before"),
        pytest.param("", "28:30:30", State.HOLDS, id="one after the other no longer fits"),
        pytest.param("feed 28:00-?", "28:40", State.WAITING, id="one is under way, the other fits after it"),
        pytest.param("feed 28:35-?", "28:40", State.HOLDS, id="one is under way, the other does not"),
        pytest.param("feed 27:00-27:50", "29:30", State.WAITING, id="one is done, the other fits"),
        pytest.param("feed 27:00-27:50, stock 28:00-28:50", "31:00", State.CLEAR, id="both are done"),
        pytest.param("feed 27:00-27:50", "30:30:30", State.HOLDS, id="one is missing"),
    ],
)
def test_a_group_is_done_with_its_last_job(
    look: Callable[..., list[Decision]], told: str, now: str, state: State
) -> None:
    found = look(f"{STOCK}, {told}" if told else STOCK, now, GROUP)[0]
    assert found.state is state, found.reason
    if found.finding is not None:
        assert found.finding.labels == {"sfcc_instance": "production", "group": "night"}


@st.composite
def stories(draw: st.DrawFn) -> str:
    minute, told = draw(st.integers(0, 600)), []
    for _ in range(draw(st.integers(0, 14))):
        minute += draw(st.integers(10, 500))
        length = draw(st.sampled_from([20, 60, 61, 200]))
        job = draw(st.sampled_from(["feed", "feed", "stock"]))
        word = draw(st.sampled_from(["", "", "failed", "by:jdoe", "vanished"]))
        end = minute + length
        told.append(f"{job} {minute // 60}:{minute % 60:02}-{end // 60}:{end % 60:02} {word}")
    return ", ".join(told)


@settings(max_examples=150, deadline=None)
@given(
    told=stories(),
    minute=st.integers(0, 95 * 60),
    slots=st.booleans(),
    group=st.booleans(),
    gap=st.sampled_from([None, (40, 41)]),
)
def test_what_was_found_at_an_instant_is_what_a_look_back_finds(
    facts: Callable[..., Facts],
    at: Callable[[str], datetime],
    same_at_any_time: Callable[[Detect, Facts, Policy, datetime], None],
    told: str,
    minute: int,
    slots: bool,  # noqa: FBT001 - a column of the table
    group: bool,  # noqa: FBT001 - as above
    gap: tuple[int, int] | None,
) -> None:
    covered = [Interval(at("0:00"), at("96:00"))]
    if gap is not None:
        covered = [Interval(at("0:00"), at(f"{gap[0]}:00")), Interval(at(f"{gap[1]}:00"), at("96:00"))]
    schedule = Schedule(cron="0 3 * * 1-3") if slots else None
    policy = GROUP if group else rules(JobPolicy(finish_by=time(6, 30), schedule=schedule))
    tables = dict.fromkeys(["feed", "stock"], Timetable.of(schedule))
    whole = facts(
        f"{USUAL}, {told}" if told else USUAL, at="96:00", coverage=tuple(covered), timetables=tables
    )
    same_at_any_time(deadline, whole, policy, at("0:00") + timedelta(minutes=minute))
