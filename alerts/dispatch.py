"""Dispatch: from waiting events to rows of the outbox, in the caller's one transaction.

Decides nothing itself: it loads what `alerts.routing` needs and writes what that answers. When another agent
has decided the same meanwhile, `Conflict` is raised: the caller rolls back and looks again next time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection

from alerts import acks, attachments, outbox, silence_store, store
from alerts.model import Incident, IncidentEvent, Notification
from alerts.outbox import Backlog
from alerts.routing import Plan, RoutingPolicy, Waiting, plan
from alerts.routing.flapping import LOOK_BACK
from alerts.routing.holding import hold, is_held
from alerts.routing.messages import Draft
from alerts.routing.silences import Silence
from alerts.routing.subjects import subjects


@dataclass(frozen=True, slots=True)
class DispatchResult:
    """notifications: queued now. waiting: events not decided yet, those that are silenced aside.

    wake_at: when to look again at last.
    """

    notifications: tuple[Notification, ...] = ()
    plan: Plan = field(default_factory=Plan)
    waiting: int = 0
    wake_at: datetime | None = None


def dispatch(
    conn: Connection, policy: RoutingPolicy, now: datetime, new_id: Callable[[], str]
) -> DispatchResult:
    waiting = load(conn, policy, now)
    if waiting is not None and _is_ahead(waiting, now):
        store.bring_back(conn, now)
        waiting = load(conn, policy, now)
    if waiting is None:
        return DispatchResult()
    decided = plan(waiting, policy, now, new_id)
    _write(conn, decided, waiting, now)
    return DispatchResult(
        notifications=tuple(one.notification for one in decided.outgoing),
        plan=decided,
        waiting=decided.awaited,
        wake_at=decided.wake_at,
    )


def load(conn: Connection, policy: RoutingPolicy, now: datetime) -> Waiting | None:
    """All a plan needs; None when nothing waits and nothing has to be repeated."""
    events = store.waiting_events(conn)
    repeats = {*_repeats(conn, policy, now), *_escalations(conn, policy, now)}
    if not events and not repeats:
        return None
    incidents = store.get(conn, {event.incident_id for event in events})
    tellings = store.tellings_of(conn, incidents)
    keys = {one.group_key for one in tellings} | _keys(incidents.values(), policy) | set(repeats)
    tellings += store.open_tellings(conn, keys)
    if any(route.escalation for route in policy.routes):
        tellings += store.tellings_of(conn, {one.incident_id for one in tellings} - incidents.keys())
    incidents |= store.get(conn, {one.incident_id for one in tellings} - incidents.keys())
    refs = {ref for one in incidents.values() for ref in one.attachments[-1:]}
    return Waiting(
        events=events,
        incidents=incidents,
        groups=store.groups(conn, keys),
        tellings=tuple(dict.fromkeys(tellings)),
        attachments=attachments.states(conn, refs),
        acked=acks.of(conn, incidents).keys(),
        silences=_silences(conn, events, now, incidents.values()),
        changes=_changes(conn, incidents.values(), now),
    )


def backlogs(conn: Connection, policy: RoutingPolicy, now: datetime) -> tuple[Backlog, ...]:
    """What each target of the policy has not taken: rows of the outbox, groups that wait to become one.

    What is silenced or muted now is not waited for.
    """
    known = {target for route in policy.routes for target in (*route.targets, *route.second.targets)}
    counts: Counter[str] = Counter()
    oldest: dict[str, datetime] = {}
    rows = (one for one in outbox.backlogs(conn) if one.target in known)
    for one in (*rows, *_undispatched(conn, policy, now)):
        counts[one.target] += one.count
        oldest[one.target] = min(one.oldest, oldest.get(one.target, one.oldest))
    return tuple(Backlog(target, counts[target], oldest[target]) for target in sorted(counts))


def silenced(conn: Connection, policy: RoutingPolicy, now: datetime) -> list[Incident]:
    """Open incidents that are news, and are held back from all who would be told."""
    silences = silence_store.ending_after(conn, now)
    if not silences and policy.mutes is None:
        return []
    waiting = Waiting((), {}, silences=silences)
    news = (one for one in store.open_everywhere(conn) if one.quiet is None)
    return [
        one
        for one in news
        if all(is_held(one, route.name, waiting, policy, now) for route in policy.taken_by(one))
    ]


def _undispatched(conn: Connection, policy: RoutingPolicy, now: datetime) -> Sequence[Backlog]:
    events = store.waiting_events(conn)
    if not events:
        return ()
    incidents = store.get(conn, {event.incident_id for event in events})
    tellings = tuple(store.tellings_of(conn, incidents))
    waiting = Waiting(
        events,
        incidents,
        tellings=tellings,
        silences=_silences(conn, events, now),
        changes=_changes(conn, incidents.values(), now),
    )
    tellable = hold(subjects(waiting, policy)[0], policy, Draft(waiting, now, str))
    groups: dict[str, Backlog] = {}
    for subject in sorted(tellable, key=lambda one: one.at, reverse=True):
        groups.update(
            (f"{target} {subject.key}", Backlog(target, 1, subject.at)) for target in subject.route.targets
        )
    return tuple(groups.values())


def _silences(
    conn: Connection, events: Iterable[IncidentEvent], now: datetime, incidents: Iterable[Incident] = ()
) -> Sequence[Silence]:
    """Those that hold now, and those that hold or held one of these back since it began."""
    begun = (*(event.at for event in events), *(one.starts_at for one in incidents))
    return silence_store.ending_after(conn, min([now, *begun]))


def _changes(
    conn: Connection, incidents: Iterable[Incident], now: datetime
) -> Mapping[str, Sequence[datetime]]:
    return store.changes_since(conn, {one.fingerprint for one in incidents}, now - LOOK_BACK)


def _repeats(conn: Connection, policy: RoutingPolicy, now: datetime) -> Collection[str]:
    if policy.repeat_interval <= timedelta(0):
        return ()
    return store.groups_to_repeat(conn, now - policy.repeat_interval, now)


def _escalations(conn: Connection, policy: RoutingPolicy, now: datetime) -> Iterator[str]:
    """Groups of which something was told for so long that somebody else has to hear of it."""
    for route in policy.routes:
        if route.escalation is not None:
            told_before = now - route.escalation.after
            yield from store.unacknowledged(conn, route.prefix, route.second.prefix, told_before)


def _is_ahead(waiting: Waiting, now: datetime) -> bool:
    """Whether something is said to lie in the future: the clock was set back, and it would wait as long."""
    return any(at > now for at in (*(event.at for event in waiting.events), *waiting.groups.values()))


def _keys(incidents: Collection[Incident], policy: RoutingPolicy) -> set[str]:
    """Groups that a message about these incidents may belong to."""
    return {
        key
        for incident in incidents
        for route in policy.taken_by(incident)
        for key in (
            route.group_key(incident),
            route.summary_key(incident.source),
            *((route.second.summary_key(incident.source),) if route.escalation else ()),
        )
    }


def _write(conn: Connection, decided: Plan, waiting: Waiting, now: datetime) -> None:
    # First what a second dispatcher would collide with.
    store.mark_planned(conn, {one.id for one in decided.planned if one.id is not None}, now)
    store.mark_partly_planned(conn, decided.partly_planned)
    store.save_groups(conn, decided.groups, waiting.groups)
    store.save_tellings(conn, decided.tellings)
    for one in decided.outgoing:
        outbox.put(conn, one.notification, one.targets, now)
