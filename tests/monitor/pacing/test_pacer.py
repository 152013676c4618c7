from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import pytest

from monitor.clock import ManualClock
from monitor.errors import Reason
from monitor.pacing.pace import Cadence, Next, Why
from monitor.pacing.pacer import Pacer
from monitor.published import JobSnapshot
from monitor.sfcc.traffic import Traffic

NIGHT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


class Instance:
    """A pacer, the traffic it looks at, and the time."""

    def __init__(self, busy: float = 60, idle: float = 60) -> None:
        self.clock = ManualClock(NIGHT)
        self.traffic = Traffic(
            120,
            monotonic=self.clock.monotonic,
            sleep=lambda seconds: self.clock.advance(timedelta(seconds=seconds)),
        )
        self.pacer = Pacer("production", Cadence(busy, idle), self.traffic, jitter=lambda: 0.0)

    def polled(self, reason: Reason | None = None, *jobs: JobSnapshot) -> Next:
        self.pacer.note(reason, jobs, self.clock.now())
        return self.pacer.next()


@pytest.fixture
def instance() -> Instance:
    return Instance()


def test_an_instance_that_was_never_polled_is_polled_at_the_interval(instance: Instance) -> None:
    assert instance.pacer.next() == Next(60, Why.BUSY)


@pytest.mark.parametrize(
    "reason",
    [
        *(Reason.NETWORK, Reason.TIMEOUT, Reason.SERVER, Reason.CREDENTIALS, Reason.PERMISSION),
        *(Reason.ASLEEP, Reason.MAINTENANCE, Reason.PROTOCOL, Reason.NOT_FOUND, Reason.REFUSED),
    ],
)
def test_one_that_keeps_failing_is_tried_cheaply_with_growing_pauses_until_one_success(
    reason: Reason, instance: Instance
) -> None:
    pauses, careful = [], []
    for _ in range(6):
        pauses.append(instance.polled(reason).seconds)
        careful.append(instance.traffic.cautious)
    assert pauses == [60, 60, 120, 240, 300, 300]
    assert careful == [False, False, True, True, True, True]
    assert instance.polled() == Next(60, Why.BUSY)
    assert not instance.traffic.cautious
    assert instance.polled(reason) == Next(60, Why.BUSY), "and it is counted from the beginning"


def test_a_poll_that_we_ended_ourselves_is_no_failure(instance: Instance) -> None:
    for _ in range(5):
        assert instance.polled(Reason.STOPPING) == Next(60, Why.BUSY)


def test_a_pause_that_was_asked_for_is_kept_however_long(instance: Instance) -> None:
    instance.traffic.told("ocapi", 600)
    assert instance.polled(Reason.THROTTLED) == Next(600, Why.ASKED)
    instance.clock.advance(timedelta(seconds=400))
    assert instance.pacer.next() == Next(300, Why.LOAD), "200 s are left, and its load asks for more"
    instance.clock.advance(timedelta(seconds=200))
    assert instance.polled() == Next(60, Why.BUSY)


def test_a_pause_for_logs_delays_no_poll(instance: Instance) -> None:
    instance.traffic.told("webdav", 600)
    assert instance.polled() == Next(60, Why.BUSY)


def test_polls_slow_down_with_the_load_and_are_back_as_soon_as_it_falls(instance: Instance) -> None:
    found = []
    for load in ("12", "85", "97", "80", "79"):
        instance.traffic.heard("scapi", {"sfdc_load": load})
        found.append(instance.polled().seconds)
    assert found == [60, 120, 300, 120, 60]


def test_an_instance_without_anything_to_see_is_polled_less_often() -> None:
    instance = Instance(idle=300)
    tomorrow = JobSnapshot("import", next_due=NIGHT + timedelta(days=1))
    assert instance.polled(None, tomorrow) == Next(300, Why.IDLE)
    assert instance.polled(None, JobSnapshot("import", active_since=NIGHT)) == Next(60, Why.BUSY)
    assert instance.polled(None, tomorrow) == Next(300, Why.IDLE)


def test_a_job_is_awaited_before_its_slot_and_ten_minutes_after() -> None:
    """Where a poll less often would find it late."""
    instance = Instance(idle=300)
    slot, other = NIGHT + timedelta(hours=1), NIGHT + timedelta(days=1)
    found: dict[int, float] = {}
    for minute in range(50, 75):
        instance.clock.set(NIGHT + timedelta(minutes=minute))
        due = slot if instance.clock.now() < slot else other
        found[minute] = instance.polled(None, JobSnapshot("import", next_due=due)).seconds
    assert [minute for minute, seconds in found.items() if seconds == 60] == list(range(55, 71))
    assert set(found.values()) == {60, 300}


def test_what_changes_is_said_once(instance: Instance, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    for _ in range(5):
        instance.polled(Reason.NETWORK)
    instance.traffic.heard("ocapi", {"sfdc_load": "95"})
    for _ in range(3):
        instance.polled()
    instance.traffic.heard("ocapi", {})
    for _ in range(3):
        instance.polled()
    assert [record.getMessage() for record in caplog.records] == [
        "production: polled less often for now, as polls failed in a row: next in 120 s",
        "production: polled less often for now, as the platform is loaded: next in 300 s",
        "production: polled every 60 s again",
    ]
