"""Which run fills which slot: tables, the days on which clocks change, and what holds of any history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.detect.absence.late import late
from monitor.detect.absence.missed import missed
from monitor.detect.absence.moved import moved
from monitor.detect.absence.slots import fills, start_tolerance, window
from monitor.detect.absence.unexpected import unexpected
from monitor.detect.model import Facts
from monitor.model import Execution, ExitStatus, Interval
from monitor.policy import JobPolicy, Policy
from monitor.schedule import Schedule, Slot, Timetable

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
_DAY = timedelta(hours=24)
DETECTORS = (late, missed, moved, unexpected)


@pytest.mark.parametrize(
    ("interval", "tolerance"),
    [
        pytest.param(timedelta(minutes=5), timedelta(minutes=2.5), id="half of a short interval"),
        pytest.param(timedelta(minutes=10), timedelta(minutes=5), id="five minutes are half of ten"),
        pytest.param(timedelta(minutes=50), timedelta(minutes=5), id="five minutes at least"),
        pytest.param(timedelta(minutes=51), timedelta(minutes=5.1), id="a tenth from there on"),
        pytest.param(timedelta(hours=10), timedelta(hours=1), id="one hour"),
        pytest.param(timedelta(days=7), timedelta(hours=1), id="and no more than that"),
        pytest.param(None, timedelta(minutes=5), id="the least where there is no next slot"),
    ],
)
def test_how_late_a_run_may_start(interval: timedelta | None, tolerance: timedelta) -> None:
    slot = Slot(NOON, None if interval is None else NOON + interval)

    assert start_tolerance(slot, JobPolicy()) == tolerance
    assert start_tolerance(slot, JobPolicy(start_tolerance=timedelta(minutes=7))) == timedelta(minutes=7)


def test_a_window_spans_both_readings_of_a_slot() -> None:
    hour, minutes = timedelta(hours=1), timedelta(minutes=2)
    slot = Slot(NOON, NOON + 24 * hour, also=NOON - hour)

    assert window(slot, JobPolicy()) == (NOON - hour - minutes, NOON + hour)


def test_a_run_is_not_so_early_that_it_is_nearer_to_the_slot_before() -> None:
    minute = timedelta(minutes=1)

    assert window(Slot(NOON, NOON + minute), JobPolicy()) == (NOON - minute / 2, NOON + minute / 2)


@pytest.mark.parametrize(
    ("runs", "filled"),
    [
        pytest.param("job 01:00-01:10", {"01:00": "1"}, id="in time"),
        pytest.param("job 00:59:58-01:10", {"01:00": "1"}, id="two seconds early"),
        pytest.param("job 00:57:59-01:10", {"00:00": "1"}, id="so early that it is the one before, late"),
        pytest.param("job 01:00-01:01, job 01:02-01:03", {"01:00": "1"}, id="no two runs share a slot"),
        pytest.param("job 01:59-01:59:30, job 02:00-02:10", {"02:00": "1"}, id="the early one has it"),
        pytest.param("job 02:40-02:50", {"02:00": "1"}, id="the latest that is empty, and only that"),
        pytest.param("job 01:00-01:10 failed", {"01:00": "1"}, id="however it ends"),
        pytest.param("job 01:00-01:10 vanished", {"01:00": "1"}, id="or vanishes"),
        pytest.param("job 01:00-?", {"01:00": "1"}, id="or has not ended"),
        pytest.param("job 01:00-01:10 by:jdoe", {}, id="not by hand"),
        pytest.param("job 01:00-01:10 api:erp", {}, id="not through the API"),
        pytest.param(
            "job 01:00-01:05 retried try:0/3, job 02:00-02:05 try:1/3", {"01:00": "1"}, id="a retry"
        ),
        pytest.param("job@B 01:02-01:10, job@A 01:00-01:05", {"01:00": "2"}, id="the first site's run"),
        pytest.param("job@A 01:00-01:05, job@B 01:13-01:15", {"01:00": "1"}, id="a site that follows"),
        pytest.param(
            "job@A 01:00-01:05, job@A 02:00-02:05, job@B 02:01-02:05",
            {"01:00": "1", "02:00": "2"},
            id="the same site again is another run",
        ),
    ],
)
def test_filling(look: Any, at: Callable[[str], datetime], runs: str, filled: dict[str, str]) -> None:
    one = look(runs, "03:00", cron="0 * * * *")
    found = fills("job", one.facts, one.policy)

    assert {slot.at: slot.run.id for slot in found.slots if slot.run is not None} == {
        at(slot): run for slot, run in filled.items()
    }


def test_it_is_worked_out_once_for_one_policy(look: Any) -> None:
    one = look("job 01:00-01:10", "03:00")

    assert fills("job", one.facts, one.policy) is fills("job", one.facts, one.policy)
    strict = Policy(job=lambda _: JobPolicy(start_tolerance=timedelta(minutes=1)))
    assert fills("job", one.facts, strict).slots[0].due < fills("job", one.facts, one.policy).slots[0].due


CHANGES = [
    pytest.param("Europe/Berlin", date(2026, 3, 29), id="Berlin in spring"),
    pytest.param("Europe/Berlin", date(2026, 10, 25), id="Berlin in autumn"),
    pytest.param("America/New_York", date(2026, 3, 8), id="New York in spring"),
    pytest.param("America/New_York", date(2026, 11, 1), id="New York in autumn"),
    pytest.param("Australia/Sydney", date(2026, 4, 5), id="Sydney in autumn"),
    pytest.param("Australia/Lord_Howe", date(2026, 10, 4), id="Lord Howe by half an hour"),
    pytest.param("Africa/Cairo", date(2026, 4, 24), id="Cairo at midnight"),
    pytest.param("Asia/Kolkata", date(2026, 3, 29), id="Kolkata, where clocks do not change"),
]


@pytest.mark.parametrize(("zone", "day"), CHANGES)
@pytest.mark.parametrize(
    ("every", "at_hour"),
    [
        *((timedelta(days=1), hour) for hour in (0, 1, 2, 3, 12)),
        (timedelta(hours=2), 0),
        (timedelta(hours=2), 1),
        (timedelta(minutes=30), 0),
    ],
)
def test_on_the_day_of_a_clock_change_either_reading_of_a_slot_is_accepted(
    facts: Callable[..., Facts], zone: str, day: date, every: timedelta, at_hour: int
) -> None:
    """By the wall clock, or on in elapsed time since the day before."""
    schedule = Schedule(timezone=zone, every=every, at=time(at_hour, 30 if every.days else 0))
    tz = ZoneInfo(zone)
    begin = datetime.combine(day - timedelta(days=3), time(), tz).astimezone(UTC)
    midnight = datetime.combine(day, time(), tz).astimezone(UTC)
    end = datetime.combine(day + timedelta(days=1), time(), tz).astimezone(UTC)
    by_the_wall = [*schedule.slots(begin, end)]
    day_before = [at for at in by_the_wall if midnight - _DAY <= at < midnight]
    elapsed = [at for at in by_the_wall if at < midnight]
    # In the 25th hour only what is hourly or finer: the rest would belong to slots of the day after.
    days_on = (1, 2) if every < timedelta(hours=2) else (1,)
    elapsed += [later for days in days_on for at in day_before if (later := at + days * _DAY) < end]

    for starts in (by_the_wall, elapsed):
        runs = [_run(str(number), at, timedelta(minutes=1)) for number, at in enumerate(starts)]
        told = replace(
            facts(runs),
            seen_until=end - timedelta(seconds=1),
            coverage=(Interval(begin, end),),
            timetables={"job": Timetable.of(schedule)},
            is_hindsight=True,
        )
        assert [one for detect in DETECTORS for one in detect(told, Policy()) if one.finding] == []


def _run(identity: str, start: datetime, took: timedelta | None, **fields: Any) -> Execution:
    ending: dict[str, Any] = {"execution_status": "running"}
    if took is not None:
        ending = {
            "execution_status": "finished",
            "end_time": start + took,
            "exit_status": ExitStatus("OK", None, "ok"),
        }
    return Execution("production", "job", identity, start_time=start, steps=(), **(ending | fields))


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Execution], Timetable, tuple[Interval, ...]]:
    """Three days, mostly by the schedule, with all that disturbs it."""
    every = draw(st.sampled_from([timedelta(minutes=30), timedelta(hours=1), timedelta(hours=6)]))
    schedule = Schedule(every=every)
    begin = NOON - timedelta(hours=draw(st.integers(0, 6)))
    runs = []
    for number, slot in enumerate(schedule.slots(begin, begin + 12 * every)):
        kind = draw(st.sampled_from(["in time", "in time", "late", "off", "off", "none", "odd"]))
        off = {"in time": 0, "late": draw(st.integers(0, 9)), "off": 4, "odd": draw(st.integers(-9, 9))}
        if kind == "none":
            continue
        start = slot + every * off[kind] / 10
        length = draw(st.sampled_from([1, 1, 1, 5, 25]))
        fields: dict[str, Any] = draw(
            st.sampled_from(
                [
                    {},
                    {},
                    {},
                    {"user_login": "jdoe"},
                    {"scope": "RefArch"},
                    {"exit_status": ExitStatus("ERROR", None, "error")},
                    {"current_retry_attempt": 1, "max_retries": 3},
                    {"execution_status": "retried"},
                    {"execution_status": "aborted"},
                ]
            )
        )
        runs.append(_run(str(number), start, every * length / 10, **fields))
    end = begin + 14 * every
    hole = draw(st.integers(0, 20))
    parts = (begin, begin + hole * every / 2, begin + hole * every / 2 + every / 4, end)
    covered = (Interval(begin, end),) if hole > 12 else (Interval(*parts[:2]), Interval(*parts[2:]))
    return runs, Timetable.of(schedule), covered


History = tuple[list[Execution], Timetable, tuple[Interval, ...]]


def _facts(history: History, facts: Any) -> Facts:
    runs, timetable, covered = history
    told: Facts = facts(runs)
    return replace(told, seen_until=covered[-1].end, coverage=covered, timetables={"job": timetable})


@settings(max_examples=150, deadline=None)
@given(history=histories(), look_at=st.integers(0, 14 * 60))
def test_what_is_found_does_not_depend_on_when_somebody_looks(
    facts: Any, same_at_any_time: Any, history: Any, look_at: int
) -> None:
    told = _facts(history, facts)
    start = told.coverage[0].start
    at = start + (told.seen_until - start) * look_at / (14 * 60)

    for detect in DETECTORS:
        same_at_any_time(detect, told, Policy(), at)


@settings(max_examples=60, deadline=None)
@given(history=histories(), data=st.data())
def test_no_two_runs_share_a_slot_no_run_fills_two_and_their_order_is_irrelevant(
    facts: Any, history: Any, data: st.DataObject
) -> None:
    runs, timetable, covered = history
    found = fills("job", _facts(history, facts), Policy())
    shuffled = fills("job", _facts((data.draw(st.permutations(runs)), timetable, covered), facts), Policy())

    filled = [one.run.run_id for one in found.slots if one.run is not None]
    assert len(filled) == len(set(filled))
    assert all(before.at < after.at for before, after in pairwise(found.slots))
    assert (found.slots, found.starts, found.moves) == (shuffled.slots, shuffled.starts, shuffled.moves)


@settings(max_examples=60, deadline=None)
@given(history=histories())
def test_whatever_was_open_is_over_once_runs_meet_their_slots_again(facts: Any, history: Any) -> None:
    runs, timetable, covered = history
    told = _facts(history, facts)
    end = told.seen_until
    ahead = [*timetable.slots(end, end + timedelta(days=2))][:4]
    good = [_run(f"good{number}", slot.at, timedelta(minutes=1)) for number, slot in enumerate(ahead)]
    last = ahead[-1].at + timedelta(minutes=2)
    later = _facts(([*runs, *good], timetable, (*covered[:-1], Interval(covered[-1].start, last))), facts)

    held = [one for detect in DETECTORS for one in detect(later, Policy()) if one.state == "holds"]
    assert held == []
