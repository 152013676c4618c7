"""`late`: a slot and its tolerance have passed, and no run of the job has started.

How late a run may start says nothing of how long it may take. What a run that is still under way keeps
from starting is not late but swallowed, and for `missed` to tell.
"""

from __future__ import annotations

from collections.abc import Iterator

from alerts.model import EndsBy, Finding, Severity
from monitor.detect.absence.ledger import Late
from monitor.detect.absence.slots import Filled, early_tolerance, start_tolerance
from monitor.detect.absence.subject import Expected, expected, occurrence
from monitor.detect.model import Decision, Facts, State
from monitor.detect.words import called, said, span, started
from monitor.policy import Policy

CONDITION = "late"


def late(facts: Facts, policy: Policy) -> Iterator[Decision]:
    for one in expected(facts, policy):
        if one.unjudged is not None:
            yield one.decision(CONDITION, *one.unjudged)
            continue
        holding = None
        for found in one.ledger.late:
            if found.closes is None:
                holding = found
            elif facts.is_news(found.closes, [found.ended_by] if found.ended_by else ()):
                yield _decision(one, found)
        yield _decision(one, holding) if holding is not None else _quiet(one)


def _decision(one: Expected, found: Late) -> Decision:
    finding = _finding(one, found)
    over = found.closes is not None
    return Decision(
        CONDITION,
        (one.job_id,),
        State.OVER if over else State.HOLDS,
        finding.summary + (f" Then {finding.resolution}." if over else ""),
        numbers=finding.evidence,
        finding=finding,
        opens=found.opens,
        closes=found.closes,
        look_again=None if over else found.missed_at,
        executions=(found.ended_by.id,) if found.ended_by else (),
    )


def _quiet(one: Expected) -> Decision:
    facts, due = one.facts, one.ledger.due
    last = one.fills.latest(facts.seen_until)
    if due is not None:
        reason = f"the slot of {one.said(due.slot.at)} may be filled until {one.said(due.slot.due)}"
        return Decision(
            CONDITION,
            (one.job_id,),
            State.WAITING,
            reason,
            numbers={"slot": due.slot.at.isoformat(), "due": due.slot.due.isoformat()},
            opens=due.opens,
            look_again=due.opens,
        )
    state, reason = _standing(one, last)
    following = one.next
    if following is None:
        return Decision(CONDITION, (one.job_id,), state, f"{reason}; no more slots")
    return Decision(
        CONDITION,
        (one.job_id,),
        state,
        f"{reason}; next slot {one.said(following.at)}",
        numbers={"next_slot": following.at.isoformat()},
        look_again=following.at + start_tolerance(following, one.job) + one.policy.absence_lag,
    )


def _standing(one: Expected, last: Filled | None) -> tuple[State, str]:
    if last is None:
        return State.CLEAR, "no slot has come yet"
    slot = f"the slot of {one.said(last.at)}"
    if last.run is not None:
        return State.CLEAR, f"{slot} was filled by run {last.run.id}"
    during = one.ledger.presence.under_way(last.at)
    if during is not None:
        return State.CLEAR, f"at {slot} run {during.id} was still under way"
    since = last.slot.first_reading - early_tolerance(last.slot, one.job)
    if not any(known.start <= since and last.due <= known.end for known in one.facts.known(one.job_id)):
        return State.UNKNOWN, f"not all of the time around {slot} was read"
    return State.CLEAR, f"{slot} is empty, and that is told or made up for"


def _finding(one: Expected, found: Late) -> Finding:
    slot, facts = found.slot, one.facts
    tolerance = start_tolerance(slot.slot, one.job)
    return Finding(
        source=facts.instance,
        condition=CONDITION,
        labels=one.labels,
        severity=one.severity(CONDITION, Severity.WARNING),
        since=slot.at,
        occurrences=(occurrence(slot),),
        cause="not started",
        name=called(one.job_id, one.job),
        place=facts.instance,
        summary=f"The run due at {one.said(slot.at)} had not started {span(slot.due - slot.at)} later.",
        facts=said(
            ("Impact", one.job.impact),
            ("Expected", f"{one.said(slot.at)}, at most {span(tolerance)} later"),
            ("Schedule", one.schedule),
            ("Last run", one.ended(one.ledger.presence.last_before(found.opens))),
            ("Owner", one.job.owner),
            ("Runbook", one.job.runbook),
        ),
        evidence={
            "slot": slot.at.isoformat(),
            "due": slot.due.isoformat(),
            "start_tolerance_seconds": tolerance.total_seconds(),
            "schedule_source": one.fills.timetable.source.value,
        },
        ends_at=found.closes,
        resolution=_resolution(one, found) if found.closes is not None else "",
        quiet=one.quiet(found.opens),
        ends_by=EndsBy.FACT,
    )


def _resolution(one: Expected, found: Late) -> str:
    if found.ended_by is not None:
        return f"run {found.ended_by.id} was started {started(found.ended_by, one.policy, one.facts)}"
    return "the schedule was found moved: see moved" if found.moved else "its time was over: see missed"
