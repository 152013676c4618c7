"""`moved`: runs in a row are off by the same time: somebody changed the schedule.

One question in place of `late`, `missed` and `unexpected`, from the second such run on. Where several jobs
of an instance are off alike, a clock or a time zone was changed: that is one finding for the instance, and
which jobs it is about follows from all jobs with slots, so a look needs all that are off (`astray`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from alerts.model import EndsBy, Finding, Json, Severity
from monitor.detect.absence.slots import Move
from monitor.detect.absence.subject import Expected, expected
from monitor.detect.model import Decision, Facts, State
from monitor.detect.severity import lowered
from monitor.detect.streak import END_OF_TIME
from monitor.detect.words import called, said, span
from monitor.model import Execution
from monitor.policy import Policy

CONDITION = "moved"
MANY = 3
"""So many jobs that are off alike are told as one."""

ALIKE = timedelta(minutes=5)
LISTED = 10


def moved(facts: Facts, policy: Policy) -> Iterator[Decision]:
    jobs = [*expected(facts, policy)]
    judged = [one for one in jobs if one.unjudged is None]
    together = [*_together(judged)]
    shift_of = {id(move): shift for shift in together for _, move in shift.moves}
    for one in jobs:
        if one.unjudged is not None:
            yield one.decision(CONDITION, *one.unjudged)
        else:
            yield from _of_job(one, shift_of)
    for shift in together:
        if shift.closes is None or facts.is_news(shift.closes, shift.runs):
            yield _of_instance(shift, facts.with_slots or len(judged), facts, policy)


def astray(facts: Facts, policy: Policy) -> frozenset[str]:
    """Jobs that are off by now; a look that has one of them needs all of them."""
    return frozenset(
        one.job_id
        for one in expected(facts, policy)
        if one.unjudged is None and any(move.closes is None for move in one.fills.moves)
    )


@dataclass(frozen=True, slots=True)
class _Shift:
    """Jobs of one instance that are off alike, from the moment at which there are enough of them."""

    moves: tuple[tuple[Expected, Move], ...]
    opens: datetime
    closes: datetime | None

    @property
    def offset(self) -> timedelta:
        return _rounded(self.moves[0][1].offset)

    @property
    def runs(self) -> Iterator[Execution]:
        for _, move in self.moves:
            yield from _runs(move)


def _together(jobs: Iterable[Expected]) -> Iterator[_Shift]:
    alike: defaultdict[timedelta, list[tuple[Expected, Move]]] = defaultdict(list)
    for one in jobs:
        for move in one.fills.moves:
            alike[_rounded(move.offset)].append((one, move))
    for moves in alike.values():
        yield from _shifts(sorted(moves, key=lambda item: (item[1].opens, item[0].job_id)))


def _shifts(moves: Sequence[tuple[Expected, Move]]) -> Iterator[_Shift]:
    """moves: off alike, in the order in which they opened."""
    going: list[tuple[Expected, Move]] = []
    opens: datetime | None = None
    last = END_OF_TIME  # of all that go on, the last to close
    for one, move in moves:
        if opens is not None and last <= move.opens:
            yield _Shift(tuple(going), opens, last)
            going, opens = [], None
        if opens is None:
            going = [other for other in going if (other[1].closes or END_OF_TIME) > move.opens]
        going.append((one, move))
        last = _closes(going) if opens is None else max(last, move.closes or END_OF_TIME)
        if opens is None and len({other.job_id for other, _ in going}) >= MANY:
            opens = move.opens
    if opens is not None:
        end = _closes(going)
        yield _Shift(tuple(going), opens, None if end == END_OF_TIME else end)


def _closes(moves: Iterable[tuple[Expected, Move]]) -> datetime:
    return max(move.closes or END_OF_TIME for _, move in moves)


def _of_job(one: Expected, shift_of: Mapping[int, _Shift]) -> Iterator[Decision]:
    """shift_of: by the move itself, which shift of the instance it is part of."""
    holds = False
    reason = "runs meet their slots" if one.fills.starts else "the schedule started no run that is known"
    for move in one.fills.moves:
        shift = shift_of.get(id(move))
        if shift is not None:
            reason = f"off by {_signed(shift.offset)} as other jobs are: told once for the instance"
            if shift.opens <= move.opens:
                continue
            move = replace(move, closes=min(shift.opens, move.closes or shift.opens), ended_by=None)  # noqa: PLW2901 - the same move, as far as it is told of the job itself
        if move.closes is None or one.facts.is_news(move.closes, _runs(move)):
            holds = holds or move.closes is None
            yield _decision(one, move)
    if not holds:
        yield one.decision(CONDITION, State.CLEAR, reason)


def _decision(one: Expected, move: Move) -> Decision:
    by = move.ended_by
    finding = Finding(
        source=one.facts.instance,
        condition=CONDITION,
        labels=one.labels,
        severity=one.severity(CONDITION, Severity.INFO),
        since=move.starts[0].at,
        occurrences=tuple(start.run.id for start in move.starts[:2]),
        cause=_signed(_rounded(move.offset)),
        name=called(one.job_id, one.job),
        place=one.facts.instance,
        summary=f"Runs start {_signed(move.offset)} than the schedule here says: was it changed?",
        facts=said(
            ("Expected", one.schedule),
            ("Started", f"{one.said(move.starts[0].at)} and {one.said(move.starts[1].at)}"),
            ("To accept it", f"sfcc-job-monitor schedule accept {one.job_id}"),
            ("Owner", one.job.owner),
        ),
        evidence={
            "offset_seconds": round(move.offset.total_seconds()),
            "executions": [start.run.id for start in move.starts[:2]],
        },
        ends_at=move.closes,
        resolution=_resolution(one, move),
        quiet="first_read" if all(start.run.backfilled for start in move.starts) else None,
        ends_by=EndsBy.FACT,
    )
    return Decision(
        CONDITION,
        (one.job_id,),
        State.HOLDS if move.closes is None else State.OVER,
        finding.summary + (f" Then {finding.resolution}." if finding.resolution else ""),
        numbers=finding.evidence,
        finding=finding,
        opens=move.opens,
        closes=move.closes,
        executions=tuple(run.id for run in (*_runs(move)[:2], *((by.run,) if by else ()))),
    )


def _resolution(one: Expected, move: Move) -> str:
    if move.closes is None:
        return ""
    if move.ended_by is None:
        return "other jobs are off alike: told once for the instance"
    did = "met its slot" if move.ended_by.met else "was off by another time"
    return f"run {move.ended_by.run.id} {did} at {one.said(move.ended_by.at)}"


def _of_instance(shift: _Shift, of: int, facts: Facts, policy: Policy) -> Decision:
    names = list(dict.fromkeys(one.job_id for one, _ in shift.moves))
    since = min(move.starts[0].at for _, move in shift.moves)
    evidence: Mapping[str, Json] = {"offset_seconds": round(shift.offset.total_seconds()), "jobs": names}
    listed = ", ".join(names[:LISTED]) + (f" and {len(names) - LISTED} more" if len(names) > LISTED else "")
    one = shift.moves[0][0]
    quiet = all(start.run.backfilled for _, move in shift.moves for start in move.starts)
    finding = Finding(
        source=facts.instance,
        condition=CONDITION,
        labels={"sfcc_instance": facts.instance},
        severity=lowered(Severity.INFO, policy.severity_offset),
        since=since,
        occurrences=tuple(f"{other.job_id}/{move.starts[0].run.id}" for other, move in shift.moves),
        cause=_signed(shift.offset),
        name=facts.instance,
        place=facts.instance,
        summary=f"{len(names)} of {of} jobs start {_signed(shift.offset)} since {one.said(since)}.",
        facts=said(
            ("Jobs", listed),
            ("Look at", "the instance's time zone, and `timezone` in the settings here"),
        ),
        evidence=evidence,
        ends_at=shift.closes,
        resolution="they meet their slots again" if shift.closes else "",
        quiet="first_read" if quiet else None,
        ends_by=EndsBy.FACT,
    )
    return Decision(
        CONDITION,
        (),
        State.OVER if shift.closes else State.HOLDS,
        finding.summary,
        numbers=evidence,
        finding=finding,
        opens=shift.opens,
        closes=shift.closes,
    )


def _runs(move: Move) -> list[Execution]:
    starts = (*move.starts, *((move.ended_by,) if move.ended_by else ()))
    return [start.run for start in starts]


def _rounded(offset: timedelta) -> timedelta:
    return round(offset / ALIKE) * ALIKE


def _signed(offset: timedelta) -> str:
    return f"{span(abs(offset))} {'later' if offset > timedelta() else 'earlier'}"
