"""What would have been said, and at which poll: from a night told as a story to the lines of `replay`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.model import Severity
from monitor.model import Execution, ExitStatus, Interval
from monitor.policy import JobPolicy, Policy
from monitor.replay.model import Alert, Past, document, lines_of
from monitor.replay.telling import facts_of, judged_by, poll_at, told
from monitor.schedule import Schedule, Timetable
from tests.monitor.detect.conftest import NIGHT, clock, runs

MINUTE = timedelta(minutes=1)
SHARED = "a-full 02:00:10-03:10:20 failed, a-differential 03:00:00-03:20:30, a-full 04:00-04:30:01"
GROUPED = Policy()


def past(told_as: str | Iterable[Execution], until: str = "12:00") -> Past:
    night = runs(told_as) if isinstance(told_as, str) else tuple(told_as)
    return Past("production", clock(until), night, (Interval(NIGHT, clock("12:00")),))


def alerts(
    told_as: str | Iterable[Execution],
    policy: Policy = GROUPED,
    every: timedelta = MINUTE,
    until: str = "12:00",
    timetables: Mapping[str, Timetable] = MappingProxyType({}),
) -> list[Alert]:
    return told(judged_by(facts_of(past(told_as, until)), policy, timetables), policy, every)


def said(found: Iterable[Alert], *conditions: str) -> list[str]:
    """`03:11 opened failed a-full`."""
    return [
        f"{line.at:%H:%M:%S} {line.action} {line.alert.condition} {'+'.join(line.alert.jobs)}"
        for line in lines_of(found)
        if not conditions or line.alert.condition in conditions
    ]


@pytest.mark.parametrize(
    ("instant", "every", "expected"),
    [
        pytest.param("02:00:00", 60, "02:00:00", id="at a poll it is seen by this one"),
        pytest.param("02:00:01", 60, "02:01:00", id="just after one it is seen by the next"),
        pytest.param("02:00:59", 60, "02:01:00", id="just before one"),
        pytest.param("02:00:01", 300, "02:05:00", id="polls are five minutes apart"),
        pytest.param("02:00:01", 7 * 60, "02:07:00", id="an interval that divides no hour"),
    ],
)
def test_it_is_said_by_the_first_poll_that_could_know(instant: str, every: int, expected: str) -> None:
    assert poll_at(clock(instant), timedelta(seconds=every)) == clock(expected)


def test_a_failure_is_told_at_the_poll_after_its_end_and_so_is_its_repair() -> None:
    found = alerts("feed 02:00:00-02:10:30 failed, feed 03:00:00-03:10:30")
    assert said(found, "failed") == ["02:11:00 opened failed feed", "03:11:00 resolved failed feed"]


def test_what_began_and_ended_between_two_polls_is_told_at_once_as_over() -> None:
    found = alerts("feed 02:00:00-02:00:10 failed, feed 02:00:20-02:00:30")
    assert said(found, "failed") == ["02:01:00 opened failed feed", "02:01:00 resolved failed feed"]


def test_rarer_polls_tell_later_and_find_the_same() -> None:
    often, seldom = (alerts(SHARED, every=every) for every in (MINUTE, 30 * MINUTE))
    assert [(one.condition, one.since) for one in often] == [(one.condition, one.since) for one in seldom]
    assert all(rare.at >= one.at for one, rare in zip(often, seldom, strict=True))


def test_a_line_has_the_fields_that_programs_read() -> None:
    (line,) = lines_of(alerts("feed 02:00:00-02:10:30 failed"))
    shown = document(line)
    assert "ERROR" in shown.pop("summary")
    assert shown == {
        "at": clock("02:11:00"),
        "action": "opened",
        "condition": "failed",
        "severity": "critical",
        "sfcc_instance": "production",
        "job_id": "feed",
        "jobs": ["feed"],
        "scope": "Organization",
        "executions": ["1"],
        "since": clock("02:10:30"),
    }


def test_a_pair_is_told_at_its_later_starter_with_both_runs() -> None:
    night = "akeneo-full 02:00-03:10, akeneo-differential 03:00-03:20"
    (one,) = [alert for alert in alerts(night) if alert.condition == "overlap"]
    assert (one.job_id, one.jobs) == ("akeneo-differential", ("akeneo-differential", "akeneo-full"))
    assert set(one.executions) == {"1", "2"}
    assert (one.at, one.over_at) == (clock("03:00"), clock("03:10"))


def test_what_grew_worse_is_opened_again_and_resolved_once() -> None:
    hourly = {"feed": Timetable.of(Schedule(cron="0 * * * *"))}
    night = "feed 00:00-00:10, feed 01:00-01:10, feed 02:00-06:20, feed 07:00-07:10"
    found = alerts(night, timetables=hourly, until="07:30")
    lines = [line for line in lines_of(found) if line.alert.condition == "missed"]
    assert [f"{line.at:%H:%M} {line.action} {line.alert.severity}" for line in lines] == [
        "04:01 opened info",
        "06:01 opened warning",
        "07:01 resolved warning",
    ]
    assert {line.alert.since for line in lines} == {clock("03:00")}
    assert "1 slot" not in lines[1].alert.summary


def test_what_grew_worse_between_two_polls_is_told_as_the_worst_of_it() -> None:
    hourly = {"feed": Timetable.of(Schedule(cron="0 * * * *"))}
    night = "feed 00:00-00:10, feed 01:00-01:10, feed 02:00-06:20"
    found = alerts(night, timetables=hourly, every=7 * 60 * MINUTE, until="06:50")
    (line,) = [line for line in lines_of(found) if line.alert.condition == "missed"]
    assert (line.at, line.alert.severity) == (clock("09:00"), Severity.WARNING)


def test_what_a_first_read_found_is_told_like_anything_else() -> None:
    known = [replace(run, backfilled=False) for run in runs("feed 02:00-02:10 failed")]
    assert said(alerts(known)) == ["02:10:00 opened failed feed"]


def test_a_condition_that_is_switched_off_for_a_job_is_not_told() -> None:
    off = Policy(job=lambda job: JobPolicy(severity={"failed": "off"} if job == "feed" else {}))
    found = alerts("feed 02:00-02:10 failed, prices 02:00-02:10 failed", off)
    assert [one.job_id for one in found if one.condition == "failed"] == ["prices"]


def test_what_began_later_than_the_end_is_not_known() -> None:
    night = "feed 02:00-02:10 failed, prices 03:00-03:30 failed, stock 05:00-05:10 failed"
    assert said(alerts(night, until="03:15"), "failed") == ["02:10:00 opened failed feed"]
    known = facts_of(past(night, "03:15"))
    words = {run.job_id: run.execution_status for runs_of in known.runs.values() for run in runs_of}
    assert words == {"feed": "finished", "prices": "running"}


def test_a_history_without_runs_says_nothing() -> None:
    assert alerts("") == []


def test_what_something_else_says_is_not_told_twice() -> None:
    cut = "a 02:00-02:30 aborted, b 02:00-02:31 aborted, c 02:00-02:32 aborted, d 05:00-05:10 failed"
    told_as = [line.split(maxsplit=2)[2] for line in said(alerts(cut)) if " opened " in line]
    assert sorted(told_as) == ["failed d", "interrupted a+b+c"]


@st.composite
def stays(draw: st.DrawFn) -> list[Execution]:
    times = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 30)), max_size=20)
    return [
        replace(
            run,
            start_time=NIGHT + start * MINUTE,
            end_time=NIGHT + (start + took) * MINUTE,
        )
        for run, (start, took) in zip(runs("x 0:00-0:01, " * 20), draw(times), strict=False)
    ]


@settings(max_examples=200, deadline=None)
@given(stays(), st.integers(1, 5))
def test_how_full_the_instance_was_is_known_where_it_matters(night: list[Execution], many: int) -> None:
    facts = judged_by(facts_of(past(night)), Policy(saturated_at=many), {})
    for minute in range(95):
        at = NIGHT + minute * MINUTE
        known = sum(one.start <= at < one.end for one in facts.occupied)
        true = sum(run.start_time <= at < run.end_time for run in night if run.start_time and run.end_time)
        assert known == true if true >= many else known < many
    assert bool(facts.occupied) == bool(night)


JOBS = ("akeneo-full", "akeneo-differential", "feed")


@st.composite
def nights(draw: st.DrawFn) -> list[Execution]:
    return [_run(draw, str(number)) for number in range(draw(st.integers(0, 14)))]


def _run(draw: st.DrawFn, identity: str) -> Execution:
    start = NIGHT + timedelta(seconds=draw(st.integers(0, 600)) * 60 + draw(st.sampled_from([0, 20])))
    ending = draw(st.sampled_from(["ok", "ok", "ok", "error", "aborted", "running"]))
    fields: dict[str, Any] = {"start_time": start, "steps": ()}
    if ending == "running":
        fields["execution_status"] = "running"
    else:
        end = start + timedelta(seconds=draw(st.integers(0, 4000)))
        fields |= {"end_time": end, "duration": end - start}
        fields["execution_status"] = "aborted" if ending == "aborted" else "finished"
        if ending in {"ok", "error"}:
            fields["exit_status"] = ExitStatus(ending.upper(), None, ending)
    return Execution("production", draw(st.sampled_from(JOBS)), identity, **fields)


@settings(max_examples=100, deadline=None)
@given(nights(), st.integers(0, 700))
def test_a_replay_up_to_an_instant_is_the_beginning_of_the_whole_one(
    night: list[Execution], minute: int
) -> None:
    cut = NIGHT + minute * MINUTE
    assert _marks(alerts(night, until=f"{minute // 60}:{minute % 60}"), cut) == _marks(alerts(night), cut)


def _marks(found: Iterable[Alert], cut: datetime) -> list[tuple[object, ...]]:
    return [
        (
            line.at,
            line.action,
            line.alert.severity,
            line.alert.condition,
            line.alert.jobs,
            line.alert.scope,
            line.alert.since,
        )
        for line in lines_of(found)
        if line.at <= cut
    ]


@settings(max_examples=50, deadline=None)
@given(nights(), st.randoms(use_true_random=False))
def test_the_order_in_which_runs_are_read_does_not_matter(night: list[Execution], random: Any) -> None:
    shuffled = list(night)
    random.shuffle(shuffled)
    assert alerts(shuffled) == alerts(night)
