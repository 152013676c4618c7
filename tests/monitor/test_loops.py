"""Loops driven by a clock whose waits run a script: no thread is needed, and nobody sleeps."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.clock import ManualClock, SystemClock
from monitor.errors import MonitorError
from monitor.loops import MAX_PAUSE, Loop, Rest, Rounds, next_slot

START = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
LONG = 30.0
"""Seconds a thread may take on a busy machine; no test waits so long when all is well."""


class ScriptedClock(ManualClock):
    """Each wait is noted, takes its time, and is answered by the next line of the script.

    A line is called while the loop waits: what sets the event cuts the wait short at once.
    After the last line `end` is called.
    """

    def __init__(self, end: Callable[[], None]) -> None:
        super().__init__(START)
        self.waits: list[float] = []
        self.script: Iterator[Callable[[], None]] = iter(())
        self._end = end

    def wait(self, event: threading.Event, seconds: float) -> bool:
        self.waits.append(round(seconds, 3))
        next(self.script, self._end)()
        if not event.is_set():
            self.advance(timedelta(seconds=max(seconds, 0.0)))
        return event.is_set()


def nothing() -> None:
    pass


def run_loop(
    step: Callable[[], object], *script: Callable[[Loop], None], interval: float = 1.0
) -> list[float]:
    """Runs a loop to the end of the script; returns how long it wanted to wait each time."""
    clock = ScriptedClock(end=lambda: loop.stop())  # noqa: PLW0108 - made below
    loop = Loop("test", step, clock, interval)
    clock.script = iter([lambda line=line: line(loop) for line in script])  # type: ignore[misc]
    loop.run()
    return clock.waits


def quiet(_loop: Loop) -> None:
    """A wait that nothing cuts short."""


class Failing:
    """Raises these, one a call; None is a call that ends well, as are all after the last."""

    def __init__(self, *errors: Exception | None) -> None:
        self.calls = 0
        self._errors = iter(errors)

    def __call__(self) -> None:
        self.calls += 1
        error = next(self._errors, None)
        if error is not None:
            raise error


# -- Loop ----------------------------------------------------------------------------------------


def test_a_step_is_done_at_once_and_then_every_interval() -> None:
    step = Failing()
    assert run_loop(step, quiet, quiet, interval=2.5) == [2.5, 2.5, 2.5]
    assert step.calls == 3


def test_a_loop_that_was_stopped_before_it_began_does_nothing() -> None:
    step = Failing()
    loop = Loop("test", step, ManualClock(START), 1.0)
    loop.stop()
    loop.run()
    assert step.calls == 0


def test_stop_ends_the_wait_and_no_further_step_is_done() -> None:
    step = Failing()
    run_loop(step)
    assert step.calls == 1


@pytest.mark.parametrize("error", [MonitorError("the disk is full"), RuntimeError("a bug"), KeyError("x")])
def test_a_step_that_fails_never_ends_the_loop(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    step = Failing(error)
    run_loop(step, quiet, quiet)
    assert step.calls == 3
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.getMessage().startswith("test: ")
    assert bool(record.exc_info) is not isinstance(error, MonitorError), "a traceback for what is a bug alone"


def test_failures_double_the_pause_up_to_a_minute_and_success_ends_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    step = Failing(*[MonitorError("down")] * 8)
    assert run_loop(step, *[quiet] * 9) == [2, 4, 8, 16, 32, MAX_PAUSE, MAX_PAUSE, MAX_PAUSE, 1, 1]
    assert len(caplog.records) == 8


def test_a_pause_is_never_shorter_than_the_interval(caplog: pytest.LogCaptureFixture) -> None:
    step = Failing(MonitorError("down"))
    assert run_loop(step, quiet, interval=300) == [300, 300]
    assert caplog.records


def test_a_loop_outlives_days_of_failures(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    step = Failing(*[MonitorError("down")] * 2000)
    waits = run_loop(step, *[quiet] * 1999)
    assert step.calls == 2000
    assert waits[-1] == MAX_PAUSE


def test_a_woken_loop_does_its_step_at_once_and_once() -> None:
    step = Failing()
    assert run_loop(step, Loop.wake, quiet) == [1, 1, 1]
    assert step.calls == 3


def test_what_wakes_a_loop_while_it_works_is_not_lost() -> None:
    waits: list[bool] = []
    clock = ScriptedClock(end=nothing)

    def step() -> None:
        waits.append(True)
        if len(waits) == 1:
            loop.wake()
        if len(waits) == 3:
            loop.stop()

    loop = Loop("test", step, clock, 10.0)
    loop.run()
    assert clock.monotonic() == 10.0, "the first wait was cut short, the second was not"


def test_a_failing_loop_that_is_woken_tries_once_and_waits_again(caplog: pytest.LogCaptureFixture) -> None:
    times: list[float] = []
    clock = ScriptedClock(end=nothing)

    def step() -> None:
        times.append(clock.monotonic())
        if len(times) == 4:
            loop.stop()
        raise MonitorError("down")

    loop = Loop("test", step, clock, 1.0)
    clock.script = iter([loop.wake])
    loop.run()
    assert times == [0, 0, 4, 12]
    assert len(caplog.records) == 4


def test_the_last_turn_is_when_a_step_was_last_done_failed_ones_included(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = ScriptedClock(end=lambda: loop.stop())  # noqa: PLW0108 - made below
    loop = Loop("test", Failing(None, MonitorError("down")), clock, 5.0)
    clock.script = iter([nothing])
    assert loop.last_turn == 0
    loop.run()
    assert loop.last_turn == 5.0
    assert caplog.records


def test_stop_ends_a_threads_wait_at_once() -> None:
    begun = threading.Event()
    loop = Loop("test", begun.set, SystemClock(), 3600.0)
    loop.start()
    assert begun.wait(LONG)
    loop.stop()
    assert loop.join(LONG)


def test_a_step_that_does_not_end_is_left_behind() -> None:
    begun, release = threading.Event(), threading.Event()

    def step() -> None:
        begun.set()
        release.wait(LONG)

    loop = Loop("test", step, SystemClock(), 1.0)
    loop.start()
    assert begun.wait(LONG)
    loop.stop()
    assert not loop.join(0.0)
    assert not loop.join(-1.0)
    release.set()
    assert loop.join(LONG)


# -- Rounds --------------------------------------------------------------------------------------


class Turns:
    """Runs one worker over keys until so many turns were done; notes when each was, in seconds.

    takes: what a turn takes, by its number. interval: what holds after a turn, by its number.
    """

    def __init__(
        self,
        keys: Sequence[str],
        turns: int,
        interval: Callable[[int], float] = lambda _turn: 60.0,
        takes: Callable[[int], float] = lambda _turn: 0.0,
    ) -> None:
        self.done: list[tuple[float, str]] = []
        self._turns = turns
        self._takes = takes
        self._clock = ScriptedClock(end=nothing)
        self._rounds = Rounds(
            tuple(keys), self._step, self._clock, lambda _key: Rest(interval(len(self.done))), workers=1
        )
        self._rounds.run()

    def _step(self, key: str) -> None:
        self.done.append((round(self._clock.monotonic(), 3), key))
        self._clock.advance(timedelta(seconds=self._takes(len(self.done))))
        if len(self.done) == self._turns:
            self._rounds.stop()
        if key == "!":
            raise MonitorError("this one always fails")

    @property
    def times(self) -> dict[str, list[float]]:
        """By key."""
        found: dict[str, list[float]] = {}
        for at, key in self.done:
            found.setdefault(key, []).append(at)
        return found


def test_each_key_has_its_turn_every_interval() -> None:
    assert Turns("a", turns=3).done == [(0, "a"), (60, "a"), (120, "a")]


def test_all_are_looked_at_at_once_and_then_each_in_its_slot() -> None:
    assert Turns("abc", turns=9).done == [
        *((0, "a"), (0, "b"), (0, "c")),
        *((20, "b"), (40, "c"), (60, "a")),
        *((80, "b"), (100, "c"), (120, "a")),
    ]


def test_a_first_round_longer_than_the_interval_leaves_no_crowd_behind() -> None:
    done = Turns("abcd", turns=17, takes=lambda turn: 40 if turn <= 4 else 1).done
    assert done[:4] == [(0, "a"), (40, "b"), (80, "c"), (120, "d")]
    assert done[-5:] == [(240, "a"), (255, "b"), (270, "c"), (285, "d"), (300, "a")]


def test_keys_that_were_asked_often_while_they_were_anothers_are_spread_when_they_are_ours() -> None:
    done = Turns("abc", turns=12, interval=lambda turn: 6.0 if turn <= 6 else 60.0).done
    assert [at for at, _ in done[3:6]] == [2, 4, 6]
    assert done[-3:] == [(20, "b"), (40, "c"), (60, "a")]


@given(st.integers(1, 60), st.sampled_from([0.7, 5.0, 60.0, 3600.0]))
def test_turns_are_evenly_spread_and_no_two_further_apart_than_the_interval(keys: int, every: float) -> None:
    names = [str(number) for number in range(keys)]
    turns = Turns(names, turns=4 * keys + 1, interval=lambda _turn: every)
    assert [key for _, key in turns.done[:keys]] == names
    assert {at for at, _ in turns.done[:keys]} == {0}
    for times in turns.times.values():
        gaps = [after - before for before, after in pairwise(times)]
        assert max(gaps) <= every + 0.002
        assert gaps[1:] == pytest.approx([every] * len(gaps[1:]), abs=0.002)
    settled = [at for at, _ in turns.done[keys:]]
    assert [after - before for before, after in pairwise(settled)] == pytest.approx(
        [every / keys] * (len(settled) - 1), abs=0.002
    )


@given(st.floats(0, 1e8), st.floats(0, 1, exclude_max=True), st.floats(0.01, 86_400))
def test_the_next_slot_is_later_by_an_interval_at_most(after: float, share: float, interval: float) -> None:
    at = next_slot(after, share, interval)
    rounding = 1e-8 + 2e-6 * interval
    assert after - rounding < at <= after + interval + rounding
    assert next_slot(at, share, interval) == pytest.approx(at + interval, abs=rounding), (
        "and not at once again"
    )


def test_a_turn_that_takes_its_time_does_not_delay_the_next() -> None:
    assert Turns("a", turns=3, takes=lambda _turn: 59).done == [(0, "a"), (60, "a"), (120, "a")]


def test_a_late_key_is_done_once_and_not_for_each_turn_it_missed() -> None:
    done = Turns("a", turns=4, takes=lambda turn: 200 if turn == 1 else 0).done
    assert done == [(0, "a"), (200, "a"), (240, "a"), (300, "a")], "and is back in step"


def test_keys_that_had_to_wait_are_done_once_and_stay_spread() -> None:
    done = Turns("ab", turns=6, takes=lambda turn: 150 if turn == 1 else 0).done
    assert done == [(0, "a"), (150, "b"), (150, "a"), (180, "a"), (210, "b"), (240, "a")]


@given(st.lists(st.integers(0, 500), min_size=1, max_size=20))
def test_no_key_has_two_turns_in_one_interval_but_the_first(takes: list[int]) -> None:
    turns = Turns("abc", turns=len(takes), takes=lambda turn: float(takes[turn - 1]))
    for key, slot in (("a", 0), ("b", 20), ("c", 40)):
        intervals = [(at - slot) // 60 for at in turns.times.get(key, ())[1:]]
        assert intervals == sorted(set(intervals))


def test_a_key_that_always_fails_keeps_its_turns_and_the_others_theirs(
    caplog: pytest.LogCaptureFixture,
) -> None:
    done = Turns("!b", turns=4).done
    assert [key for _, key in done] == ["!", "b", "b", "!"]
    assert [record.getMessage() for record in caplog.records] == ["!: this one always fails"] * 2


def test_stop_leaves_the_key_that_was_waited_for() -> None:
    clock = ScriptedClock(end=lambda: rounds.stop())  # noqa: PLW0108 - made below
    done: list[str] = []
    rounds = Rounds(("a",), done.append, clock, lambda _key: Rest(60.0))
    clock.script = iter([nothing])
    rounds.run()
    assert done == ["a"], "the first at once; the second was waited for when stop came"


def test_no_key_is_no_worker() -> None:
    rounds = Rounds((), lambda _key: None, SystemClock(), lambda _key: Rest(60.0))
    rounds.start()
    assert rounds.join(lambda: 0.0)


def test_a_key_is_in_the_hands_of_one_thread_at_a_time() -> None:
    held: Counter[str] = Counter()
    most: Counter[str] = Counter()
    turns: Counter[str] = Counter()
    lock = threading.Lock()
    enough = threading.Event()

    def step(key: str) -> None:
        with lock:
            held[key] += 1
            most[key] = max(most[key], held[key])
            turns[key] += 1
            if min(turns[one] for one in "abc") >= 50:
                enough.set()
        with lock:
            held[key] -= 1

    rounds = Rounds(tuple("abc"), step, SystemClock(), lambda _key: Rest(0.0001), workers=8)
    rounds.start()
    assert enough.wait(LONG), "every key has its turns"
    rounds.stop()
    assert rounds.join(lambda: LONG)
    assert set(most.values()) == {1}


def test_as_many_keys_are_worked_on_at_once_as_there_are_workers() -> None:
    together = threading.Barrier(3)

    def step(_key: str) -> None:
        together.wait(LONG)
        rounds.stop()

    rounds = Rounds(tuple("abc"), step, SystemClock(), lambda _key: Rest(0.001), workers=3)
    rounds.start()
    assert rounds.join(lambda: LONG)
    assert not together.broken


def test_stop_ends_all_threads_waits_at_once() -> None:
    first = threading.Semaphore(0)
    rounds = Rounds(
        tuple("abc"), lambda _key: first.release(), SystemClock(), lambda _key: Rest(3600.0), workers=2
    )
    rounds.start()
    assert first.acquire(timeout=LONG)
    rounds.stop()
    assert rounds.join(lambda: LONG)


def test_join_says_whether_a_step_was_left_behind() -> None:
    begun, release = threading.Event(), threading.Event()

    def step(_key: str) -> None:
        begun.set()
        release.wait(LONG)

    rounds = Rounds(("a",), step, SystemClock(), lambda _key: Rest(60.0))
    rounds.start()
    assert begun.wait(LONG)
    rounds.stop()
    assert not rounds.join(lambda: 0.0)
    release.set()
    assert rounds.join(lambda: LONG)


def test_a_pause_is_kept_from_the_end_of_the_turn_on_whatever_slot_the_key_has() -> None:
    clock = ScriptedClock(end=nothing)
    done: list[tuple[float, str]] = []
    rests = {"a": Rest(100.0, in_slot=False), "b": Rest(60.0)}

    def step(key: str) -> None:
        done.append((round(clock.monotonic(), 3), key))
        clock.advance(timedelta(seconds=5))
        if len(done) == 6:
            rounds.stop()

    rounds = Rounds(tuple("ab"), step, clock, rests.__getitem__, workers=1)
    rounds.run()
    assert done == [(0, "a"), (5, "b"), (30, "b"), (90, "b"), (105, "a"), (150, "b")]


def test_keys_that_hang_hold_up_nobody() -> None:
    """Forty of which twelve never answer, and four workers."""
    keys = tuple(
        f"{'dead' if number % 3 == 0 and number < 36 else 'shop'}-{number:02}" for number in range(40)
    )
    quick = [key for key in keys if key.startswith("shop")]
    turns: Counter[str] = Counter()
    enough, release = threading.Event(), threading.Event()

    def step(key: str) -> None:
        if key.startswith("dead"):
            release.wait(LONG)
            return
        turns[key] += 1  # by one thread at a time
        if min(turns[one] for one in quick) >= 5:
            enough.set()

    rounds = Rounds(keys, step, SystemClock(), lambda _key: Rest(0.1), workers=4, long=0.02)
    rounds.start()
    assert enough.wait(LONG), "each of the others has its turns while all the dead ones hang"
    assert rounds.alive
    release.set()
    rounds.stop()
    assert rounds.join(lambda: LONG)


class Staff:
    """A round in which every turn waits for `release`; hired by hand on a clock moved by hand."""

    def __init__(self, keys: int, workers: int, most: int = 64) -> None:
        self.release = threading.Event()
        self.at_work = threading.Semaphore(0)
        self.clock = ManualClock(START)
        names = tuple(str(number) for number in range(keys))
        self.rounds = Rounds(names, self._step, self.clock, lambda _key: Rest(60.0), workers, most=most)

    def _step(self, _key: str) -> None:
        self.at_work.release()
        self.release.wait(LONG)

    def hire(self) -> int:
        hired = self.rounds.hire()
        for _ in range(hired):
            assert self.at_work.acquire(timeout=LONG)
        return hired

    def close(self) -> None:
        self.rounds.stop()
        self.release.set()
        assert self.rounds.join(lambda: LONG)


def test_a_worker_is_hired_for_each_that_is_held_up_and_for_no_other() -> None:
    staff = Staff(keys=10, workers=2, most=7)
    assert staff.hire() == 2
    staff.clock.advance(timedelta(seconds=1.9))
    assert staff.hire() == 0, "they are not held up yet"
    staff.clock.advance(timedelta(seconds=0.1))
    assert staff.hire() == 2
    assert staff.hire() == 0
    staff.clock.advance(timedelta(seconds=2))
    assert staff.hire() == 2
    staff.clock.advance(timedelta(seconds=2))
    assert staff.hire() == 1, "no more than there may be"
    staff.clock.advance(timedelta(seconds=2))
    assert staff.hire() == 0
    staff.close()


def test_there_are_never_more_workers_than_keys() -> None:
    staff = Staff(keys=3, workers=2)
    assert staff.hire() == 2
    staff.clock.advance(timedelta(seconds=5))
    assert staff.hire() == 1
    staff.clock.advance(timedelta(seconds=5))
    assert staff.hire() == 0
    staff.close()


def test_those_who_were_hired_leave_when_nobody_is_held_up_any_more() -> None:
    held = {"a", "b"}
    hanging, release = threading.Semaphore(0), threading.Event()
    alone = threading.Event()
    polls: set[int] = set()

    def step(key: str) -> None:
        if key in held:
            hanging.release()
            release.wait(LONG)
            held.discard(key)
            return
        polls.add(threading.get_ident())
        if not held and sum(one.name == "poll" for one in threading.enumerate()) == before + 2:
            alone.set()

    before = sum(one.name == "poll" for one in threading.enumerate())
    rounds = Rounds(tuple("abcdef"), step, SystemClock(), lambda _key: Rest(0.05), workers=2, long=0.01)
    rounds.start()
    for _ in "ab":
        assert hanging.acquire(timeout=LONG)
    release.set()
    assert alone.wait(LONG), "two are left"
    rounds.stop()
    assert rounds.join(lambda: LONG)
