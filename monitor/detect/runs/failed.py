"""`failed`: the last runs of a series ended badly, and the platform is not about to try again.

Opens when the run ended that reached the threshold, or when the wait for its retry did. Pure over the runs
that are kept. A streak longer than them loses its oldest runs: `since` and the occurrences then begin later
than they did; the incident keeps the start it was opened with. An attempt that waits for its retry is no run
yet, neither good nor bad.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from alerts.model import EndsBy, Finding, Json, Severity
from monitor.detect.classify import cause
from monitor.detect.model import Decision, Facts, State
from monitor.detect.refs import attachment_ref
from monitor.detect.runs import describe
from monitor.detect.runs.retries import Retry, Standing, retries
from monitor.detect.runs.telling import count, ids, named
from monitor.detect.severity import severity
from monitor.detect.streak import Episode, Streak, Verdict, streak
from monitor.detect.subject import GOOD, Subject, subjects
from monitor.detect.words import OUTCOME_WORDS, called, moment
from monitor.model import Execution, Outcome, RunId
from monitor.policy import Policy

CONDITION = "failed"


def failed(facts: Facts, policy: Policy) -> Iterator[Decision]:
    for subject in subjects(facts, policy):
        look = _Look(subject)
        yield from _over(subject, look.streak, CONDITION)
        yield _now(look)
        if subject.job.aborted_is == "info":
            yield from _aborted(subject)


def first_bad(facts: Facts, policy: Policy) -> Iterator[Execution]:
    """The run that each failure began with which `failed` would tell of."""
    for subject in subjects(facts, policy):
        streaks = [_Look(subject).streak]
        if subject.job.aborted_is == "info":
            streaks.append(_aborted_streak(subject))
        for found in streaks:
            for episode in (*_just_over(subject, found), *((found.current,) if found.current else ())):
                yield episode.bad[0]


@dataclass(frozen=True)
class _Look:
    """The runs of one series as this condition sees them."""

    subject: Subject

    @cached_property
    def retries(self) -> Mapping[RunId, Retry]:
        """Of the failed attempts that the platform may repeat."""
        subject = self.subject
        if subject.job.alert_on_retry:
            return {}
        active = tuple((run, Outcome.ACTIVE) for run in subject.runs if not run.is_final)
        return retries((*subject.final, *active), subject.policy.retry_wait, subject.facts.seen_until)

    @cached_property
    def judged(self) -> tuple[tuple[Execution, Verdict], ...]:
        looked = ((run, self._verdict(run, outcome)) for run, outcome in self.subject.final)
        return tuple((run, verdict) for run, verdict in looked if verdict is not None)

    @cached_property
    def streak(self) -> Streak:
        job = self.subject.job
        known_at = {
            run_id: one.known_at for run_id, one in self.retries.items() if one.standing is Standing.COUNTS
        }
        return streak(self.judged, job.failure_threshold, job.recovery_threshold, known_at)

    @property
    def look_again(self) -> datetime | None:
        """When the first wait for a retry ends that nothing has ended yet."""
        waits = (one.until for one in self.retries.values() if one.standing is Standing.WAITING)
        return min((at for at in waits if at > self.subject.facts.seen_until), default=None)

    def _verdict(self, run: Execution, outcome: Outcome) -> Verdict | None:
        job = self.subject.job
        if outcome in GOOD:
            return Verdict.GOOD
        if outcome is Outcome.FAILED:
            attempt = self.retries.get(run.run_id)
            return Verdict.BAD if attempt is None or attempt.standing is Standing.COUNTS else None
        if outcome is Outcome.ABORTED:
            return None if job.aborted_is == "info" else Verdict.BAD
        # A run is only ever repeated because it failed; told at once, it must not vanish again later.
        repeated = job.alert_on_retry and run.execution_status == "retried"
        return Verdict.BAD if repeated else None


def _now(look: _Look) -> Decision:
    job, current, bad = look.subject.job, look.streak.current, look.streak.bad
    if current is not None:
        return replace(_holding(look.subject, current), look_again=look.look_again)
    if waiting := _awaited(look):
        return waiting
    if bad:
        reason = f"{len(bad)} of {job.failure_threshold} failures needed ({named(bad)})"
        return _decision(look.subject, State.WAITING, reason, numbers={"executions": list(ids(bad))})
    state, reason = _quiet_state(look)
    return _decision(look.subject, state, reason)


def _holding(subject: Subject, episode: Episode) -> Decision:
    numbers = {"executions": list(ids(episode.bad)), "good": len(episode.good)}
    finding = _finding(subject, episode, CONDITION)
    held = _decision(subject, State.HOLDS, _why(subject, episode), numbers=numbers, finding=finding)
    return _timed(held, episode)


def _why(subject: Subject, episode: Episode) -> str:
    bad = f"({named(episode.bad)}{_steps(episode.newest)})"
    if episode.good:
        needed = f"{len(episode.good)} of {subject.job.recovery_threshold} good runs needed to recover"
        return f"{needed} ({named(episode.good)}) after {count(episode.bad)} failed {bad}"
    if len(episode.bad) > 1:
        last = "last " if subject.job.recovery_threshold == 1 else ""
        return f"{last}{len(episode.bad)} runs failed {bad}"
    how = "was aborted" if episode.newest.execution_status == "aborted" else "failed"
    return f"last run {how} {bad}"


def _awaited(look: _Look) -> Decision | None:
    """The newest failed attempt that a running or an expected one will tell about."""
    subject = look.subject
    for run, _ in reversed(subject.final):
        attempt = look.retries.get(run.run_id)
        if attempt is None or attempt.standing is Standing.COUNTS:
            continue
        number, of = (run.current_retry_attempt or 0) + 1, (run.max_retries or 0) + 1
        said = f"attempt {number} of {of} failed (run {run.id}{_steps(run)})"
        if attempt.by is None:
            until = moment(attempt.until, subject.facts.seen_until)
            numbers: dict[str, Json] = {"executions": [run.id], "until": attempt.until.isoformat()}
            reason = f"{said}, waiting for the retry until {until}"
            waiting = _decision(subject, State.WAITING, reason, numbers=numbers)
            return replace(waiting, opens=_would_open(look, attempt), look_again=look.look_again)
        if not attempt.by.is_final:
            numbers = {"executions": [run.id, attempt.by.id]}
            reason = f"{said}, the next is running (run {attempt.by.id})"
            return _decision(subject, State.WAITING, reason, numbers=numbers)
    return None


def _would_open(look: _Look, attempt: Retry) -> datetime | None:
    """None where the threshold needs more than this attempt."""
    return attempt.until if len(look.streak.bad) + 1 >= look.subject.job.failure_threshold else None


def _quiet_state(look: _Look) -> tuple[State, str]:
    final = look.subject.final
    if not final:
        return State.UNKNOWN, "no finished run known"
    (last, outcome), counts = final[-1], look.judged[-1:]
    said = f"last run {OUTCOME_WORDS[outcome]} (run {last.id})"
    if not counts:
        return State.UNKNOWN, f"{said}, and none before it counts"
    if last.run_id == counts[0][0].run_id:
        return State.CLEAR, said
    return State.CLEAR, f"{said}, the last that counts was ok (run {counts[0][0].id})"


def _over(subject: Subject, found: Streak, condition: str) -> Iterator[Decision]:
    for episode in _just_over(subject, found):
        finding = _finding(subject, episode, condition)
        bad = f"{count(episode.bad)} failed ({named(episode.bad)}{_steps(episode.newest)})"
        numbers = {"executions": list(ids(episode.bad)), "recovered_by": list(ids(episode.good))}
        reason = f"{bad}, then {finding.resolution}"
        yield _timed(_decision(subject, State.OVER, reason, numbers=numbers, finding=finding), episode)


def _just_over(subject: Subject, found: Streak) -> Iterator[Episode]:
    for episode in found.over:
        if subject.facts.is_news(episode.good[-1].ended, episode.runs):
            yield episode


def _aborted(subject: Subject) -> Iterator[Decision]:
    """Aborted runs where they count as information: a finding of its own beside the streak of failures."""
    found = _aborted_streak(subject)
    for decision in _over(subject, found, CONDITION):
        yield replace(decision, finding=decision.finding and _as_info(decision.finding))
    if found.current is not None:
        finding = _as_info(_finding(subject, found.current, CONDITION))
        numbers = {"executions": list(ids(found.current.bad))}
        reason = f"last run was aborted ({named(found.current.bad)})"
        held = _decision(subject, State.HOLDS, reason, numbers=numbers, finding=finding)
        yield _timed(held, found.current)


def _aborted_streak(subject: Subject) -> Streak:
    verdicts = dict.fromkeys((*GOOD, Outcome.FAILED), Verdict.GOOD) | {Outcome.ABORTED: Verdict.BAD}
    return streak(((run, verdicts[how]) for run, how in subject.final if how in verdicts), 1, 1)


def _as_info(finding: Finding) -> Finding:
    labels = {**finding.labels, "outcome": Outcome.ABORTED.value}
    return replace(finding, severity=Severity.INFO, labels=labels)


def _finding(subject: Subject, episode: Episode, condition: str) -> Finding:
    job, newest, facts = subject.job, episode.newest, subject.facts
    quiet = "first_read" if episode.is_backfilled else None
    wants_log = quiet is None and job.attach != "none" and newest.is_log_file_existing is not False
    return Finding(
        ends_by=EndsBy.FACT,
        source=facts.instance,
        condition=condition,
        labels=subject.labels,
        severity=severity(condition, Severity.CRITICAL, job, subject.policy),
        since=subject.end(episode.opener),
        occurrences=ids(episode.bad),
        cause=cause(newest, job.failure_codes),
        causes=tuple(dict.fromkeys(cause(run, job.failure_codes) for run in episode.bad)),
        name=called(subject.series.job_id, job),
        place=facts.instance,
        summary=describe.failure(subject, episode),
        facts=describe.failure_facts(subject, episode),
        evidence=_evidence(subject, episode),
        ends_at=subject.end(episode.good[-1]) if episode.is_over else None,
        resolution=describe.recovery(subject, episode.good[-1]) if episode.is_over else "",
        attachments=(attachment_ref(newest.key),) if wants_log else (),
        quiet=quiet,
    )


def _evidence(subject: Subject, episode: Episode) -> dict[str, Json]:
    usual = subject.usual(episode.newest)
    return {
        "executions": list(ids(episode.bad)),
        "recovered_by": list(ids(episode.good)),
        "failure_threshold": subject.job.failure_threshold,
        "recovery_threshold": subject.job.recovery_threshold,
        "usual_seconds": round(usual.median.total_seconds(), 3) if usual else None,
        "upper_limit_seconds": round(usual.upper.total_seconds(), 3) if usual else None,
    }


def _decision(
    subject: Subject,
    state: State,
    reason: str,
    *,
    numbers: Mapping[str, Json] | None = None,
    finding: Finding | None = None,
) -> Decision:
    thresholds = {"needed": subject.job.failure_threshold, "good_needed": subject.job.recovery_threshold}
    return Decision(
        CONDITION,
        (subject.series.job_id,),
        state,
        reason,
        scope=subject.series.scope,
        numbers=thresholds | dict(numbers or {}),
        finding=finding,
    )


def _timed(decision: Decision, episode: Episode) -> Decision:
    return replace(
        decision,
        opens=episode.opened,
        closes=episode.good[-1].ended if episode.is_over else None,
        executions=ids(episode.bad),
    )


def _steps(run: Execution) -> str:
    return ", steps unknown" if run.steps is None else ""
