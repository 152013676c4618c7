"""Detection inside the poll's transaction: from stored facts to stored incidents.

The one place where the history, the detectors and the incidents meet. Level-triggered: it looks at
what is stored, compares the findings with what is open, and keeps the difference. The first look of a
process is at everything; the next ones judge only series to which something happened, and see of the
others what those may have met.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from shlex import quote

from sqlalchemy import Connection

from alerts import attachments, incidents, store
from alerts.model import Finding, Incident
from monitor import detect
from monitor.detect.baseline import baseline
from monitor.detect.beside import Before, Neighbourhood, before_failures, neighbourhood
from monitor.detect.classify import outcome, trigger
from monitor.detect.model import RUNS_KEPT, Facts
from monitor.detect.refs import parse_attachment_ref
from monitor.history import cursor as cursors
from monitor.history import executions as history
from monitor.history import facts as stored
from monitor.history import stats
from monitor.history.cursor import Cursor
from monitor.history.executions import Judge
from monitor.model import Execution, RunId, is_system
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
    cursor = cursors.load(connection, instance)
    if cursor.seen_until is None:
        return Judged()
    open_ones = store.open_incidents(connection, instance)
    if judged_until is None:
        facts = _whole(connection, cursor, cursor.seen_until, policy)
    else:
        # With what began or ended after the last look: that could not say what else still ran by then.
        news = stored.changed(connection, instance, cursor.judged_change, moved_after=judged_until)
        jobs = {run.job_id for run in news if run.is_final}
        jobs |= _aging(connection, cursor, open_ones.values(), judged_until, policy)
        if not news and not jobs:
            return Judged()
        open_ones = {mark: one for mark, one in open_ones.items() if not _rests(one, jobs)}
        facts = _part(connection, cursor, cursor.seen_until, policy, jobs, news, judged_until)
    findings = detect.findings(detect.judge(facts, policy))
    known = store.known_facts(connection, findings)
    changes = incidents.reconcile(findings, open_ones, known, now, lambda: uuid.uuid4().hex, late=late)
    store.apply(connection, changes)
    attachments.want(connection, changes.wanted(), now, about=_about, how=_how)
    _count_overlaps(connection, instance, findings, known)
    stats.expect(connection, _expectations(facts, policy))
    cursors.judged(connection, instance, cursor.change)
    return Judged(
        len(changes.opened), len([one for one in (*changes.opened, *changes.resolved) if one.ends_at])
    )


def load_facts(connection: Connection, instance: str, policy: Policy, jobs: Collection[str]) -> Facts | None:
    """What to judge these jobs by, and what ran beside all their runs; None before any complete read."""
    cursor = cursors.load(connection, instance)
    if cursor.seen_until is None:
        return None
    news = stored.changed(connection, instance, cursor.judged_change)
    return _part(connection, cursor, cursor.seen_until, policy, jobs, news, None, beside_all=True)


def _whole(connection: Connection, cursor: Cursor, seen_until: datetime, policy: Policy) -> Facts:
    active = history.active(connection, cursor.instance)
    fresh = stored.fresh(connection, cursor.instance, cursor.judged_change)
    return _explained(connection, _facts(connection, cursor, seen_until, policy, None, active, fresh), policy)


def _part(
    connection: Connection,
    cursor: Cursor,
    seen_until: datetime,
    policy: Policy,
    jobs: Collection[str],
    news: Sequence[Execution],
    judged_until: datetime | None,
    *,
    beside_all: bool = False,
) -> Facts:
    """What there is to judge these jobs by.

    news: what changed since the last judgement, by which all that was known at `judged_until` was judged.
    beside_all: also what ran beside their old runs, not only beside what is new.
    """
    active = history.active(connection, cursor.instance)
    facts = _facts(
        connection, cursor, seen_until, policy, jobs, active, frozenset(run.run_id for run in news)
    )
    old = [run for some in facts.runs.values() for run in some] if beside_all else []
    near = neighbourhood([*news, *old], policy, facts.seen_until, judged_until)
    beside = [run for run in active if run.job_id not in jobs]
    facts = replace(facts, beside=(*beside, *_beside(connection, cursor.instance, jobs, near)))
    return _explained(connection, facts, policy)


def _facts(
    connection: Connection,
    cursor: Cursor,
    seen_until: datetime,
    policy: Policy,
    jobs: Collection[str] | None,
    active: Iterable[Execution],
    fresh: frozenset[RunId],
) -> Facts:
    # Where more ended since the last look than is usually kept, none of it may go unjudged.
    news = stored.most_news(connection, cursor.instance, cursor.judged_change)
    keep = max(RUNS_KEPT, news + RUNS_KEPT // 2)
    return Facts(
        instance=cursor.instance,
        seen_until=seen_until,
        runs=stored.runs(connection, cursor.instance, jobs, active, keep=keep),
        fresh=fresh,
        coverage=cursors.coverage(connection, cursor.instance),
        system_jobs=policy.system_jobs,
    )


def _explained(connection: Connection, facts: Facts, policy: Policy) -> Facts:
    explaining = _before(connection, facts.instance, before_failures(facts, policy), policy)
    return replace(facts, beside=(*facts.beside, *explaining))


def _aging(
    connection: Connection,
    cursor: Cursor,
    open_ones: Iterable[Incident],
    judged_until: datetime,
    policy: Policy,
) -> set[str]:
    """Jobs to be looked at although no run ended: something holds, or a retry may be overdue by now."""
    waiting_since = judged_until - policy.retry_wait
    found = {run.job_id for run in history.awaiting_retry(connection, cursor.instance, waiting_since)}
    # Once a day all that is open: its texts say the date of what was not today.
    is_new_day = cursor.seen_until is not None and cursor.seen_until.date() != judged_until.date()
    for one in open_ones:
        if is_new_day or one.condition not in detect.STILL_BETWEEN_RUNS:
            found |= {one.labels[name] for name in ("job_id", "other_job_id") if name in one.labels}
    return found


def _rests(incident: Incident, jobs: Collection[str]) -> bool:
    """Whether it holds as it did: nothing happened to its job, which is not judged for that reason."""
    return incident.condition in detect.STILL_BETWEEN_RUNS and incident.labels["job_id"] not in jobs


def _beside(
    connection: Connection, instance: str, judged: Collection[str], near: Neighbourhood
) -> Iterator[Execution]:
    """What ran at the same time as something new: an overlap needs both."""
    if near.whole is None:
        return
    met = [
        run.run_id
        for run in stored.under_way(connection, instance, *near.whole)
        if run.run_id.job_id not in judged and near.has(run.run_id.job_id, run.began, run.ended)
    ]
    yield from stored.named(connection, instance, met)


def _before(connection: Connection, instance: str, before: Before, policy: Policy) -> Iterator[Execution]:
    """What was changed just before the failures to be told."""
    if not before.times:
        return
    known = stored.jobs(connection, instance)
    system = {job_id for job_id in known if is_system(job_id)}
    related = {job_id for job_id in known - system if before.concerns(job_id, policy)}
    for time in before.times:
        yield from stored.began(connection, instance, system, time)
        yield from stored.began(connection, instance, related, time, by_hand=True)


def _expectations(facts: Facts, policy: Policy) -> Iterator[stats.ExpectedDuration]:
    """The usual duration of each series of which a run ended, for metrics and for people."""
    for series, runs in facts.runs.items():
        ended = any(run.is_final and run.run_id in facts.fresh for run in runs)
        usual = baseline(runs, policy.job(series.job_id)) if ended else None
        if usual is not None:
            yield stats.ExpectedDuration(facts.instance, *series, usual.lower, usual.median, usual.upper)


def _about(ref: str) -> str:
    return f"run {parse_attachment_ref(ref).id}"


def _how(ref: str) -> str:
    """The command that shows the log, for messages that travel without it."""
    key = parse_attachment_ref(ref)
    return f"sfcc-job-monitor log {quote(key.job_id)} {quote(key.id)} --instance {quote(key.instance)}"


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
