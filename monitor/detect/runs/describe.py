"""What an alert about the runs of one series says: a sentence, then the facts, most important first.

Decides nothing: it is handed an episode and finds words. Lines whose fact is unknown are left out
instead of saying so, except the log, because people look for it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from datetime import timedelta

from monitor.detect.baseline import duration
from monitor.detect.classify import exit_code, failed_step, message, outcome, trigger
from monitor.detect.streak import Episode
from monitor.detect.subject import Subject
from monitor.detect.together.groups import places
from monitor.detect.words import OUTCOME_WORDS, Lines, moment, one_line, said, span, started, times
from monitor.model import Execution, Outcome, Trigger, is_system
from monitor.policy import JobPolicy

JUST_BEFORE = timedelta(hours=1)
JUST_BEFORE_LINES = 3
NOISE = 3
"""A system job that ran more often than this within the hour is routine, not a change."""


def failure(subject: Subject, episode: Episode) -> str:
    newest, count = episode.newest, len(episode.bad)
    run = f"run {newest.id}" + (f" for {subject.site}" if subject.site else "")
    how = _how_it_failed(newest, subject.job)
    if count == 1:
        return f"{run[0].upper()}{run[1:]} {how}."
    since = moment(subject.end(episode.bad[0]), subject.facts.seen_until)
    return f"{count} runs failed since {since}; the newest, {run}, {how}."


def failure_facts(subject: Subject, episode: Episode) -> Lines:
    newest, job = episode.newest, subject.job
    return said(
        ("Impact", job.impact),
        ("Since", _since(subject, episode)),
        _error(newest, job),
        ("Duration", _duration(subject, newest)),
        ("Started", started(newest, subject.policy, subject.facts)),
        ("Just before", _just_before(subject, episode.bad[0])),
        ("Last success", _last_success(subject, newest)),
        ("Owner", job.owner),
        ("Runbook", job.runbook),
        ("No log", "" if newest.is_log_file_existing is not False else "the platform says this run has none"),
    )


def recovery(subject: Subject, good: Execution) -> str:
    who = trigger(good, subject.policy)
    word = OUTCOME_WORDS[outcome(good, subject.job)]
    ended = f"ended {word} at {moment(subject.end(good), subject.facts.seen_until)}"
    if word == OUTCOME_WORDS[Outcome.FAILED] or who is Trigger.SCHEDULE:
        return f"run {good.id} {ended}"
    if who is Trigger.MANUAL:
        return f"repaired by hand by {good.user_login}: run {good.id} {ended}"
    return f"run {good.id}, started through the API by client {good.client_id}, {ended}"


def _how_it_failed(run: Execution, job: JobPolicy) -> str:
    step = failed_step(run, job.failure_codes)
    place = f" in step {step.step_id}" if step else ""
    if run.execution_status == "aborted":
        return f"was aborted{place}"
    return f"ended with {exit_code(step or run) or 'an error'}{place}"


def _since(subject: Subject, episode: Episode) -> str:
    since = moment(subject.end(episode.opener), subject.facts.seen_until)
    count = len(episode.bad)
    return since if count == 1 else f"{since}, failed {times(count)}"


def _error(run: Execution, job: JobPolicy) -> tuple[str, str]:
    step = failed_step(run, job.failure_codes)
    code, text = exit_code(step or run), one_line(message(run, step))
    if step is None:
        return ("Error", ": ".join(part for part in (code, text) if part))
    kind = f" ({step.step_type_id})" if step.step_type_id else ""
    return ("Failed step", ": ".join(part for part in (step.step_id + kind, code, text) if part))


def _duration(subject: Subject, run: Execution) -> str:
    took, usual = duration(run), subject.usual(run)
    parts = [span(took)] if took is not None else []
    if usual is not None:
        parts.append(f"usually {span(usual.median)}, at most {span(usual.upper)}")
    return "; ".join(parts)


def _just_before(subject: Subject, run: Execution) -> str:
    """What was changed within the hour before: what people ask first."""
    facts = subject.facts
    if run.began is None:
        return ""
    first = bisect_left(
        facts.executions, run.began - JUST_BEFORE, key=lambda one: one.began or facts.seen_until
    )
    last = bisect_left(facts.executions, run.began, key=lambda one: one.began or facts.seen_until)
    hour = facts.executions[first:last]
    often = Counter(one.job_id for one in hour)
    telling = [one for one in hour if _is_change(one, often[one.job_id], subject)]
    return "; ".join(_change(one, subject) for one in reversed(telling[-JUST_BEFORE_LINES:]))


def _is_change(run: Execution, often: int, subject: Subject) -> bool:
    """The platform's own work, or somebody's on the same data; the rest of an instance is a red herring."""
    if run.series == subject.series:
        return trigger(run, subject.policy) is Trigger.MANUAL and not run.is_superseded
    if is_system(run.job_id):
        return often <= NOISE
    if run.job_id == subject.series.job_id:  # another site of the same run, most likely
        return False
    if trigger(run, subject.policy) is not Trigger.MANUAL:
        return False
    groups = subject.policy.groups
    return not places(subject.series.job_id, groups).isdisjoint(places(run.job_id, groups))


def _change(run: Execution, subject: Subject) -> str:
    word = OUTCOME_WORDS[outcome(run, subject.policy.job(run.job_id))]
    return f"{run.job_id} ({word}), started {started(run, subject.policy, subject.facts)}"


def _last_success(subject: Subject, before: Execution) -> str:
    good = subject.last_good(before)
    if good is not None:
        return moment(subject.end(good), subject.facts.seen_until)
    known = subject.known_up_to(before)
    return f"none in the last {known} runs" if known > 1 else ""
