"""`degraded`: a run ended ok although a step failed, with a code that means a warning, or its log has errors.

Opens and closes when a run ends; where errors in its log count, once they were counted. A run that failed
does neither: that is `failed`'s to tell, and it says nothing about the warnings. What a series does by habit
opens nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from alerts.model import Severity
from monitor.detect.classify import cause, exit_code, failed_step, message, outcome
from monitor.detect.model import Decision, Facts, State
from monitor.detect.runs.spells import Spell, Spells
from monitor.detect.runs.telling import Trouble, count, decided, ids, look, named, the_run
from monitor.detect.subject import GOOD, Subject, subjects
from monitor.detect.words import OUTCOME_WORDS, moment, one_line
from monitor.model import Execution, Outcome
from monitor.policy import Policy

CONDITION = "degraded"

COUNTED_WITHIN = timedelta(hours=6)
"""Of a run's end: so long somebody may yet count the errors in its log."""


def degraded(facts: Facts, policy: Policy) -> Iterator[Decision]:
    for subject in subjects(facts, policy):
        spells = Spells(is_cut=subject.is_cut)
        for run, how in subject.final:
            if how is Outcome.OK and not _is_awaited(subject, run):
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
    unknown = _unknown(subject, run)
    if unknown:
        return look(subject, CONDITION, State.UNKNOWN, f"{reason}, {unknown}", runs=[run])
    return look(subject, CONDITION, State.CLEAR, reason, runs=[run])


def _trouble(subject: Subject, spell: Spell) -> Trouble:
    newest, ended = spell.bad[-1], spell.ended_by
    return Trouble(
        condition=CONDITION,
        severity=Severity.WARNING,
        runs=spell.bad,
        news=spell.news,
        opens=subject.end(spell.bad[0]),
        closes=None if ended is None else subject.end(ended),
        cause=_cause(subject, newest),
        causes=tuple(dict.fromkeys(_cause(subject, run) for run in spell.bad)),
        summary=f"{the_run(subject, newest)} ended ok, but {_what(subject, newest)}.",
        reason=f"{count(spell.bad)} ended ok with warnings ({named(spell.bad)})",
        resolution=_end(subject, ended),
        lines=(("Since", _since(subject, spell)), _detail(subject, newest)),
        numbers={"ended_by": list(ids([ended] if ended else []))},
        log=newest,
    )


def _codes(subject: Subject) -> tuple[str, ...]:
    """Those by which a step of a run that ended ok is told from the others."""
    return (*subject.job.failure_codes, *subject.job.warn_codes)


def _is_awaited(subject: Subject, run: Execution) -> bool:
    """Whether its log may yet show that it did not end as well as it seems."""
    if subject.job.log_errors is None or run.logged is not None or run.backfilled:
        return False
    is_new = run.ended is not None and subject.facts.seen_until - run.ended < COUNTED_WITHIN
    return is_new and run.log_file_path is not None


def _unknown(subject: Subject, run: Execution) -> str:
    """What would have to be known to call it well."""
    steps = "steps unknown" if run.steps is None else ""
    log = "errors in its log not counted" if subject.job.log_errors and run.logged is None else ""
    return ", ".join(filter(None, (steps, log)))


def _is_by_log(subject: Subject, run: Execution) -> bool:
    """Whether nothing but its log tells."""
    return run.logged is not None and outcome(replace(run, logged=None), subject.job) is Outcome.OK


def _cause(subject: Subject, run: Execution) -> str:
    return "errors in the log" if _is_by_log(subject, run) else cause(run, _codes(subject))


def _what(subject: Subject, run: Execution) -> str:
    if _is_by_log(subject, run):
        return f"its log has {_logged(run)}"
    step = failed_step(run, _codes(subject))
    where = f"step {step.step_id} ended with" if step else "with"
    return f"{where} {exit_code(step or run) or 'an error'}"


def _detail(subject: Subject, run: Execution) -> tuple[str, str]:
    if _is_by_log(subject, run):
        return ("Log", _logged(run))
    step = failed_step(run, _codes(subject))
    parts = (step.step_id if step else "", exit_code(step or run), one_line(message(run, step)))
    return ("Step" if step else "Warning", ": ".join(part for part in parts if part))


def _logged(run: Execution) -> str:
    """`3 errors and 1 line of refused data`."""
    errors, refused = run.logged or (0, 0)
    parts = (
        f"{errors} error{'' if errors == 1 else 's'}" if errors else "",
        f"{refused} line{'' if refused == 1 else 's'} of refused data (DATAERROR)" if refused else "",
    )
    return " and ".join(filter(None, parts))


def _since(subject: Subject, spell: Spell) -> str:
    since = moment(subject.end(spell.bad[0]), subject.facts.seen_until)
    return since if len(spell.bad) == 1 else f"{since}, {len(spell.bad)} runs"


def _end(subject: Subject, run: Execution | None) -> str:
    return (
        ""
        if run is None
        else f"run {run.id} ended ok at {moment(subject.end(run), subject.facts.seen_until)}"
    )
