"""Threads that work off what is there: who takes what, when they stop, and what becomes of errors."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from alerts.crew import work_off


def queue(*items: int) -> Callable[[], int | None]:
    left = list(items)
    return lambda: left.pop(0) if left else None


def never(_taken: int) -> bool:
    return False


def test_each_item_is_done_once_in_the_order_of_taking() -> None:
    done: list[int] = []

    def do(item: int) -> bool:
        done.append(item)
        return True

    assert work_off(queue(1, 2, 3), do, workers=1, enough=never) == 3
    assert done == [1, 2, 3]


def test_items_are_done_at_the_same_time() -> None:
    together = threading.Barrier(3, timeout=10)

    def do(_item: int) -> bool:
        together.wait()
        return True

    assert work_off(queue(1, 2, 3), do, workers=3, enough=never) == 3


def test_without_work_no_thread_is_started() -> None:
    before = threading.active_count()
    counts: list[int] = []

    def take() -> None:
        counts.append(threading.active_count())

    assert work_off(take, lambda _item: True, workers=4, enough=never) == 0
    assert counts == [before]


def test_what_comes_in_while_one_is_held_up_does_not_wait_for_it() -> None:
    late_one_done = threading.Event()
    arrived: list[str] = ["slow"]

    def do(item: str) -> bool:
        if item == "slow":
            arrived.append("late")  # after all the others have seen nothing, or just before
            assert late_one_done.wait(10)
        else:
            late_one_done.set()
        return True

    def take() -> str | None:
        return arrived.pop() if arrived else None

    assert work_off(take, do, workers=2, enough=never, look_again=0.01) == 2


def test_it_ends_when_it_is_enough() -> None:
    done: list[int] = []

    def do(item: int) -> bool:
        done.append(item)
        return True

    assert work_off(queue(1, 2, 3), do, workers=1, enough=lambda taken: taken >= 2) == 2
    assert done == [1, 2]


def test_it_ends_when_one_is_told_to_stop() -> None:
    assert work_off(queue(1, 2, 3), lambda _item: False, workers=1, enough=never) == 1


@pytest.mark.parametrize("number", [1, 2], ids=["of the caller's thread", "of another thread"])
def test_an_error_is_raised_once_all_are_home(number: int) -> None:
    together = threading.Barrier(2, timeout=10)
    names: list[str] = []

    def do(item: int) -> bool:
        together.wait()
        if item == number:
            raise ValueError("broken")
        names.append(threading.current_thread().name)
        return True

    with pytest.raises(ValueError, match="broken"):
        work_off(queue(1, 2), do, workers=2, enough=never)
    assert len(names) == 1


def test_an_error_of_the_taking_is_raised() -> None:
    def take() -> int:
        raise ValueError("no database")

    with pytest.raises(ValueError, match="no database"):
        work_off(take, lambda _item: True, workers=2, enough=never)
