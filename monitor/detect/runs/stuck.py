"""`stuck`: a run is active and nothing of it moves, or it waits to be started for too long.

Nothing new means: no step began or ended for `stuck_after`, counted from the last one, or from the start
where a run shows none. A run that has ended was stuck for as long as its steps show; the platform's own time
of the last change says something only while a run is active, because the end overwrites it. Each run is
judged by itself: newer ones that come and go do not hide it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from alerts.model import EndsBy, Json, Severity
from monitor.detect.model import Decision, Facts, State
from monitor.detect.runs.slow import limit_of
from monitor.detect.runs.stretches import Stretch, Together, next_to_open, together
from monitor.detect.runs.telling import Trouble, decided, look, named, the_run
from monitor.detect.subject import Stay, Subject, subjects
from monitor.detect.words import moment, span
from monitor.model import Execution
from monitor.policy import Policy

CONDITION = "stuck"
AT_LEAST = timedelta(minutes=60)
SLOW_LIMITS = 3
UNMEASURED = timedelta(hours=12)
"""While nobody knows how long the job takes."""


def stuck(facts: Facts, policy: Policy) -> Iterator[Decision]:
    for subject in subjects(facts, policy):
        idle, pending = list(_idle(subject)), list(_pending(subject))
        stretches = [*idle, *pending]
        waiting = next_to_open(stretches, facts.seen_until)
        is_holding = False
        for trouble in together(stretches, facts.seen_until):
            is_holding = is_holding or trouble.closes is None
            if trouble.closes is None or facts.is_news(trouble.closes, trouble.runs):
                again = waiting.opens if waiting else None
                yield decided(subject, _trouble(subject, trouble), look_again=again)
        if not is_holding:
            yield _nothing(subject) if waiting is None else _waiting(subject, waiting)


def _idle(subject: Subject) -> Iterator[Stretch]:
    shortest = subject.job.stuck_after or AT_LEAST
    for stay in subject.stays:
        if stay.end is not None and stay.end - stay.start <= shortest:
            continue
        limit, number = _limit(subject, stay), 0
        for since, until in _gaps(stay):
            if until is None or since + limit.limit < until:
                number += 1
                yield replace(limit, since=since, closes=until, number=number)


def _limit(subject: Subject, stay: Stay) -> Stretch:
    """The stretch it would be if nothing ever moved."""
    start, end, run = stay
    limit, limits = limit_of(subject, stay)
    own = subject.job.stuck_after
    if own is None:
        own = UNMEASURED if limit is None else max(AT_LEAST, SLOW_LIMITS * limit)
    return Stretch(run, start, own, end, limits)


def _gaps(stay: Stay) -> Iterator[tuple[datetime, datetime | None]]:
    """When nothing moved: up to None for the time since the last move of a run that is active."""
    start, end, run = stay
    moves = {at for step in run.steps or () for at in (step.start_time, step.end_time) if at is not None}
    last = start
    for at in sorted(at for at in moves if start < at and (end is None or at < end)):
        yield last, at
        last = at
    if end is None and run.last_modified is not None:
        # Only the newest change is known: whether nothing changed before it, nobody can say.
        last = max(last, run.last_modified)
    yield last, end


def _pending(subject: Subject) -> Iterator[Stretch]:
    limit = subject.job.pending_after
    for run in subject.runs:
        since = _created(run)
        if since is None:
            continue
        if run.is_pending:
            yield Stretch(run, since, limit, None, is_pending=True)
            continue
        until = run.start_time or (run.ended if run.is_final else None)
        if until is not None and until - since > limit:
            yield Stretch(run, since, limit, until, is_pending=True)


def _created(run: Execution) -> datetime | None:
    """Since when it waited for its first start. A later attempt may have been created with the first one."""
    if run.is_restart or run.current_retry_attempt:
        return run.last_modified or run.first_seen if run.is_pending else None
    if run.is_pending:
        return run.creation_date or run.start_time or run.last_modified or run.first_seen
    return run.creation_date


def _waiting(subject: Subject, stretch: Stretch) -> Decision:
    opens = moment(stretch.opens, subject.facts.seen_until)
    reason = f"{_doing(subject, stretch)}, stuck from {opens} on if nothing moves"
    numbers, runs = _numbers(stretch), [stretch.run]
    return look(subject, CONDITION, State.WAITING, reason, numbers=numbers, opens=stretch.opens, runs=runs)


def _nothing(subject: Subject) -> Decision:
    active = tuple(run for run in subject.runs if not run.is_final)
    if not active:
        return look(subject, CONDITION, State.CLEAR, "no run is active")
    reason = f"{named(active)} not final, but it has ended or nobody knows since when it is there"
    return look(subject, CONDITION, State.UNKNOWN, reason, runs=active)


def _trouble(subject: Subject, trouble: Together) -> Trouble:
    worst, closes, seen_until = trouble.open[0], trouble.closes, subject.facts.seen_until
    doing = _doing(subject, worst)
    more = len(trouble.open) - 1
    end = ""
    if closes is not None:
        goes_on = worst.run.ended is None or closes < worst.run.ended
        word = ("started" if worst.is_pending else "moved again") if goes_on else "ended"
        end = f"run {worst.run.id} {word} at {moment(closes, seen_until)}"
    summary = f"{the_run(subject, worst.run)}{doing.removeprefix(f'run {worst.run.id}')}."
    return Trouble(
        condition=CONDITION,
        severity=min((_severity(subject, one) for one in trouble.stretches), key=lambda one: one.rank),
        runs=trouble.runs,
        opens=trouble.opens,
        closes=closes,
        cause="pending" if worst.is_pending else "nothing moves",
        summary=summary,
        reason=doing,
        resolution=end,
        lines=(
            ("Limit", span(worst.limit)),
            ("Others", f"{more} more stuck with it" if more else ""),
        ),
        numbers=_numbers(worst),
        occurrences=tuple(one.occurrence for one in trouble.stretches),
        # That an active run moved may be all that is known of the end.
        ends_by=EndsBy.ABSENCE,
    )


def _doing(subject: Subject, stretch: Stretch) -> str:
    since, run = moment(stretch.since, subject.facts.seen_until), stretch.run
    if stretch.is_pending:
        return f"run {run.id} waited since {since} to be started"
    if stretch.since == run.start_time:
        return f"run {run.id} started at {since}, and no step of it began or ended"
    return f"run {run.id} did nothing new since {since}"


def _severity(subject: Subject, stretch: Stretch) -> Severity:
    """What is measured by nothing but time is said less loudly."""
    known = subject.job.stuck_after or subject.job.max_duration or stretch.limits or stretch.is_pending
    return Severity.CRITICAL if known else Severity.WARNING


def _numbers(stretch: Stretch) -> dict[str, Json]:
    return {"limit_seconds": stretch.limit.total_seconds(), "since": stretch.since.isoformat()}
