"""No good run for too long."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.model import Severity
from monitor.detect import Detect
from monitor.detect.absence.stale import stale
from monitor.detect.model import Decision, Facts, State
from monitor.model import Interval
from monitor.policy import JobPolicy, Policy
from monitor.schedule import Schedule, Source, Timetable

HOURLY = Schedule(cron="0 * * * *")
AGE = JobPolicy(max_success_age=timedelta(hours=2), max_duration=timedelta(minutes=30))
SLOTS = JobPolicy(schedule=HOURLY, max_duration=timedelta(minutes=30))
"""A run may start 6 min late (a tenth of the interval) and take 30 min: stale 36 min after a second slot."""


def rules(job: JobPolicy, **fields: Any) -> Policy:
    return Policy(job=lambda _job_id: job, **fields)


@pytest.fixture
def look(facts: Callable[..., Facts], at: Callable[[str], datetime]) -> Callable[..., Decision]:
    def look(told: str, now: str, job: JobPolicy = AGE, **fields: Any) -> Decision:
        until = at(now)
        covered = fields.pop("covered", "0:00")
        policy = rules(job, **fields.pop("policy", {}))
        fields.setdefault("timetables", {"feed": Timetable.of(job.schedule)})
        found = facts(told, at=now, fresh="", coverage=(Interval(at(covered), until),), **fields)
        return list(stale(found, policy))[-1]

    return look


@pytest.mark.parametrize(
    ("told", "now", "state", "when"),
    [
        pytest.param("feed 1:00-1:10", "3:10:29", State.CLEAR, "3:10:30", id="a little less than the age"),
        pytest.param("feed 1:00-1:10", "3:10:30", State.HOLDS, "3:10:30", id="the age and the index's lag"),
        pytest.param("", "2:00:30", State.HOLDS, "2:00:30", id="never a run since reading began"),
        pytest.param(
            "feed 1:00-1:10, feed 2:00-2:10 failed", "3:11", State.HOLDS, "3:10:30", id="a failed run"
        ),
        pytest.param(
            "feed 1:00-1:10, feed 2:00-2:10 warn", "3:11", State.CLEAR, "4:10:30", id="a degraded run"
        ),
        pytest.param(
            "feed 1:00-1:10, feed 3:00-?", "3:29", State.WAITING, "3:30", id="a run within its limit"
        ),
        pytest.param("feed 1:00-1:10, feed 3:00-?", "3:30", State.HOLDS, "3:30", id="a run over its limit"),
        pytest.param(
            "feed 1:00-1:10, feed 3:00-3:20 failed", "3:20", State.HOLDS, "3:20", id="it ended badly"
        ),
        pytest.param("feed@A 1:00-1:10, feed@B 2:00-2:10", "3:30", State.CLEAR, "4:10:30", id="another site"),
    ],
)
def test_an_age_may_not_be_exceeded(
    look: Callable[..., Decision], at: Callable[[str], datetime], told: str, now: str, state: State, when: str
) -> None:
    found = look(told, now, timetables={"feed": Timetable.of(None)})
    assert (found.state, found.opens) == (state, at(when)), found.reason
    assert found.look_again == (None if state is State.HOLDS else at(when))


def test_a_run_that_came_too_late_keeps_it_quiet_while_it_is_within_its_limit(
    look: Callable[..., Decision], at: Callable[[str], datetime]
) -> None:
    found = look("feed 1:00-1:10, feed 3:11-?", "3:12", timetables={"feed": Timetable.of(None)})
    assert (found.state, found.opens) == (State.HOLDS, at("3:10:30")), found.reason
    assert found.awaits == (Interval(at("3:11"), at("3:41")),)
    assert found.look_again == at("3:41")


@pytest.mark.parametrize(
    ("told", "now", "state"),
    [
        pytest.param("feed 1:00-1:10", "3:36:29", State.CLEAR, id="the second slot may still be filled"),
        pytest.param("feed 1:00-1:10", "3:36:30", State.HOLDS, id="two slots without a good run"),
        pytest.param("feed 0:59-1:10", "3:36:30", State.HOLDS, id="a little early"),
        pytest.param("feed 0:57-1:10", "3:36:30", State.HOLDS, id="too early to fill the slot it is before"),
        pytest.param("feed 1:50-1:55 by:jdoe", "3:36:30", State.HOLDS, id="by hand, after a slot"),
        pytest.param("feed 2:50-2:55 by:jdoe", "3:36:30", State.CLEAR, id="by hand, after the next"),
        pytest.param("feed 1:00-1:10, feed 3:10-?", "3:36:30", State.WAITING, id="one is running"),
    ],
)
def test_by_schedule_two_slots_may_go_by(
    look: Callable[..., Decision], told: str, now: str, state: State
) -> None:
    found = look(told, now, SLOTS)
    assert found.state is state, found.reason


def test_without_a_schedule_and_an_age_nothing_is_known(look: Callable[..., Decision]) -> None:
    assert look("feed 1:00-1:10", "12:00", JobPolicy()).state is State.UNKNOWN


def test_a_sandbox_is_left_alone(look: Callable[..., Decision]) -> None:
    assert look("feed 1:00-1:10", "12:00", policy={"is_sandbox": True}).state is State.CLEAR


def test_time_that_was_not_read_counts_for_nothing(look: Callable[..., Decision]) -> None:
    assert look("feed 1:00-1:10", "5:00", covered="3:30").state is State.CLEAR
    assert look("feed 1:00-1:10", "5:30:30", covered="3:30").state is State.HOLDS


def test_it_is_over_with_the_next_good_run(
    facts: Callable[..., Facts], at: Callable[[str], datetime]
) -> None:
    told = facts(
        "feed 1:00-1:10, feed 5:00-5:10 by:jdoe", at="6:00", coverage=(Interval(at("0:00"), at("6:00")),)
    )
    over, now = stale(told, rules(AGE))
    assert (over.state, over.opens, over.closes) == (State.OVER, at("3:10:30"), at("5:10"))
    assert over.finding is not None
    assert over.finding.resolution == "run 2 ended well at 05:10 UTC"
    assert now.state is State.CLEAR


@pytest.mark.parametrize(
    ("source", "severity"), [(Source.CONFIGURED, Severity.CRITICAL), (Source.LEARNED, Severity.WARNING)]
)
def test_what_was_learned_raises_a_warning_only(
    look: Callable[..., Decision], source: Source, severity: Severity
) -> None:
    found = look("feed 1:00-1:10", "9:00", SLOTS, timetables={"feed": Timetable.of(HOURLY, source)})
    assert found.finding is not None
    assert found.finding.severity is severity


def test_of_a_job_that_only_fails_its_last_good_run_is_known_though_it_is_not_loaded(
    look: Callable[..., Decision], at: Callable[[str], datetime]
) -> None:
    told = "feed 4:00-4:10 failed, feed 4:20-4:30 failed"
    cut: dict[str, Any] = {"kept": 2, "timetables": {"feed": Timetable.of(None)}}
    assert look(told, "5:00", **cut).state is State.CLEAR
    found = look(told, "5:00", succeeded={"feed": at("1:10")}, **cut)
    assert (found.state, found.opens) == (State.HOLDS, at("3:10:30"))
    assert look(told, "5:00", succeeded={}, **cut).opens == at("2:00:30")


ENDINGS = st.sampled_from(["", "failed", "warn", "try:0/1", "by:jdoe", "vanished", "aborted"])


@st.composite
def stories(draw: st.DrawFn) -> str:
    minute, told = 0, []
    for _ in range(draw(st.integers(0, 8))):
        minute += draw(st.integers(0, 150))
        length = draw(st.integers(1, 60))
        scope = draw(st.sampled_from(["", "@A", "@B"]))
        end = f"{(minute + length) // 60}:{(minute + length) % 60:02}"
        told.append(f"feed{scope} {minute // 60}:{minute % 60:02}-{end} {draw(ENDINGS)}")
    return ", ".join(told)


@settings(max_examples=150, deadline=None)
@given(
    told=stories(),
    minute=st.integers(0, 20 * 60),
    job=st.sampled_from(
        [AGE, SLOTS, JobPolicy(schedule=HOURLY), JobPolicy(max_success_age=timedelta(hours=1))]
    ),
    gap=st.sampled_from([None, (4, 6)]),
)
def test_what_was_found_at_an_instant_is_what_a_look_back_finds(
    facts: Callable[..., Facts],
    at: Callable[[str], datetime],
    same_at_any_time: Callable[[Detect, Facts, Policy, datetime], None],
    told: str,
    minute: int,
    job: JobPolicy,
    gap: tuple[int, int] | None,
) -> None:
    ends = at("24:00")
    covered = [Interval(at("0:00"), ends)]
    if gap is not None:
        covered = [Interval(at("0:00"), at(f"{gap[0]}:00")), Interval(at(f"{gap[1]}:00"), ends)]
    whole = facts(told, at="24:00", coverage=tuple(covered), timetables={"feed": Timetable.of(job.schedule)})
    same_at_any_time(stale, whole, rules(job), at("0:00") + timedelta(minutes=minute))
