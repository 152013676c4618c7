"""`stale`: no run of a job ended well for too long, whatever the reason. The net under all other conditions.

How long is too long the settings say; else the schedule: two slots may go by after that of the last good
run. Counted from there, or from where reading began. It waits while a run is within its limit, also where
another condition was told in its place up to then; and once told it stays until a run ends well.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from alerts.model import EndsBy, Finding, Json, Severity
from monitor.detect.absence.slots import Fills, fills, start_tolerance
from monitor.detect.absence.successes import UNKNOWN_LIMIT, Job, Success
from monitor.detect.model import Decision, Facts, State
from monitor.detect.severity import severity
from monitor.detect.subject import is_judged
from monitor.detect.words import called, moment, said, span
from monitor.model import Interval
from monitor.policy import JobPolicy, Policy
from monitor.schedule import Slot, Source

CONDITION = "stale"
SLOTS = 2

_LEAST = timedelta(microseconds=1)
_LOOKED_AHEAD = 1_000


@dataclass(frozen=True, slots=True)
class Gap:
    """Time without a good run. start: the end of the last one, or where reading began.

    due: when it became too long; opens: when that could be known, and no run was within its limit.
    """

    start: datetime
    last: Success | None
    next: Success | None
    due: datetime
    opens: datetime


def stale(facts: Facts, policy: Policy) -> Iterator[Decision]:
    for job_id in facts.job_ids:
        if is_judged(job_id, facts):
            yield from _Look(Job(job_id, facts, policy)).decisions()


@dataclass(frozen=True)
class _Look:
    """One job as this condition sees it."""

    job: Job

    @property
    def settings(self) -> JobPolicy:
        return self.job.policy.job(self.job.job_id)

    @cached_property
    def fills(self) -> Fills:
        return fills(self.job.job_id, self.job.facts, self.job.policy)

    @cached_property
    def ats(self) -> list[datetime]:
        return [one.at for one in self.fills.slots]

    def decisions(self) -> Iterator[Decision]:
        facts, policy = self.job.facts, self.job.policy
        if policy.is_sandbox:
            yield self._decision(State.CLEAR, "the platform runs no schedules on a sandbox")
            return
        if self.settings.max_success_age is None and not self.fills.timetable.revisions:
            yield self._decision(State.UNKNOWN, "no schedule is known, and max_success_age is not set")
            return
        now = None
        for gap in self._gaps():
            if gap.next is not None:
                if facts.is_news(gap.next.ended, (gap.next.run,)):
                    yield self._over(gap, gap.next)
            else:
                now = gap
        yield self._now(now)

    def _gaps(self) -> Iterator[Gap]:
        """Those that became too long, and the one that goes on now whether it did or not."""
        ends, successes = [one.ended for one in self.job.successes], self.job.successes
        open_until: datetime | None = None
        for number, interval in enumerate(self.job.known):
            goes_on = number + 1 == len(self.job.known) and interval.end >= self.job.facts.seen_until
            first = bisect_right(ends, interval.start)
            last = successes[first - 1] if first else None
            anchors = [(interval.start, last, first)]
            anchors += [
                (successes[place].ended, successes[place], place + 1)
                for place in range(first, bisect_right(ends, interval.end))
            ]
            for start, before, place in anchors:
                if open_until is not None and start < open_until:
                    continue
                following = successes[place] if place < len(successes) else None
                gap = self._gap(start, before, following, interval, goes_on=goes_on)
                if gap is not None:
                    yield gap
                    if following is None:
                        return
                    open_until = following.ended

    def _gap(
        self,
        start: datetime,
        last: Success | None,
        following: Success | None,
        interval: Interval,
        *,
        goes_on: bool,
    ) -> Gap | None:
        due = self._due(start, last, None if following is None else following.ended)
        if due is None or (following is not None and following.ended <= due):
            return None
        opens = self._opens(due)
        if following is not None and following.ended <= opens:
            return None
        if opens > interval.end and not goes_on:  # nobody was reading when it could have been known
            return None
        return Gap(start, last, following, due, opens)

    def _opens(self, due: datetime) -> datetime:
        usual = self.job.usual(due)
        longest = self.settings.max_duration or (UNKNOWN_LIMIT if usual is None else usual.upper)
        known = due + self.job.policy.absence_lag
        return self.job.within_limit(known, since=known - max(longest, UNKNOWN_LIMIT))

    def _due(self, start: datetime, last: Success | None, end: datetime | None) -> datetime | None:
        """When a gap from there on becomes too long; None for never, or for not before its end."""
        if self.settings.max_success_age is not None:
            return start + self.settings.max_success_age
        slot = self._slot_after(start, last)
        if slot is None or (end is not None and end <= slot.at):
            return None
        usual = self.job.usual(start)
        limit = self.settings.max_duration or (timedelta() if usual is None else usual.upper)
        return slot.last_reading + start_tolerance(slot, self.settings) + limit

    def _slot_after(self, start: datetime, last: Success | None) -> Slot | None:
        """The second one after that of the last good run, or after the last one that it swallowed."""
        place = bisect_right(self.ats, start) - 1
        if last is not None and last.ended == start:
            filled = self.fills.slot_of.get(last.run.run_id)
            at = filled.at if filled is not None else last.began + self.settings.early_tolerance
            swallowed = bisect_left(self.ats, last.ended) - 1
            place = max(bisect_right(self.ats, at) - 1, swallowed)
        missing = SLOTS
        for number in range(place + 1, len(self.fills.slots)):
            missing -= not self.fills.slots[number].excused
            if not missing:
                return self.fills.slots[number].slot
        return self._slot_ahead(missing)

    def _slot_ahead(self, count: int) -> Slot | None:
        """So many after those that are looked at already."""
        timetable = self.fills.timetable
        at: datetime | None = self.ats[-1] if self.ats else self.job.facts.seen_until
        for _ in range(_LOOKED_AHEAD):
            at = None if at is None else timetable.next_slot(at)
            if at is not None and self.job.policy.no_slots(self.job.job_id, at):
                continue
            count -= 1
            if at is None or not count:
                break
        else:
            return None  # windows without slots one after the other
        return None if at is None else next(timetable.slots(at, at + _LEAST), None)

    def _now(self, gap: Gap | None) -> Decision:
        seen = self.job.facts.seen_until
        if gap is None:
            if not self.job.known:
                return self._decision(State.UNKNOWN, "no time is known in which a run would have been seen")
            return self._decision(State.CLEAR, "nothing is due any more")
        numbers: dict[str, Json] = {"since": gap.start.isoformat(), "due": gap.due.isoformat()}
        started = f"last good run {_last(gap, seen)}"
        if gap.opens <= seen:
            finding = self._finding(gap, None)
            awaits = tuple(self.job.within_limits(gap.opens, seen))
            return self._decision(
                State.HOLDS,
                started,
                numbers,
                finding=finding,
                opens=gap.opens,
                look_again=min((one.end for one in awaits if one.end > seen), default=None),
                awaits=awaits,
            )
        if gap.due <= seen and gap.opens > gap.due + self.job.policy.absence_lag:
            reason = f"{started}; a run is within its limit until {moment(gap.opens, seen)}"
            return self._decision(State.WAITING, reason, numbers, opens=gap.opens, look_again=gap.opens)
        reason = f"{started}; too long ago from {moment(gap.due, seen)} on"
        return self._decision(State.CLEAR, reason, numbers, opens=gap.opens, look_again=gap.opens)

    def _over(self, gap: Gap, success: Success) -> Decision:
        numbers: dict[str, Json] = {"since": gap.start.isoformat(), "due": gap.due.isoformat()}
        reason = f"no good run for {span(success.ended - gap.start)}, then run {success.run.id}"
        return self._decision(
            State.OVER,
            reason,
            numbers | {"executions": [success.run.id]},
            finding=self._finding(gap, success),
            opens=gap.opens,
            closes=success.ended,
            awaits=tuple(self.job.within_limits(gap.opens, success.ended)),
        )

    def _finding(self, gap: Gap, success: Success | None) -> Finding:
        facts, seen, settings = self.job.facts, self.job.facts.seen_until, self.settings
        since = moment(gap.start, seen)
        what = f"No run of {self.job.job_id} has ended well since {since}"
        if gap.last is None:
            what += ", when reading began"
        ended = "" if success is None else f"run {success.run.id} ended well at {moment(success.ended, seen)}"
        return Finding(
            source=facts.instance,
            condition=CONDITION,
            labels={"sfcc_instance": facts.instance, "job_id": self.job.job_id},
            severity=self._severity(),
            since=gap.due,
            occurrences=(gap.start.isoformat(),),
            cause="no good run",
            name=called(self.job.job_id, settings),
            place=facts.instance,
            summary=f"{what}.",
            facts=said(
                ("Impact", settings.impact),
                ("Last success", _last(gap, seen)),
                ("Too old from", moment(gap.due, seen)),
                ("By", self._rule()),
                ("Owner", settings.owner),
                ("Runbook", settings.runbook),
            ),
            evidence={
                "since": gap.start.isoformat(),
                "due": gap.due.isoformat(),
                "executions": [gap.last.run.id] if gap.last else [],
                "recovered_by": [] if success is None else [success.run.id],
            },
            ends_at=None if success is None else success.ended,
            resolution=ended,
            quiet=facts.quiet(gap.opens),
            ends_by=EndsBy.FACT,
        )

    def _severity(self) -> Severity:
        found = severity(CONDITION, Severity.CRITICAL, self.settings, self.job.policy)
        is_learned = self.fills.timetable.source is Source.LEARNED and self.settings.max_success_age is None
        return Severity.WARNING if is_learned and found is Severity.CRITICAL else found

    def _rule(self) -> str:
        if self.settings.max_success_age is not None:
            return f"at most {span(self.settings.max_success_age)} without a good run (max_success_age)"
        return f"two slots without a good run ({self.fills.timetable.text})"

    def _decision(
        self,
        state: State,
        reason: str,
        numbers: dict[str, Json] | None = None,
        *,
        finding: Finding | None = None,
        opens: datetime | None = None,
        closes: datetime | None = None,
        look_again: datetime | None = None,
        awaits: tuple[Interval, ...] = (),
    ) -> Decision:
        return Decision(
            *(CONDITION, (self.job.job_id,), state, reason),
            awaits=awaits,
            numbers=numbers or {},
            finding=finding,
            opens=opens,
            closes=closes,
            look_again=look_again,
            executions=_ids(numbers),
        )


def _last(gap: Gap, seen: datetime) -> str:
    if gap.last is None:
        return f"none since {moment(gap.start, seen)}, when reading began"
    return f"run {gap.last.run.id}, ended {moment(gap.last.ended, seen)}"


def _ids(numbers: dict[str, Json] | None) -> tuple[str, ...]:
    found: Sequence[str] = (numbers or {}).get("executions", ())
    return tuple(found)
