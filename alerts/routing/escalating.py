"""What nobody has acknowledged in time, and who hears of it then. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta

from alerts.model import Incident
from alerts.routing.holding import is_held
from alerts.routing.messages import Draft
from alerts.routing.model import Route, RoutingPolicy


def escalate(policy: RoutingPolicy, draft: Draft) -> None:
    """One message for each route and source, about all that is due; its end is told there as well."""
    for route in policy.routes:
        if route.escalation is None:
            continue
        second = route.second
        due: defaultdict[str, dict[str, Incident]] = defaultdict(dict)
        for one in _unacknowledged(route, second, route.escalation.after, draft):
            if not is_held(one, route.name, draft.waiting, policy, draft.now):
                due[one.source][one.id] = one
        for source, incidents in due.items():
            draft.escalate(second, second.summary_key(source), tuple(incidents.values()))


def _unacknowledged(route: Route, second: Route, after: timedelta, draft: Draft) -> Iterator[Incident]:
    """Open, told of by this route for long enough, in nobody's hands, and not said to the second targets."""
    waiting = draft.waiting
    for telling in waiting.tellings:
        incident = waiting.incidents.get(telling.incident_id)
        if (
            incident is not None
            and incident.is_open
            and telling.resolved_told_at is None
            and telling.group_key.startswith(route.prefix)
            and draft.now >= telling.opened_told_at + after
            and incident.id not in waiting.acked
            and waiting.telling(incident.id, second.prefix) is None
        ):
            yield incident
