"""`missed`: a slot stayed empty until the next one came, or for a day. One finding for each gap.

A gap is told with its cause where that can be seen. It ends when a run of the job that began in it ends
well, whoever started it, or when a later slot is filled. A run that was under way all along made up for
nothing, and so ends nothing either.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from alerts.model import EndsBy, Finding, Json, Severity
from monitor.detect.absence.ledger import Cause, Gap
from monitor.detect.absence.subject import Expected, expected, occurrence
from monitor.detect.classify import trigger
from monitor.detect.model import Decision, Facts, Rung, State
from monitor.detect.words import called, said, span, times
from monitor.model import Trigger
from monitor.policy import Policy

CONDITION = "missed"
REPEATS = 3
"""So many slots of a gap are told; after that the schedule is probably switched off."""

SWALLOWED_WARNING = 3
"""So many slots in a row that a run of the job swallowed are more than a run that took long."""


def missed(facts: Facts, policy: Policy) -> Iterator[Decision]:
    for one in expected(facts, policy):
        if one.unjudged is not None:
            yield one.decision(CONDITION, *one.unjudged)
            continue
        holding = None
        for gap in one.ledger.gaps:
            if not _is_over(gap, facts):
                holding = gap
            elif facts.is_news(gap.closes, [gap.ended_by] if gap.ended_by else ()):
                yield _decision(one, gap)
        yield _decision(one, holding) if holding is not None else _quiet(one)


def _is_over(gap: Gap, facts: Facts) -> bool:
    return gap.closes is not None and gap.closes <= facts.seen_until


def _decision(one: Expected, gap: Gap) -> Decision:
    over = _is_over(gap, one.facts)
    finding = _finding(one, gap, over=over)
    return Decision(
        CONDITION,
        (one.job_id,),
        State.OVER if over else State.HOLDS,
        finding.summary + (f" Then {finding.resolution}." if over else ""),
        numbers=finding.evidence,
        finding=finding,
        opens=gap.opens,
        closes=gap.closes if over else None,
        look_again=None if over else gap.closes or one.look_again,
        executions=(gap.ended_by.id,) if gap.ended_by and over else (),
        ladder=_ladder(one, gap),
    )


def _ladder(one: Expected, gap: Gap) -> tuple[Rung, ...]:
    """What was said of it as its slots went by, as far as that grew worse."""
    worst = one.severity(CONDITION, _loudness(gap))
    found: list[Rung] = []
    for number, empty in enumerate(gap.empty, start=1):
        then = replace(gap, empty=gap.empty[:number])
        severity = one.severity(CONDITION, _loudness(then))
        is_worst = severity is worst
        if not found or severity is not found[-1].severity:
            found.append(Rung(empty.known, severity, _summary(one, gap if is_worst else then)))
        if is_worst:
            break
    return tuple(found) if len(found) > 1 else ()


def _quiet(one: Expected) -> Decision:
    undecided = one.ledger.undecided
    if undecided is not None:
        reason = (
            f"the slot of {one.said(undecided.slot.at)} is empty, and missed from {one.said(undecided.over)}"
        )
        return Decision(
            CONDITION,
            (one.job_id,),
            State.WAITING,
            reason,
            numbers={"slot": undecided.slot.at.isoformat(), "missed_from": undecided.over.isoformat()},
            opens=undecided.known,
            look_again=undecided.known,
        )
    last = one.fills.latest(one.facts.seen_until)
    following = one.next
    parts = (
        f"slot of {one.said(last.at)} filled by run {last.run.id}" if last and last.run else "no slot missed",
        f"next slot {one.said(following.at)}" if following else "no more slots",
    )
    return Decision(
        CONDITION,
        (one.job_id,),
        State.CLEAR,
        "; ".join(parts),
        numbers={"next_slot": following.at.isoformat() if following else None},
        look_again=one.look_again,
    )


def _finding(one: Expected, gap: Gap, *, over: bool) -> Finding:
    told = gap.empty[:REPEATS]
    before = gap.before
    return Finding(
        source=one.facts.instance,
        condition=CONDITION,
        labels=one.labels,
        severity=one.severity(CONDITION, _loudness(gap)),
        since=gap.empty[0].slot.at,
        occurrences=tuple(occurrence(empty.slot) for empty in told),
        cause=gap.cause.value,
        name=called(one.job_id, one.job),
        place=one.facts.instance,
        summary=_summary(one, gap),
        facts=said(
            ("Impact", one.job.impact),
            ("Missed", _listed(one, gap)),
            ("Cause", _cause(one, gap)),
            ("Schedule", one.schedule),
            ("Last run", one.ended(before) or "none known before"),
            ("Owner", one.job.owner),
            ("Runbook", one.job.runbook),
        ),
        evidence=_evidence(one, gap),
        ends_at=gap.ended_at if over else None,
        resolution=_resolution(one, gap) if over else "",
        quiet=one.quiet(told[-1].known),
        ends_by=EndsBy.FACT,
    )


def _loudness(gap: Gap) -> Severity:
    if gap.cause is not Cause.SWALLOWED:
        return Severity.CRITICAL
    return Severity.INFO if len(gap.empty) < SWALLOWED_WARNING else Severity.WARNING


def _summary(one: Expected, gap: Gap) -> str:
    first, count = gap.empty[0], len(gap.empty)
    what = f"The run due at {one.said(first.slot.at)} did not start"
    if count > 1:
        what = f"{count} runs in a row did not start since {one.said(first.slot.at)}"
    if gap.cause is Cause.SWALLOWED and first.during is not None:
        return f"{what}: run {first.during.id} was still under way."
    if gap.cause is Cause.DISABLED:
        return f"{what}; the last run failed, so the schedule is probably switched off (Stop On Error)."
    if gap.cause is Cause.BLOCKED:
        return f"{what}: the instance ran about as many jobs as it can."
    return f"{what}; switched off?" if count >= REPEATS else f"{what}."


def _listed(one: Expected, gap: Gap) -> str:
    named = ", ".join(one.said(empty.slot.at) for empty in gap.empty[:REPEATS])
    more = len(gap.empty) - REPEATS
    return f"{named} and {more} more" if more > 0 else named


def _cause(one: Expected, gap: Gap) -> str:
    runs = [(empty.slot.at, empty.during) for empty in gap.empty if empty.during is not None]
    if runs:
        at, run = runs[0]
        began = span(at - (run.began or at))
        return f"swallowed {times(len(runs))}: at {one.said(at)} run {run.id} had been under way for {began}"
    if gap.cause is Cause.DISABLED:
        return "probably switched off by Stop On Error"
    return "the instance was full" if gap.cause is Cause.BLOCKED else ""


def _evidence(one: Expected, gap: Gap) -> dict[str, Json]:
    return {
        "slots": len(gap.empty),
        "first_slot": gap.empty[0].slot.at.isoformat(),
        "last_slot": gap.empty[-1].slot.at.isoformat(),
        "cause": gap.cause.value,
        "executions": list(dict.fromkeys(empty.during.id for empty in gap.empty if empty.during)),
        "last_execution": gap.before.id if gap.before else None,
        "schedule_source": one.fills.timetable.source.value,
    }


def _resolution(one: Expected, gap: Gap) -> str:
    run = gap.ended_by
    if run is None:
        return "the schedule was found moved: see moved"
    who = trigger(run, one.policy)
    if who is Trigger.MANUAL:
        return f"made up by hand by {run.user_login}: run {run.id} ended {one.ended(run)}"
    if who is Trigger.API:
        return f"made up through the API by client {run.client_id}: run {run.id} ended {one.ended(run)}"
    return f"run {run.id} of the schedule started at {one.said(run.began or gap.opens)}"
