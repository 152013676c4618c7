"""A target that was away: what it missed comes as one message, complete, before anything later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, update

from alerts import outbox
from alerts.backlog import Merging, merge, merged
from alerts.model import NotificationKind
from alerts.outbox import RowState
from alerts.routing import Route, RoutingPolicy
from alerts.schema import notifications
from alerts.testing import ScriptedNotifier, finding

Desk = Any  # the fixture's class
RULES = Merging(at=5, after=timedelta(minutes=5))
SIX = [f"job-{number}" for number in range(6)]


@pytest.fixture
def desk(desk_on: Callable[[Engine], Desk], state: Engine) -> Desk:
    """On each kind of database; every job is a group of its own."""
    desk = desk_on(state)
    desk.policy = RoutingPolicy((Route("default", ("ops",), ("job_id",)),), storm_threshold=100)
    return desk


def queue(desk: Desk, *names: str) -> None:
    """One message for each of these jobs that fails from now on, and for each other that is well again."""
    desk.poll(*(finding(name, occurrences=(name,)) for name in names))
    desk.wait(10)
    desk.dispatch()


def tries(desk: Desk, script: str, seconds: int = 1) -> ScriptedNotifier:
    target = ScriptedNotifier("ops", script)
    for _ in range(seconds):
        while desk.deliver(target, merging=RULES) is not None:
            pass
        desk.wait(1)
    return target


def states(desk: Desk) -> dict[str, int]:
    with desk.engine.begin() as conn:
        return Counter(one.state.value for one in outbox.listing(conn, list(RowState), limit=1_000))


def test_six_messages_become_one_that_has_all_of_them_and_says_how_late_it_is(desk: Desk) -> None:
    queue(desk, *SIX)
    tries(desk, "down", 700)
    assert states(desk) == {"pending": 1, "merged": 6}
    (message,) = tries(desk, "succeed", 3600).sent
    assert message.title == "6 problems on production: 6 failed"
    assert all(name in message.body for name in SIX)
    assert "Late by" in message.body
    (details,) = message.files
    assert all(name.encode() in details.content for name in SIX)
    assert states(desk) == {"sent": 1, "merged": 6}


@pytest.mark.parametrize(
    ("names", "seconds"), [pytest.param(SIX[:4], 400, id="few"), pytest.param(SIX, 280, id="not for long")]
)
def test_what_is_little_or_young_stays_as_it_is(desk: Desk, names: list[str], seconds: int) -> None:
    queue(desk, *names)
    tries(desk, "down", seconds)
    assert states(desk) == {"pending": len(names)}


def test_what_was_never_tried_waits_for_its_turn(desk: Desk) -> None:
    """A target that is slow, or an agent that was away, is another matter."""
    queue(desk, *SIX)
    desk.wait(4000)
    assert len(tries(desk, "succeed").sent) == 6


def test_more_of_it_joins_and_the_end_comes_with_its_beginning(desk: Desk) -> None:
    queue(desk, *SIX)
    tries(desk, "down", 400)
    queue(desk, *SIX[1:], "late-1", "late-2", "late-3")
    tries(desk, "down", 700)
    desk.dispatch()
    tries(desk, "down", 700)
    assert states(desk)["pending"] == 1
    (message,) = tries(desk, "succeed", 3600).sent
    assert message.title == "9 problems (1 resolved) on production: 9 failed"


def test_nothing_overtakes_it(desk: Desk) -> None:
    queue(desk, *SIX)
    tries(desk, "down", 400)
    queue(desk, *SIX[2:])
    desk.wait(300)
    desk.dispatch()
    assert states(desk)["pending"] == 3, "one for all, and two ends that are too few to join it"
    sent = tries(desk, "down down succeed", 3600).sent
    assert [one.title for one in sent] == [
        "6 problems on production: 6 failed",
        "resolved: job-0 on production (failed)",
        "resolved: job-1 on production (failed)",
    ]


def test_the_end_of_what_was_given_up_with_it_is_not_told(desk: Desk) -> None:
    queue(desk, *SIX)
    tries(desk, "down", 400)
    tries(desk, "refuse", 5000)
    assert states(desk) == {"merged": 6, "dead": 1}
    queue(desk)
    desk.wait(300)
    desk.dispatch()
    assert tries(desk, "succeed", 600).sent == []


def test_what_fails_in_the_middle_changes_nothing(desk: Desk) -> None:
    queue(desk, *SIX)
    tries(desk, "down", 100)
    with desk.engine.connect() as conn:  # and never committed
        assert merge(conn, "ops", Merging(1, timedelta()), desk.at, desk.new_id)
    assert states(desk) == {"pending": 6}


def test_what_makes_no_sense_is_left_where_it_is(desk: Desk) -> None:
    queue(desk, *SIX)
    tries(desk, "down", 100)
    with desk.engine.begin() as conn:
        first = outbox.pending(conn, "ops", 1)[0].notification_id
        conn.execute(update(notifications).where(notifications.c.id == first).values(content={"odd": 1}))
    tries(desk, "down", 400)
    assert states(desk) == {"pending": 2, "merged": 5}


def test_where_none_of_it_makes_sense_each_is_tried_by_itself(desk: Desk) -> None:
    """A row that cannot be read must not stand in the way of the next one."""
    queue(desk, *SIX)
    tries(desk, "down", 100)
    with desk.engine.begin() as conn:
        conn.execute(update(notifications).values(content={"odd": 1}))
    queue(desk, *SIX, "fine")
    tries(desk, "down", 400)
    assert states(desk) == {"pending": 7}
    assert [one.title for one in tries(desk, "succeed", 3600).sent] == ["failed: fine on production"]


def test_of_each_incident_it_says_how_it_was_at_last(desk: Desk) -> None:
    desk.poll(finding("a"), finding("b"))
    desk.wait(10)
    first = desk.dispatch().notifications
    desk.poll(finding("b"))
    desk.wait(400)
    last = desk.dispatch().notifications
    found = merged([*first, *last], "m")
    assert (found.kind, found.group_key) == (NotificationKind.SUMMARY, outbox.BACKLOG)
    assert (found.created_at, found.seen_at) == (first[0].created_at, first[0].seen_at)
    assert [(one.name, one.is_open) for one in found.incidents] == [("b", True), ("a", False)]
    assert len(found.news) == 2
