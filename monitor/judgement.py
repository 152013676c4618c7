"""Detection inside the poll's transaction: from stored facts to stored incidents.

The one place where the history, the detectors and the incidents meet. Level-triggered: it looks at
what is stored, compares the findings with what is open, and keeps the difference.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from alerts import attachments, incidents, store
from alerts.model import EventKind, Finding, Incident
from monitor import detect
from monitor.detect.baseline import baseline
from monitor.detect.classify import outcome, trigger
from monitor.detect.model import RUNS_KEPT, Facts
from monitor.history import cursor as cursors
from monitor.history import executions as history
from monitor.history import facts as stored
from monitor.history import stats
from monitor.history.executions import Judge
from monitor.model import Execution
from monitor.policy import Policy


@dataclass(frozen=True, slots=True)
class Judged:
    """How many incidents opened and ended; some did both."""

    opened: int = 0
    resolved: int = 0


def judge_for(policy: Policy) -> Judge:
    """How the history is to read outcomes and triggers under this policy."""
    return Judge(
        outcome=lambda run: outcome(run, policy.job(run.job_id)),
        trigger=lambda run: trigger(run, policy),
    )


def judge(
    connection: Connection,
    instance: str,
    policy: Policy,
    *,
    now: datetime,
    judged_until: datetime | None,
    late: bool,
) -> Judged:
    """Judges the jobs whose verdict may differ from the last look, at `judged_until`; all for None."""
    open_ones = store.open_incidents(connection, instance)
    jobs = None
    if judged_until is not None:
        jobs = _touched(connection, instance, open_ones.values(), judged_until - policy.retry_wait)
    facts = load_facts(connection, instance, policy, jobs)
    if facts is None:
        return Judged()
    findings = detect.findings(detect.judge(facts, policy))
    known = store.known_facts(connection, findings)
    changes = incidents.reconcile(findings, open_ones, known, now, lambda: uuid.uuid4().hex, late=late)
    store.apply(connection, changes)
    told = {event.incident_id for event in changes.events if event.kind is not EventKind.RESOLVED}
    attachments.want(
        connection,
        [ref for one in (*changes.opened, *changes.updated) if one.id in told for ref in one.attachments],
        now,
    )
    _count_overlaps(connection, instance, findings, known)
    stats.expect(connection, _expectations(facts, policy))
    cursors.judged(connection, instance, cursors.load(connection, instance).change)
    return Judged(
        len(changes.opened), len([one for one in (*changes.opened, *changes.resolved) if one.ends_at])
    )


def load_facts(
    connection: Connection,
    instance: str,
    policy: Policy,
    jobs: Collection[str] | None,
    *,
    beside_all: bool = False,
) -> Facts | None:
    """What detection needs to judge these jobs (all of them for None); None before any complete read.

    beside_all: also what ran beside their old runs, not only beside new and active ones.
    """
    cursor = cursors.load(connection, instance)
    if cursor.seen_until is None:
        return None
    fresh = stored.fresh(connection, instance, cursor.judged_change)
    runs = stored.runs(connection, instance, jobs, keep=RUNS_KEPT)
    if jobs is not None:
        news = [
            run
            for some in runs.values()
            for run in some
            if beside_all or run.run_id in fresh or not run.is_final
        ]
        beside = _jobs_beside(connection, instance, news, cursor.seen_until) - set(jobs)
        runs |= stored.runs(connection, instance, beside, keep=RUNS_KEPT)
    return Facts(
        instance=instance,
        seen_until=cursor.seen_until,
        runs=runs,
        fresh=fresh,
        coverage=cursors.coverage(connection, instance),
        system_jobs=policy.system_jobs,
    )


def _touched(
    connection: Connection, instance: str, open_ones: Iterable[Incident], waiting_since: datetime
) -> set[str]:
    """Jobs that something happened to, that something holds for, or whose retry may be overdue by now."""
    cursor = cursors.load(connection, instance)
    fresh = stored.fresh(connection, instance, cursor.judged_change)
    labels = [one.labels for one in open_ones]
    return (
        {run.job_id for run in fresh}
        | {run.job_id for run in history.active(connection, instance)}
        | {run.job_id for run in history.awaiting_retry(connection, instance, waiting_since)}
        | {one[name] for one in labels for name in ("job_id", "other_job_id") if name in one}
    )


def _jobs_beside(
    connection: Connection, instance: str, runs: Iterable[Execution], seen_until: datetime
) -> set[str]:
    """Jobs that ran at the same time as these: an overlap needs both."""
    began = [run.began for run in runs if run.began is not None]
    if not began:
        return set()
    # The end is open: what began in the same instant as the read has to be among them.
    until = max(seen_until, *began) + timedelta(seconds=1)
    return {run.job_id for run in stored.neighbours(connection, instance, min(began), until)}


def _expectations(facts: Facts, policy: Policy) -> Iterator[stats.ExpectedDuration]:
    """The usual duration of each series judged, for metrics and for people."""
    for series, runs in facts.runs.items():
        usual = baseline(runs, policy.job(series.job_id))
        if usual is not None:
            yield stats.ExpectedDuration(facts.instance, *series, usual.lower, usual.median, usual.upper)


def _count_overlaps(
    connection: Connection, instance: str, findings: Iterable[Finding], known: set[tuple[str, str]]
) -> None:
    for finding in findings:
        if finding.condition != "overlap":
            continue
        news = sum((finding.fingerprint, fact) not in known for fact in incidents.facts_of(finding))
        if news:
            stats.count_overlap(
                connection, instance, finding.labels["job_id"], finding.labels["other_job_id"], news
            )
