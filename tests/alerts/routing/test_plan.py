"""Decision tables of routing: what is told when, in which message, and why the rest waits or is dropped."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts.model import (
    AttachmentState,
    EventKind,
    Incident,
    IncidentEvent,
    Notification,
    NotificationKind,
    Severity,
)
from alerts.routing import Plan, Reason, Route, RoutingPolicy, Telling, Waiting, plan
from alerts.testing import incident

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
ROUTE = Route("default", ("ops", "mail"), ("sfcc_instance", "job_id"))
POLICY = RoutingPolicy((ROUTE,))


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def ids() -> Callable[[], str]:
    numbers = itertools.count(1)
    return lambda: f"n-{next(numbers)}"


@dataclass
class Desk:
    """What waits and what was told; instants are seconds after noon."""

    policy: RoutingPolicy = POLICY
    incidents: dict[str, Incident] = field(default_factory=dict)
    events: list[IncidentEvent] = field(default_factory=list)
    groups: dict[str, datetime] = field(default_factory=dict)
    tellings: list[Telling] = field(default_factory=list)
    attachments: dict[str, AttachmentState] = field(default_factory=dict)

    def event(
        self, one: Incident, kind: EventKind = EventKind.OPENED, at: float = 0, *, late: bool = False
    ) -> None:
        self.incidents[one.id] = one
        self.events.append(IncidentEvent(len(self.events) + 1, one.id, kind, NOON + seconds(at), late))

    def told(self, one: Incident, at: float, *, key: str = "") -> None:
        key = key or ROUTE.group_key(one)
        self.incidents.setdefault(one.id, one)
        self.groups[key] = NOON + seconds(at)
        self.tellings.append(Telling(key, one.id, NOON + seconds(at)))

    def plan(self, at: float) -> Plan:
        waiting = Waiting(self.events, self.incidents, self.groups, self.tellings, self.attachments)
        return plan(waiting, self.policy, NOON + seconds(at), ids())


def reasons(decided: Plan) -> list[Reason]:
    return [one.reason for one in sorted(decided.decisions, key=lambda one: one.event.id or 0)]


def messages(decided: Plan) -> list[Notification]:
    return [one.notification for one in decided.outgoing]


def over(one: Incident, at: float = 60) -> Incident:
    return replace(one, ends_at=NOON + seconds(at))


WARNING = Severity.WARNING


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        pytest.param(9.9, Reason.WAITING_GROUP, id="just before group_wait it waits"),
        pytest.param(10, Reason.FIRST, id="at group_wait it is told"),
    ],
)
def test_the_first_message_of_a_group(at: float, expected: Reason) -> None:
    desk = Desk()
    desk.event(incident())

    decided = desk.plan(at)

    assert reasons(decided) == [expected]
    assert len(decided.outgoing) == (0 if expected.waits else 1)


def test_a_told_opening_is_remembered_with_its_group_and_goes_to_every_target() -> None:
    desk = Desk()
    desk.event(incident())

    decided = desk.plan(10)

    (out,) = decided.outgoing
    key = ROUTE.group_key(incident())
    assert (out.targets, out.notification.kind, out.notification.group_key) == (
        ("ops", "mail"),
        NotificationKind.FIRST,
        key,
    )
    assert out.notification.seen_at == NOON
    assert decided.tellings == (Telling(key, incident().id, NOON + seconds(10)),)
    assert decided.groups == {key: NOON + seconds(10)}


def test_a_waiting_plan_says_when_to_look_again() -> None:
    desk = Desk()
    desk.event(incident("a"), at=3)
    desk.event(incident("b"), at=1)

    assert desk.plan(5).wake_at == NOON + seconds(11)


def test_incidents_of_one_group_come_in_one_message_worst_first() -> None:
    desk = Desk()
    desk.event(incident(severity=WARNING, condition="slow"))
    desk.event(incident(), at=9)

    (message,) = messages(desk.plan(10))

    assert [one.condition for one in message.incidents] == ["failed", "slow"]


def test_groups_differ_by_the_labels_of_the_route() -> None:
    desk = Desk()
    desk.event(incident("a"))
    desk.event(incident("b"))

    assert len(messages(desk.plan(10))) == 2
    desk.policy = RoutingPolicy((replace(ROUTE, group_by=("sfcc_instance",)),))
    assert len(messages(desk.plan(10))) == 1


@pytest.mark.parametrize(
    ("severity", "at", "expected"),
    [
        pytest.param(WARNING, 299.9, Reason.WAITING_INTERVAL, id="a warning waits for group_interval"),
        pytest.param(WARNING, 300, Reason.NEW, id="and is told then"),
        pytest.param(
            Severity.CRITICAL, 29.9, Reason.WAITING_GROUP, id="a critical one waits for group_wait only"
        ),
        pytest.param(Severity.CRITICAL, 30, Reason.NEW, id="and is told then, whatever the interval"),
    ],
)
def test_a_new_incident_in_a_group_told_just_now(severity: Severity, at: float, expected: Reason) -> None:
    desk = Desk()
    desk.told(incident(), at=0)
    desk.event(incident(condition="overlap", severity=severity), at=20)

    assert reasons(desk.plan(at)) == [expected]


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        pytest.param(29.9, Reason.WAITING_GROUP, id="group_wait first"),
        pytest.param(30, Reason.CAUSE, id="then at once, whatever the interval"),
    ],
)
def test_a_new_cause_is_told_at_once(at: float, expected: Reason) -> None:
    desk = Desk()
    desk.told(incident(severity=WARNING), at=0)
    desk.event(incident(severity=WARNING), EventKind.CAUSE, at=20)

    decided = desk.plan(at)

    assert reasons(decided) == [expected]
    if not expected.waits:
        assert messages(decided)[0].kind is NotificationKind.NEW


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        pytest.param(65, Reason.WAITING_GROUP, id="within group_wait"),
        pytest.param(299.9, Reason.WAITING_INTERVAL, id="until group_interval after the last message"),
        pytest.param(300, Reason.RESOLVED, id="then it is told"),
    ],
)
def test_a_recovery_waits_for_the_interval(at: float, expected: Reason) -> None:
    desk = Desk()
    desk.told(incident(), at=0)
    desk.event(over(incident()), EventKind.RESOLVED, at=60)

    assert reasons(desk.plan(at)) == [expected]


def test_a_told_recovery_is_remembered() -> None:
    desk = Desk()
    desk.told(incident(), at=0)
    desk.event(over(incident()), EventKind.RESOLVED, at=60)

    decided = desk.plan(300)

    assert messages(decided)[0].kind is NotificationKind.RESOLVED
    key = ROUTE.group_key(incident())
    assert decided.tellings == (Telling(key, incident().id, NOON, NOON + seconds(300)),)


def test_a_recovery_of_what_nobody_heard_of_is_dropped() -> None:
    desk = Desk()
    desk.event(over(incident()), EventKind.RESOLVED)

    decided = desk.plan(0)

    assert (reasons(decided), decided.outgoing) == ([Reason.NEVER_ANNOUNCED], ())


def test_what_opened_and_ended_untold_is_told_once_as_over() -> None:
    desk = Desk()
    desk.event(over(incident()), EventKind.OPENED)
    desk.event(over(incident()), EventKind.RESOLVED)

    decided = desk.plan(10)

    (message,) = messages(decided)
    assert (message.kind, message.incidents[0].is_open) == (NotificationKind.FIRST, False)
    assert reasons(decided) == [Reason.FIRST, Reason.FIRST]
    (telling,) = decided.tellings
    assert telling.resolved_told_at == NOON + seconds(10)


def test_an_end_that_was_told_with_another_message_is_not_told_again() -> None:
    desk = Desk()
    key = ROUTE.group_key(incident())
    desk.tellings.append(Telling(key, incident().id, NOON, NOON))
    desk.event(over(incident()), EventKind.RESOLVED)

    decided = desk.plan(1000)

    assert (reasons(decided), decided.outgoing) == ([Reason.RESOLVED], ())


def test_a_quiet_incident_is_dropped() -> None:
    desk = Desk()
    desk.event(incident(quiet="first_read"))

    assert reasons(desk.plan(0)) == [Reason.QUIET]


def test_an_incident_that_was_pruned_is_dropped() -> None:
    desk = Desk()
    desk.event(incident())
    desk.incidents.clear()

    assert reasons(desk.plan(0)) == [Reason.NEVER_ANNOUNCED]


@pytest.mark.parametrize("routes", [(), (Route("default", ()),)], ids=["no route", "a route to nobody"])
def test_without_a_target_nothing_is_queued(routes: tuple[Route, ...]) -> None:
    desk = Desk(RoutingPolicy(routes))
    desk.event(incident())

    decided = desk.plan(10)

    assert (reasons(decided), decided.outgoing, decided.tellings) == ([Reason.NO_TARGET], (), ())


@pytest.mark.parametrize(
    ("state", "at", "expected"),
    [
        pytest.param(
            AttachmentState.WANTED, 29.9, Reason.WAITING_ATTACHMENT, id="a wanted log holds the message"
        ),
        pytest.param(AttachmentState.WANTED, 30, Reason.FIRST, id="but not longer than log_wait"),
        pytest.param(AttachmentState.STORED, 10, Reason.FIRST, id="a stored one does not hold it"),
        pytest.param(AttachmentState.FAILED, 10, Reason.FIRST, id="nor one that cannot be had"),
        pytest.param(
            AttachmentState.WANTED, 9.9, Reason.WAITING_GROUP, id="before group_wait that is the reason"
        ),
    ],
)
def test_waiting_for_the_log(state: AttachmentState, at: float, expected: Reason) -> None:
    desk = Desk(attachments={"log": state})
    desk.event(incident(attachments=("log",)))

    assert reasons(desk.plan(at)) == [expected]


def test_only_the_newest_log_is_waited_for() -> None:
    desk = Desk(attachments={"old": AttachmentState.WANTED, "new": AttachmentState.STORED})
    desk.event(incident(attachments=("old", "new")))

    assert reasons(desk.plan(10)) == [Reason.FIRST]


def test_a_recovery_waits_for_no_log() -> None:
    desk = Desk(attachments={"log": AttachmentState.WANTED})
    one = incident(attachments=("log",))
    desk.told(one, at=-1000)
    desk.event(over(one), EventKind.RESOLVED)

    assert reasons(desk.plan(10)) == [Reason.RESOLVED]


def test_a_stream_of_news_does_not_hold_a_message_longer_than_log_wait() -> None:
    desk = Desk(RoutingPolicy((replace(ROUTE, group_by=()),)))
    for number in range(10):
        desk.event(incident(f"job-{number}", attachments=(f"log-{number}",)), at=number * 5)
        desk.attachments[f"log-{number}"] = AttachmentState.WANTED

    assert len(messages(desk.plan(30))) == 1


def test_a_follow_up_lists_what_is_new_and_counts_the_rest() -> None:
    desk = Desk()
    desk.told(incident(condition="slow"), at=0)
    desk.told(incident(condition="late"), at=0)
    desk.told(over(incident(condition="fast")), at=0)
    desk.event(incident(), at=20)

    (message,) = messages(desk.plan(30))

    assert ([one.condition for one in message.incidents], message.counted) == (["failed"], 2)
    assert message.news == (incident().id,)


def test_a_group_whose_troubles_are_all_over_begins_anew() -> None:
    desk = Desk()
    desk.told(over(incident()), at=-1000)
    desk.tellings = [replace(one, resolved_told_at=NOON) for one in desk.tellings]
    desk.event(incident(condition="overlap"))

    assert messages(desk.plan(10))[0].kind is NotificationKind.FIRST


def test_news_take_a_waiting_recovery_of_their_group_along() -> None:
    desk = Desk()
    desk.told(incident(condition="slow"), at=0)
    desk.event(over(incident(condition="slow")), EventKind.RESOLVED, at=15)
    desk.event(incident(), at=20)

    decided = desk.plan(30)

    (message,) = messages(decided)
    assert (message.kind, len(message.incidents)) == (NotificationKind.NEW, 2)
    assert reasons(decided) == [Reason.RESOLVED, Reason.NEW]


def storm(number: int, **changes: object) -> Sequence[Incident]:
    return [incident(f"job-{one:03}", **changes) for one in range(number)]


@pytest.mark.parametrize(
    ("number", "kind", "count"),
    [
        pytest.param(19, NotificationKind.FIRST, 19, id="below the threshold each group has its message"),
        pytest.param(20, NotificationKind.SUMMARY, 1, id="at the threshold there is one for the source"),
    ],
)
def test_a_storm(number: int, kind: NotificationKind, count: int) -> None:
    desk = Desk()
    for one in storm(number):
        desk.event(one)

    found = messages(desk.plan(10))

    assert ({one.kind for one in found}, len(found)) == ({kind}, count)
    assert sum(len(one.incidents) for one in found) == number


def test_a_storm_is_counted_for_each_source() -> None:
    desk = Desk()
    for place in ("production", "staging"):
        for one in storm(15, place=place):
            desk.event(replace(one, id=f"{place}-{one.id}"))

    assert len(messages(desk.plan(10))) == 30


def test_what_comes_within_one_more_group_wait_belongs_to_the_storm() -> None:
    desk = Desk()
    for number, one in enumerate(storm(30)):
        desk.event(one, at=0 if number < 15 else 8)

    (message,) = messages(desk.plan(10))

    assert len(message.incidents) == 30


def test_a_summary_is_worst_first_and_waits_for_no_log() -> None:
    desk = Desk()
    for number, one in enumerate(storm(20, attachments=("log",))):
        desk.event(replace(one, severity=Severity.CRITICAL if number == 19 else WARNING))
    desk.attachments["log"] = AttachmentState.WANTED

    (message,) = messages(desk.plan(10))

    assert message.incidents[0].name == "job-019"


def test_the_recoveries_of_a_storm_come_together() -> None:
    desk = Desk()
    key = ROUTE.summary_key("production")
    for one in storm(30):
        desk.told(one, at=0, key=key)
        desk.event(over(one), EventKind.RESOLVED, at=60)

    assert messages(desk.plan(299)) == []
    (message,) = messages(desk.plan(300))
    assert (message.group_key, len(message.incidents)) == (key, 30)


def test_a_crowd_within_one_group_is_that_groups_message_and_waits_for_no_log() -> None:
    route = replace(ROUTE, group_by=())
    desk = Desk(RoutingPolicy((route,)))
    desk.attachments["log"] = AttachmentState.WANTED
    for one in storm(30, attachments=("log",)):
        desk.event(one)

    (message,) = messages(desk.plan(10))

    assert (message.kind, message.group_key) == (NotificationKind.SUMMARY, route.group_key(incident()))


def test_openings_and_recoveries_are_counted_apart() -> None:
    desk = Desk()
    for number, one in enumerate(storm(30)):
        if number < 15:
            desk.event(one)
        else:
            desk.told(one, at=-1000)
            desk.event(over(one), EventKind.RESOLVED)

    assert len(messages(desk.plan(10))) == 30


def test_late_news_of_a_source_come_in_one_message() -> None:
    desk = Desk()
    desk.event(incident("a"), late=True)
    desk.event(over(incident("b")), late=True)
    desk.event(over(incident("b")), EventKind.RESOLVED, late=True)
    desk.told(incident("c"), at=-90_000)
    desk.event(over(incident("c")), EventKind.RESOLVED, late=True)
    desk.event(incident("d"))

    decided = desk.plan(10)

    found = {message.kind: message for message in messages(decided)}
    assert {one.name for one in found[NotificationKind.CATCH_UP].incidents} == {"a", "b", "c"}
    assert [one.name for one in found[NotificationKind.FIRST].incidents] == ["d"]
    assert reasons(decided) == [Reason.CATCH_UP] * 4 + [Reason.FIRST]


def test_late_news_wait_for_what_else_the_poll_finds() -> None:
    desk = Desk()
    desk.event(incident(), late=True)

    assert reasons(desk.plan(9)) == [Reason.WAITING_GROUP]


@pytest.mark.parametrize(
    ("at", "told"),
    [
        pytest.param(4 * 3600 - 1, 0, id="before repeat_interval: silence"),
        pytest.param(4 * 3600, 1, id="at repeat_interval: it is said again"),
    ],
)
def test_open_criticals_are_repeated(at: float, told: int) -> None:
    desk = Desk()
    desk.told(incident(), at=0)
    desk.told(incident(condition="slow", severity=WARNING), at=0)

    found = messages(desk.plan(at))

    assert len(found) == told
    for message in found:
        assert (message.kind, message.counted) == (NotificationKind.REPEAT, 1)
        assert [one.condition for one in message.incidents] == ["failed"]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"severity": WARNING}, id="a warning"),
        pytest.param({"ends_at": NOON}, id="what is over"),
    ],
)
def test_what_is_not_repeated(change: Mapping[str, Any]) -> None:
    desk = Desk()
    desk.told(incident(**change), at=0)

    assert messages(desk.plan(90_000)) == []


def test_a_repeat_interval_of_zero_means_never() -> None:
    desk = Desk(replace(POLICY, repeat_interval=timedelta(0)))
    desk.told(incident(), at=0)

    assert messages(desk.plan(90_000)) == []


def test_a_group_told_news_now_is_not_repeated_as_well() -> None:
    desk = Desk()
    desk.told(incident(), at=0)
    desk.event(incident(condition="overlap"), at=20_000)

    assert [one.kind for one in messages(desk.plan(20_010))] == [NotificationKind.NEW]


def test_the_same_news_in_any_order_give_the_same_plan() -> None:
    desk = Desk()
    for one in storm(25):
        desk.event(one)
    desk.event(incident("x"), late=True)
    backwards = replace(desk, events=desk.events[::-1])

    def told(decided: Plan) -> list[list[str]]:
        return [[one.id for one in message.incidents] for message in messages(decided)]

    assert told(desk.plan(10)) == told(backwards.plan(10))
