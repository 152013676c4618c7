"""What an alert about two jobs that disturb each other says.

Decides nothing: it is handed an encounter and finds words.
"""

from __future__ import annotations

from collections.abc import Iterable

from monitor.detect.model import Facts
from monitor.detect.together.encounters import SAME_SERIES, Encounter
from monitor.detect.words import Lines, called, moment, said, span, started
from monitor.model import Execution
from monitor.policy import Policy


def name(encounter: Encounter, policy: Policy) -> str:
    """The later starter first."""
    later, earlier = (one.run.job_id for one in (encounter.later, encounter.earlier))
    other = "itself" if later == earlier else called(earlier, policy.job(earlier))
    return f"{called(later, policy.job(later))} with {other}"


def reason(encounter: Encounter, facts: Facts) -> str:
    later, earlier = encounter.later.run, encounter.earlier.run
    runs = f"run {later.id} of {later.job_id} and run {earlier.id} of {earlier.job_id}"
    if later.job_id == earlier.job_id:
        runs = f"runs {earlier.id} and {later.id} of {later.job_id}"
    group = _group(encounter) if encounter.group == SAME_SERIES else f"group {encounter.group}"
    kinds = ", full and differential" if encounter.is_full_differential else ""
    over = "" if encounter.is_holding else f"; {parting(encounter, facts)}"
    return f"{runs} at once: {_together(encounter, facts)} ({group}{kinds}){over}"


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
        ("Group", _group(encounter)),
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


def _group(encounter: Encounter) -> str:
    return "the same job" if encounter.group == SAME_SERIES else encounter.group


def _naming(run: Execution) -> str:
    site = "" if run.scope == "Organization" else f" for {run.scope}"
    return f"{run.job_id}, run {run.id}{site}"


def _first(texts: Iterable[str]) -> str:
    return next((text for text in texts if text), "")
