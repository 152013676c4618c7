"""Which run filled which slot of a job, and by when each slot had to be filled. One pass in time order.

Knows starts, not ends: a run fills its slot by starting, however it ends. Decides nothing about absence:
whether an empty slot is late, missed or was never seen is for the conditions to say (`ledger`).

What fills a slot is decided at the start of each run and never revised, so that a look back finds what was
found at the time. The one exception is written down with its instant: when a second run in a row starts
off by the same time, the schedule was moved (`moving`), and from then on either time is accepted.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property

from monitor.detect.classify import trigger
from monitor.detect.model import Facts
from monitor.detect.streak import END_OF_TIME
from monitor.detect.together.spans import Span, site_runs
from monitor.model import Execution, Interval, RunId, Trigger
from monitor.policy import JobPolicy, Policy
from monitor.schedule import Slot, Timetable

LEAST_TOLERANCE = timedelta(minutes=5)
MOST_TOLERANCE = timedelta(hours=1)
STEADY = timedelta(minutes=2)
MOST_STEADY = timedelta(minutes=15)
"""Two runs are off by the same time, give or take a twentieth of the interval within these two."""

CLOCK_CHANGE = timedelta(hours=2)
"""No clock is put forward or back by more."""

_LOOK_BACK = tuple(timedelta(hours=hours) for hours in (1, 24, 24 * 8, 24 * 33, 24 * 367))


@dataclass(frozen=True, slots=True)
class Filled:
    """One slot and what became of it.

    due: the last instant at which a start is in time; lies later where the schedule was found moved.
    over: from then on no run fills it any more, because the next slot has come; None where there is none.
    excused: a window says that none is waited for; a run may fill it all the same.
    run: the run that filled it, the first of its sites; None for none so far.
    filled_at: since when that is known: its start, or later where it was first taken for something else.
    """

    slot: Slot
    due: datetime
    over: datetime | None
    run: Execution | None = None
    filled_at: datetime | None = None
    excused: bool = False

    @property
    def at(self) -> datetime:
        return self.slot.at

    def is_empty(self, at: datetime) -> bool:
        """As far as it was known at that instant."""
        return self.filled_at is None or self.filled_at > at


@dataclass(frozen=True, slots=True)
class Start:
    """A scheduled run of a job, all its sites in one, attempts of a retry left out.

    met: within the window of a slot, also of one that another run had filled already.
    fills: the slot it filled, in its window or not; nearest: the slot it is nearest to. None for none.
    moved: outside, but where a moved schedule has it.
    """

    run: Execution
    at: datetime
    met: bool
    fills: datetime | None
    nearest: datetime | None
    moved: bool = False

    @property
    def offset(self) -> timedelta:
        """From its nearest slot; negative for before it."""
        return timedelta() if self.nearest is None else self.at - self.nearest


@dataclass(frozen=True, slots=True)
class Move:
    """Runs in a row that are off by the same time, [opens, closes): from the start of the second of them.

    starts: the first two.
    ended_by: the run that met its slot again, or that started the next move.
    """

    offset: timedelta
    starts: tuple[Start, ...]
    opens: datetime
    closes: datetime | None = None
    ended_by: Start | None = None


@dataclass(frozen=True)
class Fills:
    """The slots of one job from a little before its first known run up to now, and a little further.

    Slots before what is known and inside gaps of coverage are among them: whoever concludes something from
    an empty one asks `facts.known` first.
    """

    job_id: str
    timetable: Timetable
    slots: tuple[Filled, ...] = ()
    starts: tuple[Start, ...] = ()
    moves: tuple[Move, ...] = ()

    @cached_property
    def slot_of(self) -> Mapping[RunId, Filled]:
        """By the run that filled it; of a run over several sites the first one."""
        return {one.run.run_id: one for one in self.slots if one.run is not None}

    @property
    def unexpected(self) -> tuple[Start, ...]:
        """Those that started outside every window and filled nothing; some belong to a move."""
        return tuple(one for one in self.starts if not one.met and one.fills is None)

    def latest(self, at: datetime) -> Filled | None:
        """The last slot not after that instant."""
        index = bisect_right(self.slots, at, key=lambda one: one.at) - 1
        return self.slots[index] if index >= 0 else None


def fills(job_id: str, facts: Facts, policy: Policy) -> Fills:
    """Worked out once for the same facts and policy, however many conditions ask."""
    known = facts.worked_out.get(("fills", job_id))
    if known is None or known[0] is not policy:
        known = facts.worked_out["fills", job_id] = (policy, _fills(job_id, facts, policy))
    found: Fills = known[1]
    return found


def start_tolerance(slot: Slot, job: JobPolicy) -> timedelta:
    """How late a run may start."""
    if job.start_tolerance is not None:
        return job.start_tolerance
    interval = slot.interval
    if interval is None:
        return LEAST_TOLERANCE
    return min(max(LEAST_TOLERANCE, interval / 10), MOST_TOLERANCE, interval / 2)


def window(slot: Slot, job: JobPolicy) -> tuple[datetime, datetime]:
    """Within which a start is in time, both ends included; by either reading on the day of a clock change."""
    return slot.first_reading - early_tolerance(slot, job), _due(slot, job)


def scheduled(runs: Iterable[Execution], policy: Policy) -> tuple[Execution, ...]:
    """The runs of one job that may fill a slot, in order: started by the schedule, the first of their sites,
    and first attempts. What is still pending has not started."""
    own = [
        run
        for run in runs
        if run.began is not None
        and not run.is_pending
        and not run.is_restart
        and not run.current_retry_attempt
        and trigger(run, policy) is Trigger.SCHEDULE
    ]
    own.sort(key=lambda run: (run.began or END_OF_TIME, run.id))
    if len({run.scope for run in own}) < 2:
        return tuple(own)
    spans = [Span(run.began or END_OF_TIME, run.ended or END_OF_TIME, run) for run in own]
    whole = site_runs(spans, policy.site_spread)
    first: dict[int, Execution] = {}
    for run in own:
        first.setdefault(whole[run.run_id].number, run)
    return tuple(first.values())


def _fills(job_id: str, facts: Facts, policy: Policy) -> Fills:
    timetable, job = facts.timetable(job_id, policy), policy.job(job_id)
    if not timetable.revisions:
        return Fills(job_id, timetable)
    runs = scheduled(facts.runs_of(job_id), policy)
    end = facts.seen_until + CLOCK_CHANGE + job.early_tolerance
    begin = _begin(runs, facts.known(job_id), timetable)
    work = _Pass(
        [] if begin is None else [*timetable.slots(begin, end)],
        job,
        lambda at: policy.no_slots(job_id, at),
    )
    for run in runs:
        revision = timetable.in_force(run.began or facts.seen_until)
        if revision.schedules:
            work.start(run, revision.since)
    return Fills(job_id, timetable, tuple(work.filled()), tuple(work.starts), tuple(work.moves))


def _begin(runs: Sequence[Execution], known: Sequence[Interval], timetable: Timetable) -> datetime | None:
    """No later than the slot before the first run, which may have filled it."""
    begin = known[0].start if known else None
    first = runs[0].began if runs else None
    if first is None or (begin is not None and begin < first - _LOOK_BACK[-1]):
        return begin
    for back in _LOOK_BACK:
        if next(timetable.slots(first - back, first), None) is not None:
            return min(first - back, begin or first)
    return begin or first


class _Pass:
    """The slots of one job while its runs come by, oldest first."""

    def __init__(self, slots: Sequence[Slot], job: JobPolicy, is_excused: Callable[[datetime], bool]) -> None:
        self.starts: list[Start] = []
        self.moves: list[Move] = []
        self._slots = slots
        self._job = job
        self._is_excused = is_excused
        self._ats = [one.at for one in slots]
        self._filled: dict[datetime, tuple[Execution, datetime]] = {}
        self._stray: Start | None = None  # the last run, where it was outside every window

    def start(self, run: Execution, since: datetime) -> None:
        """since: when the schedule came into force; a run before its first slot says nothing about it."""
        at = run.began or END_OF_TIME
        last = bisect_right(self._ats, at) - 1
        met = self._met(at, last)
        if not met and (last < 0 or self._ats[last] < since):
            return
        one = Start(run, at, bool(met), None, self._nearest(at, last))
        if met:
            fills = next((slot.at for slot in met if slot.at not in self._filled), None)
            fills = fills or self._belated(at, last)
            if met[0].also is None:  # on the day of a clock change it may be the other reading it meets
                self._end_move(one)
        else:
            fills = self._astray(one, last)
        if fills is not None:
            self._filled.setdefault(fills, (run, at))
        is_moved = not met and self._move is not None and self._expected(at, self._move.offset) is not None
        if fills is not None or is_moved:
            one = replace(one, fills=fills, moved=is_moved)
        self._stray = None if met else one
        self.starts.append(one)

    def filled(self) -> Iterator[Filled]:
        for slot in self._slots:
            run, since = self._filled.get(slot.at, (None, None))
            due = self._due(slot)
            over = None if slot.next is None else max(slot.next, due)
            yield Filled(slot, due, over, run, since, self._is_excused(slot.at))

    def _met(self, at: datetime, last: int) -> list[Slot]:
        """Slots in whose window that is: those by their own time first, then by another reading."""
        by_own = [
            slot
            for slot in reversed(self._slots[max(last, 0) : last + 2])
            if slot.at - early_tolerance(slot, self._job) <= at <= slot.at + start_tolerance(slot, self._job)
        ]
        if any(slot.at not in self._filled for slot in by_own):
            return by_own
        first = bisect_left(self._ats, at - CLOCK_CHANGE - MOST_TOLERANCE)
        until = bisect_right(self._ats, at + CLOCK_CHANGE + self._job.early_tolerance)
        read = (slot for slot in reversed(self._slots[first:until]) if slot.also is not None)
        return by_own + [slot for slot in read if _is_within(at, window(slot, self._job))]

    def _nearest(self, at: datetime, last: int) -> datetime | None:
        if last < 0:
            return self._ats[0] if self._ats else None
        slot = self._slots[last]
        return slot.next if slot.next is not None and slot.next - at < at - slot.at else slot.at

    def _belated(self, at: datetime, last: int) -> datetime | None:
        """The latest empty slot that is not over."""
        for slot in reversed(self._slots[max(last - 1, 0) : last + 1]):
            over = None if slot.next is None else max(slot.next, _due(slot, self._job))
            if slot.at not in self._filled and (over is None or at < over):
                return slot.at
        return None

    def _astray(self, one: Start, last: int) -> datetime | None:
        """What a run outside every window fills; may find that the schedule was moved."""
        move = self._move
        if move is not None and (expected := self._expected(one.at, move.offset)) is not None:
            return expected if expected not in self._filled else None
        before = self._stray
        if before is None or one.nearest is None or not self._is_steady(before, one, last):
            return self._belated(one.at, last)
        self._end_move(one)
        self.moves.append(Move(one.offset, (before, one), one.at))
        if before.nearest is not None and before.fills is None:
            self._filled.setdefault(before.nearest, (before.run, one.at))
        return one.nearest if one.nearest not in self._filled else self._belated(one.at, last)

    def _is_steady(self, before: Start, one: Start, last: int) -> bool:
        interval = self._slots[max(last, 0)].interval or timedelta()
        apart, steady = abs(one.offset - before.offset), min(max(STEADY, interval / 20), MOST_STEADY)
        # Half an interval off is as near to the slot before as to the one after.
        return before.nearest != one.nearest and min(apart, abs(apart - interval)) <= steady

    def _expected(self, at: datetime, offset: timedelta) -> datetime | None:
        """The slot that, moved by so much, has that instant in its window."""
        last = bisect_right(self._ats, at - offset) - 1
        if last < 0:
            return None
        slot = self._slots[last]
        late = at - offset - slot.at
        if late <= start_tolerance(slot, self._job):
            return slot.at
        early = early_tolerance(slot, self._job)
        return slot.next if slot.next is not None and slot.next - (at - offset) <= early else None

    @property
    def _move(self) -> Move | None:
        return self.moves[-1] if self.moves and self.moves[-1].closes is None else None

    def _end_move(self, by: Start) -> None:
        if self._move is not None:
            self.moves[-1] = replace(self._move, closes=by.at, ended_by=by)

    def _due(self, slot: Slot) -> datetime:
        due = _due(slot, self._job)
        for move in self.moves:
            if move.opens < due and (move.closes is None or slot.at < move.closes):
                due = max(due, slot.at + move.offset + start_tolerance(slot, self._job))
        return due


def early_tolerance(slot: Slot, job: JobPolicy) -> timedelta:
    """How early a run may start: not so early that it would be nearer to the slot before."""
    return job.early_tolerance if slot.interval is None else min(job.early_tolerance, slot.interval / 2)


def _due(slot: Slot, job: JobPolicy) -> datetime:
    return slot.last_reading + start_tolerance(slot, job)


def _is_within(at: datetime, between: tuple[datetime, datetime]) -> bool:
    return between[0] <= at <= between[1]
