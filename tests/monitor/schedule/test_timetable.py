"""The slots of one job over several triggers and over changes of what is known of its schedule."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.schedule import NO_TIMETABLE, Revision, Schedule, Slot, Source, Timetable

DAY = datetime(2026, 11, 23, tzinfo=UTC)
HOUR = timedelta(hours=1)


def slots(timetable: Timetable, start: int, end: int) -> list[int]:
    return [(one.at - DAY) // HOUR for one in timetable.slots(DAY + start * HOUR, DAY + end * HOUR)]


def at(*hours: int) -> tuple[Schedule, ...]:
    return tuple(Schedule(every=timedelta(days=1), at=time(hour)) for hour in hours)


DAILY = Timetable.of(Schedule(every=timedelta(days=1), at=time(2)))


def test_without_a_schedule_there_are_no_slots() -> None:
    assert Timetable.of(None) is NO_TIMETABLE
    assert slots(NO_TIMETABLE, 0, 48) == []
    assert NO_TIMETABLE.next_slot(DAY) is None
    assert NO_TIMETABLE.text == ""


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        pytest.param(2, 3, [2], id="the first instant belongs to it"),
        pytest.param(1, 2, [], id="the last does not"),
        pytest.param(0, 48, [2, 26], id="two days"),
    ],
)
def test_slots_of_a_stretch_of_time(start: int, end: int, expected: list[int]) -> None:
    assert slots(DAILY, start, end) == expected


def test_several_triggers_are_slots_of_one_job_and_one_slot_where_they_meet() -> None:
    both = Timetable(Source.IMPORTED, (Revision((*at(2, 5), Schedule(cron="0 5 * * *"))),))

    assert slots(both, 0, 30) == [2, 5, 26, 29]
    assert both.text == "every 1d at 02:00; every 1d at 05:00; 0 5 * * *"


def test_each_slot_knows_the_next_also_beyond_what_was_asked_for() -> None:
    (first,) = DAILY.slots(DAY, DAY + 3 * HOUR)

    assert first == Slot(DAY + 2 * HOUR, DAY + 26 * HOUR)
    assert first.interval == 24 * HOUR


def test_the_last_slot_of_all_has_none_after_it() -> None:
    once = Schedule(every=timedelta(days=1), at=time(2), valid_until=DAY.date())
    (last,) = Timetable.of(once).slots(DAY, DAY + 100 * HOUR)

    assert (last.next, last.interval) == (None, None)


def test_each_slot_is_one_of_the_schedule_in_force_at_its_instant() -> None:
    learned = Timetable(
        Source.LEARNED,
        (
            Revision(at(2), since=DAY),
            Revision(at(5), since=DAY + 26 * HOUR),
            Revision((), since=DAY + 60 * HOUR),
            Revision(at(7), since=DAY + 96 * HOUR),
        ),
    )

    assert slots(learned, -48, 130) == [2, 29, 53, 103, 127]
    assert learned.in_force(DAY - HOUR) == Revision()
    assert learned.in_force(DAY + 26 * HOUR).schedules == at(5)


def test_both_readings_of_a_slot_on_the_day_of_a_clock_change() -> None:
    berlin = Timetable.of(Schedule(timezone="Europe/Berlin", cron="0 4 * * *"))
    change = datetime(2026, 10, 25, tzinfo=UTC)
    before, on, after = berlin.slots(change - 24 * HOUR, change + 48 * HOUR)

    assert (before.also, after.also) == (None, None)
    assert (on.at, on.also) == (change + 3 * HOUR, change + 2 * HOUR)
    assert (on.first_reading, on.last_reading) == (change + 2 * HOUR, change + 3 * HOUR)


def test_clocks_that_change_at_midnight_change_on_the_day_that_begins_so() -> None:
    cairo = Timetable.of(Schedule(timezone="Africa/Cairo", cron="0 4 * * *"))
    change = datetime(2026, 4, 23, 22, tzinfo=UTC)
    before, on, after = cairo.slots(change - 24 * HOUR, change + 48 * HOUR)

    assert (before.also, after.also) == (None, None)
    assert on.also == on.at + HOUR


def test_what_was_learned_later_does_not_change_how_far_it_was_to_the_next_slot() -> None:
    """Else a run would turn out late that was in time when it started."""
    changed = Timetable(Source.LEARNED, (Revision(at(2), since=DAY), Revision(at(5), since=DAY + 3 * HOUR)))

    assert [one.interval for one in changed.slots(DAY, DAY + 6 * HOUR)] == [24 * HOUR, 24 * HOUR]


@given(cuts=st.lists(st.integers(0, 200), max_size=4), start=st.integers(0, 100), length=st.integers(0, 100))
def test_a_part_of_the_time_has_the_slots_of_that_part(cuts: list[int], start: int, length: int) -> None:
    revisions = tuple(Revision(at(hour, 23), DAY + cut * HOUR) for hour, cut in enumerate(sorted(set(cuts))))
    timetable = Timetable(Source.LEARNED, revisions)
    found = [*timetable.slots(DAY, DAY + 300 * HOUR)]

    assert all(one.at < other.at for one, other in pairwise(found))
    part = slots(timetable, start, start + length)
    assert part == [hour for hour in slots(timetable, 0, 300) if start <= hour < start + length]
