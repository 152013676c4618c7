"""The usual case: one message for each group whose time has come, and the repeats of critical ones. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta

from alerts.model import NotificationKind, Severity
from alerts.routing.holding import is_held
from alerts.routing.messages import Draft
from alerts.routing.model import Reason, RoutingPolicy
from alerts.routing.storm import held_for_files
from alerts.routing.subjects import Subject


def tell_groups(subjects: Iterable[Subject], policy: RoutingPolicy, draft: Draft) -> None:
    """As soon as one subject of a group is due, all of the group go with it."""
    groups: defaultdict[str, list[Subject]] = defaultdict(list)
    for subject in subjects:
        groups[subject.key].append(subject)
    for key, members in groups.items():
        due = [one for one in members if one.due(draft.waiting, policy) <= draft.now]
        crowd = len(members) >= policy.storm_threshold
        if not due:
            _wait(members, policy, draft)
        elif crowd or not held_for_files(members, due, policy, draft):
            draft.tell(key, _kind(key, members, crowd, draft), members)


def repeat(policy: RoutingPolicy, draft: Draft) -> None:
    """Open criticals that were told, once repeat_interval has passed without a word about their group."""
    if policy.repeat_interval <= timedelta(0):
        return
    for key, told_at in draft.waiting.groups.items():
        route = next((one for one in policy.routes if key.startswith(one.prefix) and one.targets), None)
        if route is None or key in draft.groups or draft.now < told_at + policy.repeat_interval:
            continue
        still_open = draft.still_open(key)
        critical = [
            one
            for one in still_open
            if one.severity is Severity.CRITICAL
            and one.id not in draft.waiting.acked
            and not is_held(one, route.name, draft.waiting, policy, draft.now)
        ]
        if critical:
            draft.repeat(route, key, critical, len(still_open) - len(critical))


def _wait(members: Sequence[Subject], policy: RoutingPolicy, draft: Draft) -> None:
    for one in members:
        grouping = draft.now < one.at + policy.group_wait
        reason = Reason.WAITING_GROUP if grouping else Reason.WAITING_INTERVAL
        draft.wait([one], reason, one.due(draft.waiting, policy))


def _kind(key: str, members: Sequence[Subject], crowd: bool, draft: Draft) -> NotificationKind:  # noqa: FBT001 - computed by the caller, never a literal
    if crowd:
        return NotificationKind.SUMMARY
    if all(one.recovery for one in members):
        return NotificationKind.RESOLVED
    told_before = draft.still_open(key) or any(one.recovery for one in members)
    return NotificationKind.NEW if told_before else NotificationKind.FIRST
