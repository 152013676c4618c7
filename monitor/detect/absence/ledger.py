"""The empty slots of one job and what is known of them: since when, why, and what ended it.

Knows instants and runs, no words and no severities. Two instants belong to each conclusion: when it became
true, and, `absence_lag` later, when that can be known, because the search index lags. What came between
the two was there before anybody could tell, so truth is compared with truth and only told with the lag.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from monitor.detect.absence.presence import Presence
from monitor.detect.absence.slots import Filled, Fills, fills, window
from monitor.detect.classify import outcome
from monitor.detect.model import Facts
from monitor.detect.streak import END_OF_TIME
from monitor.model import Execution, Outcome
from monitor.policy import JobPolicy, Policy

BLOCKED_ABOVE = 3
"""So many more than `saturated_at` are about all that an instance runs at once."""

_BAD = frozenset({Outcome.FAILED, Outcome.ABORTED})


class Cause(StrEnum):
    """Why a slot stayed empty, as far as that can be seen."""

    SWALLOWED = "swallowed"  # a run of the job was under way: the platform starts no second one
    DISABLED = "disabled"  # the last run failed and nothing came since: probably "Stop On Error"
    BLOCKED = "blocked"  # the instance ran as many jobs as it can
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Late:
    """One slot whose run did not start in time. ended_by: None where nothing started."""

    slot: Filled
    opens: datetime
    missed_at: datetime
    closes: datetime | None = None
    ended_by: Execution | None = None
    moved: bool = False


@dataclass(frozen=True, slots=True)
class Empty:
    """A slot that stayed empty. over: since when that was true; known: since when it could be known."""

    slot: Filled
    over: datetime
    known: datetime
    during: Execution | None = None  # of the job, under way at the slot
    blocked: bool = False


@dataclass(frozen=True, slots=True)
class Gap:
    """Empty slots in a row. closes: since when its end could be known; ended_at: when it was over."""

    empty: tuple[Empty, ...]
    before: Execution | None  # the last run that had ended by the first of them
    before_failed: bool = False
    ended_at: datetime | None = None
    closes: datetime | None = None
    ended_by: Execution | None = None
    moved: bool = False

    @property
    def opens(self) -> datetime:
        return self.empty[0].known

    @property
    def cause(self) -> Cause:
        if all(one.during is not None for one in self.empty):
            return Cause.SWALLOWED
        if self.before_failed and len(self.empty) > 1:
            return Cause.DISABLED
        return Cause.BLOCKED if any(one.blocked for one in self.empty) else Cause.UNKNOWN


@dataclass(frozen=True)
class Ledger:
    """All of it for one job, oldest first; what was known at `seen_until` only.

    due: the first slot that may still turn out to be late; undecided: that may still turn out to be missed.
    """

    fills: Fills
    job: JobPolicy
    presence: Presence
    late: tuple[Late, ...]
    gaps: tuple[Gap, ...]
    due: Late | None = None
    undecided: Empty | None = None


def ledger(job_id: str, facts: Facts, policy: Policy) -> Ledger:
    """Worked out once for the same facts and policy."""
    known = facts.worked_out.get(("ledger", job_id))
    if known is None or known[0] is not policy:
        known = facts.worked_out["ledger", job_id] = (policy, _Account(job_id, facts, policy).ledger())
    found: Ledger = known[1]
    return found


class _Account:
    """One pass over the slots of a job, oldest first."""

    def __init__(self, job_id: str, facts: Facts, policy: Policy) -> None:
        self._facts = facts
        self._policy = policy
        self._job = policy.job(job_id)
        self._fills = fills(job_id, facts, policy)
        self._known = facts.known(job_id)
        self._presence = Presence.of(facts.runs_of(job_id), self._job)
        self._moves = [move.opens for move in self._fills.moves]
        self._gaps: list[Gap] = []
        self._empty: list[Empty] = []  # of the gap that is open
        self._settled: tuple[datetime, Execution | None] = (END_OF_TIME, None)
        self._undecided: Empty | None = None

    def ledger(self) -> Ledger:
        for slot in self._fills.slots:
            self._count(slot)
        self._close_by(self._facts.seen_until)
        if self._empty:
            self._leave_what_is_not_known_yet()
            self._gaps.append(self._gap())
        late = [*self._late()]
        due = late.pop() if late and late[-1].opens > self._facts.seen_until else None
        gaps = tuple(gap for gap in self._gaps if gap.opens <= self._facts.seen_until)
        if len(gaps) < len(self._gaps):  # over already, and not to be told yet
            self._undecided = self._gaps[-1].empty[0]
        return Ledger(self._fills, self._job, self._presence, tuple(late), gaps, due, self._undecided)

    def _count(self, slot: Filled) -> None:
        """One more slot: it ends the gap, belongs to it, or says nothing."""
        over, seen = self._over(slot), self._facts.seen_until
        self._close_by(min(slot.at, seen))
        if not slot.is_empty(over):
            # A run that starts early ends nothing before the slot before has had its time.
            end = max(slot.filled_at or slot.at, slot.at)
            self._close_by(min(end, seen))
            if end <= seen:
                self._close(end, slot.run)
            return
        if slot.excused:
            return
        if over > seen:
            if slot.at <= seen and self._undecided is None:
                self._undecided = Empty(slot, over, over + self._policy.absence_lag)
            return
        if not self._is_known(slot, over) or self._is_settled(slot, over) or self._is_moved(slot, over):
            return
        self._add(slot, over)

    def _add(self, slot: Filled, over: datetime) -> None:
        during = self._presence.under_way(slot.at)
        most = self._policy.saturated_at + BLOCKED_ABOVE
        blocked = during is None and occupied(self._facts, slot.at) >= most
        self._empty.append(Empty(slot, over, over + self._policy.absence_lag, during, blocked))
        if len(self._empty) == 1:
            good = self._presence.first_good(self._earliest(slot))
            ends, moved = (good and good.ended) or END_OF_TIME, self._next_move(over)
            self._settled = (ends, good) if ends <= moved else (moved, None)

    def _leave_what_is_not_known_yet(self) -> None:
        """Of a gap that is told: slots that are over, and may turn out to be filled as the search lags."""
        known = [one for one in self._empty if one.known <= self._facts.seen_until]
        if known and len(known) < len(self._empty):
            self._undecided = self._empty[len(known)]
            self._empty = known

    def _gap(self) -> Gap:
        before = self._presence.last_before(self._empty[0].slot.at)
        failed = before is not None and outcome(before, self._job) in _BAD
        return Gap(tuple(self._empty), before, failed)

    def _close_by(self, at: datetime) -> None:
        """Where a good run or a move ended the gap by then."""
        end, run = self._settled
        if self._empty and end <= at:
            self._close(end, run)

    def _close(self, end: datetime, run: Execution | None) -> None:
        if not self._empty:
            return
        closes = max(end, self._empty[-1].known)
        gap = replace(self._gap(), ended_at=end, closes=closes, ended_by=run, moved=run is None)
        self._gaps.append(gap)
        self._empty, self._settled = [], (END_OF_TIME, None)

    def _is_settled(self, slot: Filled, over: datetime) -> bool:
        """Made up for: by a run that began after it, or by the one that ended its gap."""
        if slot.at < self._settled[0] <= over:
            return True
        return self._is_made_up(slot, over)

    def _is_made_up(self, slot: Filled, until: datetime) -> bool:
        good = self._presence.first_good(self._earliest(slot))
        return good is not None and good.ended is not None and good.ended <= until

    def _is_moved(self, slot: Filled, until: datetime) -> bool:
        """Whether it was due, and then the schedule turned out to have been moved."""
        return slot.due < self._next_move(slot.due) <= until

    def _is_known(self, slot: Filled, until: datetime) -> bool:
        """Whether all of the time in which a run might have filled it was read."""
        index = bisect_right(self._known, self._earliest(slot), key=lambda one: one.start) - 1
        return index >= 0 and until <= self._known[index].end

    def _over(self, slot: Filled) -> datetime:
        """From then on an empty slot is missed."""
        given_up = max(slot.at + self._job.missed_after, slot.due)
        return given_up if slot.over is None else min(slot.over, given_up)

    def _next_move(self, after: datetime) -> datetime:
        index = bisect_right(self._moves, after)
        return self._moves[index] if index < len(self._moves) else END_OF_TIME

    def _earliest(self, slot: Filled) -> datetime:
        return window(slot.slot, self._job)[0]

    def _late(self) -> Iterator[Late]:
        """Those that opened, and the first that may open, with what ended them by now."""
        for slot in self._fills.slots:
            if slot.at > self._facts.seen_until:
                return
            one = self._lateness(slot)
            if one is None or not self._is_late(one):
                continue
            one = self._ended(one)
            if one.closes is None or one.closes > one.opens:
                yield one
            if one.opens > self._facts.seen_until:
                return

    def _lateness(self, slot: Filled) -> Late | None:
        opens = slot.due + self._policy.absence_lag
        missed_at = self._over(slot) + self._policy.absence_lag
        is_awaited = slot.is_empty(opens) and not slot.excused
        return Late(slot, opens, missed_at) if is_awaited and opens < missed_at else None

    def _is_late(self, one: Late) -> bool:
        slot, opens = one.slot, one.opens
        at = min(opens, self._facts.seen_until)
        return (
            self._presence.under_way(slot.at) is None
            and self._presence.under_way(opens) is None
            and self._is_known(slot, min(slot.due, at))
            and not self._is_made_up(slot, at)
            and not self._is_moved(slot, at)
            and not self._is_in_gap(opens)
        )

    def _is_in_gap(self, at: datetime) -> bool:
        """Then it is one more slot missed, and no news; what a long run swallowed is another matter."""
        index = bisect_right(self._gaps, at, key=lambda gap: gap.opens) - 1
        if index < 0 or (self._gaps[index].closes or END_OF_TIME) <= at:
            return False
        return any(one.known <= at and one.during is None for one in self._gaps[index].empty)

    def _ended(self, one: Late) -> Late:
        """By what came first: a run of whoever started it, the next slot, or the schedule found moved."""
        run = self._presence.first_after(one.slot.due)
        started = (run and run.began) or END_OF_TIME
        moved = self._next_move(one.slot.due)
        closes = min(started, moved, one.missed_at)
        if closes > self._facts.seen_until:
            return one
        by = run if closes == started else None
        return replace(one, closes=closes, ended_by=by, moved=closes == moved and by is None)


def occupied(facts: Facts, at: datetime) -> int:
    """How many executions, the platform's own included, were under way on the instance."""
    known = facts.worked_out.get(("occupied",))
    if known is None:
        starts, ends = (sorted(one[side] for one in facts.occupied) for side in (0, 1))
        known = facts.worked_out[("occupied",)] = (starts, ends)
    starts, ends = known
    return bisect_right(starts, at) - bisect_right(ends, at)
