"""What a job's starts show of its schedule, and what they must not be taken for."""

from __future__ import annotations

import random
import time as clock
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.schedule import Schedule
from monitor.schedule.learn import checkpoints, fits, learn, next_checkpoint, revisions
from monitor.schedule.starts import Start, first_starts, known_at, last_of

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
BERLIN = "Europe/Berlin"
WORKDAYS = ("mon", "tue", "wed", "thu", "fri")


def starts(
    *schedules: Schedule, days: int = 30, until: datetime = NOW, jitter: float = 20, seed: int = 1
) -> list[datetime]:
    """As the platform starts them: some seconds after each slot."""
    chance = random.Random(seed)
    slots = sorted(at for one in schedules for at in one.slots(until - days * DAY, until))
    return [at + timedelta(seconds=chance.uniform(0, jitter)) for at in slots]


def daily(at: time = time(2), timezone: str = "UTC", weekdays: tuple[str, ...] = ()) -> Schedule:
    return Schedule(timezone, every=DAY, at=at, weekdays=weekdays)


def found(some: Sequence[datetime], timezone: str = "UTC") -> str:
    return "; ".join(one.text for one in learn(last_of(some), timezone).schedules)


def until_weekday(number: int) -> datetime:
    return NOW + (number - NOW.weekday()) % 7 * DAY


@pytest.mark.parametrize(
    ("schedules", "days", "text"),
    [
        pytest.param([daily()], 8, "every 1d at 02:00", id="once a day, a week long"),
        pytest.param([daily(time(0))], 8, "every 1d at 00:00", id="at midnight"),
        pytest.param(
            [daily(time(6)), daily(time(18))], 8, "every 12h at 06:00", id="twice a day at equal distance"
        ),
        pytest.param(
            [daily(time(6)), daily(time(9, 30))], 8, "every 1d at 06:00; every 1d at 09:30", id="twice a day"
        ),
        pytest.param([Schedule(cron="0 6,9,20 * * *")], 9, "0 6,9,20 * * *", id="at the same minute"),
        pytest.param(
            [daily(weekdays=WORKDAYS)], 24, "every 1d at 02:00 on mon, tue, wed, thu, fri", id="on workdays"
        ),
        pytest.param([daily(weekdays=("sun",))], 24, "every 1d at 02:00 on sun", id="once a week"),
        pytest.param([Schedule(every=HOUR, at=time(0, 10))], 9, "every 1h at 00:10", id="hourly"),
        pytest.param([Schedule(every=5 * MINUTE)], 9, "every 5m", id="every five minutes"),
        pytest.param([Schedule(every=30 * MINUTE)], 5, "every 30m", id="seen over one weekend"),
        pytest.param(
            [Schedule(every=7 * HOUR, valid_from=datetime(2026, 1, 1, 3, tzinfo=UTC))],
            9,
            "every 7h",
            id="what comes to no time of day",
        ),
        pytest.param(
            [Schedule(every=2 * DAY, at=time(4), valid_from=datetime(2026, 1, 1, tzinfo=UTC))],
            20,
            "every 2d at 04:00",
            id="every other day",
        ),
    ],
)
def test_a_schedule_is_found(schedules: list[Schedule], days: int, text: str) -> None:
    seen = starts(*schedules, days=days)
    learned = learn(last_of(seen), "UTC").schedules
    assert "; ".join(one.text for one in learned).startswith(text)
    assert fits(learned, seen)
    ahead = sorted(at for one in learned for at in one.slots(NOW, NOW + 9 * DAY))
    assert ahead == sorted(at for one in schedules for at in one.slots(NOW, NOW + 9 * DAY))


def at_random(count: int, seed: int) -> list[datetime]:
    chance = random.Random(seed)
    return sorted(NOW - timedelta(seconds=chance.uniform(0, 20 * 86400)) for _ in range(count))


def one_after_the_other(every: timedelta, jitter: float, seed: int) -> Iterator[datetime]:
    """As a job that is started when another one ends."""
    chance = random.Random(seed)
    at = NOW - 20 * DAY
    while at < NOW:
        yield at
        at += every + timedelta(seconds=chance.gauss(0, jitter))


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        pytest.param([], "too few", id="never ran"),
        pytest.param(starts(daily(), days=2), "too few", id="ran twice"),
        pytest.param(
            starts(daily(), days=5, until=until_weekday(5) + 6 * DAY),
            "no time of day was kept",
            id="five workdays: nobody knows of the weekend",
        ),
        pytest.param(
            starts(Schedule(every=5 * MINUTE), days=3, until=until_weekday(4)),
            "not seen over a weekend",
            id="every five minutes, from Tuesday to Friday",
        ),
        pytest.param(
            starts(Schedule(cron="*/5 8-18 * * *"), days=12), "it pauses", id="every five minutes by day"
        ),
        pytest.param(
            starts(Schedule(every=15 * MINUTE, weekdays=WORKDAYS), days=12), "it pauses", id="not on weekends"
        ),
        pytest.param(starts(Schedule(cron="0 2 1 * *"), days=300), "no time of day", id="once a month"),
        pytest.param(at_random(60, 1), "no time of day", id="at random times"),
        pytest.param([*one_after_the_other(HOUR, 60, 1)], "no clock", id="each an hour after the one before"),
        pytest.param(
            [*one_after_the_other(5 * MINUTE, 5, 2)], "no clock", id="each five minutes after the one before"
        ),
        pytest.param(
            [*one_after_the_other(timedelta(hours=1, seconds=1), 0.2, 1)],
            "no clock",
            id="later by a second each time",
        ),
        pytest.param(
            [*one_after_the_other(timedelta(minutes=20, seconds=40), 1, 1)],
            "no clock",
            id="later by some seconds each time",
        ),
    ],
)
def test_nothing_is_learned_of_what_is_no_schedule_or_not_known_to_be_one(
    seen: list[datetime], reason: str
) -> None:
    learned = learn(last_of(seen), "UTC")
    assert learned.schedules == ()
    assert reason in learned.reason


@settings(max_examples=100)
@given(
    minutes=st.sampled_from([5, 10, 15, 30, 60, 120, 240, 1440]),
    phase=st.integers(0, 1439),
    jitter=st.floats(0, 45),
    seed=st.integers(0, 1000),
    lost=st.sets(st.integers(0, 59), max_size=2),
)
def test_a_regular_schedule_is_found_though_starts_jitter_and_some_are_missed(
    minutes: int, phase: int, jitter: float, seed: int, lost: set[int]
) -> None:
    every = minutes * MINUTE
    at = time(*divmod(phase % min(minutes, 1440), 60))
    schedule = Schedule(every=every, at=at)
    seen = starts(schedule, days=12, jitter=jitter, seed=seed)
    if minutes >= 1440:
        lost = set()
    seen = [one for number, one in enumerate(reversed(seen)) if number - 1 not in lost][::-1]
    learned = learn(last_of(seen), "UTC").schedules
    expected = {*schedule.slots(NOW, NOW + DAY)}
    assert {at for one in learned for at in one.slots(NOW, NOW + DAY)} == expected


@settings(max_examples=150)
@given(count=st.integers(0, 120), seed=st.integers(0, 10**6))
def test_random_starts_give_none(count: int, seed: int) -> None:
    assert learn(last_of(at_random(count, seed)), "UTC").schedules == ()


@settings(max_examples=60)
@given(seed=st.integers(0, 10**6), minutes=st.sampled_from([5, 20, 60, 240]), share=st.floats(0.02, 0.2))
def test_a_job_that_another_one_starts_gives_none(seed: int, minutes: int, share: float) -> None:
    seen = [*one_after_the_other(minutes * MINUTE, 60 * minutes * share, seed)]
    assert learn(last_of(seen), "UTC").schedules == ()


@pytest.mark.parametrize("timezone", [BERLIN, "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"])
@pytest.mark.parametrize("month", [3, 4, 10, 11])
def test_a_daily_schedule_is_found_across_a_change_of_clocks(timezone: str, month: int) -> None:
    schedule = daily(time(4, 20), timezone)
    seen = starts(schedule, days=40, until=datetime(2026, month, 28, tzinfo=UTC))
    assert found(seen, timezone) == "every 1d at 04:20"


@given(st.permutations([("a", 0, 10), ("b", 1, 30), ("a", 60, 70), ("b", 79, 90), ("b", 120, 125)]))
def test_the_first_site_of_a_run_speaks_for_it_in_whatever_order_runs_come(
    runs: list[tuple[str, int, int]],
) -> None:
    told = [Start(NOW + begin * MINUTE, NOW + end * MINUTE, site) for site, begin, end in runs]
    assert first_starts(told, 10 * MINUTE) == tuple(NOW + number * MINUTE for number in (0, 60, 120))


def test_a_site_that_starts_while_the_other_one_is_under_way_belongs_to_its_run() -> None:
    told = [Start(NOW, None, "a"), Start(NOW + 3 * HOUR, None, "b"), Start(NOW + 24 * HOUR, None, "a")]
    assert first_starts(told, 10 * MINUTE) == (NOW, NOW + DAY)


# -- day after day ---------------------------------------------------------------------------------

WHOLE = ((NOW - 400 * DAY, NOW + 400 * DAY),)


def since(seen: Sequence[datetime], days: int, until: datetime = NOW) -> list[tuple[str, float]]:
    """What was in force, and how many days before `until` that began."""
    coverage = ((until - days * DAY, until),)
    every = revisions(seen, coverage, "UTC", "job", until)
    return [
        ("; ".join(one.text for one in each.schedules), round((until - each.since) / DAY)) for each in every
    ]


def test_it_is_learned_once_and_stays() -> None:
    assert [text for text, _ in since(starts(daily(), days=60), 60)] == ["every 1d at 02:00"]


def test_a_schedule_that_was_moved_is_learned_anew_after_the_days_it_takes() -> None:
    moved = NOW - 20 * DAY
    seen = starts(daily(), days=20, until=moved) + starts(daily(time(3, 30)), days=20)
    first, second = since(seen, 40)
    assert (first[0], second[0]) == ("every 1d at 02:00", "every 1d at 03:30")
    assert 10 <= second[1] <= 15


def test_what_is_irregular_from_now_on_is_given_up() -> None:
    changed = NOW - 20 * DAY
    seen = starts(daily(), days=20, until=changed) + [at for at in at_random(40, 3) if at > changed]
    texts = [text for text, _ in since(seen, 40)]
    assert texts == ["every 1d at 02:00", ""]


def test_a_time_of_day_that_was_added_is_learned_too() -> None:
    hours = ",".join(str(hour) for hour in range(0, 20, 2))
    before, after = Schedule(cron=f"7 {hours} * * *"), Schedule(cron=f"7 {hours},21 * * *")
    added = NOW - 20 * DAY
    texts = [text for text, _ in since(starts(before, days=20, until=added) + starts(after, days=20), 40)]
    assert texts == [before.text, after.text]


def test_times_of_day_are_learned_together_or_not_at_all() -> None:
    """On the fifth day of a job that runs all day, its evening was seen on four days only."""
    sunday = until_weekday(6) - timedelta(hours=3)
    for hour in range(-6, 8):
        seen = starts(Schedule(cron="7 */2 * * *"), days=5, until=sunday + hour * HOUR)
        texts = {one.text for one in learn(last_of(seen), "UTC").schedules}
        assert texts <= {"7 0,2,4,6,8,10,12,14,16,18,20,22 * * *", "every 2h at 00:07"}


def test_a_job_that_stopped_keeps_its_schedule() -> None:
    seen = starts(daily(), days=20, until=NOW - 30 * DAY)
    assert [text for text, _ in since(seen, 50)] == ["every 1d at 02:00"]


def test_nothing_is_concluded_from_outside_coverage() -> None:
    seen = starts(daily(), days=60)
    assert since(seen, 4) == []
    assert known_at(seen, ((NOW - 3 * DAY, NOW),), NOW) == seen[-3:]
    gap = ((NOW - 60 * DAY, NOW - 20 * DAY), (NOW - 2 * DAY, NOW))
    assert known_at(seen, gap, NOW) == seen[-2:]
    assert known_at(seen, gap, NOW - 10 * DAY)[-1] < NOW - 20 * DAY
    assert known_at(seen, (), NOW) == ()


def test_a_run_that_began_just_before_a_checkpoint_does_not_count_yet() -> None:
    assert known_at([NOW - 6 * MINUTE, NOW - 5 * MINUTE, NOW], WHOLE, NOW) == [NOW - 6 * MINUTE]


@settings(max_examples=50)
@given(st.text(max_size=10), st.integers(0, 3000), st.integers(0, 9000))
def test_a_job_has_one_checkpoint_a_day_wherever_one_begins_to_look(
    job_id: str, begin: int, length: int
) -> None:
    start = NOW + begin * MINUTE
    every = [*checkpoints(job_id, start, start + length * MINUTE)]
    assert all(after - before == DAY for before, after in pairwise(every))
    assert abs(len(every) - length / 1440) <= 1
    assert [*checkpoints(job_id, start, start + length * MINUTE / 2)] == every[
        : sum(at <= start + length * MINUTE / 2 for at in every)
    ]
    assert next_checkpoint(job_id, start) > start


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(st.sampled_from(["daily", "moved", "hourly", "random"]), st.integers(3, 15)),
        min_size=1,
        max_size=4,
    ),
    st.integers(0, 60),
)
def test_what_was_in_force_at_a_time_is_the_same_for_whoever_looks_later(
    parts: list[tuple[str, int]], looked: int
) -> None:
    seen: list[datetime] = []
    at = NOW - 60 * DAY
    for number, (kind, days) in enumerate(parts):
        at += days * DAY
        some = {
            "daily": starts(daily(), days=days, until=at),
            "moved": starts(daily(time(5)), days=days, until=at),
            "hourly": starts(Schedule(every=HOUR), days=days, until=at),
            "random": [one for one in at_random(90, number) if at - days * DAY <= one < at],
        }
        seen += [one for one in some[kind] if one >= at - days * DAY]
    seen.sort()
    whole = revisions(seen, WHOLE, "UTC", "job", NOW)
    earlier = NOW - looked * DAY
    part = revisions([one for one in seen if one < earlier], WHOLE, "UTC", "job", earlier)
    assert part == tuple(one for one in whole if one.since <= earlier)


def test_a_month_of_minutes_takes_less_than_a_second() -> None:
    seen = [NOW - number * MINUTE for number in range(43_200, 0, -1)]
    begun = clock.perf_counter()
    found = revisions(seen, ((seen[0], NOW),), "UTC", "job", NOW)
    assert clock.perf_counter() - begun < 1
    assert [one.schedules[0].text for one in found] == ["every 1m"]
