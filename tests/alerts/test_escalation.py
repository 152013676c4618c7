"""Acknowledging and escalating: who hears of what nobody has taken into their hands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from alerts import acks, silence_store, store
from alerts.acks import Ack
from alerts.routing import Escalation, Route, RoutingPolicy
from alerts.routing.matching import Match
from alerts.routing.silences import Silence
from alerts.testing import finding

Desk = Any  # the fixture's class
ROUTE = Route("ops", ("chat",), ("job_id",), escalation=Escalation(timedelta(minutes=15), ("pager",)))


@pytest.fixture
def desk(desk_on: Callable[[Engine], Desk], state: Engine) -> Desk:
    """On each kind of database; one finding was told to the chat just now."""
    desk = desk_on(state)
    desk.policy = RoutingPolicy((ROUTE,))
    desk.poll(finding())
    desk.wait(10)
    assert told(desk) == ["first to chat: import-prices"]
    return desk


def told(desk: Desk) -> list[str]:
    return [
        f"{one.notification.kind} to {' '.join(one.targets)}: "
        f"{' '.join(incident.name for incident in one.notification.incidents)}"
        for one in desk.dispatch().plan.outgoing
    ]


def acknowledge(desk: Desk) -> None:
    with desk.engine.begin() as conn:
        for one in store.open_everywhere(conn):
            acks.save(conn, one.id, Ack(desk.at, "ann", "on it"))


def test_what_nobody_acknowledges_is_escalated_once(desk: Desk) -> None:
    desk.wait(15 * 60 - 1)
    assert told(desk) == []
    desk.wait(1)
    assert told(desk) == ["escalation to pager: import-prices"]
    desk.wait(3600)
    assert told(desk) == []


def test_what_is_acknowledged_is_neither_escalated_nor_repeated(desk: Desk) -> None:
    acknowledge(desk)
    desk.wait(5 * 3600)
    assert told(desk) == []


def test_a_new_cause_of_what_is_acknowledged_is_told(desk: Desk) -> None:
    acknowledge(desk)
    desk.poll(finding(occurrences=("1", "2"), cause="another"))
    desk.wait(10)
    assert told(desk) == ["new to chat: import-prices"]


def test_both_hear_that_it_is_over(desk: Desk) -> None:
    desk.wait(900)
    told(desk)
    desk.poll()
    desk.wait(300)
    assert sorted(told(desk)) == [
        "resolved to chat: import-prices",
        "resolved to pager: import-prices",
    ]


def test_the_second_target_hears_of_no_end_whose_beginning_it_was_not_told(desk: Desk) -> None:
    desk.poll()
    desk.wait(3600)
    assert told(desk) == ["resolved to chat: import-prices"]


def test_many_are_escalated_in_one_message(desk: Desk) -> None:
    desk.poll(finding(), *(finding(f"job-{number}") for number in range(5)))
    desk.wait(10)
    told(desk)
    desk.wait(2 * 3600)
    (only,) = told(desk)
    assert only.startswith("escalation to pager: ")
    assert only.count("job-") == 5


def test_what_is_silenced_is_not_escalated_until_the_end(desk: Desk) -> None:
    with desk.engine.begin() as conn:
        ends_at = desk.at + timedelta(hours=1)
        silence_store.add(conn, Silence("s1", Match(), desk.at, ends_at, "", "ann"))
    desk.wait(3599)
    assert told(desk) == []
    desk.wait(1)
    assert told(desk) == ["escalation to pager: import-prices"]


def test_a_route_whose_name_begins_like_another_is_not_taken_for_it(desk: Desk) -> None:
    other = replace(ROUTE, name="ops%", escalation=None, goes_on=True)
    desk.policy = RoutingPolicy((other, ROUTE))
    desk.poll(finding(), finding("stock"))
    desk.wait(10)
    told(desk)
    desk.wait(900)
    assert [one for one in told(desk) if "pager" in one] == ["escalation to pager: import-prices stock"]


def test_the_last_acknowledgement_counts_and_goes_with_the_incident(desk: Desk) -> None:
    acknowledge(desk)
    desk.wait(60)
    acknowledge(desk)
    with desk.engine.begin() as conn:
        (one,) = store.open_everywhere(conn)
        assert acks.of(conn, {one.id}) == {one.id: Ack(desk.at, "ann", "on it")}
    desk.poll()
    desk.wait(600)
    told(desk)
    with desk.engine.begin() as conn:
        store.prune(conn, desk.at + timedelta(days=1))
        assert acks.of(conn, {one.id}) == {}
