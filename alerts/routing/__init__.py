"""Which messages are due now, to whom, and why the rest is not. Pure: no SQL, no clock.

Alertmanager's words and habits (group_by, group_wait, group_interval, repeat_interval), with three additions:
what opened and ended untold is told once, as over; a flood becomes one summary; a message waits a little for
its log. Every event given gets a decision with a named reason.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from alerts.routing.escalating import escalate
from alerts.routing.grouping import repeat, tell_groups
from alerts.routing.holding import hold
from alerts.routing.messages import Draft
from alerts.routing.model import (
    Decision,
    Escalation,
    Outgoing,
    Plan,
    Reason,
    Route,
    RoutingPolicy,
    Telling,
    Waiting,
)
from alerts.routing.storm import catch_up, summarise
from alerts.routing.subjects import subjects

__all__ = [
    "Decision",
    "Escalation",
    "Outgoing",
    "Plan",
    "Reason",
    "Route",
    "RoutingPolicy",
    "Telling",
    "Waiting",
    "plan",
]


def plan(waiting: Waiting, policy: RoutingPolicy, now: datetime, new_id: Callable[[], str]) -> Plan:
    draft = Draft(waiting, now, new_id)
    tellable, dropped = subjects(waiting, policy)  # quiet, never announced, no target: out
    draft.decisions.extend(dropped)
    tellable = hold(tellable, policy, draft)  # silenced or muted: later, or never
    tellable = catch_up(tellable, policy, draft)  # what a stop has hidden: one message for each source
    tellable = summarise(tellable, policy, draft)  # too many at once: one message for each source
    tell_groups(tellable, policy, draft)  # the rest: one message for each group
    escalate(policy, draft)  # what nobody has acknowledged in time
    repeat(policy, draft)  # and what is still critical after hours
    return draft.plan()
