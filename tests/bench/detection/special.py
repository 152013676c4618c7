"""Jobs that are like few others, each with the one thing that happens to it (or looks as if it did)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import pairwise
from random import Random
from statistics import median

from tests.bench.detection import cadence as due
from tests.bench.detection.cadence import DAY, HOUR, MINUTE, SECOND
from tests.bench.detection.faults import gap, lengthen
from tests.bench.detection.story import LAG, Run, Story, usual_of
from tests.bench.detection.whole import shut_out


@dataclass(frozen=True)
class Stage:
    """Where stories are told. house: when it is full. free: whether something may be injected then."""

    start: datetime
    end: datetime
    house: datetime
    free: Callable[[datetime], bool]

    def tell(self, story: Story, random: Random) -> Story:
        if story.cadence is not None:
            story.slots = story.cadence.slots(self.start, self.end)
        story.fill(random)
        shut_out(story, self.house)
        return story

    def picks(self, story: Story, count: int, random: Random, apart: int = 6) -> list[datetime]:
        """Slots with enough before and after them, so many slots apart, oldest first."""
        usable = [slot for slot in story.slots[7 : -5 if len(story.slots) > 20 else -1] if self.free(slot)]
        size = len(usable) // count if count else 0
        found: list[datetime] = []
        for number in range(count):
            part = usable[number * size : (number + 1) * size]
            part = [one for one in part if not found or one - found[-1] > apart * story.interval(found[-1])]
            if part:
                found.append(random.choice(part))
        return found

    def pick(self, story: Story, random: Random) -> datetime | None:
        return next(iter(self.picks(story, 1, random)), None)


Tell = Callable[[Stage, str, Random], Story]


def _plain(stage: Stage, job_id: str, random: Random, cadence: due.Cadence, usual: float = 600) -> Story:
    return stage.tell(Story(job_id, cadence, usual * random.uniform(0.7, 1.3), 0.15), random)


def _site_missing(stage: Stage, job_id: str, random: Random, *, closed: bool) -> Story:
    sites = ("SiteDE", "SiteFR", "SiteIT", "SiteUK")[: random.randint(2, 4)]
    story = stage.tell(Story(job_id, due.hours(4, random), 120, 0.15, sites), random)
    slot = stage.pick(story, random)
    if slot is None:
        return story
    gone = random.choice(sites)
    again = stage.end if closed else story.next_slot(slot)
    story.runs = [
        run for run in story.runs if run.scope != gone or run.slot is None or not slot <= run.slot < again
    ]
    known = max(run.end for run in story.of(slot)) + HOUR
    if closed:
        over = max(run.end for run in story.of(story.next_slot(slot, 2))) + HOUR
        story.label("site_missing", known, over, "a site was closed", slot)
        story.tolerate("site_missing", over, over + DAY, "a site was closed")
    else:
        back = next(run.start for run in story.of(again) if run.scope == gone)
        story.label("site_missing", known, back, "a site stayed away", slot)
    return story


def _away(stage: Stage, job_id: str, random: Random) -> Story:
    return _site_missing(stage, job_id, random, closed=False)


def _closed(stage: Stage, job_id: str, random: Random) -> Story:
    return _site_missing(stage, job_id, random, closed=True)


def _site_fails(stage: Stage, job_id: str, random: Random) -> Story:
    """One of several."""
    story = stage.tell(Story(job_id, due.hours(3, random), 120, 0.15, ("SiteDE", "SiteFR")), random)
    for slot in stage.picks(story, 2, random):
        run = random.choice(story.of(slot))
        run.code = "ERROR"
        same = [one for one in story.runs if one.scope == run.scope and one.start > run.start]
        story.label("failed", run.end, same[0].end if same else None, "one site failed")
    return story


def _irregular(stage: Stage, job_id: str, random: Random) -> Story:
    """Started by what another system does: no schedule, and it must run at least every twelve hours."""
    story = Story(job_id, None, 300, 0.3, policy={"max_success_age": 12 * HOUR})
    at, stops = stage.start + HOUR, _instant(stage, random)
    while at < stage.end:
        story.runs.append(Run(at, at + story.length(random)))
        at = story.runs[-1].end + random.uniform(0.2, 6) * HOUR
    shut_out(story, stage.house)
    if stops is not None:
        until = stops + 30 * HOUR
        story.runs = [run for run in story.runs if not stops <= run.start < until]
        last = max(run.end for run in story.runs if run.end <= stops + HOUR)
        story.label(
            "stale", last + 12 * HOUR + LAG, story.good_end(until), "no longer started by anyone", last
        )
    return story


def _instant(stage: Stage, random: Random) -> datetime | None:
    hours = [stage.start + number * HOUR for number in range((stage.end - stage.start) // HOUR)]
    free = [at for at in hours if stage.free(at)]
    return random.choice(free) if free else None


def _drought(stage: Stage, job_id: str, random: Random) -> Story:
    """An empty delta is normal; for days on end it is not."""
    story = stage.tell(Story(job_id, due.hourly(random), 60, 0.15), random)
    _some_empty(story, random)
    slot = stage.pick(story, random)
    if slot is None:
        return story
    dry = [run for run in story.runs if run.slot is not None and slot <= run.slot < slot + 36 * HOUR]
    for run in dry:
        run.code = "NO_FILES_FOUND"
    full = [run.end for run in story.runs if run.code == "OK" and run.end < slot]
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(full)][-30:]
    limit = full[-1] + 3 * median(gaps) * SECOND
    known = next(run.end for run in dry if run.end >= limit)
    over = next((run.end for run in story.runs if run.code == "OK" and run.end > dry[-1].end), None)
    story.label("no_data", known, over, "no data for much longer than usual", full[-1])
    return story


def _some_empty(story: Story, random: Random) -> None:
    """Never long without: data comes at least with every third run."""
    story.tolerate("no_data", story.slots[0], story.slots[0] + DAY, "not yet known as a habit")
    since = 0
    for run in story.runs:
        since = 0 if since >= 2 or random.random() < 0.35 else since + 1
        run.code = "NO_FILES_FOUND" if since else "OK"


def _empties(stage: Stage, job_id: str, random: Random) -> Story:
    """Nearly always nothing to do, which takes no time: two kinds of runs, and nothing is wrong."""
    story = stage.tell(Story(job_id, due.minutely(30, random), 90, 0.2), random)
    _some_empty(story, random)
    for run in story.runs:
        if run.code != "OK":
            run.end = run.start + random.uniform(3, 6) * SECOND
    return story


def _flawed_habit(stage: Stage, job_id: str, random: Random) -> Story:
    story = _plain(stage, job_id, random, due.hours(2, random), 120)
    for run in story.runs:
        run.code = "WARN" if random.random() < 0.6 else "OK"
    story.tolerate("degraded", stage.start, stage.start + 3 * DAY, "not yet known as a habit")
    return story


def _step_change(stage: Stage, job_id: str, random: Random) -> Story:
    """Three times the data from one day on: slow until that is what is usual."""
    story = stage.tell(Story(job_id, due.hours(3, random), 300, 0.04), random)
    slot = stage.pick(story, random)
    if slot is None:
        return story
    for number, run in enumerate(run for run in story.runs if run.slot is not None and run.slot >= slot):
        length = 3 * (run.end - run.start)
        if number < 5:
            lengthen(story, run, length, "takes three times as long from now on")
        run.end = run.start + length
    return story


def _month_end(stage: Stage, job_id: str, random: Random) -> Story:
    """A third slower in the last days of a month: no reason to wake anybody."""
    story = _plain(stage, job_id, random, due.daily(due.any_time(random)), 1800)
    for run in story.runs:
        if (run.start + 3 * DAY).day <= 3:
            run.end = run.start + (run.end - run.start) * 1.3
    return story


def _moved(stage: Stage, job_id: str, random: Random) -> Story:
    """Someone changed the schedule, and nobody told."""
    story = _plain(stage, job_id, random, due.daily(time(random.randrange(8, 16), random.randrange(60))), 900)
    slot = stage.pick(story, random)
    if slot is None:
        return story
    offset = random.choice((-4, -3, 3, 4)) * HOUR
    for run in story.runs:
        if run.slot is not None and run.slot >= slot:
            run.start, run.end = run.start + offset, run.end + offset
    first, second = story.one(slot), story.one(story.next_slot(slot))
    story.label("moved", second.start, None, "moved by hours", first.start)
    settled = max(second.start, story.next_slot(slot)) + HOUR
    story.tolerate(
        "late missed unexpected too_often stale", min(first.start, slot), settled, "moved by hours"
    )
    return story


def _too_often(stage: Stage, job_id: str, random: Random) -> Story:
    story = _plain(stage, job_id, random, due.hourly(random), 120)
    story.policy["min_gap"] = 30 * MINUTE
    for slot in stage.picks(story, 3, random):
        start = story.one(slot).start + random.uniform(10, 25) * MINUTE
        run = story.add(Run(start, start + story.length(random)))
        met = story.next_filled(run.start)
        story.label("too_often", run.start, met, "twice within the least gap")
        story.label("unexpected", run.start, met, "twice within the least gap")
    return story


def _deadline(stage: Stage, job_id: str, random: Random) -> Story:
    """Has to be done two hours after its slot; one night it is not."""
    hour = random.randrange(1, 18)
    story = _plain(stage, job_id, random, due.daily(time(hour, 0)), 1800)
    story.policy["finish_by"] = time(hour + 2, 0)
    for slot in stage.picks(story, 2, random):
        usual = usual_of(story.before(slot)) * SECOND
        by = slot + 2 * HOUR
        run = story.one(slot)
        length = run.end - run.start
        run.start = by + random.uniform(5, 30) * MINUTE
        run.end = run.start + length
        story.label("late", slot + HOUR + LAG, run.start, "starts after its deadline", slot)
        story.label("deadline", by - usual + LAG, run.end, "starts after its deadline", slot)
    return story


def _longest(stage: Stage, job_id: str, random: Random) -> Story:
    """A limit that the settings say."""
    story = _plain(stage, job_id, random, due.daily(due.any_time(random)), 1200)
    story.policy["max_duration"] = HOUR
    for slot in stage.picks(story, 2, random):
        lengthen(story, story.one(slot), random.uniform(65, 110) * MINUTE, "longer than the settings allow")
    return story


def _monthly(stage: Stage, job_id: str, random: Random) -> Story:
    day = (stage.start + (stage.end - stage.start) * random.uniform(0.5, 0.8)).day
    story = _plain(stage, job_id, random, due.monthly(due.any_time(random), day), 1200)
    if story.slots and random.random() < 0.5:
        story.drop(story.slots[0])
        since = story.slots[0]
        story.label("late", since + HOUR + LAG, since + DAY + LAG, "a monthly one did not run", since)
        story.label("missed", since + DAY + LAG, None, "a monthly one did not run", since)
    return story


def _weekly(stage: Stage, job_id: str, random: Random) -> Story:
    story = _plain(stage, job_id, random, due.weekly(due.any_time(random), random.randrange(7)), 1200)
    usable = [slot for slot in story.slots[1:-1] if stage.free(slot)]
    if usable and random.random() < 0.5:
        gap(story, random.choice(usable), 1, "a weekly one did not run")
    return story


def _stops(stage: Stage, job_id: str, random: Random) -> Story:
    """Fails, and goes on failing: after two slots there is nothing fresh any more."""
    story = _plain(stage, job_id, random, due.hours(6, random), 600)
    slot = stage.pick(story, random)
    if slot is None:
        return story
    last = next(run for run in reversed(story.runs) if run.start < slot)
    failing = [story.one(slot), *(story.one(story.next_slot(slot, number)) for number in range(1, 4))]
    for run in failing:
        run.code = "ERROR"
        run.end = run.start + 20 * SECOND
    over = story.good_end(failing[-1].start)
    story.label("failed", failing[0].end, over, "fails and goes on failing")
    limit = story.limit(failing[1]) or timedelta()
    second = story.next_slot(slot)
    known = second + story.tolerance(second) + limit + LAG
    story.label("stale", known, over, "fails and goes on failing", last.end)
    return story


SPECIAL: Mapping[str, Tell] = {
    "site-away": _away,
    "site-closed": _closed,
    "site-fails": _site_fails,
    "irregular": _irregular,
    "drought": _drought,
    "empties": _empties,
    "flawed-habit": _flawed_habit,
    "step-change": _step_change,
    "month-end": _month_end,
    "moved": _moved,
    "too-often": _too_often,
    "deadline": _deadline,
    "longest": _longest,
    "monthly": _monthly,
    "weekly": _weekly,
    "stops": _stops,
}
