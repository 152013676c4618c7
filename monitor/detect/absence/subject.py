"""What every condition of a job's slots asks: which jobs, their slots, and what a finding says of the job.

Knows no condition.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from alerts.model import Severity
from monitor.detect.absence.ledger import Ledger, ledger
from monitor.detect.absence.slots import Filled, Fills, fills
from monitor.detect.classify import outcome
from monitor.detect.model import Decision, Facts, State
from monitor.detect.severity import severity
from monitor.detect.subject import is_judged
from monitor.detect.words import OUTCOME_WORDS, moment
from monitor.model import Execution
from monitor.policy import JobPolicy, Policy
from monitor.schedule import Slot, Source


@dataclass(frozen=True)
class Expected:
    """One job and its slots."""

    job_id: str
    facts: Facts
    policy: Policy

    @cached_property
    def job(self) -> JobPolicy:
        return self.policy.job(self.job_id)

    @cached_property
    def fills(self) -> Fills:
        return fills(self.job_id, self.facts, self.policy)

    @cached_property
    def ledger(self) -> Ledger:
        return ledger(self.job_id, self.facts, self.policy)

    @property
    def labels(self) -> dict[str, str]:
        return {"sfcc_instance": self.facts.instance, "job_id": self.job_id}

    @property
    def schedule(self) -> str:
        timetable = self.fills.timetable
        return f"{timetable.text} ({timetable.source.value})" if timetable.text else ""

    @property
    def unjudged(self) -> tuple[State, str] | None:
        """Why nothing can be said of its slots."""
        if self.policy.is_sandbox:
            return State.CLEAR, "a sandbox runs no schedules"
        if not self.fills.timetable.revisions:
            return State.CLEAR, "no schedule known"
        if not self.fills.slots:
            return State.UNKNOWN, "no slot in the time that is known"
        return None

    @property
    def next(self) -> Slot | None:
        """The first slot that is still to come."""
        seen = self.facts.seen_until
        for one in reversed(self.fills.slots):
            if one.at <= seen:
                at = one.slot.next
                break
        else:
            at = self.fills.slots[0].at if self.fills.slots else None
        return None if at is None else Slot(at, self.fills.timetable.next_slot(at))

    @property
    def look_again(self) -> datetime | None:
        """When the next slot will have come, or the last one be given up: whichever is first."""
        lag, following, undecided = self.policy.absence_lag, self.next, self.ledger.undecided
        instants = [following.at + lag] if following is not None else []
        instants += [undecided.known] if undecided is not None else []
        # A slot that comes now is not known to have been filled before the lag is over.
        last = self.fills.latest(self.facts.seen_until)
        instants += [last.at + lag] if last is not None else []
        return min((at for at in instants if at > self.facts.seen_until), default=None)

    def severity(self, condition: str, default: Severity) -> Severity:
        """What was learned may be wrong: nobody is woken by it."""
        is_learned = self.fills.timetable.source is Source.LEARNED
        if is_learned and default is Severity.CRITICAL:
            default = Severity.WARNING
        return severity(condition, default, self.job, self.policy)

    def said(self, at: datetime) -> str:
        return moment(at, self.facts.seen_until)

    def ended(self, run: Execution | None) -> str:
        """`failed at 02:10 UTC (run 4711)`."""
        if run is None or run.ended is None:
            return ""
        return f"{OUTCOME_WORDS[outcome(run, self.job)]} at {self.said(run.ended)} (run {run.id})"

    def quiet(self, at: datetime) -> str | None:
        return self.facts.quiet(at)

    def decision(self, condition: str, state: State, reason: str) -> Decision:
        """Of a job of which nothing can be said: until its next slot, if it has any."""
        at = None if self.policy.is_sandbox else self.fills.timetable.next_slot(self.facts.seen_until)
        look_again = None if at is None else at + self.policy.absence_lag
        return Decision(condition, (self.job_id,), state, reason, look_again=look_again)


def expected(facts: Facts, policy: Policy) -> Iterator[Expected]:
    for job_id in facts.job_ids:
        if is_judged(job_id, facts):
            yield Expected(job_id, facts, policy)


def occurrence(slot: Filled) -> str:
    return slot.at.isoformat()
