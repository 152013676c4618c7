from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import Reason, SfccError, StoppingError
from monitor.pacing.pace import LONGEST_ASKED
from monitor.sfcc.connect import Connection
from monitor.sfcc.traffic import KEPT_FOR_POLLS, Traffic, load_of
from monitor.simulator import World


class Time:
    """Moved by hand, and by those who wait."""

    def __init__(self) -> None:
        self.at = 0.0
        self.waits: list[float] = []

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.waits.append(round(seconds, 6))
        self.at += seconds

    def traffic(self, per_minute: float = 60) -> Traffic:
        return Traffic(per_minute, monotonic=self.now, sleep=self.sleep)


@pytest.fixture
def time() -> Time:
    return Time()


def test_steady_polls_never_notice_the_budget(time: Time) -> None:
    traffic = time.traffic(per_minute=4)
    for _ in range(1000):
        for _ in range(2):
            traffic.admit()
        time.at += 60
    assert time.waits == []


def test_who_reads_a_long_history_goes_at_the_pace_of_the_budget(time: Time) -> None:
    traffic = time.traffic(per_minute=60)
    for _ in range(630):
        traffic.admit()
    assert time.at == pytest.approx(600)
    assert set(time.waits) == {1.0}
    assert len(time.waits) == 600, "the first thirty went at once"


@given(st.floats(1, 6000), st.lists(st.floats(0, 30), max_size=60))
def test_never_more_than_the_budget_and_half_of_it_in_any_time(
    per_minute: float, pauses: list[float]
) -> None:
    time = Time()
    traffic = time.traffic(per_minute)
    sent = []
    for pause in pauses:
        time.at += pause
        traffic.admit()
        sent.append(time.at)
    at_once = max(per_minute / 2, 1)
    for first in range(len(sent)):
        for last in range(first, len(sent)):
            allowed = at_once + (sent[last] - sent[first]) * per_minute / 60
            assert last - first + 1 <= allowed + 1e-6


@pytest.mark.parametrize(("load", "wait"), [(79, 1.0), (80, 2.0), (89, 2.0), (90, 5.0), (100, 5.0)])
def test_a_loaded_platform_is_read_more_slowly(load: int, wait: float, time: Time) -> None:
    traffic = time.traffic(per_minute=60)
    traffic.heard("scapi", {"sfdc_load": str(load)})
    for _ in range(60):
        traffic.admit()
    assert time.waits[-1] == wait


def test_what_is_only_nice_to_know_takes_what_is_left(time: Time) -> None:
    traffic = time.traffic(per_minute=60)
    assert traffic.spare() == 30 - KEPT_FOR_POLLS
    for _ in range(25):
        traffic.admit()
    assert traffic.spare() == 0, "the last ones are for polls"
    time.at += 10
    assert traffic.spare() == 15 - KEPT_FOR_POLLS
    traffic.heard("ocapi", {"sfdc_load": "95"})
    assert traffic.spare() == 1, "each costs five under load"


@pytest.mark.parametrize(("per_minute", "spare"), [(4, 1), (12, 3), (32, 8), (40, 12)])
def test_a_small_budget_leaves_something_too(per_minute: int, spare: int, time: Time) -> None:
    assert time.traffic(per_minute=per_minute).spare() == spare


def test_all_threads_have_one_budget() -> None:
    slept: list[float] = []
    traffic = Traffic(60, monotonic=lambda: 0.0, sleep=slept.append)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _number: traffic.admit(), range(40)))
    assert sorted(slept) == [float(number) for number in range(1, 11)], "one behind the other"


def test_a_wait_is_ended_by_a_stop() -> None:
    def stop(_seconds: float) -> None:
        raise StoppingError("ended early")

    traffic = Traffic(1, monotonic=lambda: 0.0, sleep=stop)
    traffic.admit()
    with pytest.raises(StoppingError):
        traffic.admit()


@pytest.mark.parametrize(
    ("headers", "load"),
    [
        pytest.param({}, 0, id="nothing said"),
        pytest.param({"sfdc_load": "42"}, 42, id="a number"),
        pytest.param({"sfdc_load": " 42.7% "}, 42, id="a number as people write it"),
        pytest.param({"sfdc_load_status": "WARN"}, 80, id="the word alone"),
        pytest.param({"sfdc_load_status": "throttle"}, 90, id="the worse word alone"),
        pytest.param({"sfdc_load": "95", "sfdc_load_status": "WARN"}, 95, id="the worse of both"),
        pytest.param({"sfdc_load": "12", "sfdc_load_status": "THROTTLE"}, 90, id="and the other way round"),
        pytest.param({"sfdc_load": "high", "sfdc_load_status": "?"}, 0, id="words nobody knows"),
        pytest.param({"sfdc_load": "9" * 400}, 999_999, id="a number without end"),
        pytest.param({"sfdc_load": "-1"}, 0, id="a number that is none"),
        pytest.param({"sfdc_load": "٩٠"}, 0, id="digits of another script"),
    ],
)
def test_the_load_that_an_answer_tells(headers: dict[str, str], load: int) -> None:
    assert load_of(headers) == load


def test_only_answers_of_the_platform_tell_its_load(time: Time) -> None:
    traffic = time.traffic()
    for api, expected in (("token", 0), ("webdav", 0), ("ocapi", 95)):
        traffic.heard(api, {"sfdc_load": "95"})
        assert traffic.load == expected
    traffic.heard("token", {})
    assert traffic.load == 95, "Account Manager knows nothing of it"
    traffic.heard("scapi", {})
    assert traffic.load == 0


def test_a_pause_is_kept_by_the_api_that_asked_for_it(time: Time) -> None:
    traffic = time.traffic()
    traffic.told("webdav", 600)
    traffic.check("ocapi", "host")
    assert traffic.asked() == 0
    with pytest.raises(
        SfccError, match="host asked for a pause, and is left alone for another 600 s"
    ) as caught:
        traffic.check("webdav", "host")
    assert (caught.value.reason, caught.value.retry_after) == (Reason.THROTTLED, 600)
    assert not caught.value.retryable
    time.at += 600
    traffic.check("webdav", "host")


def test_a_pause_of_a_day_is_one_of_an_hour(time: Time) -> None:
    traffic = time.traffic()
    traffic.told("ocapi", 86_400)
    assert traffic.asked() == LONGEST_ASKED


# -- With requests -------------------------------------------------------------------------------


def read(connection: Connection, world: World) -> None:
    list(connection.jobs.recent(world.now(), {}))


def test_every_try_of_every_api_costs_one(
    time: Time, world: World, connect_with: Callable[..., Connection]
) -> None:
    world.faults.server_error("search")
    traffic = time.traffic(per_minute=60)
    read(connect_with(traffic=traffic), world)
    assert traffic.spare() == 30 - KEPT_FOR_POLLS - 3, "a token, a search that failed and one that did not"


def test_a_server_that_asks_for_an_hour_is_not_asked_before(
    time: Time, world: World, connect_with: Callable[..., Connection]
) -> None:
    connection = connect_with(traffic=time.traffic())
    world.faults.throttle("search", retry_after=3600)
    with pytest.raises(SfccError, match="come back in 3600 s"):
        read(connection, world)
    asked = len(world.requests)
    time.at += 3599
    with pytest.raises(SfccError, match="left alone for another 1 s"):
        read(connection, world)
    assert len(world.requests) == asked
    time.at += 1
    read(connection, world)


def test_the_second_try_after_a_short_pause_is_not_held_up_by_it(
    time: Time, world: World, connect_with: Callable[..., Connection]
) -> None:
    world.faults.throttle("search", retry_after=5)
    read(connect_with(traffic=time.traffic()), world)


def test_an_instance_not_expected_to_answer_is_asked_once(
    time: Time, world: World, connect_with: Callable[..., Connection], slept: list[float]
) -> None:
    traffic = time.traffic()
    traffic.cautious = True
    world.faults.server_error("search", n=None)
    with pytest.raises(SfccError):
        read(connect_with(traffic=traffic), world)
    assert [one.api for one in world.requests] == ["token", "search"]
    assert slept == []


def test_one_that_answers_is_worth_the_usual_patience_again(
    time: Time, world: World, connect_with: Callable[..., Connection], slept: list[float]
) -> None:
    """Or a long gap would never be read where one request of twenty fails."""
    traffic = time.traffic()
    traffic.cautious = True
    connection = connect_with(traffic=traffic)
    read(connection, world)
    assert not traffic.cautious
    world.faults.server_error("search")
    read(connection, world)
    assert slept == [1.0]


def test_a_token_is_no_answer_of_the_instance(time: Time) -> None:
    traffic = time.traffic()
    traffic.cautious = True
    for api in ("token", "webdav"):
        traffic.succeeded(api)
        assert traffic.cautious
    traffic.succeeded("scapi")
    assert not traffic.cautious


def test_the_load_is_read_from_refusals_too(
    time: Time, world: World, connect_with: Callable[..., Connection]
) -> None:
    traffic = time.traffic()
    world.faults.unavailable("search", load=95, n=3)
    connection = connect_with(traffic=traffic)
    with pytest.raises(SfccError):
        read(connection, world)
    assert traffic.load == 95
    read(connection, world)
    assert traffic.load == 0


def test_threads_that_wait_hold_no_lock() -> None:
    waiting, release = threading.Event(), threading.Event()

    def sleep(_seconds: float) -> None:
        waiting.set()
        release.wait(30)

    traffic = Traffic(1, monotonic=lambda: 0.0, sleep=sleep)
    traffic.admit()
    thread = threading.Thread(target=traffic.admit, daemon=True)
    thread.start()
    assert waiting.wait(30)
    assert traffic.spare() == 0, "and this one did not have to wait"
    release.set()
    thread.join(30)
