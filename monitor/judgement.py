"""Detection inside the poll's transaction: from stored facts to stored incidents.

The one place where the history, the detectors and the incidents meet. Level-triggered: it looks at
what is stored, compares the findings with what is open, and keeps the difference.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from alerts import attachments, incidents, store
from alerts.model import EventKind, Finding
from monitor.detect import findings, judge as detect
from monitor.detect.classify import outcome, trigger
from monitor.detect.model import RUNS_KEPT, Decision, Facts
from monitor.history import cursor as cursors
from monitor.history import executions as history
from monitor.history import facts as stored_facts
from monitor.history import stats
from monitor.history.executions import Judge
from monitor.policy import Policy


@dataclass(frozen=True, slots=True)
class Judged:
    opened: int = 0
    resolved: int = 0


def judge_for(policy: Policy) -> Judge:
    """How the history is to read outcomes and triggers under this policy."""
    return Judge(
        outcome=lambda run: outcome(run, policy.job(run.job_id)),
        trigger=lambda run: trigger(run, policy),
    )


def judge(
    connection: Connection, instance: str, policy: Policy, *, now: datetime, late: bool, everything: bool
) -> Judged:
    """Judges what changed, and all of it when `everything` (at start, and under new settings)."""
    cursor = cursors.load(connection, instance)
    if cursor.seen_until is None:
        return Judged()
    open_ones = store.open_incidents(connection, instance)
    facts = load_facts(
        connection,
        instance,
        cursor,
        jobs=None if everything else _touched(connection, instance, cursor, open_ones),
    )
    found = findings(detect(facts, policy))
    known = store.known_occurrences(connection, {finding.fingerprint for finding in found})
    changes = incidents.reconcile(found, open_ones, known, now, lambda: uuid.uuid4().hex, late=late)
    store.apply(connection, changes)
    _want_attachments(connection, changes, now)
    _count_overlaps(connection, instance, found, known)
    cursors.judged(connection, instance, cursor.change)
    return Judged(len(changes.opened), len(changes.resolved))
