"""From the coming days to predictions, each with the smallest change that would prevent it. Pure."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from monitor.advising.clashes import Clash, Neighbours, buffer_of, neighbours
from monitor.advising.model import Change, Job, Kind, Prediction, Week
from monitor.detect.together.groups import Membership, is_full_differential
from monitor.detect.words import span

WORTH_SAYING = 0.01
"""Probabilities below are not said, and are what a proposed change has to reach: 99 % of runs keep it."""

STEP = timedelta(minutes=5)
FARTHEST = timedelta(hours=12)
PARALLEL = 15
"""Executions that the platform runs at once, about."""


def advise(week: Week) -> list[Prediction]:
    """The most likely trouble first."""
    found = [*_in_groups(week), *_swallowed(week), *_saturated(week)]
    return sorted(found, key=lambda one: (-one.expected, -one.likely, one.kind, one.jobs))


def _in_groups(week: Week) -> Iterator[Prediction]:
    by_pair: dict[tuple[str, str], dict[datetime, Clash]] = defaultdict(dict)
    around = {job_id: neighbours(job, week) for job_id, job in week.jobs.items()}
    for job_id, near in around.items():
        for clash in near.clashes():
            if clash.later == job_id and clash.tight >= WORTH_SAYING:
                worst = by_pair[clash.later, clash.earlier].get(clash.slot)
                if worst is None or clash.tight > worst.tight:
                    by_pair[clash.later, clash.earlier][clash.slot] = clash
    members = Membership(week.policy.groups, frozenset(week.jobs))
    for (later, earlier), clashes in by_pair.items():
        place = members.telling(later, earlier)
        if place is None:
            continue
        change = _move(around[later], week)
        found = list(clashes.values())
        overlapping = [one for one in found if one.overlaps >= WORTH_SAYING]
        group = week.policy.groups[place]
        if overlapping:
            likely = max(one.overlaps for one in overlapping)
            both = is_full_differential(later, earlier, group)
            yield _of_pair(Kind.OVERLAP, overlapping, likely, week, group.name, change, full=both)
        else:
            likely = max(one.tight for one in found)
            yield _of_pair(
                Kind.BUFFER, found, likely, week, group.name, change, buffer=buffer_of(group, week)
            )


def _of_pair(
    kind: Kind,
    clashes: Sequence[Clash],
    likely: float,
    week: Week,
    group: str,
    change: Change | None,
    *,
    full: bool = False,
    buffer: timedelta = timedelta(),
) -> Prediction:
    first = clashes[0]
    earlier, later = week.jobs[first.earlier], week.jobs[first.later]
    slots = tuple(sorted(one.slot for one in clashes))
    takes = _takes(earlier)
    if kind is Kind.OVERLAP:
        what = "a full and a differential import at once: " if full else ""
        text = f"{what}{later.job_id} starts while {earlier.job_id} may still run ({takes})"
    else:
        text = f"{later.job_id} starts less than {span(buffer)} after {earlier.job_id} may end ({takes})"
    return Prediction(
        kind, (later.job_id, earlier.job_id), slots, len(later.slots), likely, text, group, change
    )


def _takes(job: Job) -> str:
    return f"it usually takes {span(job.median)}" if job.usual else "how long it takes is not known yet"


def _move(near: Neighbours, week: Week) -> Change | None:
    """The smallest move of a job, later or earlier, after which nothing is in its way; None where there is
    none within its interval."""
    gaps = [after - before for before, after in pairwise(near.job.slots)]
    farthest = min([FARTHEST, *(gap / 2 for gap in gaps)])
    step = STEP if farthest > 2 * STEP else timedelta(minutes=1)
    before = near.trouble(timedelta())
    for number in range(1, int(farthest / step) + 1):
        for by in (number * step, -number * step):
            trouble = near.trouble(by)
            if trouble < WORTH_SAYING <= before:
                return _change(near.job, by, 1 - trouble, week, near)
    return None


def _change(job: Job, by: timedelta, keeps: float, week: Week, near: Neighbours) -> Change:
    buffer = max((buffer for _, buffer in near.others), default=timedelta())
    was, then = _clock(job.slots[0], week), _clock(job.slots[0] + by, week)
    kept = f"keeps the {span(buffer)} buffer" if buffer else "keeps them apart"
    text = f"move {job.job_id} from {was} to {then}: {kept} in {_percent(keeps)} of runs"
    if len({_clock(slot, week) for slot in job.slots}) > 1:
        later = "later" if by > timedelta() else "earlier"
        text = (
            f"move all runs of {job.job_id} by {span(abs(by))} {later}: {kept} in {_percent(keeps)} of runs"
        )
    return Change(job.job_id, by, job.slots[0] + by, keeps, text)


def _swallowed(week: Week) -> Iterator[Prediction]:
    """A run that is still going on at the next slot of its own job: the platform does not start that one."""
    for job in week.jobs.values():
        found = {slot: job.exceeds(after - slot) for slot, after in pairwise(job.slots)}
        likely = {slot: how for slot, how in found.items() if how >= WORTH_SAYING}
        if not likely:
            continue
        gap = min(after - slot for slot, after in pairwise(job.slots) if slot in likely)
        text = (
            f"{job.job_id} usually takes {span(job.median)} and is due again {span(gap)} after its start: "
            "a run that takes longer swallows the next one"
        )
        yield Prediction(
            Kind.SWALLOWED,
            (job.job_id,),
            tuple(likely),
            len(job.slots),
            max(likely.values()),
            text,
            change=_rarer(job, gap),
        )


def _rarer(job: Job, gap: timedelta) -> Change | None:
    """The distance at which 99 % of runs end in time, in steps of five minutes."""
    every = gap
    while job.exceeds(every) >= WORTH_SAYING and every < 4 * gap + STEP:
        every += STEP
    keeps = 1 - job.exceeds(every)
    if keeps <= 1 - WORTH_SAYING:
        return None
    text = (
        f"let {job.job_id} run every {span(every)} instead of every {span(gap)}: "
        f"{_percent(keeps)} of runs end before the next is due"
    )
    return Change(job.job_id, every - gap, job.slots[0], keeps, text)


def _saturated(week: Week) -> Iterator[Prediction]:
    """Hours in which as many runs are under way at once as `saturated` counts, each as long as usual."""
    limit = week.policy.saturated_at
    hours: dict[datetime, tuple[int, tuple[str, ...]]] = {}
    running: list[tuple[datetime, str]] = []
    planned = sorted((slot, job.job_id) for job in week.jobs.values() if job.usual for slot in job.slots)
    for slot, job_id in planned:
        while running and running[0][0] <= slot:
            heapq.heappop(running)
        heapq.heappush(running, (slot + week.jobs[job_id].median, job_id))
        hour = slot.replace(minute=0, second=0, microsecond=0)
        if len(running) >= limit and len(running) > hours.get(hour, (0, ()))[0]:
            hours[hour] = len(running), tuple(sorted(one for _, one in running))
    if not hours:
        return
    by_time: dict[str, list[datetime]] = defaultdict(list)
    for hour in hours:
        by_time[_clock(hour, week)].append(hour)
    for some in by_time.values():
        most, jobs = max(hours[hour] for hour in some)
        at = _clock(some[0], week)
        text = (
            f"in the hour from {at} up to {most} of about {PARALLEL} runs are under way at once; "
            "what is due then may not start"
        )
        change = _to_a_quiet_hour([week.jobs[one] for one in dict.fromkeys(jobs)], week, planned)
        yield Prediction(Kind.SATURATED, jobs, tuple(some), len(some), 1.0, text, change=change)


def _to_a_quiet_hour(
    jobs: Sequence[Job], week: Week, planned: Sequence[tuple[datetime, str]]
) -> Change | None:
    """Of a job that runs once a day at most, the longest, to where least starts within half a day."""
    rare = [job for job in jobs if all(after - slot >= FARTHEST for slot, after in pairwise(job.slots))]
    if not rare:
        return None
    job = max(rare, key=lambda one: (one.median, one.job_id))
    load: dict[timedelta, int] = {}
    for number in range(1, 13):
        by = timedelta(hours=number)
        at = job.slots[0] + by
        load[by] = sum(at <= slot < at + timedelta(hours=1) for slot, _ in planned)
    by = min(load, key=lambda one: (load[one], one))
    was, then = _clock(job.slots[0], week), _clock(job.slots[0] + by, week)
    text = f"move {job.job_id} from {was} to {then}, when {load[by]} runs start within the hour"
    return Change(job.job_id, by, job.slots[0] + by, 1.0, text)


def _clock(at: datetime, week: Week) -> str:
    """By the instance's own clock, as its schedules are written."""
    return f"{at.astimezone(ZoneInfo(week.policy.timezone)):%H:%M}"


def _percent(share: float) -> str:
    return f"{min(int(share * 1000) / 10, 99.9):g} %"
