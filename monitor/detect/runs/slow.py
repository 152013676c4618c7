"""`slow`: a run takes longer than its limit: told while it runs, at start + limit.

The limit is the job's `max_duration`, else the upper limit of what was known before the run began. A run
that ended over its limit without having been seen is told once, as over. An attempt that a retry took over
later was as slow as any other while it ran.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from alerts.model import Json, Severity
from monitor.detect.baseline import Limits
from monitor.detect.model import Decision, Facts, State
from monitor.detect.runs.stretches import Stretch, Together, next_to_open, together
from monitor.detect.runs.telling import Trouble, decided, look, needed, of_usual, the_run
from monitor.detect.subject import Stay, Subject, subjects
from monitor.detect.words import moment, span
from monitor.policy import Policy

CONDITION = "slow"


def slow(facts: Facts, policy: Policy) -> Iterator[Decision]:
    for subject in subjects(facts, policy):
        stretches = list(_stretches(subject))
        waiting = next_to_open(stretches, facts.seen_until)
        is_holding = False
        for trouble in together(stretches, facts.seen_until):
            is_holding = is_holding or trouble.closes is None
            if trouble.closes is None or facts.is_news(trouble.closes, trouble.runs):
                again = waiting.opens if waiting else None
                yield decided(subject, _trouble(subject, trouble), look_again=again)
        if not is_holding:
            yield _nothing(subject) if waiting is None else _waiting(subject, waiting)


def limit_of(subject: Subject, stay: Stay) -> tuple[timedelta | None, Limits | None]:
    """None without `max_duration` and while fewer than five runs were known. Asked in order of start."""
    limits = subject.ruler.at(stay.start).limits
    if subject.job.max_duration is not None:
        return subject.job.max_duration, limits
    return (None, None) if limits is None else (timedelta(seconds=limits.upper), limits)


def _stretches(subject: Subject) -> Iterator[Stretch]:
    most, ruler = subject.job.max_duration, subject.ruler
    for stay in subject.stays:
        start, end, run = stay
        if end is not None:
            took = end - start
            if took <= most if most is not None else ruler.at(start).is_surely_within(took.total_seconds()):
                continue
        limit, limits = limit_of(subject, stay)
        if limit is not None and (end is None or start + limit < end):
            yield Stretch(run, start, limit, end, limits)


def _waiting(subject: Subject, stretch: Stretch) -> Decision:
    opens = moment(stretch.opens, subject.facts.seen_until)
    reason = f"run {stretch.run.id} is running, slow from {opens} on ({_why(stretch)})"
    runs = [stretch.run]
    return look(
        subject, CONDITION, State.WAITING, reason, numbers=_numbers(stretch), opens=stretch.opens, runs=runs
    )


def _nothing(subject: Subject) -> Decision:
    if not subject.stays:
        return look(subject, CONDITION, State.UNKNOWN, "no run known that started")
    stay = subject.stays[-1]
    limit, limits = limit_of(subject, stay)
    run, end = stay.run, stay.end
    reason = f"run {run.id} {'is running' if end is None else f'took {span(end - stay.start)}'}"
    if limit is None:
        reason = f"{reason}, {needed(subject.ruler.at(stay.start))}"
        return look(subject, CONDITION, State.UNKNOWN, reason, runs=[run])
    stretch = Stretch(run, stay.start, limit, end, limits)
    if end is not None and stretch.opens < end:
        reason = f"no run is active; {reason}"
    reason = f"{reason}, {_why(stretch)}"
    return look(subject, CONDITION, State.CLEAR, reason, numbers=_numbers(stretch), runs=[run])


def _trouble(subject: Subject, trouble: Together) -> Trouble:
    worst, seen_until, closes = trouble.open[0], subject.facts.seen_until, trouble.closes
    began = moment(worst.since, seen_until)
    reason = f"run {worst.run.id} has been running since {began}, {_why(worst)}"
    end, summary = "", f"{the_run(subject, worst.run)} has been running since {began}, {_why(worst)}."
    if closes is not None:
        took = span(closes - worst.since)
        reason = f"run {worst.run.id} took {took}, {_why(worst)}"
        summary = f"{the_run(subject, worst.run)} took {took}, {_why(worst)}."
        end = f"run {worst.run.id} ended after {took} at {moment(closes, seen_until)}"
    more = len(trouble.runs) - 1
    return Trouble(
        condition=CONDITION,
        severity=Severity.WARNING,
        runs=trouble.runs,
        opens=trouble.opens,
        closes=closes,
        cause="over its limit",
        summary=summary,
        reason=reason,
        resolution=end,
        lines=(("Limit", _why(worst)), ("Others", f"{more} more too long with it" if more else "")),
        numbers=_numbers(worst),
        occurrences=tuple(one.occurrence for one in trouble.stretches),
    )


def _why(stretch: Stretch) -> str:
    usual = f" ({of_usual(stretch.limits)})" if stretch.limits is not None else ""
    return f"at most {span(stretch.limit)} expected{usual}"


def _numbers(stretch: Stretch) -> dict[str, Json]:
    limits = stretch.limits
    return {
        "limit_seconds": round(stretch.limit.total_seconds(), 3),
        "usual_seconds": None if limits is None else round(limits.usual, 3),
    }
