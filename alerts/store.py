"""Incidents, their events, and what was told of them: SQL on a connection the caller gives and commits.

Knows the tables of incidents, occurrences, events, groups and tellings; decides nothing.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, delete, exists, false, insert, or_, select, update

from alerts import codec
from alerts.chunks import chunks
from alerts.incidents import Changes, Fact, Occurrence, facts_of
from alerts.model import EventKind, Finding, Incident, IncidentEvent, Severity
from alerts.routing.model import Telling
from alerts.schema import acks, alert_groups, incident_events, incidents, occurrences, tellings


class Conflict(Exception):  # noqa: N818 - reads as what happened
    """Another agent decided the same at the same moment: roll back and look again."""


def open_incidents(conn: Connection, source: str) -> dict[str, Incident]:
    """By fingerprint."""
    rows = conn.execute(_OPEN, {"of": source})
    return {row["fingerprint"]: codec.incident(row) for row in rows.mappings()}


# Made once: these are asked at each poll of each source, and building one takes longer than its answer.
_ALL_OPEN = select(incidents).where(incidents.c.ends_at.is_(None))
_ALL_OVER_SINCE = select(incidents).where(incidents.c.ends_at >= bindparam("since"))
_OPEN = _ALL_OPEN.where(incidents.c.source == bindparam("of"))
_OVER_SINCE = _ALL_OVER_SINCE.where(incidents.c.source == bindparam("of"))


def known_facts(conn: Connection, findings: Iterable[Finding]) -> set[Fact]:
    """Which of the occurrences these findings name were seen before."""
    wanted = {(one.fingerprint, fact) for one in findings for fact in facts_of(one)}
    known: set[Fact] = set()
    for chunk in chunks(wanted):
        rows = conn.execute(
            select(occurrences.c.fingerprint, occurrences.c.occurrence).where(
                occurrences.c.fingerprint.in_({mark for mark, _ in chunk}),
                occurrences.c.occurrence.in_({fact for _, fact in chunk}),
            )
        )
        known.update((row.fingerprint, row.occurrence) for row in rows)
    return known & wanted


def apply(conn: Connection, changes: Changes) -> None:
    # What ended first: the same thing may have opened anew, and only one of it can be open.
    for incident in (*changes.updated, *changes.resolved):
        conn.execute(
            update(incidents).where(incidents.c.id == incident.id).values(codec.incident_fields(incident))
        )
    if changes.opened:
        conn.execute(insert(incidents), [codec.incident_fields(one) for one in changes.opened])
    if changes.events:
        conn.execute(insert(incident_events), [_event_values(one) for one in changes.events])
    if changes.occurrences:
        conn.execute(insert(occurrences), [_occurrence_values(one) for one in changes.occurrences])


def abandon(conn: Connection, sources: Collection[str], now: datetime) -> tuple[Incident, ...]:
    """Ends in silence what is open of a source that is not among these: nobody looks at it any more."""
    left = [one for one in open_everywhere(conn) if one.source not in sources]
    over = tuple(
        replace(one, ends_at=max(now, one.starts_at), updated_at=now, resolution="no longer watched")
        for one in left
    )
    apply(conn, Changes(resolved=over))
    return over


def open_everywhere(conn: Connection) -> list[Incident]:
    """Of all sources."""
    rows = conn.execute(select(incidents).where(incidents.c.ends_at.is_(None)))
    return [codec.incident(row) for row in rows.mappings()]


def current(conn: Connection, resolved_since: datetime, *, source: str | None = None) -> list[Incident]:
    """Open ones, and those resolved since, of one source or of all; worst first, then the newest."""
    found: list[Incident] = []
    # Two questions: with both in one, no index would answer it.
    for wanted in (_OPEN, _OVER_SINCE) if source is not None else (_ALL_OPEN, _ALL_OVER_SINCE):
        rows = conn.execute(wanted, {"of": source, "since": resolved_since})
        found += [codec.incident(row) for row in rows.mappings()]
    return sorted(found, key=lambda one: (one.severity.rank, -one.starts_at.timestamp(), one.id))


def get(conn: Connection, ids: Collection[str]) -> dict[str, Incident]:
    found: dict[str, Incident] = {}
    for chunk in chunks(ids):
        rows = conn.execute(select(incidents).where(incidents.c.id.in_(chunk)))
        found.update((row["id"], codec.incident(row)) for row in rows.mappings())
    return found


def changes_since(
    conn: Connection, fingerprints: Collection[str], since: datetime
) -> dict[str, list[datetime]]:
    """By fingerprint, when incidents that were over since then or still hold began and ended."""
    found: dict[str, list[datetime]] = {}
    table = incidents.c
    for chunk in chunks(fingerprints):
        wanted = select(table.fingerprint, table.starts_at, table.ends_at).where(
            table.fingerprint.in_(chunk), table.quiet.is_(None)
        )
        # Two questions: with both in one, no index would answer it.
        for when in (table.ends_at.is_(None), table.ends_at >= since):
            for row in conn.execute(wanted.where(when)):
                ends = () if row.ends_at is None else (row.ends_at,)
                found.setdefault(row.fingerprint, []).extend((row.starts_at, *ends))
    return found


def waiting_events(conn: Connection) -> list[IncidentEvent]:
    """Those dispatch has not decided about yet, oldest first."""
    table = incident_events.c
    rows = conn.execute(
        select(incident_events).where(table.planned_at.is_(None)).order_by(table.at, table.id)
    )
    return [
        IncidentEvent(
            *(row.id, row.incident_id, EventKind(row.kind), row.at, row.late),
            frozenset(json.loads(row.planned_for) if row.planned_for else ()),
        )
        for row in rows
    ]


def mark_planned(conn: Connection, ids: Collection[int], now: datetime) -> None:
    """Raises Conflict when another dispatcher has decided about one of them already."""
    table = incident_events.c
    done = 0
    for chunk in chunks(ids):
        statement = update(incident_events).where(table.id.in_(chunk), table.planned_at.is_(None))
        done += conn.execute(statement.values(planned_at=now)).rowcount
    if done != len(set(ids)):
        raise Conflict("another agent is dispatching the same events")


def mark_partly_planned(conn: Connection, planned: Mapping[IncidentEvent, frozenset[str]]) -> None:
    """Which routes have decided about events that others hold back; Conflict as above."""
    table = incident_events.c
    for event, routes in planned.items():
        if routes == event.planned_for:
            continue
        # Compared as it was read: whoever looked at the same may have told of it meanwhile.
        before = table.planned_for
        same = before == _list(event.planned_for) if event.planned_for else before.is_(None)
        statement = update(incident_events).where(table.id == event.id, table.planned_at.is_(None), same)
        if conn.execute(statement.values(planned_for=_list(routes))).rowcount != 1:
            raise Conflict("another agent is dispatching the same events")


def tellings_of(conn: Connection, incident_ids: Collection[str]) -> list[Telling]:
    found: list[Telling] = []
    for chunk in chunks(incident_ids):
        found.extend(map(_telling, conn.execute(select(tellings).where(tellings.c.incident_id.in_(chunk)))))
    return found


def open_tellings(conn: Connection, group_keys: Collection[str]) -> list[Telling]:
    """What these groups were told of and not yet told to be over."""
    found: list[Telling] = []
    for chunk in chunks(group_keys):
        condition = and_(tellings.c.group_key.in_(chunk), tellings.c.resolved_told_at.is_(None))
        found.extend(map(_telling, conn.execute(select(tellings).where(condition))))
    return found


def told_by(conn: Connection, prefixes: Collection[str], ended_since: datetime) -> list[Incident]:
    """What groups whose key begins so were told of: what is open, and what was found over since then."""
    begins = or_(false(), *(tellings.c.group_key.startswith(one, autoescape=True) for one in prefixes))
    ids = conn.scalars(
        select(incidents.c.id)
        .distinct()
        .join(tellings, tellings.c.incident_id == incidents.c.id)
        .where(begins, or_(incidents.c.ends_at.is_(None), incidents.c.updated_at >= ended_since))
        .order_by(incidents.c.id)
    ).all()
    return list(get(conn, ids).values())


def save_tellings(conn: Connection, changed: Iterable[Telling]) -> None:
    for one in changed:
        key = and_(tellings.c.group_key == one.group_key, tellings.c.incident_id == one.incident_id)
        values = {"opened_told_at": one.opened_told_at, "resolved_told_at": one.resolved_told_at}
        if not conn.execute(update(tellings).where(key).values(values)).rowcount:
            keys = {"group_key": one.group_key, "incident_id": one.incident_id}
            conn.execute(insert(tellings).values(keys | values))


def groups(conn: Connection, keys: Collection[str]) -> dict[str, datetime]:
    """When each of them was told something last; groups never told are absent."""
    found: dict[str, datetime] = {}
    for chunk in chunks(keys):
        rows = conn.execute(select(alert_groups).where(alert_groups.c.key.in_(chunk)))
        found.update((row.key, row.notified_at) for row in rows)
    return found


def save_groups(conn: Connection, changed: Mapping[str, datetime], before: Mapping[str, datetime]) -> None:
    """before: as they were when it was decided. Raises Conflict when one was told meanwhile."""
    for key, notified_at in changed.items():
        if key not in before:
            conn.execute(insert(alert_groups).values(key=key, notified_at=notified_at))
            continue
        mine = and_(alert_groups.c.key == key, alert_groups.c.notified_at == before[key])
        if conn.execute(update(alert_groups).where(mine).values(notified_at=notified_at)).rowcount != 1:
            raise Conflict("another agent has just told the same group")


def bring_back(conn: Connection, now: datetime) -> None:
    """After the clock was set back: what lies in the future by it happened now."""
    events = and_(incident_events.c.planned_at.is_(None), incident_events.c.at > now)
    conn.execute(update(incident_events).where(events).values(at=now))
    conn.execute(update(alert_groups).where(alert_groups.c.notified_at > now).values(notified_at=now))


def groups_to_repeat(conn: Connection, notified_before: datetime, now: datetime) -> list[str]:
    """Groups told no later than that, or later than now, which still have an open critical incident."""
    rows = conn.execute(
        select(alert_groups.c.key)
        .distinct()
        .join(tellings, tellings.c.group_key == alert_groups.c.key)
        .join(incidents, incidents.c.id == tellings.c.incident_id)
        .where(
            incidents.c.ends_at.is_(None),
            incidents.c.severity == Severity.CRITICAL.value,
            tellings.c.resolved_told_at.is_(None),
            or_(alert_groups.c.notified_at <= notified_before, alert_groups.c.notified_at > now),
        )
    )
    return [row.key for row in rows]


def unacknowledged(conn: Connection, prefix: str, second: str, told_before: datetime) -> list[str]:
    """Groups whose key begins with prefix, of which something open was told by then that nobody acknowledged,
    and that no group beginning with second was told of."""
    other = tellings.alias()
    escalated = exists().where(
        other.c.incident_id == incidents.c.id, other.c.group_key.startswith(second, autoescape=True)
    )
    rows = conn.execute(
        select(tellings.c.group_key)
        .distinct()
        .join(incidents, incidents.c.id == tellings.c.incident_id)
        .where(
            incidents.c.ends_at.is_(None),
            tellings.c.resolved_told_at.is_(None),
            tellings.c.opened_told_at <= told_before,
            tellings.c.group_key.startswith(prefix, autoescape=True),
            ~exists().where(acks.c.incident_id == incidents.c.id),
            ~escalated,
        )
    )
    return [row.group_key for row in rows]


def prune(conn: Connection, before: datetime) -> int:
    """Forgets what ended before. Facts of an incident that is still open are kept: they must stay known."""
    table = incidents.c
    still_waiting = exists().where(
        incident_events.c.incident_id == table.id, incident_events.c.planned_at.is_(None)
    )
    gone = conn.execute(delete(incidents).where(table.ends_at < before, ~still_waiting)).rowcount
    orphan = ~exists().where(table.id == occurrences.c.incident_id)
    conn.execute(delete(occurrences).where(occurrences.c.at < before, orphan))
    orphan = ~exists().where(table.id == incident_events.c.incident_id)
    conn.execute(delete(incident_events).where(incident_events.c.at < before, orphan))
    conn.execute(delete(tellings).where(~exists().where(table.id == tellings.c.incident_id)))
    conn.execute(delete(acks).where(~exists().where(acks.c.incident_id == table.id)))
    silent = ~exists().where(tellings.c.group_key == alert_groups.c.key)
    conn.execute(delete(alert_groups).where(alert_groups.c.notified_at < before, silent))
    return gone


def _list(names: Iterable[str]) -> str:
    return json.dumps(sorted(names))


def _event_values(event: IncidentEvent) -> dict[str, Any]:
    return {
        "incident_id": event.incident_id,
        "kind": event.kind.value,
        "at": event.at,
        "late": event.late,
    }


def _occurrence_values(one: Occurrence) -> dict[str, Any]:
    return {
        "fingerprint": one.fingerprint,
        "occurrence": one.occurrence,
        "incident_id": one.incident_id,
        "at": one.at,
    }


def _telling(row: Row[Any]) -> Telling:
    return Telling(row.group_key, row.incident_id, row.opened_told_at, row.resolved_told_at)
