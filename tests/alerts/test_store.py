"""Incidents and what was told of them, on both databases."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

from alerts import store
from alerts.incidents import Changes, reconcile
from alerts.model import EventKind, Finding, Severity
from alerts.routing import Telling
from alerts.testing import finding, incident

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def conn(state: Engine) -> Iterator[Connection]:
    with state.begin() as conn:
        yield conn


@pytest.fixture
def look(conn: Connection) -> Callable[..., Changes]:
    """One poll's worth: compare with what is stored, and store what changed."""
    numbers = itertools.count(1)

    def look(*findings: Finding, at: datetime = NOON, source: str = "production") -> Changes:
        changes = reconcile(
            findings,
            store.open_incidents(conn, source),
            store.known_facts(conn, findings),
            at,
            lambda: f"i-{next(numbers)}",
            late=False,
        )
        store.apply(conn, changes)
        return changes

    return look


def test_what_is_stored_comes_back_as_it_was(conn: Connection, look: Callable[..., Changes]) -> None:
    full = finding(
        facts=[("owner", "pim"), ("impact", "prices")],
        evidence={"runs": ["1"], "upper": 12.5},
        attachments=["log"],
        quiet=None,
        severity=Severity.WARNING,
    )
    changes = look(full)

    assert store.get(conn, ["i-1"]) == {"i-1": changes.opened[0]}
    assert not look(full, at=NOON + DAY)


def test_an_incident_is_updated_and_resolved_in_place(conn: Connection, look: Callable[..., Changes]) -> None:
    look(finding())
    look(finding(occurrences=["1", "2"], cause="other"))
    look(at=NOON + DAY)

    (stored,) = store.get(conn, ["i-1"]).values()
    assert (stored.count, stored.causes, stored.ends_at) == (
        2,
        ("step importPrices: ERROR", "other"),
        NOON + DAY,
    )
    assert [event.kind for event in store.waiting_events(conn)] == [
        EventKind.OPENED,
        EventKind.CAUSE,
        EventKind.RESOLVED,
    ]


def test_the_sources_do_not_see_each_other(conn: Connection, look: Callable[..., Changes]) -> None:
    look(finding())
    look(finding(place="staging"), source="staging")

    assert len(store.open_incidents(conn, "production")) == len(store.open_incidents(conn, "staging")) == 1


def test_a_known_fact_is_found_among_thousands(conn: Connection, look: Callable[..., Changes]) -> None:
    many = [finding(f"job-{number}", occurrences=["1", "2"]) for number in range(1500)]
    look(*many)

    assert len(store.known_facts(conn, many)) == 3000
    assert store.known_facts(conn, [finding("job-3", occurrences=["2", "3"])]) == {(many[3].fingerprint, "2")}


def test_two_agents_cannot_both_open_the_same_thing(state: Engine) -> None:
    first = Changes(opened=(incident(),))
    second = Changes(opened=(incident(id="another"),))
    with state.begin() as conn:
        store.apply(conn, first)
    with pytest.raises(IntegrityError), state.begin() as conn:
        store.apply(conn, second)


def test_current_lists_open_ones_and_the_lately_resolved_worst_first(conn: Connection) -> None:
    old = incident("old", ends_at=NOON - DAY)
    new = incident("new", ends_at=NOON)
    warning = incident("warning", severity=Severity.WARNING)
    store.apply(conn, Changes(opened=(old, warning, new, incident("open", starts_at=NOON + DAY))))

    assert [one.name for one in store.current(conn, NOON - timedelta(hours=1))] == ["open", "new", "warning"]


def test_current_of_one_source_leaves_out_the_others(conn: Connection) -> None:
    places = ("production", "staging")
    opened = tuple(
        incident(f"{place}-{state}", place=place, ends_at=ends_at)
        for place in places
        for state, ends_at in (("open", None), ("over", NOON))
    )
    store.apply(conn, Changes(opened=opened))

    found = {one.name for one in store.current(conn, NOON, source="staging")}

    assert found == {"staging-open", "staging-over"}


def test_an_event_is_decided_about_once(conn: Connection, look: Callable[..., Changes]) -> None:
    look(finding())
    (event,) = store.waiting_events(conn)
    assert event.id is not None
    store.mark_planned(conn, [event.id], NOON)

    assert store.waiting_events(conn) == []
    with pytest.raises(store.Conflict):
        store.mark_planned(conn, [event.id], NOON)


def test_tellings_and_groups_are_kept(conn: Connection) -> None:
    told = Telling("g", "i-1", NOON)
    store.save_tellings(conn, [told, Telling("g", "i-2", NOON, NOON)])
    assert store.open_tellings(conn, ["g", "h"]) == [told]
    over = replace(told, resolved_told_at=NOON + DAY)
    store.save_tellings(conn, [over])
    assert store.tellings_of(conn, ["i-1"]) == [over]

    store.save_groups(conn, {"g": NOON}, {})
    store.save_groups(conn, {"g": NOON + DAY}, {"g": NOON})
    assert store.groups(conn, ["g", "h"]) == {"g": NOON + DAY}


def test_a_group_that_another_agent_has_just_told_is_a_conflict(conn: Connection) -> None:
    store.save_groups(conn, {"g": NOON}, {})

    with pytest.raises(store.Conflict):
        store.save_groups(conn, {"g": NOON + DAY}, {"g": NOON - DAY})


@pytest.mark.parametrize(
    ("change", "telling", "expected"),
    [
        pytest.param({}, {}, ["g"], id="an open critical one that was told"),
        pytest.param({"severity": Severity.WARNING}, {}, [], id="not a warning"),
        pytest.param({"ends_at": NOON}, {}, [], id="not what is over"),
        pytest.param({}, {"resolved_told_at": NOON}, [], id="not what was told to be over"),
    ],
)
def test_groups_to_repeat(
    conn: Connection, change: dict[str, Any], telling: dict[str, Any], expected: list[str]
) -> None:
    one = replace(incident(), **change)
    store.apply(conn, Changes(opened=(one,)))
    store.save_tellings(conn, [replace(Telling("g", one.id, NOON), **telling)])
    store.save_groups(conn, {"g": NOON}, {})

    assert store.groups_to_repeat(conn, NOON - timedelta(seconds=1), NOON) == []
    assert store.groups_to_repeat(conn, NOON, NOON) == expected


def test_a_group_told_in_the_future_is_looked_at_again(conn: Connection) -> None:
    store.apply(conn, Changes(opened=(incident(),)))
    store.save_tellings(conn, [Telling("g", incident().id, NOON)])
    store.save_groups(conn, {"g": NOON}, {})

    assert store.groups_to_repeat(conn, NOON - DAY, NOON - timedelta(seconds=1)) == ["g"]


def test_what_lies_in_the_future_is_brought_back_to_now(
    conn: Connection, look: Callable[..., Changes]
) -> None:
    look(finding())
    look(finding("later"), finding(), at=NOON + DAY)
    store.save_groups(conn, {"g": NOON, "h": NOON + DAY}, {})
    now = NOON + timedelta(hours=1)

    store.bring_back(conn, now)

    assert [event.at for event in store.waiting_events(conn)] == [NOON, now]
    assert store.groups(conn, ["g", "h"]) == {"g": NOON, "h": now}


def test_incidents_of_a_source_that_nobody_looks_at_end_in_silence(conn: Connection) -> None:
    gone, kept = incident("gone", place="staging"), incident("kept")
    store.apply(conn, Changes(opened=(gone, kept)))

    (over,) = store.abandon(conn, ["production"], NOON + DAY)

    assert (over.name, over.ends_at, over.resolution) == ("gone", NOON + DAY, "no longer watched")
    assert store.get(conn, [gone.id, kept.id]) == {gone.id: over, kept.id: kept}
    assert store.waiting_events(conn) == []
    assert store.abandon(conn, ["production"], NOON + DAY) == ()


def test_pruning_forgets_what_ended_long_ago_and_no_fact_of_what_is_open(
    conn: Connection, look: Callable[..., Changes]
) -> None:
    look(finding("over"), finding("open"))
    look(finding("open"), at=NOON + DAY)
    store.mark_planned(conn, [event.id for event in store.waiting_events(conn) if event.id], NOON)
    store.save_tellings(conn, [Telling("g", "i-1", NOON), Telling("h", "i-2", NOON)])
    store.save_groups(conn, {"g": NOON, "h": NOON}, {})
    everything = [finding("over"), finding("open")]

    assert store.prune(conn, NOON) == 0
    assert store.prune(conn, NOON + 2 * DAY) == 1

    assert [one.name for one in store.current(conn, NOON - DAY)] == ["open"]
    assert store.known_facts(conn, everything) == {(finding("open").fingerprint, "1")}
    assert len(store.groups(conn, ["g", "h"])) == 1


def test_pruning_keeps_what_has_not_been_told_yet(conn: Connection, look: Callable[..., Changes]) -> None:
    look(finding())
    look(at=NOON)

    assert store.prune(conn, NOON + 2 * DAY) == 0


Asked = Callable[[Connection], object]


@pytest.mark.parametrize(
    ("ask", "indexes"),
    [
        pytest.param(store.waiting_events, ["ix_incident_events_waiting"], id="events that wait"),
        pytest.param(
            lambda conn: store.open_incidents(conn, "x"),
            ["ix_incidents_source_ends_at"],
            id="open of a source",
        ),
        pytest.param(
            lambda conn: store.current(conn, NOON),
            ["ix_incidents_ends_at", "ix_incidents_ends_at"],
            id="open and lately resolved",
        ),
        pytest.param(
            lambda conn: store.current(conn, NOON, source="x"),
            ["ix_incidents_source_ends_at", "ix_incidents_source_ends_at"],
            id="open and lately resolved of a source",
        ),
        pytest.param(
            lambda conn: store.groups_to_repeat(conn, NOON, NOON),
            ["ix_incidents_ends_at"],
            id="groups to repeat, from what is open",
        ),
        pytest.param(
            lambda conn: store.abandon(conn, [], NOON), ["ix_incidents_ends_at"], id="open of any source"
        ),
    ],
)
def test_what_is_asked_all_the_time_uses_its_index(
    engine: Engine, query_plans: Callable[[Engine, Asked], list[str]], ask: Asked, indexes: list[str]
) -> None:
    found = query_plans(engine, ask)

    assert len(found) == len(indexes)
    for plan, index in zip(found, indexes, strict=True):
        assert plan.startswith(
            (f"SEARCH incidents USING INDEX {index} ", f"SCAN incident_events USING INDEX {index}")
        )
