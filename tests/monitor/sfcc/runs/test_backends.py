"""Which of two APIs is asked. The APIs are plain stand-ins that answer or fail as they are told."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import Reason, SfccError
from monitor.model import Execution, RunId
from monitor.sfcc import Page
from monitor.sfcc.runs.backends import REST, Backends
from monitor.sfcc.runs.scapi import NO_STYLE

NIGHT = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
EMPTY = Page((), frozenset(), frozenset())

FOR_GOOD = [Reason.PERMISSION, Reason.CREDENTIALS, Reason.NOT_FOUND]
DOWN = [one for one in Reason if one not in FOR_GOOD]


@dataclass
class Api:
    """Fails with `error` as long as it has one."""

    backend: str
    clock_offset: timedelta | None
    error: SfccError | None = None
    asked: list[str] = field(default_factory=list)

    def recent(self, since: datetime, known: Mapping[RunId, str]) -> Iterator[Page]:
        del since, known
        yield from self._answer("recent")

    def between(
        self,
        since: datetime,
        until: datetime,
        known: Mapping[RunId, str],
        *,
        started_since: datetime | None = None,
    ) -> Iterator[Page]:
        del since, until, known
        yield from self._answer(f"between {started_since}")

    def execution(self, job_id: str, execution_id: str) -> Execution | None:
        self.asked.append(f"execution {job_id} {execution_id}")
        if self.error:
            raise self.error
        return None

    def _answer(self, what: str) -> list[Page]:
        self.asked.append(what)
        if self.error:
            raise self.error
        return [EMPTY, EMPTY]


@dataclass
class Scene:
    scapi: Api = field(default_factory=lambda: Api("scapi", 2 * MINUTE))
    ocapi: Api = field(default_factory=lambda: Api("ocapi", 3 * MINUTE))
    now: datetime = NIGHT
    backends: Backends = field(init=False)

    def __post_init__(self) -> None:
        apis = {"scapi": self.scapi, "ocapi": self.ocapi}
        self.backends = Backends("production", apis, now=lambda: self.now)

    def poll(self) -> str:
        """Which API was asked, and whether it answered."""
        name = self.backends.backend
        try:
            pages = list(self.backends.recent(self.now, {}))
        except SfccError as error:
            return f"{name}: {error.reason}"
        assert pages == [EMPTY, EMPTY]
        return name


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_the_better_one_is_asked_and_the_other_is_not(scene: Scene) -> None:
    assert [scene.poll(), scene.poll()] == ["scapi", "scapi"]
    list(scene.backends.between(NIGHT, NIGHT, {}, started_since=NIGHT))
    scene.backends.execution("import", "1")
    assert scene.scapi.asked == ["recent", "recent", f"between {NIGHT}", "execution import 1"]
    assert scene.ocapi.asked == []


@pytest.mark.parametrize("reason", FOR_GOOD)
def test_a_refusal_for_good_makes_the_other_one_be_asked_from_the_next_search_on(
    scene: Scene, reason: Reason
) -> None:
    scene.scapi.error = SfccError(reason, "no")
    assert scene.poll() == f"scapi: {reason}"
    assert [scene.poll(), scene.poll()] == ["ocapi", "ocapi"]
    assert len(scene.scapi.asked) == 1


def test_an_api_whose_searches_cannot_be_understood_is_left_too(scene: Scene) -> None:
    scene.scapi.error = SfccError(Reason.PROTOCOL, "nothing is found", fault_type=NO_STYLE)
    assert [scene.poll(), scene.poll()] == ["scapi: protocol", "ocapi"]


@pytest.mark.parametrize("reason", DOWN)
def test_an_api_that_is_merely_down_stays_the_one_that_is_asked(scene: Scene, reason: Reason) -> None:
    scene.scapi.error = SfccError(reason, "not now")
    assert [scene.poll(), scene.poll()] == [f"scapi: {reason}"] * 2
    assert scene.ocapi.asked == []


def test_the_refused_one_is_tried_again_after_an_hour(scene: Scene) -> None:
    scene.scapi.error = SfccError(Reason.PERMISSION, "no")
    scene.poll()
    scene.now += REST - timedelta(seconds=1)
    assert scene.poll() == "ocapi"
    scene.now += timedelta(seconds=1)
    assert [scene.poll(), scene.poll()] == ["scapi: permission", "ocapi"]
    scene.now += REST
    scene.scapi.error = None
    assert [scene.poll(), scene.poll()] == ["scapi", "scapi"]


def test_a_refusal_is_said_once_until_it_is_another_or_was_over(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    def hours(count: int, error: SfccError | None) -> None:
        scene.scapi.error = error
        for _ in range(count):
            scene.poll()
            scene.poll()
            scene.now += REST

    hours(3, SfccError(Reason.PERMISSION, "add the scope"))
    hours(2, SfccError(Reason.NOT_FOUND, "check tenant_id"))
    hours(1, None)
    hours(1, SfccError(Reason.NOT_FOUND, "check tenant_id"))
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logging.WARNING, "production: asking ocapi instead of scapi: add the scope"),
        (logging.WARNING, "production: asking ocapi instead of scapi: check tenant_id"),
        (logging.WARNING, "production: asking ocapi instead of scapi: check tenant_id"),
    ]


def test_where_both_refuse_each_has_its_turn_so_that_what_is_granted_is_seen(scene: Scene) -> None:
    scene.scapi.error = SfccError(Reason.PERMISSION, "no")
    scene.ocapi.error = SfccError(Reason.PERMISSION, "nor here")
    assert [scene.poll() for _ in range(4)] == ["scapi: permission", "ocapi: permission"] * 2
    scene.ocapi.error = None
    assert [scene.poll() for _ in range(3)] == ["scapi: permission", "ocapi", "ocapi"]
    assert len(scene.scapi.asked) == 3


def test_a_refusal_met_by_whoever_compares_the_apis_counts_too(scene: Scene) -> None:
    scene.scapi.error = SfccError(Reason.PERMISSION, "no")
    with pytest.raises(SfccError):
        list(scene.backends.alternatives["scapi"].recent(NIGHT, {}))
    assert scene.backends.backend == "ocapi"


def test_a_refused_look_up_says_nothing_about_searches(scene: Scene) -> None:
    scene.scapi.error = SfccError(Reason.NOT_FOUND, "no")
    with pytest.raises(SfccError):
        scene.backends.execution("import", "1")
    assert scene.backends.backend == "scapi"


def test_one_that_is_held_is_asked_for_an_hour(scene: Scene) -> None:
    scene.backends.hold("ocapi")
    assert scene.poll() == "ocapi"
    scene.now += REST - timedelta(seconds=1)
    assert scene.poll() == "ocapi"
    scene.now += timedelta(seconds=1)
    assert scene.poll() == "scapi"


def test_one_that_is_held_stays_even_where_it_is_refused(scene: Scene) -> None:
    scene.ocapi.error = SfccError(Reason.PERMISSION, "no")
    scene.backends.hold("ocapi")
    assert [scene.poll(), scene.poll()] == ["ocapi: permission"] * 2


def test_our_clock_being_set_back_prolongs_no_rest(scene: Scene) -> None:
    scene.now += timedelta(days=1)
    scene.backends.hold("ocapi")
    scene.now -= timedelta(days=1)
    assert scene.backends.backend == "scapi"


def test_only_what_is_there_can_be_held(scene: Scene) -> None:
    with pytest.raises(ValueError, match="soap is none of scapi, ocapi"):
        scene.backends.hold("soap")


def test_the_clock_is_that_of_the_api_that_answered_last(scene: Scene) -> None:
    scene.poll()
    assert scene.backends.clock_offset == 2 * MINUTE
    scene.backends.hold("ocapi")
    scene.poll()
    assert scene.backends.clock_offset == 3 * MINUTE


@given(st.lists(st.tuples(st.sampled_from([None, *Reason]), st.sampled_from([None, *Reason]), st.booleans())))
def test_it_names_one_of_them_and_asks_that_one_and_no_other(
    events: list[tuple[Reason | None, Reason | None, bool]],
) -> None:
    scene = Scene()
    for first, second, late in events:
        scene.scapi.error = None if first is None else SfccError(first, "x")
        scene.ocapi.error = None if second is None else SfccError(second, "x")
        scene.now += REST if late else MINUTE
        before = {"scapi": len(scene.scapi.asked), "ocapi": len(scene.ocapi.asked)}
        asked = scene.poll().partition(":")[0]
        after = {"scapi": len(scene.scapi.asked), "ocapi": len(scene.ocapi.asked)}
        assert {name: after[name] - before[name] for name in after} == {
            "scapi": int(asked == "scapi"),
            "ocapi": int(asked == "ocapi"),
        }
