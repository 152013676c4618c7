"""Windows without slots: nothing is waited for there, and what runs all the same is in order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from monitor.detect.absence.stale import stale
from monitor.detect.model import Facts, State
from monitor.model import Interval
from monitor.policy import JobPolicy, Policy
from monitor.schedule import Schedule, Timetable

HOURLY: dict[str, Any] = {"cron": "0 * * * *", "covered": [("-00:03", "")]}


@pytest.fixture
def rules(at: Callable[[str], datetime]) -> Policy:
    """From 01:00 to 03:00 nothing is due."""
    return Policy(no_slots=lambda job_id, when: job_id == "job" and at("01:00") <= when < at("03:00"))


@pytest.mark.parametrize(
    ("runs", "now", "expected"),
    [
        pytest.param("job 00:00-00:05", "03:05", set(), id="nothing is late or missed in it"),
        pytest.param(
            "job 00:00-00:05", "03:07", {"late 03:00 [03:06:30, now)"}, id="after it all is as ever"
        ),
        pytest.param(
            "job 00:00-00:05",
            "04:01",
            {"late 03:00 [03:06:30, 04:00:30)", "missed 03:00 [04:00:30, now)"},
            id="only what was due is counted",
        ),
        pytest.param(
            "job 00:00-00:05, job 01:00-01:05, job 02:30-02:35, job 03:00-03:05",
            "03:10",
            set(),
            id="what runs in it is in order",
        ),
        pytest.param(
            "job 01:00-01:05, job 03:00-03:05",
            "03:10",
            {"late 00:00 [00:06:30, 01:00)", "missed 00:00 [01:00:30, 01:00:30)"},
            id="a gap before it ends with a run in it",
        ),
        pytest.param(
            "",
            "02:59",
            {"late 00:00 [00:06:30, 01:00:30)", "missed 00:00 [01:00:30, now)"},
            id="a gap before it does not grow",
        ),
    ],
)
def test_slots_in_the_window(look: Any, rules: Policy, runs: str, now: str, expected: set[str]) -> None:
    assert look(runs, now, policy=rules, **HOURLY).told() == expected


def test_another_job_is_waited_for(look: Any, rules: Policy) -> None:
    found = look("other 00:00-00:05", "02:01", policy=rules, jobs=["other"], **HOURLY).told("missed")
    assert found == {"missed other 01:00 [02:00:30, now)"}


@pytest.mark.parametrize(
    ("now", "state", "when"),
    [
        # The second slot that counts after midnight is that of 04:00; 6 min to start and 30 to run.
        pytest.param("02:37", State.CLEAR, "04:36:30", id="the slots of the window do not count"),
        pytest.param("04:36:30", State.HOLDS, "04:36:30", id="those after it do"),
    ],
)
def test_a_good_run_is_not_missed_there(
    facts: Callable[..., Facts],
    at: Callable[[str], datetime],
    rules: Policy,
    now: str,
    state: State,
    when: str,
) -> None:
    job = JobPolicy(schedule=Schedule(cron="0 * * * *"), max_duration=timedelta(minutes=30))
    policy = Policy(job=lambda _job_id: job, no_slots=rules.no_slots)
    look = facts(
        "job 00:00-00:10",
        at=now,
        fresh="",
        coverage=(Interval(at("00:00") - timedelta(minutes=5), at(now)),),
        timetables={"job": Timetable.of(job.schedule)},
    )
    found = list(stale(look, policy))[-1]
    assert (found.state, found.opens) == (state, at(when)), found.reason


def test_a_window_without_end_leaves_nothing_to_wait_for(
    facts: Callable[..., Facts], at: Callable[[str], datetime]
) -> None:
    job = JobPolicy(schedule=Schedule(cron="0 * * * *"))
    policy = Policy(job=lambda _job_id: job, no_slots=lambda _job_id, _at: True)
    coverage = (Interval(at("00:00"), at("09:00")),)
    look = facts(
        "job 00:00-00:10", at="09:00", coverage=coverage, timetables={"job": Timetable.of(job.schedule)}
    )
    assert list(stale(look, policy))[-1].state is State.CLEAR
