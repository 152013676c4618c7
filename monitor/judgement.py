"""Detection inside the poll's transaction: from stored facts to stored incidents.

The one place where the history, the detectors and the incidents meet. Level-triggered: it looks at
what is stored, compares the findings with what is open, and keeps the difference. The first look of a
process is at everything; the next ones judge only jobs to which something happened, or whose instant has
come, and see of the others what those may have met.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from shlex import quote

from sqlalchemy import Connection

from alerts import attachments, incidents, store
from alerts.model import Finding, Incident
from monitor import detect, dossier, timetables
from monitor.agenda import INSTANCE, Agenda
from monitor.detect.baseline import baseline
from monitor.detect.beside import judged_with
from monitor.detect.classify import outcome, trigger
from monitor.detect.model import Decision, Facts
from monitor.detect.refs import parse_attachment_ref
from monitor.detect.watching import WATCHING
from monitor.dossier import Scene, jobs_of
from monitor.history import cursor as cursors
from monitor.history import facts as stored
from monitor.history import schedules, stats
from monitor.history.executions import Judge
from monitor.policy import Policy

LOOKED_AT_ALWAYS = frozenset({"overlap"})
"""While open: whether it ended may depend on when an active run was seen last, which is no change of it."""


@dataclass(frozen=True, slots=True)
class Judged:
    """How many incidents opened and ended; some did both."""

    opened: int = 0
    resolved: int = 0

    def __add__(self, other: Judged) -> Judged:
        return Judged(self.opened + other.opened, self.resolved + other.resolved)


def judge_for(policy: Policy) -> Judge:
    """How the history is to read outcomes and triggers under this policy."""
    return Judge(
        outcome=lambda run: outcome(run, policy.job(run.job_id)),
        trigger=lambda run: trigger(run, policy),
    )


class Judgement:
    """Of one instance, look after look; not to be shared by threads.

    What it remembers is only where to look: after an error, or in another process, the same is found by
    looking at everything. A look is over with `done`, once its transaction is committed.
    """

    def __init__(self, instance: str, policy: Policy) -> None:
        self._instance = instance
        self._policy = policy
        self._agenda = Agenda()
        self._known: set[str] | None = None  # None until everything was looked at
        self._timetables = 0  # the last change of them that was looked at
        self._found: _Found | None = None

    def look(
        self, connection: Connection, *, now: datetime, judged_until: datetime | None, late: bool
    ) -> Judged:
        """judged_until: the instance's time of the last complete read, up to which all was judged."""
        self._found = None
        cursor = cursors.load(connection, self._instance)
        if cursor.seen_until is None:
            return Judged()
        timetables.refresh(connection, self._instance, self._policy, cursor.seen_until)
        open_ones = {
            mark: one
            for mark, one in store.open_incidents(connection, self._instance).items()
            if one.condition not in WATCHING
        }
        scene = Scene(
            connection, cursor, cursor.seen_until, self._policy, judged_until, tuple(open_ones.values())
        )
        found = self._look_at(scene)
        if found is None:
            return Judged()
        about = {mark: one for mark, one in open_ones.items() if not _rests(one, found.jobs)}
        judged = _keep(connection, found.facts, found.decisions, about, now, late=late)
        stats.expect(connection, _expectations(found.facts, self._policy))
        cursors.judged(connection, self._instance, cursor.change)
        self._found = found
        return judged

    def done(self) -> None:
        """What the last look has written is committed."""
        if self._found is not None:
            self._known = self._found.known
            self._timetables = self._found.timetables
            looked_at = self._found.facts.job_ids if self._found.jobs is None else self._found.jobs
            self._agenda.note(looked_at, self._found.decisions)
        self._found = None

    def _look_at(self, scene: Scene) -> _Found | None:
        """None where nothing happened, and no instant has come."""
        changed, last = schedules.changed(scene.connection, scene.instance, self._timetables)
        if self._known is None:
            known = stored.jobs(scene.connection, scene.instance)
            facts = dossier.whole(scene, known)
            return _Found(known, last, None, facts, _decided(scene, facts))
        news = dossier.news(scene)
        due = self._due(scene) | changed
        if not news and not due:
            return None
        known = self._known | {run.job_id for run in news}
        jobs = dossier.to_judge(scene, known, news, due)
        facts = dossier.of_jobs(scene, known, jobs, news)
        astray = dossier.astray(scene, facts)
        if not astray <= jobs:  # whether jobs are off alike is only known of all of them
            jobs |= astray
            facts = dossier.of_jobs(scene, known, jobs, news)
        facts = dossier.with_numbers(scene, facts)
        return _Found(known, last, jobs, facts, _decided(scene, facts))

    def _due(self, scene: Scene) -> set[str]:
        """Jobs to be looked at though nothing happened to them."""
        found = {*self._agenda.due(scene.seen_until)}
        # Once a day all that is open: its texts say the date of what was not today.
        is_new_day = scene.judged_until is not None and scene.seen_until.date() != scene.judged_until.date()
        for one in scene.open_incidents:
            if is_new_day or one.condition in LOOKED_AT_ALWAYS or not jobs_of(one):
                found |= jobs_of(one) or {INSTANCE}
        return found


@dataclass(frozen=True, slots=True)
class _Found:
    """What a look came to. jobs: those that were looked at; None for all. known: all there are.

    timetables: number of the last change of them.
    """

    known: set[str]
    timetables: int
    jobs: frozenset[str] | None
    facts: Facts
    decisions: tuple[Decision, ...]


def load_facts(
    connection: Connection, instance: str, policy: Policy, jobs: Collection[str], at: datetime | None = None
) -> Facts | None:
    """What to judge these jobs by, and what ran beside all their runs; None of what nobody has read.

    at: as it looked at that instant, where that lies before the last complete read. What was imported only is
    judged as an agent would have seen it, at the latest at the end of what is covered.
    """
    cursor = cursors.load(connection, instance)
    if cursor.seen_until is None:
        covered = cursors.coverage(connection, instance)
        if not covered:
            return None
        end = covered[-1].end if at is None else min(at, covered[-1].end)
        known = stored.jobs(connection, instance)
        judged = judged_with(frozenset(jobs), known, policy, ())
        return dossier.of_an_import(Scene(connection, cursor, end, policy, None), judged)
    known = stored.jobs(connection, instance)
    news = stored.changed(connection, instance, cursor.judged_change)
    judged = judged_with(frozenset(jobs), known, policy, news)
    if at is not None and at < cursor.seen_until:
        return dossier.in_the_past(Scene(connection, cursor, at, policy, None), judged)
    scene = Scene(connection, cursor, cursor.seen_until, policy, None)
    return dossier.of_jobs(scene, known, judged, news, beside_all=True)


def _decided(scene: Scene, facts: Facts) -> tuple[Decision, ...]:
    decisions = detect.judge(facts, scene.policy)
    empty = {at for one in decisions if one.condition == "missed" and one.finding for at in _slots(one)}
    if not empty:
        return decisions
    # Whether the instance was full at a slot that nobody filled is worth a question only now.
    return detect.judge(dossier.with_occupied(scene, facts, empty), scene.policy)


def _slots(missed: Decision) -> Iterator[datetime]:
    for at in missed.finding.occurrences if missed.finding else ():
        yield datetime.fromisoformat(at)


def _keep(
    connection: Connection,
    facts: Facts,
    decisions: Iterable[Decision],
    open_ones: Mapping[str, Incident],
    now: datetime,
    *,
    late: bool,
) -> Judged:
    findings = detect.findings(decisions)
    known = store.known_facts(connection, findings)
    changes = incidents.reconcile(findings, open_ones, known, now, lambda: uuid.uuid4().hex, late=late)
    store.apply(connection, changes)
    attachments.want(connection, changes.wanted(), now, about=_about, how=_how)
    _count_overlaps(connection, facts.instance, findings, known)
    return Judged(
        len(changes.opened), len([one for one in (*changes.opened, *changes.resolved) if one.ends_at])
    )


def _rests(incident: Incident, jobs: AbstractSet[str] | None) -> bool:
    """Whether it holds as it did: none of its jobs is looked at, for nothing happened to them."""
    about = jobs_of(incident)
    return jobs is not None and bool(about) and about.isdisjoint(jobs)


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
