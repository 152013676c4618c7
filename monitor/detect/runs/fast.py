"""`fast`: a run ended ok far sooner than its series usually takes: green, but probably empty.

Measured by what was known before the run began. Of jobs that usually take less than a minute nothing is
concluded; a run that says itself that it had no data is told by `no_data`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from alerts.model import Severity
from monitor.detect.baseline import Limits, duration
from monitor.detect.model import Decision, Facts, State
from monitor.detect.runs.no_data import is_empty
from monitor.detect.runs.spells import Spell, Spells
from monitor.detect.runs.telling import Trouble, count, decided, ids, look, named, needed, of_usual, the_run
from monitor.detect.subject import GOOD, Subject, subjects
from monitor.detect.words import moment, span
from monitor.model import RunId
from monitor.policy import Policy

CONDITION = "fast"
SHORTEST_USUAL = timedelta(minutes=1)
"""A job that takes less is soon done in a fifth of it."""

TooFast = Mapping[RunId, Limits]
"""The runs below the limit that held before them."""


def fast(facts: Facts, policy: Policy) -> Iterator[Decision]:
    for subject in subjects(facts, policy):
        outside = _outside(subject)
        spells = _spells(subject, outside)
        for spell in spells.over:
            if spell.ended_by is not None and facts.is_news(
                spell.ended_by.ended, (*spell.bad, spell.ended_by)
            ):
                yield decided(subject, _trouble(subject, spell, outside))
        current = spells.current
        if current is None:
            yield _nothing(subject, spells, outside)
        else:
            yield decided(subject, _trouble(subject, current, outside))


def _outside(subject: Subject) -> TooFast:
    found: dict[RunId, Limits] = {}
    ruler = subject.ruler
    for start, _, run in subject.stays:
        took = duration(run)
        if took is None or not run.is_final:
            continue
        seconds, pace = took.total_seconds(), ruler.at(start)
        if pace.is_surely_within(seconds):
            continue
        limits = pace.limits
        if limits is not None and not _is_short(limits) and took < timedelta(seconds=limits.lower):
            found[run.run_id] = limits
    return found


def _is_short(limits: Limits) -> bool:
    """Compared in whole microseconds: the exponential of a logarithm of 60 is a little less."""
    return timedelta(seconds=limits.usual) < SHORTEST_USUAL


def _spells(subject: Subject, outside: TooFast) -> Spells:
    spells = Spells(is_cut=subject.is_cut)
    for run, how in subject.final:
        if how not in GOOD or is_empty(run, how, subject.job):
            spells.other()
        elif run.run_id in outside:
            spells.bad(run)
        else:
            spells.good(run)
    return spells


def _nothing(subject: Subject, spells: Spells, outside: TooFast) -> Decision:
    last = next((run for run, how in reversed(subject.final) if how in GOOD), None)
    if last is None:
        return look(subject, CONDITION, State.UNKNOWN, "no run known that ended ok")
    pace = subject.ruler.at(last.began or subject.facts.seen_until)
    took, limits = duration(last), pace.limits
    if took is None:
        return look(
            subject, CONDITION, State.UNKNOWN, f"nobody knows how long run {last.id} took", runs=[last]
        )
    reason = f"run {last.id} took {span(took)}"
    if limits is None:
        return look(subject, CONDITION, State.UNKNOWN, f"{reason}, {needed(pace)}", runs=[last])
    reason = f"{reason}, at least {span(timedelta(seconds=limits.lower))} expected ({of_usual(limits)})"
    if _is_short(limits):
        reason = f"{reason}; nothing is concluded of jobs that take less than a minute"
    elif last.run_id in outside:
        reason = f"{reason}, as fast as {spells.habit} were: a habit"
    numbers = {"lower_limit_seconds": round(limits.lower, 3), "usual_seconds": round(limits.usual, 3)}
    return look(subject, CONDITION, State.CLEAR, reason, numbers=numbers, runs=[last])


def _trouble(subject: Subject, spell: Spell, outside: TooFast) -> Trouble:
    newest, ended, seen_until = spell.bad[-1], spell.ended_by, subject.facts.seen_until
    limits = outside[newest.run_id]
    took, expected = span(duration(newest) or timedelta()), span(timedelta(seconds=limits.lower))
    end = ""
    if ended is not None:
        end = f"run {ended.id} took {span(duration(ended) or timedelta())}"
        end = f"{end} and ended at {moment(subject.end(ended), seen_until)}"
    return Trouble(
        condition=CONDITION,
        severity=Severity.WARNING,
        runs=spell.bad,
        news=spell.news,
        opens=subject.end(spell.bad[0]),
        closes=None if ended is None else subject.end(ended),
        cause="ended too soon",
        summary=f"{the_run(subject, newest)} ended ok after {took}, at least {expected} expected.",
        reason=f"{count(spell.bad)} ended too soon ({named(spell.bad)})",
        resolution=end,
        lines=(
            ("Since", moment(subject.end(spell.bad[0]), seen_until)),
            ("Duration", f"{took}; {of_usual(limits)}, at least {expected}"),
        ),
        numbers={
            "lower_limit_seconds": round(limits.lower, 3),
            "usual_seconds": round(limits.usual, 3),
            "ended_by": list(ids([ended] if ended else [])),
        },
    )
