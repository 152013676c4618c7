"""What an alert about two jobs that disturb each other says.

Decides nothing: it is handed an encounter and finds words.
"""

from __future__ import annotations

from collections.abc import Iterable

from monitor.detect.encounters import Encounter
from monitor.detect.model import Facts
from monitor.detect.words import Lines, moment, said, span, started
from monitor.model import Execution
from monitor.policy import Policy


def overlap(encounter: Encounter, facts: Facts) -> str:
    later, earlier = encounter.later, encounter.earlier
    name = earlier.run.job_id if later.run.job_id != earlier.run.job_id else "another run of it"
    return (
        f"{later.run.job_id} started at {moment(later.start, facts.seen_until)} "
        f"while {name} was running since {moment(earlier.start, facts.seen_until)}"
        f"{': a full and a differential import at once' if encounter.is_full_differential else ''}."
    )


def overlap_facts(encounter: Encounter, facts: Facts, policy: Policy) -> Lines:
    later, earlier = encounter.later.run, encounter.earlier.run
    jobs = [policy.job(later.job_id), policy.job(earlier.job_id)]
    return said(
        ("Impact", _first(job.impact for job in jobs)),
        ("Together", _together(encounter, facts)),
        ("Later", f"{_naming(later)}, started {started(later, policy, facts)}"),
        ("Earlier", f"{_naming(earlier)}, started {started(earlier, policy, facts)}"),
        ("Group", encounter.group),
        ("Owner", _first(job.owner for job in jobs)),
        ("Runbook", _first(job.runbook for job in jobs)),
    )


def parting(encounter: Encounter, facts: Facts) -> str:
    """How it ended: who left last of those who left first."""
    gone = encounter.last_parted.first_to_end
    return f"{gone.run.job_id} (run {gone.run.id}) ended at {moment(gone.end, facts.seen_until)}"


def _together(encounter: Encounter, facts: Facts) -> str:
    began = moment(encounter.start, facts.seen_until)
    if encounter.is_holding:
        return f"since {began}"
    end = encounter.end
    return f"{span(end - encounter.start)}, from {began} to {moment(end, facts.seen_until)}"


def _naming(run: Execution) -> str:
    site = "" if run.scope == "Organization" else f" for {run.scope}"
    return f"{run.job_id}, run {run.id}{site}"


def _first(texts: Iterable[str]) -> str:
    return next((text for text in texts if text), "")
