"""Several routes: which of them hear of what, and that none waits for another or hears twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from alerts.model import AttachmentState, EventKind, Incident, IncidentEvent, Severity
from alerts.routing import Plan, Reason, Route, RoutingPolicy, Telling, Waiting, plan
from alerts.routing.matching import Match
from alerts.testing import incident

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
WAITED = NOON + timedelta(seconds=10)
LATER = NOON + timedelta(minutes=10)


def route(name: str, *, goes_on: bool = False, targets: tuple[str, ...] | None = None, **globs: str) -> Route:
    match = Match({field: (glob,) for field, glob in globs.items()})
    return Route(name, (name,) if targets is None else targets, ("job_id",), match, goes_on=goes_on)


def policy(*routes: Route, about: Mapping[str, tuple[str, ...]] | None = None) -> RoutingPolicy:
    return RoutingPolicy(routes, lambda _incident: about or {})


CRITICAL_IMPORT = incident("3-1-1 prices", labels={"job_id": "3-1-1 prices"})


@pytest.mark.parametrize(
    ("routes", "told"),
    [
        pytest.param([route("a"), route("b")], ["a"], id="the first that takes it is the last one asked"),
        pytest.param(
            [route("a", goes_on=True), route("b")], ["a", "b"], id="with continue the next is asked"
        ),
        pytest.param(
            [route("a", severity="info"), route("b")], ["b"], id="one whose match fails is passed over"
        ),
        pytest.param(
            [route("a", goes_on=True, severity="info"), route("b"), route("c")],
            ["b"],
            id="continue of a route that does not take it means nothing",
        ),
        pytest.param([route("a", job_id="3-*")], ["a"], id="a glob on the job's id"),
        pytest.param([route("a", job_id="3-*", severity="warning")], [], id="all of a match have to hold"),
        pytest.param([route("a", owner="pim-*")], ["a"], id="a glob on the owner that the settings name"),
        pytest.param([route("a", customer="acme")], ["a"], id="a label of the instance"),
        pytest.param([route("a", group="exports")], ["a"], id="one of the groups the job is in"),
        pytest.param([route("a", region="*")], [], id="a star does not match what is not there"),
        pytest.param([], [], id="no route, nobody"),
    ],
)
def test_which_routes_take_an_incident(routes: list[Route], told: list[str]) -> None:
    about = {"owner": ("pim-team",), "customer": ("acme",), "group": ("imports", "exports")}

    assert [one.name for one in policy(*routes, about=about).taken_by(CRITICAL_IMPORT)] == told


def test_a_pair_is_matched_by_either_of_its_jobs() -> None:
    pair = incident("b", labels={"job_id": "b", "other_job_id": "a", "group": "imports"})

    for one in (route("x", job_id="a"), route("x", job_id="b"), route("x", group="imports")):
        assert policy(one).taken_by(pair)


def test_case_counts_in_a_match() -> None:
    assert not policy(route("x", job_id="3-1-1 Prices")).taken_by(CRITICAL_IMPORT)


def opened(one: Incident, number: int = 1, planned_for: frozenset[str] = frozenset()) -> IncidentEvent:
    return IncidentEvent(number, one.id, EventKind.OPENED, NOON, planned_for=planned_for)


def decide(
    how: RoutingPolicy,
    one: Incident,
    *events: IncidentEvent,
    now: datetime = WAITED,
    tellings: tuple[Telling, ...] = (),
    groups: Mapping[str, datetime] | None = None,
) -> Plan:
    return plan(Waiting(events, {one.id: one}, groups or {}, tellings), how, now, lambda: "n")


def messages_by_route(decided: Plan) -> dict[str, tuple[str, ...]]:
    return {out.notification.group_key.split("/")[0]: out.targets for out in decided.outgoing}


def test_each_route_sends_a_message_of_its_own() -> None:
    how = policy(route("pim", goes_on=True, targets=("mail", "chat")), route("ops"))

    decided = decide(how, CRITICAL_IMPORT, opened(CRITICAL_IMPORT))

    assert messages_by_route(decided) == {"pim": ("mail", "chat"), "ops": ("ops",)}
    assert len(decided.tellings) == 2
    assert decided.planned == (opened(CRITICAL_IMPORT),)


def test_a_route_without_targets_drops_what_it_takes_and_says_so() -> None:
    decided = decide(
        policy(route("nobody", targets=()), route("ops")), CRITICAL_IMPORT, opened(CRITICAL_IMPORT)
    )

    assert [(one.reason, one.route) for one in decided.decisions] == [(Reason.NO_TARGET, "nobody")]
    assert decided.planned
    assert not decided.outgoing


def warning(one: Incident) -> Incident:
    return replace(one, severity=Severity.WARNING)


def test_a_route_whose_group_was_just_told_waits_while_the_other_tells() -> None:
    slow = warning(incident("a", condition="slow"))
    busy, free = route("busy", goes_on=True), route("free")
    how = policy(busy, free)
    event = opened(slow)

    first = decide(how, slow, event, groups={busy.group_key(slow): NOON})

    assert messages_by_route(first) == {"free": ("free",)}
    assert first.planned == ()
    assert first.partly_planned == {event: frozenset({"free"})}

    again = replace(event, planned_for=frozenset({"free"}))
    later = decide(how, slow, again, now=LATER, tellings=first.tellings, groups={busy.group_key(slow): NOON})

    assert messages_by_route(later) == {"busy": ("busy",)}
    assert later.planned == (again,)
    assert later.partly_planned == {}


def test_a_route_that_told_the_opening_tells_the_end_while_another_still_waits_with_both() -> None:
    slow = warning(incident("a", condition="slow"))
    busy, free = route("busy", goes_on=True), route("free")
    told = Telling(free.group_key(slow), slow.id, NOON)
    over = replace(slow, ends_at=WAITED)
    events = (
        opened(over, planned_for=frozenset({"free"})),
        IncidentEvent(2, over.id, EventKind.RESOLVED, NOON),
    )

    decided = decide(
        policy(busy, free),
        over,
        *events,
        tellings=(told,),
        groups={busy.group_key(over): NOON, free.group_key(over): NOON - timedelta(hours=1)},
    )

    assert messages_by_route(decided) == {"free": ("free",)}
    assert decided.partly_planned == {events[1]: frozenset({"free"})}


def test_what_grew_worse_goes_to_who_takes_it_now_and_its_end_to_all_who_heard() -> None:
    how = policy(route("pager", severity="critical"), route("chat"))
    before = warning(incident("a", condition="deadline"))
    told = Telling(how.routes[1].group_key(before), before.id, NOON)
    worse = replace(before, severity=Severity.CRITICAL)
    cause = IncidentEvent(2, worse.id, EventKind.CAUSE, NOON)

    up = decide(how, worse, cause, tellings=(told,))

    assert messages_by_route(up) == {"pager": ("pager",)}

    over = replace(worse, ends_at=LATER)
    ended = IncidentEvent(3, worse.id, EventKind.RESOLVED, NOON)
    down = decide(how, over, ended, now=LATER, tellings=(told, *up.tellings))

    assert messages_by_route(down) == {"pager": ("pager",), "chat": ("chat",)}


def test_an_end_is_not_told_by_a_route_that_heard_nothing_of_it() -> None:
    how = policy(route("a", goes_on=True), route("b"))
    over = replace(CRITICAL_IMPORT, ends_at=WAITED)
    told = Telling(how.routes[0].group_key(over), over.id, NOON)

    decided = decide(how, over, IncidentEvent(2, over.id, EventKind.RESOLVED, NOON), tellings=(told,))

    assert messages_by_route(decided) == {"a": ("a",)}
    assert {(one.route, one.reason) for one in decided.decisions} == {
        ("a", Reason.RESOLVED),
        ("b", Reason.NEVER_ANNOUNCED),
    }


def test_a_storm_is_one_for_each_route() -> None:
    crowd = [incident(f"job-{number}", id=f"i-{number}") for number in range(30)]
    how = policy(route("odd", job_id="*[13579]"), route("rest"))
    waiting = Waiting(
        [opened(one, number) for number, one in enumerate(crowd)], {one.id: one for one in crowd}
    )

    decided = plan(waiting, replace(how, storm_threshold=15), WAITED, lambda: "n")

    assert sorted((out.targets, len(out.notification.incidents)) for out in decided.outgoing) == [
        (("odd",), 15),
        (("rest",), 15),
    ]


def test_a_log_on_its_way_holds_back_every_route_equally() -> None:
    one = replace(CRITICAL_IMPORT, attachments=("log",))
    how = policy(route("a", goes_on=True), route("b"))
    waiting = Waiting([opened(one)], {one.id: one}, attachments={"log": AttachmentState.WANTED})

    decided = plan(waiting, how, WAITED, lambda: "n")

    assert {found.reason for found in decided.decisions} == {Reason.WAITING_ATTACHMENT}
    assert decided.partly_planned == {}
