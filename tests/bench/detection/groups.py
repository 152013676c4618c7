"""Jobs that touch the same data: a full import beside its differential one, and chains in order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from random import Random

from monitor.policy import GroupPolicy
from tests.bench.detection import cadence as due
from tests.bench.detection.cadence import DAY, HOUR, MINUTE
from tests.bench.detection.faults import gap
from tests.bench.detection.special import Stage
from tests.bench.detection.story import LAG, Run, Story

WEEK = 7 * DAY


@dataclass(frozen=True, slots=True)
class Group:
    """policy: None for the group that is built in."""

    policy: GroupPolicy | None
    stories: tuple[Story, ...]


def pair(stage: Stage, name: str, random: Random, policy: GroupPolicy | None) -> Group:
    """The differential import every two hours, the full one in between, once a day."""
    minute = random.randrange(5, 15)
    often = due.Cadence(f"{minute} */2 * * *", times=tuple(time(hour, minute) for hour in range(0, 24, 2)))
    once = due.daily(time(2 * random.randrange(12), minute + 35))
    differential = stage.tell(Story(f"{name}-differential", often, 480, 0.12), random)
    full = stage.tell(Story(f"{name}-full", once, 1800, 0.05), random)
    faults = [_overlap, _buffer, _clash_while_active, _clash_before_slot]
    random.shuffle(faults)
    for fault, slot in zip(faults, stage.picks(full, 4, random, apart=1), strict=False):
        fault(full, differential, slot, random)
    return Group(policy, (full, differential))


def _overlap(full: Story, differential: Story, slot: datetime, _random: Random) -> None:
    """The full one starts just late enough to run into the next differential one."""
    run, other = full.one(slot), differential.one(differential.next_slot(slot))
    run.start = other.start - 28 * MINUTE
    run.end = other.start + 4 * MINUTE
    _met(full, differential, other.start, min(run.end, other.end), "ran into each other")


def _buffer(full: Story, differential: Story, slot: datetime, random: Random) -> None:
    run, other = full.one(slot), differential.one(differential.next_slot(slot))
    run.start = other.start - 30 * MINUTE
    run.end = other.start - random.uniform(0.5, 4.5) * MINUTE
    jobs = (differential.job_id, full.job_id)
    full.label("buffer", other.start, other.start + 30 * MINUTE, "followed too closely", jobs=jobs)


def _clash_while_active(full: Story, differential: Story, slot: datetime, random: Random) -> None:
    """Someone starts the differential one by hand while the full one runs."""
    run = full.one(slot)
    start = run.start + (run.end - run.start) * random.uniform(0.3, 0.6)
    hand = differential.add(Run(start, start + differential.length(random), login="jdoe"))
    differential.label("manual_clash", start, hand.end, "by hand during the full import")
    _met(full, differential, start, min(run.end, hand.end), "by hand during the full import")


def _clash_before_slot(full: Story, differential: Story, slot: datetime, random: Random) -> None:
    """Someone starts the full one by hand, and it is still at it when the differential one is due."""
    due_at = differential.next_slot(slot, 4)
    start = due_at - random.uniform(10, 20) * MINUTE
    hand = full.add(Run(start, start + 30 * MINUTE, client="middleware"))
    full.label("manual_clash", due_at, hand.end, "by hand, and not done in time")
    other = differential.one(due_at)
    _met(full, differential, other.start, min(hand.end, other.end), "by hand, and not done in time")


def _met(full: Story, differential: Story, since: datetime, until: datetime, why: str) -> None:
    full.label("overlap", since, until, why, jobs=(differential.job_id, full.job_id))


def chain(stage: Stage, name: str, random: Random, *, finish: bool) -> Group:
    """Three that follow one another, an hour apart."""
    hour, minute = random.randrange(3, 15), random.randrange(60)
    stories = tuple(
        stage.tell(Story(f"{name}-{step}", due.daily(time(hour + step, minute)), 900, 0.15), random)
        for step in range(3)
    )
    by = time(hour + 4, minute) if finish else None
    order = tuple(f"{name}-{step}" for step in range(3))
    policy = GroupPolicy(name, (f"{name}-*",), order=order, finish_by=by)
    for number, slot in enumerate(stage.picks(stories[0], 2, random, apart=2)):
        (_predecessor_fails, _predecessor_is_missing)[number](stories, slot, random)
    return Group(policy, stories)


def _predecessor_fails(stories: tuple[Story, ...], slot: datetime, random: Random) -> None:
    place = random.randrange(2)
    first, second = stories[place], stories[place + 1]
    at = first.slots[stories[0].slots.index(slot)]
    run = first.one(at)
    run.code = "ERROR"
    first.label("failed", run.end, first.good_end(run.start), "the first of a chain failed")
    _out_of_order(first, second, at, timedelta(), "its predecessor failed")


def _predecessor_is_missing(stories: tuple[Story, ...], slot: datetime, _random: Random) -> None:
    gap(stories[0], slot, 1, "the first of a chain did not run")
    _out_of_order(stories[0], stories[1], slot, LAG, "its predecessor did not run")


def _out_of_order(first: Story, second: Story, at: datetime, lag: timedelta, why: str) -> None:
    start = second.one(second.next_slot(at)).start
    again = second.next_filled(second.next_slot(at))
    second.label("out_of_order", start + lag, again, why, start, jobs=(second.job_id, first.job_id))
    for story in (first, second):
        story.tolerate("deadline", at, at + DAY, why)


def imports(stage: Stage, name: str, random: Random) -> Group:
    """For two days someone starts the full import again and again."""
    differential = stage.tell(Story(f"{name}-differential", due.daily(time(10, 0)), 600, 0.1), random)
    full = stage.tell(Story(f"{name}-full", due.weekly(time(14, 0), 6), 1200, 0.1), random)
    policy = GroupPolicy(name, (f"{name}-*",))
    slot = stage.pick(differential, random)
    if slot is None:
        return Group(policy, (full, differential))
    for day in range(2):
        for hour in range(7):
            start = slot + day * DAY + (7 + hour) * HOUR
            full.add(Run(start, start + full.length(random), client="middleware"))
    _ratio(stage, full, differential)
    return Group(policy, (full, differential))


def _ratio(stage: Stage, full: Story, differential: Story) -> None:
    opened: datetime | None = None
    for at in sorted(run.start for run in (*full.runs, *differential.runs)):
        if at < stage.start + WEEK:
            continue
        fulls, others = (
            sum(at - WEEK < run.start <= at for run in story.runs) for story in (full, differential)
        )
        bad = fulls >= 3 and fulls > others
        if bad and opened is None:
            opened = at
        elif not bad and opened is not None:
            full.label("full_imports", opened, at, "full imports again and again")
            opened = None
    if opened is not None:
        full.label("full_imports", opened, None, "full imports again and again")
