from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from monitor.readiness import SEATS, Readiness

LONG = 30.0


class State:
    """A check that answers when it is let."""

    def __init__(self) -> None:
        self.asked = 0
        self.answers = threading.Event()

    def __call__(self) -> str | None:
        self.asked += 1
        assert self.answers.wait(LONG)
        return f"answer {self.asked}"


def test_a_state_that_does_not_answer_is_said_so_and_asked_once() -> None:
    state = State()
    ready = Readiness(state, patience=0.01)
    for _ in range(3):
        assert ready() == "the state has not answered for 0 s"
    assert state.asked == 1
    state.answers.set()


def test_it_is_asked_anew_once_it_has_answered() -> None:
    state = State()
    state.answers.set()
    ready = Readiness(state, patience=LONG)
    assert [ready(), ready()] == ["answer 1", "answer 2"]


def test_few_wait_and_the_others_are_answered_at_once() -> None:
    state = State()
    ready = Readiness(state, patience=LONG)
    with ThreadPoolExecutor(10) as pool:
        asking = [pool.submit(ready) for _ in range(10)]
        waiting = [one for one in asking if not one.done()]
        while len(waiting) > SEATS:
            waiting = [one for one in asking if not one.done()]
        state.answers.set()
        answers = [one.result(LONG) for one in asking]
    assert answers.count("answer 1") == SEATS
    assert answers.count("the agent is being looked at; ask again") == 10 - SEATS


def test_a_mistake_in_the_check_is_no_silence() -> None:
    def mistaken() -> str | None:
        raise KeyError("planted")

    assert Readiness(mistaken, patience=LONG)() == "whether the agent is ready cannot be told (KeyError)"
