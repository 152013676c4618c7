"""What happens to the whole instance: a maintenance night, a full house, noise of its own jobs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from random import Random

from tests.bench.detection.cadence import DAY, HOUR, MINUTE, SECOND
from tests.bench.detection.faults import gap
from tests.bench.detection.story import Label, Run, Story

AT_ONCE = 15
SATURATED = 12
SATURATED_FOR = 2 * MINUTE
DOWN = 6 * MINUTE
FULL = 40 * MINUTE
GIVEN_UP = DAY
RARE = 70


def maintenance(stories: Sequence[Story], at: datetime, random: Random) -> list[Label]:
    """What ran is aborted, and nothing starts for some minutes.

    Jobs of the day come through: their limits are made of a month of runs, and labels have them already.
    """
    hit: list[tuple[Story, Run]] = []
    for story in stories:
        rare = len(story.slots) < RARE and not story.job_id.startswith("night-")
        for run in [run for run in story.runs if run.start < at < run.end and not rare]:
            run.end, run.status = at + random.uniform(0, 50) * SECOND, "aborted"
            hit.append((story, run))
            story.tolerate("failed", run.end, story.good_end(run.start), "aborted in the maintenance night")
            story.tolerate("out_of_order deadline", at, at + 2 * DAY, "aborted in the maintenance night")
        _lose(story, at, at + DOWN, "down for maintenance", must=False)
    if len(hit) < 3:
        return []
    ends = sorted(run.end for _, run in hit)
    again = [story.good_end(run.start) for story, run in hit]
    over = min(max((end or at + GIVEN_UP for end in again), default=at), ends[0] + GIVEN_UP)
    return [Label("interrupted", (), ends[0], ends[2], over, "the maintenance night")]


def shut_out(story: Story, at: datetime) -> None:
    """What is lost while the house is full. Before anything is injected: limits are made of what ran."""
    _lose(story, at, at + FULL, "no room on the instance", must=True)
    story.tolerate("stale out_of_order deadline no_data", at, at + 2 * DAY, "no room on the instance")


def full_house(stories: Sequence[Story], at: datetime) -> list[Run]:
    """All places taken by jobs of the platform, so that nothing else starts; returns those."""
    until = at + FULL
    taken = sorted(min(run.end, until) for story in stories for run in story.runs if run.start < at < run.end)
    later = [Run(end, until) for end in taken if end < until]
    return [Run(at, until) for _ in range(AT_ONCE - len(taken))] + later


def burst(at: datetime) -> list[Run]:
    return [Run(at + number * SECOND, at + 10 * MINUTE) for number in range(13)]


def noise(start: datetime, end: datetime, random: Random) -> Iterator[Run]:
    """The platform's own jobs: context, and now and then red."""
    at = start
    while (at := at + random.expovariate(1) * HOUR) < end:
        code = "ERROR" if random.random() < 0.1 else "OK"
        yield Run(at, at + random.uniform(0.5, 5) * MINUTE, code=code)


def saturation(runs: Sequence[Run], end: datetime) -> Iterator[Label]:
    """By counting what ran at once."""
    changes = sorted(
        [(run.start, 1) for run in runs if run.start < end] + [(run.end, -1) for run in runs if run.end < end]
    )
    opened: datetime | None = None
    crossed, count = changes[0][0], 0
    for at, change in [*changes, (end, 0)]:
        is_full = count >= SATURATED
        if at - crossed >= SATURATED_FOR and is_full and opened is None:
            opened = crossed
        if at - crossed >= SATURATED_FOR and not is_full and opened is not None:
            yield _full(opened, crossed + SATURATED_FOR)
            opened = None
        count += change
        if is_full != (count >= SATURATED):
            crossed = at
    if opened is not None:
        yield _full(opened, None)


def _full(since: datetime, until: datetime | None) -> Label:
    return Label("saturated", (), since, since + SATURATED_FOR, until, "the instance is full")


def _lose(story: Story, start: datetime, end: datetime, why: str, *, must: bool) -> None:
    """Runs that would have begun then do not."""
    lost = [run for run in story.runs if start <= run.start < end]
    slots = sorted({run.slot for run in lost if run.slot is not None})
    story.runs = [run for run in story.runs if not start <= run.start < end]
    if not slots or story.cadence is None:
        return
    count = len(story.labels)
    gap(story, slots[0], len(slots), why)
    if not must:
        known = story.labels[count:]
        del story.labels[count:]
        for one in known:
            story.label(one.condition, one.known, one.until, why, one.since, must=False)
    story.tolerate("late missed", slots[0], slots[-1] + _settled(story, slots[-1]), why)


def _settled(story: Story, slot: datetime) -> timedelta:
    return 2 * story.interval(slot)
