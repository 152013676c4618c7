"""`overlap`: two runs that exclude each other ran at the same time.

The later starter is the subject, because it is the one that should have waited. An encounter that a
first read finds in the history is quiet: it was over before anybody watched.
"""

from __future__ import annotations

from collections.abc import Iterator

from alerts.model import EndsBy, Finding, Json, Severity
from monitor.detect.model import Decision, Facts, State
from monitor.detect.severity import severity
from monitor.detect.together import describe
from monitor.detect.together.encounters import Encounter, encounters
from monitor.policy import Policy

CONDITION = "overlap"


def overlap(facts: Facts, policy: Policy) -> Iterator[Decision]:
    for encounter in encounters(facts, policy):
        later, earlier = encounter.later.run, encounter.earlier.run
        finding = _finding(encounter, facts, policy)
        yield Decision(
            CONDITION,
            (later.job_id, earlier.job_id),
            State.HOLDS if encounter.is_holding else State.OVER,
            describe.reason(encounter, facts),
            numbers=finding.evidence,
            finding=finding,
            opens=encounter.start,
            closes=finding.ends_at,
            executions=tuple(finding.evidence["executions"]),
        )


def _finding(encounter: Encounter, facts: Facts, policy: Policy) -> Finding:
    later, earlier = encounter.later.run, encounter.earlier.run
    job = policy.job(later.job_id)
    default = Severity.CRITICAL if encounter.is_full_differential else Severity.WARNING
    over = not encounter.is_holding
    return Finding(
        ends_by=EndsBy.FACT,
        source=facts.instance,
        condition=CONDITION,
        labels={
            "sfcc_instance": facts.instance,
            "job_id": later.job_id,
            "other_job_id": earlier.job_id,
            "group": encounter.group,
        },
        severity=severity(CONDITION, default, job, policy),
        since=encounter.start,
        occurrences=tuple(meeting.occurrence for meeting in encounter.meetings),
        cause=f"{later.job_id} started during {earlier.job_id}",
        name=describe.name(encounter, policy),
        place=facts.instance,
        summary=describe.overlap(encounter, facts),
        facts=describe.overlap_facts(encounter, facts, policy),
        evidence=_evidence(encounter),
        ends_at=encounter.end if over else None,
        resolution=describe.parting(encounter, facts) if over else "",
        quiet="first_read" if encounter.is_backfilled else None,
    )


def _evidence(encounter: Encounter) -> dict[str, Json]:
    """Nothing that grows with the clock: what has not changed must look unchanged."""
    return {
        "group": encounter.group,
        "full_differential": encounter.is_full_differential,
        "executions": list(dict.fromkeys(run.id for run in encounter.runs)),
        "together_seconds": None
        if encounter.is_holding
        else (encounter.end - encounter.start).total_seconds(),
    }
