"""Silences: held back while they last, told at their end if it still holds, never if it does not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from alerts import silence_store
from alerts.dispatch import backlogs, silenced
from alerts.model import NotificationKind, Severity
from alerts.routing import Reason, Route, RoutingPolicy
from alerts.routing.matching import Match
from alerts.routing.silences import Silence, Span, held_until, over_within, released_at
from alerts.testing import finding

Desk = Any  # the fixture's class
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = 3600.0


def at(hours: float) -> datetime:
    return NOON + timedelta(hours=hours)


def silence(desk: Desk, hours: float = 2, identity: str = "s1", **globs: Any) -> None:
    match = Match({name: (glob,) for name, glob in globs.items()})
    with desk.engine.begin() as conn:
        ends_at = desk.at + timedelta(hours=hours)
        silence_store.add(conn, Silence(identity, match, desk.at, ends_at, "moving", "me"))


def kinds(desk: Desk) -> list[str]:
    return [f"{one.kind}: {one.incidents[0].name}" for one in desk.dispatch().notifications]


def held(desk: Desk) -> list[str]:
    with desk.engine.begin() as conn:
        return [one.name for one in silenced(conn, desk.policy, desk.at)]


@pytest.fixture
def desk(desk_on: Callable[[Engine], Desk], state: Engine) -> Desk:
    """On each kind of database."""
    return desk_on(state)


def test_what_is_silenced_waits_and_is_told_at_the_end_if_it_still_holds(desk: Desk) -> None:
    silence(desk, job_id="import-*")
    desk.poll(finding())
    desk.wait(2 * HOUR - 1)
    assert kinds(desk) == []
    assert held(desk) == ["import-prices"]

    desk.wait(1)
    assert kinds(desk) == [], "what else is released comes with it, within group_wait"
    desk.wait(10)
    assert kinds(desk) == ["first: import-prices"]
    assert held(desk) == []


def test_what_began_and_ended_within_it_is_never_told(desk: Desk) -> None:
    silence(desk, job_id="*")
    desk.poll(finding())
    desk.wait(60)
    desk.dispatch()
    desk.poll()

    assert {one.reason for one in desk.dispatch().plan.decisions} == {Reason.SILENCED}
    desk.wait(3 * HOUR)
    assert kinds(desk) == []


def test_it_is_never_told_either_where_nobody_looked_until_the_silence_was_over(desk: Desk) -> None:
    silence(desk, job_id="*")
    desk.poll(finding())
    desk.wait(60)
    desk.poll()
    desk.wait(3 * HOUR)

    assert kinds(desk) == []


def test_what_ended_after_the_silence_is_told_as_over(desk: Desk) -> None:
    silence(desk, hours=1, job_id="*")
    desk.poll(finding())
    desk.wait(HOUR + 1)
    desk.poll()
    desk.wait(10)

    (sent,) = desk.dispatch().notifications
    assert not sent.incidents[0].is_open


def test_whoever_was_told_hears_that_it_is_over_in_spite_of_the_silence(desk: Desk) -> None:
    desk.poll(finding())
    desk.wait(10)
    assert kinds(desk) == ["first: import-prices"]
    silence(desk, job_id="*")
    desk.wait(600)
    desk.poll()
    desk.wait(10)

    assert kinds(desk) == ["resolved: import-prices"]


def test_a_new_cause_of_what_was_told_is_held_back(desk: Desk) -> None:
    desk.poll(finding())
    desk.wait(10)
    desk.dispatch()
    silence(desk, job_id="*")
    desk.poll(finding(occurrences=("1", "2"), cause="another"))
    desk.wait(600)
    assert kinds(desk) == []
    desk.wait(2 * HOUR)
    assert kinds(desk) == ["new: import-prices"]


def test_nothing_is_repeated_while_it_is_silenced(desk: Desk) -> None:
    desk.poll(finding())
    desk.wait(10)
    desk.dispatch()
    silence(desk, hours=6, job_id="*")
    desk.wait(5 * HOUR)
    assert kinds(desk) == []
    desk.wait(HOUR)
    assert kinds(desk) == ["repeat: import-prices"]


def test_others_are_told_meanwhile(desk: Desk) -> None:
    silence(desk, job_id="import-*")
    desk.poll(finding(), finding("export-orders"))
    desk.wait(10)
    assert kinds(desk) == ["first: export-orders"]


@pytest.mark.parametrize(
    ("globs", "is_held"),
    [
        ({"condition": "failed", "severity": "critical"}, True),
        ({"condition": "failed", "severity": "warning"}, False),
        ({"instance": "prod*"}, True),
        ({"owner": "pim-team"}, True),
        ({"owner": "somebody"}, False),
        ({}, True),
    ],
)
def test_a_silence_matches_as_routes_do(desk: Desk, globs: dict[str, Any], is_held: bool) -> None:  # noqa: FBT001 - a case
    desk.policy = RoutingPolicy(
        (Route("default", ("ops",)),), about=lambda _incident: {"owner": ("pim-team",)}
    )
    silence(desk, **globs)
    desk.poll(finding())
    desk.wait(10)
    assert bool(kinds(desk)) is not is_held


def test_expired_by_hand_it_ends_at_once(desk: Desk) -> None:
    silence(desk, job_id="*")
    desk.poll(finding())
    desk.wait(60)
    with desk.engine.begin() as conn:
        assert silence_store.expire(conn, ["s1", "unknown"], desk.at) == 1
        assert silence_store.expire(conn, ["s1"], desk.at) == 0
    desk.wait(10)
    assert kinds(desk) == ["first: import-prices"]


def test_one_that_follows_without_a_gap_holds_on(desk: Desk) -> None:
    silence(desk, hours=1, job_id="*")
    desk.poll(finding())
    desk.wait(HOUR)
    silence(desk, hours=1, identity="s2", job_id="*")
    assert kinds(desk) == []
    desk.wait(HOUR + 10)
    assert kinds(desk) == ["first: import-prices"]


def test_many_released_together_are_one_message(desk: Desk) -> None:
    silence(desk, job_id="*")
    desk.poll(*(finding(f"job-{number}") for number in range(30)))
    desk.wait(2 * HOUR + 10)
    (sent,) = desk.dispatch().notifications
    assert (sent.kind, len(sent.incidents)) == (NotificationKind.SUMMARY, 30)


def test_the_time_to_deliver_counts_from_the_end_of_the_silence(desk: Desk) -> None:
    silence(desk, job_id="*")
    desk.poll(finding())
    desk.wait(2 * HOUR + 10)
    (sent,) = desk.dispatch().notifications
    assert sent.seen_at == at(2)


def test_nobody_waits_for_what_is_silenced(desk: Desk) -> None:
    silence(desk, job_id="*")
    desk.poll(finding())
    assert desk.dispatch().waiting == 0
    with desk.engine.begin() as conn:
        assert backlogs(conn, desk.policy, desk.at) == ()


def test_a_mute_of_the_settings_holds_the_end_back_as_well(desk: Desk) -> None:
    night = [Span(at(1), at(8))]
    desk.policy = RoutingPolicy((Route("default", ("ops",), ("job_id",)),), mutes=lambda *_: night)
    desk.poll(finding())
    desk.wait(10)
    assert kinds(desk) == ["first: import-prices"]
    desk.wait(2 * HOUR)
    desk.poll()
    desk.wait(60)
    assert kinds(desk) == []
    desk.wait(6 * HOUR)
    assert kinds(desk) == ["resolved: import-prices"]


def test_a_silence_ends_an_info_as_well(desk: Desk) -> None:
    silence(desk, severity="info")
    desk.poll(finding(severity=Severity.INFO))
    assert held(desk) == ["import-prices"]


def test_old_ones_are_forgotten(desk: Desk) -> None:
    silence(desk, hours=1)
    with desk.engine.begin() as conn:
        assert silence_store.prune(conn, at(1)) == 0
        assert silence_store.prune(conn, at(2)) == 1
        assert silence_store.ending_after(conn) == ()


@pytest.mark.parametrize(
    ("spans", "now", "until"),
    [
        ([], 0, None),
        ([(0, 1)], 0, 1),
        ([(0, 1)], 1, None),
        ([(1, 2)], 0.5, None),
        ([(1, 2), (0, 1)], 0.5, 2),
        ([(0, 2), (1, 3), (4, 5)], 0.5, 3),
        ([(0, 5), (1, 2)], 1.5, 5),
    ],
)
def test_until_when_spans_hold(spans: list[tuple[float, float]], now: float, until: float | None) -> None:
    found = held_until([Span(at(start), at(end)) for start, end in spans], at(now))
    assert found == (None if until is None else at(until))


@pytest.mark.parametrize(
    ("spans", "since", "now", "free"),
    [
        ([], 0, 5, 0),
        ([(0, 2)], 1, 5, 2),
        ([(0, 2)], 3, 5, 3),
        ([(3, 4)], 1, 5, 1),
        ([(0, 2), (2, 3)], 1, 5, 3),
        ([(0, 2), (2, 6)], 1, 5, 2),
    ],
)
def test_since_when_it_may_be_told(
    spans: list[tuple[float, float]], since: float, now: float, free: float
) -> None:
    assert released_at([Span(at(a), at(b)) for a, b in spans], at(since), at(now)) == at(free)


def test_nothing_seen_is_not_over_within_a_span() -> None:
    assert not over_within([Span(at(0), at(1))], [])


def messages(desk: Desk) -> list[str]:
    """What is told within the next 20 s."""
    return [f"{one.title}\n{one.body}" for one in desk.hear()]


def test_the_end_of_what_was_told_says_that_it_was_silenced_meanwhile(desk: Desk) -> None:
    desk.poll(finding())
    (first,) = messages(desk)
    silence(desk, hours=1, job_id="import-*")
    desk.wait(2 * HOUR)
    desk.poll()
    (last,) = messages(desk)
    assert "It was silenced: by me: moving" in last
    assert "silenced" not in first.replace("To silence", "")


def test_what_still_holds_after_a_silence_says_so_as_well(desk: Desk) -> None:
    silence(desk, hours=1, job_id="import-*")
    desk.poll(finding())
    desk.wait(HOUR)
    (told,) = messages(desk)
    assert "It was silenced: by me: moving" in told


def test_what_began_after_a_silence_or_is_another_matter_does_not(desk: Desk) -> None:
    silence(desk, hours=1, job_id="other-*")
    silence(desk, hours=0.5, identity="s2", job_id="import-*")
    desk.wait(HOUR)
    desk.poll(finding(since=desk.at))
    (told,) = messages(desk)
    assert "It was silenced" not in told
