"""`degraded`: a run ended ok although a step failed, or with a code that means a warning.

Opens and closes when a run ends. A run that failed does neither: that is `failed`'s to tell, and it says
nothing about the warnings. What a series does by habit opens nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alerts.model import Severity
from monitor.detect.classify import cause, exit_code, failed_step, message
from monitor.detect.model import Decision, Facts, State
from monitor.detect.runs.spells import Spell, Spells
from monitor.detect.runs.telling import Trouble, count, decided, ids, look, named, the_run
from monitor.detect.subject import GOOD, Subject, subjects
from monitor.detect.words import OUTCOME_WORDS, moment, one_line
from monitor.model import Execution, Outcome
from monitor.policy import Policy

CONDITION = "degraded"


def degraded(facts: Facts, policy: Policy) -> Iterator[Decision]:
    for subject in subjects(facts, policy):
        spells = Spells(is_cut=subject.is_cut)
        for run, how in subject.final:
            if how is Outcome.OK:
                spells.good(run)
            elif how is Outcome.DEGRADED:
                spells.bad(run)
            else:
                spells.other()
        for spell in spells.over:
            if spell.ended_by is not None and facts.is_news(
                spell.ended_by.ended, (*spell.bad, spell.ended_by)
            ):
                yield decided(subject, _trouble(subject, spell))
        current = spells.current
        yield decided(subject, _trouble(subject, current)) if current else _nothing(subject, spells)


def _nothing(subject: Subject, spells: Spells) -> Decision:
    last = next(((run, how) for run, how in reversed(subject.final) if how in GOOD), None)
    if last is None:
        return look(subject, CONDITION, State.UNKNOWN, "no run known that ended ok")
    run, how = last
    reason = f"the last run that did not fail ended {OUTCOME_WORDS[how]} (run {run.id})"
    if run is subject.final[-1][0]:
        reason = f"last run {OUTCOME_WORDS[how]} (run {run.id})"
    if how is Outcome.DEGRADED:
        habit = f"{reason}, as {spells.habit} did: a habit"
        return look(
            subject, CONDITION, State.CLEAR, habit, numbers={"of_last": spells.habit.count}, runs=[run]
        )
    if run.steps is None:
        return look(subject, CONDITION, State.UNKNOWN, f"{reason}, steps unknown", runs=[run])
    return look(subject, CONDITION, State.CLEAR, reason, runs=[run])


def _trouble(subject: Subject, spell: Spell) -> Trouble:
    newest, codes, ended = spell.bad[-1], _codes(subject), spell.ended_by
    return Trouble(
        condition=CONDITION,
        severity=Severity.WARNING,
        runs=spell.bad,
        news=spell.news,
        opens=subject.end(spell.bad[0]),
        closes=None if ended is None else subject.end(ended),
        cause=cause(newest, codes),
        causes=tuple(dict.fromkeys(cause(run, codes) for run in spell.bad)),
        summary=f"{the_run(subject, newest)} ended ok, but {_what(newest, codes)}.",
        reason=f"{count(spell.bad)} ended ok with warnings ({named(spell.bad)})",
        resolution=_end(subject, ended),
        lines=(("Since", _since(subject, spell)), _detail(newest, codes)),
        numbers={"ended_by": list(ids([ended] if ended else []))},
        log=newest,
    )


def _codes(subject: Subject) -> tuple[str, ...]:
    """Those by which a step of a run that ended ok is told from the others."""
    return (*subject.job.failure_codes, *subject.job.warn_codes)


def _what(run: Execution, codes: Sequence[str]) -> str:
    step = failed_step(run, codes)
    where = f"step {step.step_id} ended with" if step else "with"
    return f"{where} {exit_code(step or run) or 'an error'}"


def _detail(run: Execution, codes: Sequence[str]) -> tuple[str, str]:
    step = failed_step(run, codes)
    parts = (step.step_id if step else "", exit_code(step or run), one_line(message(run, step)))
    return ("Step" if step else "Warning", ": ".join(part for part in parts if part))


def _since(subject: Subject, spell: Spell) -> str:
    since = moment(subject.end(spell.bad[0]), subject.facts.seen_until)
    return since if len(spell.bad) == 1 else f"{since}, {len(spell.bad)} runs"


def _end(subject: Subject, run: Execution | None) -> str:
    return (
        ""
        if run is None
        else f"run {run.id} ended ok at {moment(subject.end(run), subject.facts.seen_until)}"
    )
