"""What changes about incidents when a source's findings are looked at again. Pure.

Knows findings and incidents; no SQL, no clock. It is a comparison of two states, so that running it twice,
after a crash or on a second replica changes nothing. The one memory beside the open incidents is the set of
occurrences already seen: a fact is told at most once, ever.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime

from alerts.model import EndsBy, EventKind, Finding, Incident, IncidentEvent

KNOWN = "known"
"""Why an incident is quiet whose every fact was told before."""

UNJUDGED = "no longer judged: the history it stood on was pruned or the settings changed"
"""How an incident ended whose end would have been a fact, and whose finding is merely gone."""

CAUSES_KEPT = 20
FILES_KEPT = 5

Fact = tuple[str, str]
"""(fingerprint, occurrence)"""


@dataclass(frozen=True, slots=True)
class Occurrence:
    fingerprint: str
    occurrence: str
    incident_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Changes:
    """What has to be written. An incident is in one list at most; one in `opened` may be over already.

    files: references that messages about these changes would carry.
    """

    opened: tuple[Incident, ...] = ()
    updated: tuple[Incident, ...] = ()
    resolved: tuple[Incident, ...] = ()
    events: tuple[IncidentEvent, ...] = ()
    occurrences: tuple[Occurrence, ...] = ()
    files: tuple[str, ...] = ()

    def wanted(self) -> list[str]:
        """Files to fetch: of announced incidents that opened, changed or ended with something new."""
        return list(dict.fromkeys(self.files))

    def __bool__(self) -> bool:
        return any((self.opened, self.updated, self.resolved, self.events, self.occurrences))


def reconcile(
    findings: Iterable[Finding],
    open_incidents: Mapping[str, Incident],
    known: AbstractSet[Fact],
    now: datetime,
    new_id: Callable[[], str],
    *,
    late: bool,
) -> Changes:
    """All findings of one source against all of its open incidents, by fingerprint.

    known: the occurrences seen before, at least those that the findings name.
    """
    by_fingerprint: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        by_fingerprint[finding.fingerprint].append(finding)
    diff = _Diff(set(known), now, new_id, late)
    # In order of fingerprints, so that the same findings in any order give the same events and ids.
    for mark in sorted(by_fingerprint.keys() | open_incidents.keys()):
        diff.subject(mark, by_fingerprint.get(mark, []), open_incidents.get(mark))
    return diff.changes()


def facts_of(finding: Finding) -> tuple[str, ...]:
    """Its occurrences; a finding that names none is one fact by its beginning."""
    return tuple(dict.fromkeys(finding.occurrences)) or (f"since {finding.since.isoformat()}",)


class _Diff:
    """Collects the changes of one comparison; lives no longer than the call."""

    def __init__(self, known: set[Fact], now: datetime, new_id: Callable[[], str], late: bool) -> None:  # noqa: FBT001 - private
        self._known = known
        self._now = now
        self._new_id = new_id
        self._late = late
        self._opened: list[Incident] = []
        self._updated: list[Incident] = []
        self._resolved: list[Incident] = []
        self._events: list[IncidentEvent] = []
        self._occurrences: list[Occurrence] = []
        self._files: list[str] = []

    def changes(self) -> Changes:
        return Changes(
            tuple(self._opened),
            tuple(self._updated),
            tuple(self._resolved),
            tuple(self._events),
            tuple(self._occurrences),
            tuple(self._files),
        )

    def subject(self, mark: str, findings: Sequence[Finding], incident: Incident | None) -> None:
        """One fingerprint. What is over comes first, because it lies before what holds now."""
        over = sorted((one for one in findings if one.ends_at), key=_age)
        holding = _merged([one for one in findings if not one.ends_at])
        if incident is None:
            ended, continuing = None, None
        else:
            ended, continuing = self._continuation(mark, over, holding)
        for finding in over:
            if incident is not None and finding is ended:
                self._end(incident, finding)
            elif self._unknown(mark, finding):
                self._open(mark, finding)
        if incident is not None and continuing is not None:
            self._go_on(incident, continuing)
        elif incident is not None and ended is None:
            self._vanish(incident)
        if holding is not None and continuing is None:
            self._open(mark, holding)

    def _continuation(
        self, mark: str, over: Sequence[Finding], holding: Finding | None
    ) -> tuple[Finding | None, Finding | None]:
        """What the open incident is about: (the finding it ended with, None) or (None, what it is now)."""
        seen = [one for one in over if len(self._unknown(mark, one)) < len(facts_of(one))]
        if holding is None:
            return (seen[-1] if seen else over[0], None) if over else (None, None)
        all_new = len(self._unknown(mark, holding)) == len(facts_of(holding))
        return (seen[-1], None) if seen and all_new else (None, holding)

    def _unknown(self, mark: str, finding: Finding) -> list[str]:
        return [fact for fact in facts_of(finding) if (mark, fact) not in self._known]

    def _open(self, mark: str, finding: Finding) -> None:
        news = self._unknown(mark, finding)
        quiet = finding.quiet if news else KNOWN
        incident = _incident(self._new_id(), mark, finding, len(facts_of(finding)), quiet, self._now)
        self._opened.append(incident)
        self._remember(mark, news, incident)
        if quiet is None:
            self._files.extend(finding.attachments)
            self._event(incident, EventKind.OPENED)
            if finding.ends_at:
                self._event(incident, EventKind.RESOLVED)

    def _go_on(self, incident: Incident, finding: Finding) -> None:
        after, kinds = self._advanced(incident, finding)
        if not _same(incident, after):
            self._updated.append(after)
        for kind in kinds:
            self._event(after, kind)

    def _end(self, incident: Incident, finding: Finding) -> None:
        """By a finding that says when."""
        after, kinds = self._advanced(incident, finding)
        ends_at = max(finding.ends_at or self._now, incident.starts_at)
        after = replace(after, ends_at=ends_at, resolution=finding.resolution, updated_at=self._now)
        self._resolved.append(after)
        for kind in kinds:
            self._event(after, kind)
        if after.quiet is None:
            self._event(after, EventKind.RESOLVED)

    def _vanish(self, incident: Incident) -> None:
        """Nothing holds any more. Where only a fact tells of an end, nobody must be told that it is over."""
        unjudged = incident.ends_by is EndsBy.FACT
        after = replace(
            incident,
            ends_at=max(self._now, incident.starts_at),
            resolution=UNJUDGED if unjudged else "",
            updated_at=self._now,
        )
        self._resolved.append(after)
        if after.quiet is None and not unjudged:
            self._event(after, EventKind.RESOLVED)

    def _advanced(self, incident: Incident, finding: Finding) -> tuple[Incident, tuple[EventKind, ...]]:
        """The incident as the finding has it now, and what of that is news."""
        news = self._unknown(incident.fingerprint, finding)
        self._remember(incident.fingerprint, news, incident)
        new_causes = [one for one in _causes(finding) if news and one not in incident.causes]
        causes = (*incident.causes, *new_causes)[-CAUSES_KEPT:]
        kinds: tuple[EventKind, ...] = ()
        quiet = incident.quiet
        if quiet is not None and finding.quiet is None and (news or quiet != KNOWN):
            quiet = None
            kinds = (EventKind.OPENED,)
        elif quiet is None and finding.quiet is None:
            is_news = new_causes or _is_worse(incident, finding) or (finding.each and news)
            kinds = (EventKind.CAUSE,) if is_news else ()
        if quiet is None:
            fresh = bool(news or kinds)
            self._files.extend(ref for ref in finding.attachments if fresh or ref not in incident.attachments)
        after = replace(
            _incident(
                incident.id, incident.fingerprint, finding, incident.count + len(news), quiet, self._now
            ),
            starts_at=incident.starts_at,
            causes=causes,
            attachments=_files(incident, finding),
            ends_at=None,
            resolution="",
        )
        return after, kinds

    def _remember(self, mark: str, news: Iterable[str], incident: Incident) -> None:
        for fact in news:
            self._known.add((mark, fact))
            self._occurrences.append(Occurrence(mark, fact, incident.id, self._now))

    def _event(self, incident: Incident, kind: EventKind) -> None:
        self._events.append(IncidentEvent(None, incident.id, kind, self._now, self._late))


def _is_worse(incident: Incident, finding: Finding) -> bool:
    """What was told as a warning and is critical now is news, though it is the same trouble."""
    return finding.severity.rank < incident.severity.rank


def _age(finding: Finding) -> tuple[datetime, datetime, str]:
    """The whole text last: two findings that differ in anything have one order only."""
    return finding.since, finding.ends_at or finding.since, repr(finding)


def _merged(holding: Sequence[Finding]) -> Finding | None:
    """One finding of several about the same thing: the worst speaks, all their facts count."""
    if not holding:
        return None
    ranked = sorted(holding, key=lambda one: (one.severity.rank, one.quiet is not None, _age(one)))
    if len(ranked) == 1:
        return ranked[0]
    by_age = sorted(holding, key=_age)
    facts = dict.fromkeys(fact for one in by_age for fact in facts_of(one))
    causes = dict.fromkeys(cause for one in by_age for cause in _causes(one))
    return replace(ranked[0], occurrences=tuple(facts), causes=tuple(causes))


def _incident(
    identity: str, mark: str, finding: Finding, count: int, quiet: str | None, now: datetime
) -> Incident:
    return Incident(
        id=identity,
        fingerprint=mark,
        source=finding.source,
        condition=finding.condition,
        labels=dict(finding.labels),
        severity=finding.severity,
        name=finding.name,
        place=finding.place,
        summary=finding.summary,
        facts=tuple((label, text) for label, text in finding.facts),
        evidence=json.loads(json.dumps(dict(finding.evidence))),
        causes=_causes(finding),
        count=count,
        starts_at=finding.since,
        updated_at=now,
        ends_at=max(finding.ends_at, finding.since) if finding.ends_at else None,
        resolution=finding.resolution if finding.ends_at else "",
        attachments=tuple(finding.attachments)[-FILES_KEPT:],
        quiet=quiet,
        ends_by=finding.ends_by,
    )


def _causes(finding: Finding) -> tuple[str, ...]:
    return tuple(finding.causes or (finding.cause,))[-CAUSES_KEPT:]


def _files(incident: Incident, finding: Finding) -> tuple[str, ...]:
    """Those of earlier findings stay, for as long as the newest is not there."""
    earlier = (ref for ref in incident.attachments if ref not in finding.attachments)
    return (*earlier, *finding.attachments)[-FILES_KEPT:]


def _same(before: Incident, after: Incident) -> bool:
    return replace(before, updated_at=after.updated_at) == after
