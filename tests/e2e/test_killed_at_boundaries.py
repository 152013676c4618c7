"""The process ends at each boundary between two steps: nothing is lost, and one message at most comes twice.

The boundaries are those that a night without a kill crosses: a commit, a request or a message that is added
to the agent is a boundary here from then on.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e.rehearsal import FIRST_NIGHT, LATER_NIGHT, Crossed, Kill, Night, Nursery, Rehearsal, Told
from tests.e2e.states import PostgresState, SqliteState

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

PARTS = 6
"""Each takes its share of the boundaries, so that workers can divide them."""

EVERY_SERVER_BOUNDARY = bool(os.environ.get("EVERY_SERVER_BOUNDARY"))
"""Else every third on PostgreSQL, another third in each part: a life takes longer there, and what the
boundaries are does not depend on the database."""

TRIES = 4
"""Logs are fetched by threads, which do not look for more equally often each time."""


@pytest.fixture(params=["sqlite", "postgresql"])
def state(request: pytest.FixtureRequest) -> Iterator[SqliteState | PostgresState]:
    state: SqliteState | PostgresState
    if request.param == "sqlite":
        state = SqliteState(request.getfixturevalue("sqlite_template"))
    else:
        state = PostgresState(request.getfixturevalue("postgres_url"))
    yield state
    state.close()


@pytest.fixture
def nursery(tmp_path: Path) -> Iterator[Nursery]:
    with Nursery(tmp_path) as nursery:
        yield nursery


@pytest.fixture
def later(nursery: Nursery, state: SqliteState | PostgresState) -> Iterator[Rehearsal]:
    with Rehearsal(nursery, state, LATER_NIGHT) as rehearsal:
        yield rehearsal


@pytest.mark.parametrize("part", range(PARTS), ids="part {}".format)
def test_a_kill_at_any_boundary_of_a_first_read_loses_nothing_and_repeats_nothing(
    nursery: Nursery, state: SqliteState | PostgresState, part: int
) -> None:
    with Rehearsal(nursery, state, FIRST_NIGHT) as rehearsal:
        expected = rehearsal.undisturbed()
        first_read = boundaries(step for step in expected.crossed if step.turn == 0)
        assert check_all(rehearsal, expected, share(first_read, part, state)) == 0


@pytest.mark.parametrize("part", range(PARTS), ids="part {}".format)
def test_a_kill_at_any_boundary_loses_nothing_and_repeats_one_message_at_most(
    later: Rehearsal, state: SqliteState | PostgresState, part: int
) -> None:
    expected = later.undisturbed()
    check_all(later, expected, share(boundaries(told_in(expected)), part, state))


@pytest.mark.parametrize("part", range(2), ids="part {}".format)
def test_a_kill_soon_after_a_kill_repeats_two_messages_at_most(later: Rehearsal, part: int) -> None:
    expected = later.undisturbed()
    some = boundaries(told_in(expected))[::7]
    twice = [replace(kill, again=1 + number % 6) for number, kill in enumerate(some)]
    check_all(later, expected, twice[part::2])


def test_a_message_is_repeated_where_the_target_had_it_and_the_agent_did_not_know(later: Rehearsal) -> None:
    expected = later.undisturbed()
    for what, repeats in (("before a message", 0), ("after a message", 1)):
        step = next(one for one in told_in(expected) if what in one.crossings)
        kill = Kill(step.turn, step.step, step.crossings.index(what) + 1)
        assert check(later, expected, kill) == repeats, what


def test_the_night_has_all_kinds_of_boundaries_and_of_messages(later: Rehearsal) -> None:
    night = later.undisturbed()
    kinds = Counter((step.do.partition(" ")[0], what) for step in night.crossed for what in step.crossings)
    assert kinds.keys() >= {
        ("poll", "after a request (token)"),
        ("poll", "after a request (ocapi)"),
        ("fetch_logs", "after a request (webdav)"),
        ("deliver", "before a message"),
        ("deliver", "after a message"),
    } | {
        (do, f"{side} a commit")
        for do in ("poll", "fetch_logs", "dispatch", "deliver")
        for side in ("before", "after")
    }
    assert Counter((told.title, bool(told.files)) for _, told in night.told) == {
        ("failed: import-prices on production", True): 4,  # two causes, two chats
        ("resolved: import-prices on production (failed)", False): 2,
        (f"overlap: {_PAIR} on production", False): 2,
        (f"resolved: {_PAIR} on production (overlap)", False): 2,
        ("resolved: export-feed on production (failed)", True): 2,
    }


_PAIR = "3-2-1-Akeneo-Full-Import-Master with 3-1-2-Akeneo-Differential-Import-Storefront"


@pytest.mark.parametrize(
    ("damage", "finding"), [("marks before it sends", "lost"), ("sends twice", "repeated")]
)
def test_an_agent_that_would_lose_or_repeat_is_found_out(
    nursery: Nursery, state: SqliteState | PostgresState, later: Rehearsal, damage: str, finding: str
) -> None:
    expected = later.undisturbed()
    sending = next(one for one in told_in(expected) if "before a message" in one.crossings)
    first = sending.crossings.index("before a message") + 1
    around = [Kill(sending.turn, sending.step, crossing) for crossing in range(first, first + 3)]
    damaged = Rehearsal(nursery, state, LATER_NIGHT, damage)
    with damaged, pytest.raises(AssertionError, match=finding):
        check_all(damaged, expected, around)


def told_in(night: Night) -> list[Crossed]:
    """The steps of the turns that tell anything, and of those after them."""
    first = min(turn for turn, _ in night.told)
    return [step for step in night.crossed if step.turn >= first]


def boundaries(steps: Iterable[Crossed]) -> list[Kill]:
    return [
        Kill(step.turn, step.step, number) for step in steps for number in range(1, len(step.crossings) + 1)
    ]


def share(kills: list[Kill], part: int, state: SqliteState | PostgresState) -> list[Kill]:
    """Of one part; the parts together have each boundary once, or each third one."""
    own = kills[part::PARTS]
    return own[part % 3 :: 3] if isinstance(state, PostgresState) and not EVERY_SERVER_BOUNDARY else own


def check_all(rehearsal: Rehearsal, expected: Night, kills: Iterable[Kill]) -> int:
    """How many messages came twice in all of these nights."""
    return sum(check(rehearsal, expected, kill) for kill in kills)


def check(rehearsal: Rehearsal, expected: Night, kill: Kill) -> int:
    """Plays the night with this kill; returns how many messages came twice."""
    wanted = expected.messages(since=rehearsal.since(kill))
    for _ in range(TRIES):
        night = rehearsal.killed(kill)
        got = night.messages()
        assert not (lost := wanted - got), f"{kill}: lost {titles(lost)}"
        repeated = got - wanted
        assert not (other := repeated.keys() - wanted.keys()), f"{kill}: not to be told: {titles(other)}"
        assert repeated.total() <= night.kills, f"{kill}: repeated {titles(repeated)}"
        recognised = {told: set(ids) for told, ids in night.ids.items() if told in repeated}
        assert all(len(ids) == 1 for ids in recognised.values()), f"{kill}: {recognised}"
        if night.kills:
            return repeated.total()
    step = next(one for one in expected.crossed if (one.turn, one.step) == (kill.turn, kill.step))
    assert step.do == "fetch_logs", f"{kill}: this boundary is not there any more"
    return 0


def titles(messages: Iterable[Told]) -> list[str]:
    return [f"{one.title} (chat {one.chat}, files {[name for name, _ in one.files]})" for one in messages]
