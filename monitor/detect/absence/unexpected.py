"""`unexpected`: the schedule started a run when none was due, and it filled no slot that was still empty.

One odd start is told here; two in a row that are off by the same time are `moved`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from alerts.model import EndsBy, Finding, Severity
from monitor.detect.absence.slots import Fills, Start
from monitor.detect.absence.subject import Expected, expected
from monitor.detect.model import Decision, Facts, State
from monitor.detect.words import called, said, span
from monitor.policy import Policy

CONDITION = "unexpected"


def unexpected(facts: Facts, policy: Policy) -> Iterator[Decision]:
    for one in expected(facts, policy):
        if one.unjudged is not None:
            yield one.decision(CONDITION, *one.unjudged)
            continue
        holds = False
        for odd in _odd(one.fills):
            holds = odd.closes is None
            runs = [start.run for start in (*odd.starts, odd.met) if start is not None]
            if holds or facts.is_news(odd.closes, runs):
                yield _decision(one, odd)
        if not holds:
            yield _quiet(one)


@dataclass(frozen=True, slots=True)
class _Odd:
    """Starts in a row that fit nowhere. met: the one that ended it; None where it was found moved."""

    starts: tuple[Start, ...]
    closes: datetime | None = None
    met: Start | None = None


def _odd(fills: Fills) -> Iterator[_Odd]:
    current: list[Start] = []
    moves = {move.opens for move in fills.moves}
    for start in fills.starts:
        if start.at in moves and current:
            yield _Odd(tuple(current), closes=start.at)
            current = []
        if start.met and current:
            yield _Odd(tuple(current), closes=start.at, met=start)
            current = []
        if not start.met and start.fills is None and not start.moved:
            current.append(start)
    if current:
        yield _Odd(tuple(current))


def _decision(one: Expected, odd: _Odd) -> Decision:
    finding = _finding(one, odd)
    over = odd.closes is not None
    if over:
        finding = replace(finding, ends_at=odd.closes, resolution=_resolution(one, odd))
    return Decision(
        CONDITION,
        (one.job_id,),
        State.OVER if over else State.HOLDS,
        finding.summary + (f" Then {finding.resolution}." if over else ""),
        numbers=finding.evidence,
        finding=finding,
        opens=odd.starts[0].at,
        closes=odd.closes,
        executions=tuple(start.run.id for start in odd.starts),
    )


def _quiet(one: Expected) -> Decision:
    last = one.fills.starts[-1] if one.fills.starts else None
    if last is None:
        return one.decision(CONDITION, State.CLEAR, "the schedule started no run that is known")
    said_so = (
        "met a slot" if last.met else "filled a slot late" if last.fills else "belongs to a moved schedule"
    )
    return one.decision(CONDITION, State.CLEAR, f"the last start, run {last.run.id}, {said_so}")


def _finding(one: Expected, odd: _Odd) -> Finding:
    newest, count = odd.starts[-1], len(odd.starts)
    more = f", as {count - 1} before it" if count > 1 else ""
    return Finding(
        source=one.facts.instance,
        condition=CONDITION,
        labels=one.labels,
        severity=one.severity(CONDITION, Severity.INFO),
        since=odd.starts[0].at,
        occurrences=tuple(start.run.id for start in odd.starts),
        cause="outside its slots",
        name=called(one.job_id, one.job),
        place=one.facts.instance,
        summary=f"The schedule started run {newest.run.id} at {one.said(newest.at)}, none was due{more}.",
        facts=said(
            ("Started", one.said(newest.at)),
            ("Nearest slot", _nearest(one, newest)),
            ("Schedule", one.schedule),
            ("Owner", one.job.owner),
        ),
        evidence={
            "executions": [start.run.id for start in odd.starts],
            "nearest_slot": newest.nearest.isoformat() if newest.nearest else None,
            "offset_seconds": newest.offset.total_seconds(),
        },
        quiet="first_read" if all(start.run.backfilled for start in odd.starts) else None,
        ends_by=EndsBy.FACT,
    )


def _nearest(one: Expected, start: Start) -> str:
    if start.nearest is None:
        return ""
    side = "after" if start.at > start.nearest else "before"
    return f"{one.said(start.nearest)}; it started {span(abs(start.offset))} {side} that"


def _resolution(one: Expected, odd: _Odd) -> str:
    if odd.met is None:
        return "the schedule was found moved: see moved"
    return f"run {odd.met.run.id} met its slot at {one.said(odd.met.at)}"
