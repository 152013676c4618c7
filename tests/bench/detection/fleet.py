"""The labelled fleet: what ran on one instance in a month, and what is true of it. Pure: of a seed.

Knows the order in which things are injected: jobs first, each with its own faults, then what hits all.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from itertools import count, cycle
from random import Random

from monitor.model import Execution, Interval, Series
from monitor.policy import AKENEO, GroupPolicy, JobPolicy, Policy
from monitor.schedule import Schedule
from tests.bench.detection import cadence as due
from tests.bench.detection import whole
from tests.bench.detection.cadence import DAY, MINUTE, ZONE, Cadence
from tests.bench.detection.faults import FAULTS
from tests.bench.detection.groups import Group, chain, imports, pair
from tests.bench.detection.special import SPECIAL, Stage
from tests.bench.detection.story import Label, Run, Story

START = datetime(2026, 10, 4, 22, tzinfo=UTC)
"""A Monday's midnight; in the month after it clocks are put back."""

KINDS: Sequence[tuple[str, int, float, int]] = (
    ("5min", 1, 25, 4),
    ("15min", 3, 30, 4),
    ("30min", 5, 50, 5),
    ("hourly", 18, 110, 5),
    ("2-hourly", 12, 140, 4),
    ("4-hourly", 14, 220, 4),
    ("daily", 35, 700, 2),
    ("weekdays", 12, 700, 1),
)
"""Kind, share of the plain jobs, usual seconds, faults of one job."""


@dataclass(frozen=True)
class Fleet:
    """runs: as the platform would have listed them at the end. labels: what is true of them."""

    seed: int
    start: datetime
    end: datetime
    stories: tuple[Story, ...]
    groups: tuple[GroupPolicy, ...]
    runs: tuple[Execution, ...]
    labels: tuple[Label, ...]

    @property
    def coverage(self) -> tuple[Interval, ...]:
        return (Interval(self.start, self.end),)

    @cached_property
    def series(self) -> Mapping[Series, tuple[Execution, ...]]:
        found: defaultdict[Series, list[Execution]] = defaultdict(list)
        for run in self.runs:
            found[run.series].append(run)
        return {name: tuple(runs) for name, runs in found.items()}

    def policy(self, *, configured: bool) -> Policy:
        """configured: whether the settings say when jobs are due."""
        jobs = {story.job_id: _policy(story, configured=configured) for story in self.stories}
        plain = JobPolicy()
        return Policy(lambda job_id: jobs.get(job_id, plain), (*self.groups, AKENEO), timezone=ZONE)


def make_fleet(seed: int, jobs: int = 200, days: int = 30, start: datetime = START) -> Fleet:
    random = Random(seed)
    end = start + days * DAY
    night, house, burst = (
        due.instant(due.local_day(start + days * DAY * share), at)
        for share, at in ((0.27, time(3, 10)), (0.35, time(13, 0)), (0.42, time(21, 30)))
    )
    stage = Stage(start, end, house, lambda at: _is_free(at, start, end))
    groups = [*_groups(stage, jobs, random)]
    stories = [story for group in groups for story in group.stories]
    stories += _special(stage, jobs, random)
    stories += _plain(stage, max(jobs - len(stories) - 4, 0), random)
    stories += _nightly(stage, random)
    labels = whole.maintenance(stories, night, random)
    system = [*whole.full_house(stories, house), *whole.burst(burst), *whole.noise(start, end, random)]
    every = [run for story in stories for run in story.runs]
    labels += whole.saturation([*every, *system], end)
    for story in stories:
        _went_stale(story, end)
    labels += [label for story in stories for label in story.labels]
    return Fleet(
        seed,
        start,
        end,
        tuple(stories),
        tuple(group.policy for group in groups if group.policy is not None),
        tuple(_executions(stories, system, end)),
        tuple(label for label in labels if label.known < end),
    )


def _is_free(at: datetime, start: datetime, end: datetime) -> bool:
    """In the second half, and not near a change of clocks."""
    if not start + 0.5 * (end - start) <= at <= start + 0.88 * (end - start):
        return False
    return not any(due.is_change(due.local_day(at + number * DAY)) for number in (-1, 0, 1))


def _groups(stage: Stage, jobs: int, random: Random) -> Iterator[Group]:
    few = max(jobs // 50, 1)
    yield pair(stage, "akeneo-products", random, None)
    for number in range(few):
        name = f"pim{number}"
        yield pair(stage, name, random, GroupPolicy(name, (f"{name}-*",)))
        yield chain(stage, f"chain{number}", random, finish=number % 2 == 1)
    for number in range(max(few // 2, 1)):
        yield imports(stage, f"erp{number}", random)


def _special(stage: Stage, jobs: int, random: Random) -> Iterator[Story]:
    for number in range(max(jobs // 50, 1)):
        for name, tell in SPECIAL.items():
            yield tell(stage, f"{name}-{number}", random)


def _nightly(stage: Stage, random: Random) -> Iterator[Story]:
    for number in range(4):
        yield stage.tell(Story(f"night-{number}", due.daily(time(2, 10 + 5 * number)), 5400, 0.08), random)


def _plain(stage: Stage, jobs: int, random: Random) -> Iterator[Story]:
    deck = list(FAULTS)
    random.shuffle(deck)
    faults = cycle(deck)
    kinds = random.choices(KINDS, [share for _, share, _, _ in KINDS], k=jobs)
    for number, (kind, _, usual, most) in enumerate(kinds):
        cadence = _cadence(kind, random)
        job_id = f"{number:03}-{kind}-{random.choice(('import', 'export', 'feed', 'index'))}"
        spread = random.uniform(0.05, 0.3)
        story = stage.tell(Story(job_id, cadence, usual * random.uniform(0.6, 1.4), spread), random)
        if cadence.every is None and random.random() < 0.3:
            _read_otherwise(story)
        for slot in stage.picks(story, random.randint(0, most), random):
            interval = story.interval(slot)
            fit = (FAULTS[name] for name in faults)
            next(fault for fault in fit if fault.least <= interval <= fault.most).inject(story, slot, random)
        yield story


def _cadence(kind: str, random: Random) -> Cadence:
    at = due.any_time(random)
    made = {
        "5min": lambda: due.minutely(5, random),
        "15min": lambda: due.minutely(15, random),
        "30min": lambda: due.minutely(30, random),
        "hourly": lambda: due.hourly(random),
        "2-hourly": lambda: due.hours(2, random),
        "4-hourly": lambda: due.hours(4, random),
        "daily": lambda: due.daily(at),
        "weekdays": lambda: due.weekdays(at),
    }
    return made[kind]()


def _read_otherwise(story: Story) -> None:
    """On the day of a change the platform takes the day's other offset: nobody knows which it takes."""
    for run in story.runs:
        if run.slot is not None and len(story.slots) < 60 and due.is_change(due.local_day(run.slot)):
            shift = due.by_other_offset(run.slot) - run.slot
            run.start, run.end = run.start + shift, run.end + shift


def _went_stale(story: Story, end: datetime) -> None:
    """Told or not, nothing is wrong with it: two slots after the last good run."""
    good = sorted(run.end for run in story.runs if run.is_good)
    for last, following in zip(good, [*good[1:], end], strict=False):
        first, after = bisect_right(story.slots, last), bisect_left(story.slots, following)
        if after - first > 1:
            story.tolerate("stale", story.slots[first], following, "nothing good for two slots")


def _executions(stories: Sequence[Story], system: Sequence[Run], end: datetime) -> list[Execution]:
    told = [(run, story.job_id) for story in stories for run in story.runs if run.start < end]
    names = cycle(("sfcc-site-import", "sfcc-search-index-full-update", "sfcc-purge"))
    told += [
        (run, f"{name}-{number % 40}") for number, (run, name) in enumerate(zip(system, names, strict=False))
    ]
    told.sort(key=lambda one: (one[0].start, one[1], one[0].scope))
    return [
        run.execution(job_id, str(number), end)
        for number, (run, job_id) in zip(count(1000), told, strict=False)
    ]


def _policy(story: Story, *, configured: bool) -> JobPolicy:
    schedule = None
    if configured and story.cadence is not None:
        schedule = Schedule(ZONE, cron=story.cadence.cron)
    return JobPolicy(**story.policy, schedule=schedule, schedule_source="configured" if schedule else "none")


def poll_after(at: datetime, start: datetime, every: timedelta = MINUTE) -> datetime:
    """The first poll that can know it."""
    return start - (start - at) // every * every
