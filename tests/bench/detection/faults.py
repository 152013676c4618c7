"""What goes wrong with one scheduled job, and what is quite all right although it looks odd.

Each takes the story of a job, a slot and chance; it changes the runs and says what is true of it. Faults of
one job are injected oldest first, so that limits are those of what had happened before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from tests.bench.detection.cadence import DAY, HOUR, MINUTE, SECOND
from tests.bench.detection.story import LAG, Run, Story, lower_limit

Inject = Callable[[Story, datetime, Random], None]

RETRY_WAIT = 70 * MINUTE


@dataclass(frozen=True, slots=True)
class Fault:
    """For jobs whose slots are at least and at most that far apart."""

    inject: Inject
    least: timedelta = timedelta()
    most: timedelta = 40 * DAY


def lengthen(story: Story, run: Run, length: timedelta, why: str) -> None:
    """With all that comes of it: slow, stuck, and slots that find it running."""
    limit, stuck = story.limit(run), story.stuck_after(run)
    run.end = run.start + length
    if limit is not None and length > limit:
        story.label("slow", run.start + limit, run.end, why)
    if length > stuck:
        story.label("stuck", run.start + stuck, run.end, why)
    swallow(story, run, why)


def swallow(story: Story, run: Run, why: str) -> None:
    """What was under way all along makes up for none of them."""
    lost = [
        slot
        for slot in story.slots
        if slot != run.slot and any(run.start < one.start < run.end for one in story.of(slot))
    ]
    if not lost:
        return
    for slot in lost:
        story.drop(slot)
    filled = story.next_filled(lost[-1])
    known = story.next_slot(lost[0]) + LAG
    story.label("missed", known, filled, why, lost[0])
    story.tolerate("late", lost[0], filled, why)


def gap(story: Story, slot: datetime, count: int, why: str) -> None:
    """So many slots from this one on stay empty."""
    empty = [slot, *(story.next_slot(slot, number) for number in range(1, count))]
    for one in empty:
        story.drop(one)
    filled = story.next_filled(empty[-1])
    known = min(story.next_slot(slot), slot + DAY) + LAG
    story.label("late", slot + story.tolerance(slot) + LAG, known, why, slot)
    story.label("missed", known, filled, why, slot)
    story.tolerate("late", known, filled, why)


def _failed(story: Story, slot: datetime, _random: Random) -> None:
    run = story.one(slot)
    run.code = "ERROR"
    story.label("failed", run.end, story.good_end(run.start), "failed once")


def _aborted(story: Story, slot: datetime, random: Random) -> None:
    run = story.one(slot)
    run.status = "aborted"
    run.end = run.start + (run.end - run.start) * random.uniform(0.2, 0.9)
    story.label("failed", run.end, story.good_end(run.start), "aborted")


def _streak(story: Story, slot: datetime, random: Random) -> None:
    first = story.one(slot)
    for at in (slot, *(story.next_slot(slot, number) for number in range(1, random.randint(2, 4)))):
        for run in story.of(at):
            run.code = "ERROR"
    story.label("failed", first.end, story.good_end(first.start), "failed several times")


def _repaired(story: Story, slot: datetime, random: Random) -> None:
    _failed(story, slot, random)
    run, failure = story.one(slot), story.labels.pop()
    start = run.end + 5 * MINUTE
    story.add(Run(start, start + story.length(random), login="jdoe"))
    story.label("failed", failure.known, story.good_end(run.start), "failed, repaired by hand")


def _retry_helps(story: Story, slot: datetime, random: Random) -> None:
    _attempts(story, slot, random, 2)


def _retry_in_vain(story: Story, slot: datetime, random: Random) -> None:
    last = _attempts(story, slot, random, 3)
    last.code = "ERROR"
    story.label("failed", last.end, story.good_end(last.start), "failed, retries too")


def _attempts(story: Story, slot: datetime, random: Random, count: int) -> Run:
    """All but the last failed and were marked so by the platform."""
    run = story.one(slot)
    run.attempt, run.retries = 0, 2
    for number in range(1, count):
        run.status, run.code = "retried", "ERROR"
        start = run.end + 4 * MINUTE
        run = story.add(Run(start, start + story.length(random), attempt=number, retries=2))
    return run


def _no_retry(story: Story, slot: datetime, _random: Random) -> None:
    """One was due and never came."""
    run = story.one(slot)
    run.attempt, run.retries, run.code = 0, 2, "ERROR"
    story.label("failed", run.end + RETRY_WAIT, story.good_end(run.start), "failed, no retry came", run.end)


def _degraded(story: Story, slot: datetime, random: Random) -> None:
    run = story.one(slot)
    run.flawed_step = random.random() < 0.5
    run.code = "OK" if run.flawed_step else "WARN"
    story.label("degraded", run.end, story.good_end(run.start), "a step failed, the run did not")


def _no_data(story: Story, slot: datetime, _random: Random) -> None:
    run = story.one(slot)
    run.code = "NO_FILES_FOUND"
    story.label("no_data", run.end, story.good_end(run.start), "no files where there always are some")


def _slow(story: Story, slot: datetime, random: Random) -> None:
    run = story.one(slot)
    limit = story.limit(run)
    if limit is not None:
        lengthen(story, run, limit * random.uniform(1.2, 1.6), "slow")


def _fast(story: Story, slot: datetime, _random: Random) -> None:
    run = story.one(slot)
    known = story.before(run.start)
    if len(known) >= 5:
        run.end = run.start + 0.5 * lower_limit(known) * SECOND
        story.label("fast", run.end, story.good_end(run.start), "green and empty")


def _stuck(story: Story, slot: datetime, random: Random) -> None:
    run = story.one(slot)
    lengthen(story, run, story.stuck_after(run) * random.uniform(1.1, 1.5), "stuck")


def _swallowed(story: Story, slot: datetime, random: Random) -> None:
    run = story.one(slot)
    lengthen(story, run, story.interval(slot) * random.uniform(2.3, 2.9), "swallows slots")


def _late(story: Story, slot: datetime, random: Random) -> None:
    run, length = story.one(slot), story.length(random)
    tolerance = story.tolerance(slot)
    run.start = slot + tolerance + tolerance * random.uniform(0.2, 0.45)
    run.end = run.start + length
    story.label("late", slot + tolerance + LAG, run.start, "starts late", slot)


def _missed(story: Story, slot: datetime, random: Random) -> None:
    gap(story, slot, random.choice((1, 1, 2, 4)), "did not run")


def _disabled(story: Story, slot: datetime, random: Random) -> None:
    run = story.one(slot)
    run.code = "ERROR"
    gap(story, story.next_slot(slot), random.randint(2, 4), "switched off after a failure")
    story.label("failed", run.end, story.good_end(run.start), "switched off after a failure")


def _unexpected(story: Story, slot: datetime, random: Random) -> None:
    start = slot + story.interval(slot) * random.uniform(0.45, 0.55)
    run = story.add(Run(start, start + story.length(random)))
    met = story.next_filled(run.start)
    story.label("unexpected", run.start, met, "an extra run on schedule")
    story.tolerate("too_often", run.start, met, "an extra run on schedule")


def _by_hand(story: Story, slot: datetime, random: Random) -> None:
    """Nothing is wrong with it."""
    start = slot + story.interval(slot) * random.uniform(0.45, 0.55)
    user = random.random() < 0.7
    story.add(
        Run(
            start,
            start + story.length(random),
            login="jdoe" if user else None,
            client=None if user else "middleware",
        )
    )


FAULTS: Mapping[str, Fault] = {
    "failed": Fault(_failed),
    "aborted": Fault(_aborted),
    "streak": Fault(_streak),
    "repaired": Fault(_repaired, least=HOUR),
    "retry helps": Fault(_retry_helps, least=HOUR),
    "retry in vain": Fault(_retry_in_vain, least=HOUR),
    "no retry": Fault(_no_retry, least=4 * HOUR),
    "degraded": Fault(_degraded),
    "no data": Fault(_no_data),
    "slow": Fault(_slow),
    "fast": Fault(_fast, least=HOUR),
    "stuck": Fault(_stuck),
    "swallowed": Fault(_swallowed, most=HOUR),
    "late": Fault(_late, least=15 * MINUTE),
    "missed": Fault(_missed),
    "disabled": Fault(_disabled),
    "unexpected": Fault(_unexpected, least=HOUR),
    "by hand": Fault(_by_hand, least=HOUR),
}
