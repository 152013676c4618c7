"""What reconciling findings with open incidents changes, and that doing it twice changes nothing."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.incidents import CAUSES_KEPT, FILES_KEPT, KNOWN, UNJUDGED, Changes, Fact, reconcile
from alerts.model import EndsBy, EventKind, Finding, Incident, Severity
from alerts.testing import finding

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def ids() -> Callable[[], str]:
    numbers = itertools.count(1)
    return lambda: f"incident-{next(numbers)}"


class World:
    """What a store would hold after a row of reconciliations."""

    def __init__(self) -> None:
        self.open: dict[str, Incident] = {}
        self.closed: list[Incident] = []
        self.known: set[Fact] = set()
        self.now = NOON
        self._new_id = ids()

    def look(self, *findings: Finding, late: bool = False) -> Changes:
        self.now += MINUTE
        changes = reconcile(findings, self.open, self.known, self.now, self._new_id, late=late)
        for incident in (*changes.updated, *changes.resolved):
            assert self.open.pop(incident.fingerprint).id == incident.id
        for incident in (*changes.opened, *changes.updated, *changes.resolved):
            if incident.is_open:
                assert incident.fingerprint not in self.open
                self.open[incident.fingerprint] = incident
            else:
                self.closed.append(incident)
        for one in changes.occurrences:
            assert (one.fingerprint, one.occurrence) not in self.known
            self.known.add((one.fingerprint, one.occurrence))
        return changes


def kinds(changes: Changes) -> list[EventKind]:
    return [event.kind for event in changes.events]


def over(one: Finding, **changes: object) -> Finding:
    return replace(one, ends_at=NOON + timedelta(hours=1), resolution="The next run ended ok.", **changes)  # type: ignore[arg-type]


def test_a_finding_opens_an_incident_and_is_news() -> None:
    changes = World().look(finding(facts=[("owner", "pim-team")], attachments=["log-1"]))

    (incident,) = changes.opened
    assert (incident.is_open, incident.count, incident.causes) == (True, 1, ("step importPrices: ERROR",))
    assert incident.facts == (("owner", "pim-team"),)
    assert incident.attachments == ("log-1",)
    assert kinds(changes) == [EventKind.OPENED]
    assert [one.occurrence for one in changes.occurrences] == ["1"]


def test_the_same_finding_again_writes_nothing() -> None:
    world = World()
    world.look(finding())

    assert not world.look(finding())


def test_the_same_cause_again_is_counted_and_not_told() -> None:
    world = World()
    world.look(finding())

    changes = world.look(finding(occurrences=["1", "2"], summary="It failed twice."))

    (incident,) = changes.updated
    assert (incident.count, incident.summary, kinds(changes)) == (2, "It failed twice.", [])


def test_files_of_earlier_findings_stay_behind_the_newest() -> None:
    world = World()
    for number in range(FILES_KEPT + 2):
        world.look(finding(occurrences=[str(number)], attachments=[f"log-{number}"]))

    files = world.open[finding().fingerprint].attachments
    assert files == tuple(f"log-{number}" for number in range(2, FILES_KEPT + 2))
    assert not world.look(finding(occurrences=["0"], attachments=[f"log-{FILES_KEPT + 1}"]))


@pytest.mark.parametrize(
    ("looks", "wanted"),
    [
        pytest.param([finding(attachments=["a"])], ["a"], id="what opens"),
        pytest.param([finding(attachments=["a"])] * 2, [], id="not what has not changed"),
        pytest.param(
            [finding(attachments=["a"]), finding(occurrences=["1", "2"], attachments=["b"])],
            ["b"],
            id="the same trouble again, which is counted and not told",
        ),
        pytest.param([finding(), finding(attachments=["a"])], ["a"], id="a file that is there only now"),
        pytest.param(
            [finding(attachments=["a"]), over(finding(occurrences=["1", "2"], attachments=["b"]))],
            ["b"],
            id="what ended after it had happened again",
        ),
        pytest.param(
            [finding(attachments=["a"]), over(finding(attachments=["a"]))], [], id="not what merely ended"
        ),
        pytest.param([over(finding(attachments=["a"]))], ["a"], id="what came and went"),
        pytest.param([finding(quiet="first_read", attachments=["a"])], [], id="not what nobody is told of"),
        pytest.param(
            [finding(quiet="inhibited", attachments=["a"]), finding(attachments=["a"])],
            ["a"],
            id="what was held back and is told now",
        ),
    ],
)
def test_files_that_messages_will_carry_are_asked_for(looks: list[Finding], wanted: list[str]) -> None:
    world = World()
    for one in looks:
        changes = world.look(one)

    assert changes.wanted() == wanted


def test_a_new_cause_is_told() -> None:
    world = World()
    world.look(finding())

    changes = world.look(finding(occurrences=["1", "2"], cause="step indexPrices: ERROR"))

    assert kinds(changes) == [EventKind.CAUSE]
    assert changes.updated[0].causes == ("step importPrices: ERROR", "step indexPrices: ERROR")


def test_an_earlier_cause_that_comes_back_is_not_news() -> None:
    world = World()
    world.look(finding(cause="a"))
    world.look(finding(cause="b", occurrences=["1", "2"]))

    assert kinds(world.look(finding(cause="a", occurrences=["1", "2", "3"]))) == []


def test_another_cause_text_without_a_new_occurrence_is_no_news() -> None:
    world = World()
    world.look(finding(cause="a"))

    changes = world.look(finding(cause="worded differently"))

    assert not changes.events
    assert world.open[finding().fingerprint].causes == ("a",)


def test_only_the_newest_causes_are_kept() -> None:
    world = World()
    for number in range(CAUSES_KEPT + 5):
        world.look(finding(cause=f"cause {number}", occurrences=[str(number)]))

    causes = world.open[finding().fingerprint].causes
    assert (len(causes), causes[-1]) == (CAUSES_KEPT, f"cause {CAUSES_KEPT + 4}")


def test_what_no_longer_holds_is_resolved_now() -> None:
    world = World()
    world.look(finding())

    changes = world.look()

    (incident,) = changes.resolved
    assert (incident.ends_at, incident.resolution, kinds(changes)) == (world.now, "", [EventKind.RESOLVED])


def test_what_ends_by_a_fact_and_is_merely_gone_is_not_told_to_be_over() -> None:
    world = World()
    world.look(finding(ends_by=EndsBy.FACT))

    changes = world.look()

    (incident,) = changes.resolved
    assert (incident.ends_at, incident.resolution, kinds(changes)) == (world.now, UNJUDGED, [])
    assert world.look(finding(ends_by=EndsBy.FACT)).opened[0].quiet == KNOWN


def test_what_ends_by_a_fact_is_told_when_that_fact_is_there() -> None:
    world = World()
    world.look(finding(ends_by=EndsBy.FACT))

    assert kinds(world.look(over(finding(ends_by=EndsBy.FACT)))) == [EventKind.RESOLVED]


def test_a_finding_that_is_over_resolves_its_incident_and_says_how_and_when() -> None:
    world = World()
    world.look(finding())

    changes = world.look(over(finding()))

    (incident,) = changes.resolved
    assert (incident.ends_at, incident.resolution) == (NOON + timedelta(hours=1), "The next run ended ok.")
    assert kinds(changes) == [EventKind.RESOLVED]


def test_what_began_and_ended_between_two_looks_is_told_once_as_over() -> None:
    world = World()
    changes = world.look(over(finding()))

    (incident,) = changes.opened
    assert not incident.is_open
    assert kinds(changes) == [EventKind.OPENED, EventKind.RESOLVED]
    assert not world.look(over(finding()))


def test_an_end_before_the_beginning_becomes_the_beginning() -> None:
    changes = World().look(finding(ends_at=NOON - MINUTE))

    assert changes.opened[0].ends_at == NOON


def test_a_known_fact_that_is_found_again_opens_quietly() -> None:
    world = World()
    world.look(finding())
    world.look()

    changes = world.look(finding())

    assert (changes.opened[0].quiet, changes.events) == (KNOWN, ())


def test_a_new_fact_makes_a_quietly_reopened_incident_loud() -> None:
    world = World()
    world.look(finding())
    world.look()
    world.look(finding())

    changes = world.look(finding(occurrences=["1", "2"]))

    assert (changes.updated[0].quiet, kinds(changes)) == (None, [EventKind.OPENED])


def test_a_quiet_finding_opens_without_news_and_resolves_without_news() -> None:
    world = World()

    assert kinds(world.look(finding(quiet="first_read"))) == []
    assert kinds(world.look()) == []
    assert world.closed[0].quiet == "first_read"


def test_a_quiet_incident_is_told_when_it_happens_again() -> None:
    world = World()
    world.look(finding(quiet="first_read"))

    changes = world.look(finding(occurrences=["1", "2"]))

    assert (world.open[finding().fingerprint].quiet, kinds(changes)) == (None, [EventKind.OPENED])


def test_what_was_held_back_is_told_when_nothing_holds_it_back_any_more() -> None:
    world = World()
    world.look(finding(quiet="inhibited"))

    assert kinds(world.look(finding())) == [EventKind.OPENED]


def test_an_announced_incident_does_not_become_quiet_again() -> None:
    world = World()
    world.look(finding())

    assert not world.look(finding(quiet="inhibited"))


def test_an_episode_that_is_over_and_the_next_one_are_two_incidents() -> None:
    world = World()
    world.look(finding(occurrences=["1"]))

    changes = world.look(
        over(finding(occurrences=["1", "2"])), finding(occurrences=["3"], since=NOON + 2 * MINUTE)
    )

    assert (changes.resolved[0].count, changes.opened[0].is_open) == (2, True)
    assert kinds(changes) == [EventKind.RESOLVED, EventKind.OPENED]


def test_another_episode_that_came_and_went_does_not_end_the_one_that_holds() -> None:
    world = World()
    world.look(finding(occurrences=["1"]))

    changes = world.look(finding(occurrences=["1"]), over(finding(occurrences=["2"])))

    assert [one.is_open for one in changes.opened] == [False]
    assert not changes.resolved


def test_two_episodes_that_are_over_are_told_apart() -> None:
    world = World()
    world.look(finding(occurrences=["1"]))

    changes = world.look(
        over(finding(occurrences=["1"])), over(finding(occurrences=["2"], since=NOON + MINUTE))
    )

    assert len(changes.resolved) == len(changes.opened) == 1
    assert not world.open


def test_two_findings_about_the_same_thing_are_one_incident_that_counts_both() -> None:
    changes = World().look(
        finding(occurrences=["1"], severity=Severity.WARNING),
        finding(occurrences=["2"], severity=Severity.CRITICAL),
    )

    (incident,) = changes.opened
    assert (incident.count, incident.severity) == (2, Severity.CRITICAL)


def test_a_finding_without_occurrences_is_one_fact_by_its_beginning() -> None:
    world = World()

    assert kinds(world.look(finding(occurrences=()))) == [EventKind.OPENED]
    assert not world.look(finding(occurrences=()))


def test_events_of_a_catching_up_look_are_late() -> None:
    assert [event.late for event in World().look(finding(), late=True).events] == [True]


@pytest.mark.parametrize(
    "change",
    [
        {"summary": "other"},
        {"facts": [("a", "b")]},
        {"evidence": {"runs": [1, 2]}},
        {"severity": Severity.WARNING},
        {"attachments": ["log-2"]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_describes_an_incident_is_kept_up_to_date(change: dict[str, Any]) -> None:
    world = World()
    world.look(finding())

    assert len(world.look(finding(**change)).updated) == 1
    assert not world.look(finding(**change))


episodes = st.builds(
    lambda job, first, number, quiet, cause, end: finding(
        job,
        occurrences=[str(one) for one in range(first, first + number)],
        since=NOON + first * MINUTE,
        quiet=quiet,
        cause=cause,
        ends_at=NOON + (first + number) * MINUTE if end else None,
    ),
    st.sampled_from(["a", "b"]),
    st.integers(0, 4),
    st.integers(0, 3),
    st.sampled_from([None, None, "first_read"]),
    st.sampled_from(["x", "y"]),
    st.booleans(),
)
looks = st.lists(st.lists(episodes, max_size=4), max_size=6)


@given(looks, st.randoms(use_true_random=False))
def test_the_order_of_findings_is_irrelevant(history: list[list[Finding]], order: random.Random) -> None:
    one, other = World(), World()
    for findings in history:
        shuffled = [*findings]
        order.shuffle(shuffled)
        assert one.look(*findings) == other.look(*shuffled)


@given(looks)
def test_looking_twice_changes_nothing(history: list[list[Finding]]) -> None:
    world = World()
    for findings in history:
        world.look(*findings)
        assert not world.look(*findings)


@given(looks)
def test_every_incident_is_told_as_opened_once_at_most_and_as_over_only_after_that(
    history: list[list[Finding]],
) -> None:
    world = World()
    told: dict[str, list[EventKind]] = {}
    for findings in (*history, []):
        for event in world.look(*findings).events:
            told.setdefault(event.incident_id, []).append(event.kind)
    assert not world.open
    loud = {incident.id for incident in world.closed if incident.quiet is None}
    assert loud == set(told)
    for kinds_told in told.values():
        assert (kinds_told[0], kinds_told[-1]) == (EventKind.OPENED, EventKind.RESOLVED)
        assert set(kinds_told[1:-1]) <= {EventKind.CAUSE}


@given(looks)
def test_a_fact_belongs_to_one_incident_for_ever(history: Sequence[list[Finding]]) -> None:
    world = World()
    for findings in history:
        world.look(*findings)  # asserts that no occurrence is recorded twice
