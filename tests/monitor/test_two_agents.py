"""Two agents on one state, by mistake or on purpose: one watches an instance, each incident is told once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, update

from monitor.app import App
from monitor.history.leases import LENGTH_MS
from monitor.history.schema import leases
from monitor.leases import DISPATCHER
from tests.monitor.conftest import Night


def lose_leases(engine: Engine) -> None:
    """As if their holder had not been heard of for as long as leases last."""
    with engine.begin() as connection:
        connection.execute(update(leases).values(expires_at=leases.c.expires_at - LENGTH_MS - 1))


def test_the_second_one_stands_by_and_says_who_watches(
    night: Night, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = night.agent(), night.beside()
    assert night.turn(first).complete
    with caplog.at_level("INFO"):
        left = [night.turn(second), night.turn(second)]
    assert all(one.watched_by and not one.complete and one.reason is None for one in left)
    assert [text for text in caplog.messages if "standing by" in text] == [
        f"production: watched by another agent on this state ({left[0].watched_by}); standing by"
    ]


def test_only_the_one_that_watches_exports_the_instance_and_the_outbox(night: Night) -> None:
    first, second = night.agent(), night.beside()
    for app in (first, second):
        night.turn(app)
    up = [
        app.metrics.registry.get_sample_value("sfcc_up", {"sfcc_instance": "production"})
        for app in (first, second)
    ]
    waiting = [
        app.metrics.registry.get_sample_value("sfcc_alert_outbox_messages", {"target": "chat"})
        for app in (first, second)
    ]
    assert (up, waiting) == ([1, None], [0, None])


def test_each_incident_is_told_once_though_both_poll_and_deliver(night: Night) -> None:
    first, second = night.agent(), night.beside()
    night.turn(first)
    night.world.start("import").finish(code="ERROR")
    for _ in range(3):
        for app in (first, second):
            night.turn(app)
    night.world.start("import").finish()
    for _ in range(3):
        for app in (second, first):
            night.turn(app)
    assert len(night.titles) == 2


@pytest.mark.parametrize("ended", ["killed", "released", "silent"])
def test_another_one_takes_over_and_tells_what_was_not_told(
    night: Night, caplog: pytest.LogCaptureFixture, ended: str
) -> None:
    first, second = night.agent(), night.beside()
    night.turn(first)
    night.turn(second)
    night.world.start("import").finish(code="ERROR")
    night.pass_time(minutes=1)
    assert first.poll("production").opened == 1
    if ended == "killed":
        night.kill(first)
    elif ended == "released":
        first.release()
    else:
        lose_leases(first.engine)
    with caplog.at_level("INFO"):
        assert night.turn(second).complete
    assert any("production: taken over from another agent" in text for text in caplog.messages)
    assert len(night.titles) == 1
    assert night.chat.sent[0].files, "the log that the first one wanted"
    night.turn(first)
    night.turn(second)
    assert len(night.titles) == 1


def test_who_comes_back_too_late_writes_nothing_and_stands_by(night: Night) -> None:
    """Its requests took so long that another one took over; what it read is left."""
    takes_over: list[Callable[[], object]] = []

    def crossing(what: str) -> None:
        if "request" in what and takes_over:
            takes_over.pop()()

    first = night.beside(crossing=crossing)
    second = night.beside()
    night.turn(first)
    night.world.start("import").finish(code="ERROR")

    def overtake() -> None:
        lose_leases(second.engine)
        assert second.poll("production").opened == 1

    takes_over.append(overtake)
    night.pass_time(minutes=1)
    late = first.poll("production")
    assert not takes_over
    assert late.watched_by
    for app in (first, second):
        night.turn(app)
    assert len(night.titles) == 1


def test_one_cycle_by_hand_leaves_the_instance_to_the_agent_that_runs(night: Night) -> None:
    running = night.agent()
    night.turn(running)
    by_hand = night.beside()
    assert by_hand.poll_all()[0].watched_by
    by_hand.release()
    assert night.turn(running).complete


def test_an_instance_of_an_agent_with_other_settings_is_not_given_up(night: Night) -> None:
    first = night.agent()
    night.turn(first)
    night.world.start("import").finish(code="ERROR")
    night.turn(first)
    night.beside(instance="staging")._teller.abandon()
    assert first.open_incidents(), "it does not tell, so it gives nothing up either"
    with first.engine.begin() as connection:
        connection.execute(update(leases).where(leases.c.name == DISPATCHER).values(holder=None))
    other = night.beside(instance="staging")
    other._teller.abandon()
    assert first.open_incidents(), "somebody watches it"
    other.release()
    lose_leases(other.engine)
    night.pass_time(minutes=59)
    last = night.beside(instance="staging")
    last._teller.abandon()
    assert last.open_incidents(), "who watched it may be about to start anew"
    night.pass_time(minutes=11)
    last._teller.abandon()
    assert not last.open_incidents()


STEPS = (
    *("poll 1", "poll 2", "fetch 1", "fetch 2", "dispatch 1", "dispatch 2", "deliver 1", "deliver 2"),
    *("lose", "fail", "recover", "wait"),
)


@given(st.lists(st.sampled_from(STEPS), max_size=40))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_whatever_the_order_of_their_steps_nothing_is_lost_or_doubled(
    nights: Callable[[], AbstractContextManager[Night]], steps: list[str]
) -> None:
    with nights() as night:
        agents = {"1": night.agent(), "2": night.beside()}
        night.turn(agents["1"])
        failures = 0
        for step in steps:
            what, _, who = step.partition(" ")
            if what == "fail":
                failures += 1
                night.world.start(f"import-{failures}").finish(code="ERROR")
            elif what == "recover" and failures:
                night.world.start(f"import-{failures}").finish()
            elif what == "lose":
                lose_leases(agents["1"].engine)
            elif what == "wait":
                night.pass_time(seconds=30)
            elif who:
                _take_step(agents[who], what)
        for _ in range(3):
            for app in agents.values():
                night.turn(app)
        told = Counter(night.titles)
        assert max(told.values(), default=0) <= 1, told
        for number in range(1, failures + 1):
            assert any(f"import-{number} " in name for name in told), (number, told)


def _take_step(app: App, what: str) -> None:
    steps: dict[str, Callable[[], object]] = {
        "poll": lambda: app.poll("production"),
        "fetch": app.fetch_logs,
        "dispatch": app.dispatch,
        "deliver": lambda: app.deliver("chat"),
    }
    steps[what]()
