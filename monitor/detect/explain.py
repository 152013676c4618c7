"""Why one job is judged as it is: the same decisions as the poll's, with what they were made of.

Knows no table layout and no colours: plain data that the command line prints or dumps as JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.model import Finding, Incident, Json
from monitor.detect import judge
from monitor.detect.baseline import Baseline, duration
from monitor.detect.classify import cause, trigger
from monitor.detect.model import Decision, Facts
from monitor.detect.subject import Subject, is_judged
from monitor.detect.together.groups import is_member, role
from monitor.model import Execution, Outcome, Series, Trigger
from monitor.policy import Policy
from monitor.schedule import Source

STEPS_UNKNOWN = "steps unknown"
SLOTS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class RunLine:
    """cause: only of runs that ended badly; it says so where their steps are unknown."""

    id: str
    began: datetime | None
    ended: datetime | None
    duration: timedelta | None
    outcome: Outcome
    trigger: Trigger
    cause: str = ""


@dataclass(frozen=True, slots=True)
class SeriesLine:
    """runs: newest first."""

    scope: str
    runs: tuple[RunLine, ...]
    baseline: Baseline | None


@dataclass(frozen=True, slots=True)
class GroupLine:
    """role: `full`, `differential`, or empty."""

    name: str
    exclusive: bool
    role: str


@dataclass(frozen=True, slots=True)
class ScheduleLine:
    """source: where it comes from. text: empty where nothing is scheduled, and reason says why.

    next: the slots to come, in order. timezone: in which the text is meant.
    """

    source: Source
    text: str
    reason: str
    timezone: str
    next: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True)
class NextLook:
    """When time alone may change a decision."""

    at: datetime
    condition: str
    scope: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """is_judged: false for a system job that no setting names. next_looks: the earliest first."""

    instance: str
    job_id: str
    seen_until: datetime
    is_judged: bool
    series: tuple[SeriesLine, ...]
    decisions: tuple[Decision, ...]
    groups: tuple[GroupLine, ...]
    schedule: ScheduleLine
    next_looks: tuple[NextLook, ...] = ()
    incidents: tuple[Incident, ...] = ()


def explain(job_id: str, facts: Facts, policy: Policy, incidents: Iterable[Incident] = ()) -> Explanation:
    """What is over is among the decisions as far as `facts` counts it as news."""
    decisions = tuple(decision for decision in judge(facts, policy) if _concerns(decision, job_id))
    return Explanation(
        instance=facts.instance,
        job_id=job_id,
        seen_until=facts.seen_until,
        is_judged=is_judged(job_id, facts),
        series=tuple(_series(one, facts, policy) for one in sorted(facts.runs) if one.job_id == job_id),
        decisions=decisions,
        groups=tuple(
            GroupLine(group.name, group.exclusive, role(job_id, group))
            for group in policy.groups
            if is_member(job_id, group)
        ),
        schedule=_schedule(job_id, facts, policy),
        next_looks=tuple(sorted(_next_looks(decisions), key=lambda one: (one.at, one.condition, one.scope))),
        incidents=tuple(one for one in incidents if _is_about(one, job_id, facts.instance)),
    )


def document(explanation: Explanation) -> dict[str, Json]:
    """The same as JSON: instants in ISO 8601, durations in seconds."""
    return {
        "sfcc_instance": explanation.instance,
        "job_id": explanation.job_id,
        "seen_until": explanation.seen_until.isoformat(),
        "judged": explanation.is_judged,
        "series": [_series_document(one) for one in explanation.series],
        "decisions": [_decision_document(one) for one in explanation.decisions],
        "schedule": {
            "source": explanation.schedule.source.value,
            "text": explanation.schedule.text,
            "reason": explanation.schedule.reason,
            "timezone": explanation.schedule.timezone,
            "next": [at.isoformat() for at in explanation.schedule.next],
        },
        "next_looks": [
            {"at": one.at.isoformat(), "condition": one.condition, "scope": one.scope}
            for one in explanation.next_looks
        ],
        "groups": [
            {"name": one.name, "exclusive": one.exclusive, "role": one.role} for one in explanation.groups
        ],
        "incidents": [_incident_document(one) for one in explanation.incidents],
    }


def _concerns(decision: Decision, job_id: str) -> bool:
    """Of an instance as a whole only what is found: all is well there for every job."""
    return job_id in decision.jobs or (not decision.jobs and decision.finding is not None)


def _next_looks(decisions: Iterable[Decision]) -> Iterator[NextLook]:
    for decision in decisions:
        if decision.look_again is not None:
            yield NextLook(decision.look_again, decision.condition, decision.scope)


def _schedule(job_id: str, facts: Facts, policy: Policy) -> ScheduleLine:
    timetable = facts.timetable(job_id, policy)
    coming: list[datetime] = []
    at = timetable.next_slot(facts.seen_until)
    while at is not None and len(coming) < SLOTS_SHOWN:
        coming.append(at)
        at = timetable.next_slot(at)
    zones = {one.timezone for one in timetable.current.schedules}
    zone = zones.pop() if len(zones) == 1 else policy.timezone
    return ScheduleLine(timetable.source, timetable.text, timetable.current.reason, zone, tuple(coming))


def _series(series: Series, facts: Facts, policy: Policy) -> SeriesLine:
    subject = Subject(series, facts, policy)
    outcomes = {run.run_id: outcome for run, outcome in subject.final}
    runs = tuple(
        _run(run, outcomes.get(run.run_id, Outcome.ACTIVE), subject) for run in reversed(subject.runs)
    )
    return SeriesLine(series.scope, runs, subject.baseline)


def _run(run: Execution, outcome: Outcome, subject: Subject) -> RunLine:
    bad = outcome in {Outcome.FAILED, Outcome.ABORTED}
    return RunLine(
        id=run.id,
        began=run.began,
        ended=run.ended,
        duration=duration(run),
        outcome=outcome,
        trigger=trigger(run, subject.policy),
        cause=_cause(run, subject) if bad else "",
    )


def _cause(run: Execution, subject: Subject) -> str:
    known = cause(run, subject.job.failure_codes)
    return known if run.steps is not None else f"{known} | {STEPS_UNKNOWN}"


def _is_about(incident: Incident, job_id: str, instance: str) -> bool:
    named = (incident.labels.get("job_id"), incident.labels.get("other_job_id"))
    return incident.source == instance and job_id in named


def _series_document(line: SeriesLine) -> dict[str, Json]:
    return {
        "scope": line.scope,
        "baseline": line.baseline and _baseline_document(line.baseline),
        "runs": [
            {
                "id": run.id,
                "began": _instant(run.began),
                "ended": _instant(run.ended),
                "duration_seconds": run.duration.total_seconds() if run.duration is not None else None,
                "outcome": run.outcome.value,
                "trigger": run.trigger.value,
                "cause": run.cause,
            }
            for run in line.runs
        ],
    }


def _baseline_document(usual: Baseline) -> dict[str, Json]:
    return {
        "median_seconds": usual.median.total_seconds(),
        "sigma": usual.sigma,
        "lower_limit_seconds": usual.lower.total_seconds(),
        "upper_limit_seconds": usual.upper.total_seconds(),
        "p90_seconds": usual.p90.total_seconds(),
        "runs": usual.n,
    }


def _decision_document(decision: Decision) -> dict[str, Json]:
    return {
        "condition": decision.condition,
        "jobs": list(decision.jobs),
        "scope": decision.scope,
        "state": decision.state.value,
        "reason": decision.reason,
        "numbers": dict(decision.numbers),
        "opens": _instant(decision.opens),
        "look_again": _instant(decision.look_again),
        "inhibited_by": decision.inhibited_by,
        "finding": decision.finding and _finding_document(decision.finding),
    }


def _finding_document(finding: Finding) -> dict[str, Json]:
    return {
        "severity": finding.severity.value,
        "since": finding.since.isoformat(),
        "ends_at": _instant(finding.ends_at),
        "summary": finding.summary,
        "facts": _pairs(finding.facts),
        "occurrences": list(finding.occurrences),
        "cause": finding.cause,
        "quiet": finding.quiet,
    }


def _incident_document(incident: Incident) -> dict[str, Json]:
    return {
        "id": incident.id,
        "condition": incident.condition,
        "severity": incident.severity.value,
        "starts_at": incident.starts_at.isoformat(),
        "ends_at": _instant(incident.ends_at),
        "count": incident.count,
        "summary": incident.summary,
        "resolution": incident.resolution,
        "quiet": incident.quiet,
    }


def _pairs(facts: Sequence[tuple[str, str]]) -> list[list[str]]:
    return [list(fact) for fact in facts]


def _instant(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None
