"""A small labelled fleet: every fault that was injected is told, once and in time, and nothing else is."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import pairwise

import pytest

from monitor.detect import CONDITIONS
from tests.bench.detection import ours
from tests.bench.detection.fleet import Fleet, make_fleet
from tests.bench.detection.score import Score, scores

POLL = timedelta(minutes=1)


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return make_fleet(seed=11, jobs=30, days=10)


@pytest.fixture(scope="module")
def configured(fleet: Fleet) -> dict[str, Score]:
    facts = ours.facts_of(fleet, ours.configured(fleet))
    return _of_known(scores(fleet, ours.told(facts, fleet.policy(configured=True))))


@pytest.fixture(scope="module")
def learned(fleet: Fleet) -> dict[str, Score]:
    facts = ours.facts_of(fleet, ours.learned(fleet))
    return _of_known(scores(fleet, ours.told(facts, fleet.policy(configured=False))))


def _of_known(found: dict[str, Score]) -> dict[str, Score]:
    return {name: score for name, score in found.items() if name in CONDITIONS}


def test_the_same_seed_gives_the_same_fleet(fleet: Fleet) -> None:
    again = make_fleet(seed=11, jobs=30, days=10)
    assert (again.runs, again.labels) == (fleet.runs, fleet.labels)
    assert make_fleet(seed=12, jobs=30, days=10).runs != fleet.runs


def test_most_conditions_are_injected(fleet: Fleet) -> None:
    injected = Counter(label.condition for label in fleet.labels if label.must)
    assert len(injected) >= 14
    assert injected.total() >= 30


def test_no_run_of_a_series_starts_on_the_schedule_while_another_is_active(fleet: Fleet) -> None:
    for story in fleet.stories:
        for scope in {run.scope for run in story.runs}:
            own = [run for run in story.runs if run.scope == scope and run.is_scheduled]
            assert all(earlier.end <= later.start for earlier, later in pairwise(own))


def test_every_injected_fault_is_told(configured: dict[str, Score]) -> None:
    assert {name: score.missing for name, score in configured.items() if score.missing} == {}


def test_nothing_else_is_told_and_nothing_twice(configured: dict[str, Score]) -> None:
    told = {name: [*score.wrong, *score.again] for name, score in configured.items()}
    assert {name: some for name, some in told.items() if some} == {}


def test_each_is_told_by_the_first_poll_that_can_know_and_not_before(configured: dict[str, Score]) -> None:
    late = {name: [one for one in score.slowest if one[0] > POLL] for name, score in configured.items()}
    assert {name: some for name, some in late.items() if some} == {}
    assert {name: score.early for name, score in configured.items() if score.early} == {}


def test_what_is_learned_from_the_starts_alone_raises_no_false_alarms(learned: dict[str, Score]) -> None:
    told = {name: [*score.wrong, *score.again] for name, score in learned.items()}
    assert {name: some for name, some in told.items() if some} == {}
