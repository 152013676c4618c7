"""What nobody has acknowledged in time, and who hears of it then. Pure."""

from __future__ import annotations

from collections import defaultdict

from alerts.model import Incident, NotificationKind
from alerts.routing.holding import is_held
from alerts.routing.messages import Draft
from alerts.routing.model import Route, RoutingPolicy


def escalate(policy: RoutingPolicy, draft: Draft) -> None:
    """One message for each route and source, about all that is due; its end is told there as well."""
    for route in policy.routes:
        if route.escalation is None:
            continue
        due: defaultdict[str, dict[str, Incident]] = defaultdict(dict)
        for one in _due(route, policy, draft):
            due[one.source][one.id] = one
        second = route.second
        for source, incidents in due.items():
            key = second.summary_key(source)
            draft.say(second, key, NotificationKind.ESCALATION, tuple(incidents.values()))


def _due(route: Route, policy: RoutingPolicy, draft: Draft) -> list[Incident]:
    """Open, told of by this route for long enough, in nobody's hands, and not said to the second targets."""
    waiting, found = draft.waiting, []
    for telling in waiting.tellings:
        incident = waiting.incidents.get(telling.incident_id)
        if (
            incident is not None
            and incident.is_open
            and telling.resolved_told_at is None
            and telling.group_key.startswith(route.prefix)
            and route.escalation is not None
            and draft.now >= telling.opened_told_at + route.escalation.after
            and incident.id not in waiting.acked
            and waiting.telling(incident.id, route.second.prefix) is None
            and not is_held(incident, route.name, waiting, policy, draft.now)
        ):
            found.append(incident)
    return found
