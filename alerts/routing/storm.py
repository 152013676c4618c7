"""Many at once: one summary in place of a flood, and one message for what a stop has hidden. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from alerts.model import NotificationKind
from alerts.routing.messages import Draft
from alerts.routing.model import Reason, RoutingPolicy
from alerts.routing.subjects import Subject


def catch_up(subjects: Iterable[Subject], policy: RoutingPolicy, draft: Draft) -> list[Subject]:
    """Late news of a source go in one message. Answers what is left for the next stage."""
    late: defaultdict[tuple[str, str], list[Subject]] = defaultdict(list)
    left: list[Subject] = []
    for subject in subjects:
        if subject.late:
            late[subject.route.name, subject.incident.source].append(subject)
        else:
            left.append(subject)
    for (_, source), those in late.items():
        due = min(one.at for one in those) + policy.group_wait
        if draft.now < due:
            draft.wait(those, Reason.WAITING_GROUP, due)
        elif not held_for_files(those, those, policy, draft):
            draft.tell(those[0].route.summary_key(source), NotificationKind.CATCH_UP, those)
    return left


def summarise(subjects: Iterable[Subject], policy: RoutingPolicy, draft: Draft) -> list[Subject]:
    """Storms. Openings and recoveries are counted apart; one group's own message needs no summary."""
    families: defaultdict[tuple[str, str, bool], list[Subject]] = defaultdict(list)
    for subject in subjects:
        families[subject.route.name, subject.incident.source, subject.recovery].append(subject)
    left: list[Subject] = []
    for (_, source, _), family in families.items():
        storm = _storm(family, policy, draft)
        if storm:
            draft.tell(storm[0].route.summary_key(source), NotificationKind.SUMMARY, storm)
        told = {one.incident.id for one in storm}
        left.extend(one for one in family if one.incident.id not in told)
    return left


def held_for_files(
    told: Sequence[Subject], due: Sequence[Subject], policy: RoutingPolicy, draft: Draft
) -> bool:
    """Waits while a log is on its way, counted from the oldest news: none is late by more than log_wait."""
    deadline = min(one.at for one in due) + policy.log_wait
    held = draft.now < deadline and any(one.awaits_file(draft.waiting) for one in told)
    if held:
        draft.wait(told, Reason.WAITING_ATTACHMENT, deadline)
    return held


def _storm(family: Sequence[Subject], policy: RoutingPolicy, draft: Draft) -> list[Subject]:
    """Those due now or within one more group_wait, when they are too many."""
    due = [one.due(draft.waiting, policy) <= draft.now for one in family]
    storm = [
        one
        for one, is_due in zip(family, due, strict=True)
        if is_due or draft.now < one.at + policy.group_wait
    ]
    too_many = len(storm) >= policy.storm_threshold and len({one.key for one in storm}) > 1
    return storm if any(due) and too_many else []
