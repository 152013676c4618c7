"""`deadline`: what has to be done by a time of day will not be, or was not. Of a job, or of a group.

A warning as soon as what is left no longer fits into the time that is left; critical once the time has
passed. That is one finding whose severity rises: a look back has both. It is over when all is done, or when
the next day with work begins.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from alerts.model import EndsBy, Finding, Json, Severity
from monitor.detect.absence.duty import Duty, Roster
from monitor.detect.absence.successes import Job
from monitor.detect.model import Decision, Facts, Rung, State
from monitor.detect.severity import severity
from monitor.detect.subject import is_judged
from monitor.detect.together.groups import is_member
from monitor.detect.words import called, moment, said, span
from monitor.policy import GroupPolicy, JobPolicy, Policy

CONDITION = "deadline"


def deadline(facts: Facts, policy: Policy) -> Iterator[Decision]:
    if policy.is_sandbox:
        return
    judged = [job_id for job_id in facts.job_ids if is_judged(job_id, facts)]
    for job_id in judged:
        finish_by = policy.job(job_id).finish_by
        if finish_by is not None:
            roster = Roster([Job(job_id, facts, policy)], finish_by, facts, policy)
            yield from _Look(roster, None).decisions()
    for group in policy.groups:
        members = [Job(job_id, facts, policy) for job_id in judged if is_member(job_id, group)]
        if group.finish_by is not None and members:
            in_turn = group.exclusive or bool(group.order)
            roster = Roster(members, group.finish_by, facts, policy, in_turn=in_turn)
            yield from _Look(roster, group).decisions()


@dataclass(frozen=True)
class _Look:
    """One deadline of every day. group: None for that of a job."""

    roster: Roster
    group: GroupPolicy | None

    @property
    def facts(self) -> Facts:
        return self.roster.facts

    @property
    def settings(self) -> JobPolicy:
        policy = self.roster.policy
        if self.group is not None:
            return JobPolicy(severity=policy.severity)
        return policy.job(self.roster.jobs[0].job_id)

    def decisions(self) -> Iterator[Decision]:
        current = False
        for duty in self.roster.duties():
            decision = self._told(duty)
            if decision is not None:
                yield decision
            if self.facts.seen_until < duty.closes_at:
                current = True
                if decision is None or decision.state is State.OVER:
                    yield self._well(duty)
        if not current:
            by = self._time()
            yield self._decision(State.UNKNOWN, f"to be done by {by}: nothing is due, or reading began since")

    def _told(self, duty: Duty) -> Decision | None:
        """None for what is over and no news, and for what is yet to come."""
        seen, closes = self.facts.seen_until, self._closes(duty)
        opens = duty.opens
        if opens is None or opens > seen or (closes is not None and closes <= opens):
            return None
        state = State.HOLDS if closes is None else State.OVER
        if closes is not None and not self.facts.is_news(closes, [one.run for one in duty.done.values()]):
            return None
        finding = self._finding(duty, opens, closes)
        passed = self._passed(duty)
        return self._decision(
            state,
            finding.summary,
            self._numbers(duty),
            finding=finding,
            opens=opens,
            closes=closes,
            look_again=None if closes is not None else passed if seen < passed else duty.closes_at,
            ladder=self._ladder(finding, opens, passed),
        )

    def _ladder(self, finding: Finding, opens: datetime, passed: datetime) -> tuple[Rung, ...]:
        warning = severity(CONDITION, Severity.WARNING, self.settings, self.roster.policy)
        if opens >= passed or finding.severity == warning:
            return ()
        before = f"{finding.name} will not be done by {self._time()}."
        return Rung(opens, warning, before), Rung(passed, finding.severity, finding.summary)

    def _well(self, duty: Duty) -> Decision:
        seen = self.facts.seen_until
        if duty.is_done:
            reason = f"done for {moment(duty.day.at, seen)}"
            return self._decision(State.CLEAR, reason, self._numbers(duty), look_again=duty.closes_at)
        left = f"{', '.join(duty.open_jobs)} to be done by {moment(duty.day.at, seen)}"
        if duty.opens is None:
            return self._decision(State.CLEAR, left, self._numbers(duty))
        reason = f"{left}; no longer possible from {moment(duty.opens, seen)} on"
        return self._decision(
            State.WAITING, reason, self._numbers(duty), opens=duty.opens, look_again=duty.opens
        )

    def _passed(self, duty: Duty) -> datetime:
        return duty.day.at + self.roster.policy.absence_lag

    def _closes(self, duty: Duty) -> datetime | None:
        """When it was over, as far as it is."""
        ends = min(duty.ends or duty.closes_at, duty.closes_at)
        return ends if ends <= self.facts.seen_until else None

    def _finding(self, duty: Duty, opens: datetime, closes: datetime | None) -> Finding:
        facts, settings, seen = self.facts, self.settings, self.facts.seen_until
        has_passed = (seen if closes is None else closes) >= self._passed(duty)
        default = Severity.CRITICAL if has_passed else Severity.WARNING
        name = self.group.name if self.group else called(self.roster.jobs[0].job_id, settings)
        verb = "was not done" if has_passed else "will not be done"
        left = [job_id for job_id in duty.usual if job_id not in duty.done or has_passed]
        key = {"group": self.group.name} if self.group else {"job_id": self.roster.jobs[0].job_id}
        takes = "; ".join(f"{job_id} {span(duty.usual[job_id])}" for job_id in left if duty.usual[job_id])
        return Finding(
            source=facts.instance,
            condition=CONDITION,
            labels={"sfcc_instance": facts.instance, **key},
            severity=severity(CONDITION, default, settings, self.roster.policy),
            since=opens,
            occurrences=(duty.day.at.isoformat(),),
            cause="passed" if has_passed else "no longer possible",
            name=name,
            place=facts.instance,
            summary=f"{name} {verb} by {self._time()}.",
            facts=said(
                ("Impact", settings.impact),
                ("Deadline", moment(duty.day.at, seen)),
                ("Not done", ", ".join(duty.open_jobs)),
                ("Usually takes", takes),
                ("Owner", settings.owner),
                ("Runbook", settings.runbook),
            ),
            evidence=self._numbers(duty),
            ends_at=closes,
            resolution="" if closes is None else self._resolution(duty, closes),
            quiet=facts.quiet(opens),
            ends_by=EndsBy.FACT,
        )

    def _resolution(self, duty: Duty, closes: datetime) -> str:
        seen = self.facts.seen_until
        if duty.ends is not None and duty.ends <= closes:
            return f"done at {moment(closes, seen)}"
        return f"not done until {moment(closes, seen)}, when the next day began"

    def _time(self) -> str:
        return f"{self.roster.finish_by:%H:%M} ({self.roster.policy.timezone})"

    def _numbers(self, duty: Duty) -> dict[str, Json]:
        return {
            "deadline": duty.day.at.isoformat(),
            "since": duty.since.isoformat(),
            "usual_seconds": {job_id: usual.total_seconds() for job_id, usual in duty.usual.items()},
            "executions": [one.run.id for one in duty.done.values()],
            "open": duty.open_jobs,
        }

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
        ladder: tuple[Rung, ...] = (),
    ) -> Decision:
        return Decision(
            *(CONDITION, tuple(job.job_id for job in self.roster.jobs), state, reason),
            numbers=numbers or {},
            finding=finding,
            opens=opens,
            closes=closes,
            look_again=look_again,
            executions=tuple((numbers or {}).get("executions", ())),
            ladder=ladder,
        )
