"""A few threads that work off what is there, one item each at a time, and go home together.

Knows neither the items nor where they come from. While one of them is held up by a slow item, the others look
again and again: what comes in meanwhile need not wait for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

LOOK_AGAIN_SECONDS = 1.0


def work_off(
    take: Callable[[], T | None],
    do: Callable[[T], bool],
    *,
    workers: int,
    enough: Callable[[int], bool],
    look_again: float = LOOK_AGAIN_SECONDS,
) -> int:
    """Returns how many items were taken, once none is left and all are done.

    take: by one thread at a time; None when there is nothing now. do: False ends the work after what is under
    way. enough: asked before each item, with the number taken so far. What take or do raises ends the work
    too, and is raised in the end.
    """
    crew = _Crew(take, do, enough, look_again)
    crew.work(workers)
    return crew.taken


class _Crew(Generic[T]):
    def __init__(
        self,
        take: Callable[[], T | None],
        do: Callable[[T], bool],
        enough: Callable[[int], bool],
        look_again: float,
    ) -> None:
        self.taken = 0
        self._take = take
        self._do = do
        self._enough = enough
        self._look_again = look_again
        self._changed = threading.Condition()
        self._busy = 0
        self._ended = False
        self._errors: list[Exception] = []

    def work(self, workers: int) -> None:
        first = self._next()
        if first is not None:  # usually there is nothing to do, and no thread is needed
            names = (f"crew-{number}" for number in range(1, workers))
            others = [threading.Thread(target=self._go_on, name=name, daemon=True) for name in names]
            for thread in others:
                thread.start()
            self._handle(first)
            self._go_on()
            for thread in others:
                thread.join()
        if self._errors:
            raise self._errors[0]

    def _go_on(self) -> None:
        while (item := self._next()) is not None:
            self._handle(item)

    def _next(self) -> T | None:
        with self._changed:
            while not self._ended and not self._enough(self.taken):
                item = self._taken_now()
                if item is not None or not self._busy:
                    return item
                self._changed.wait(self._look_again)
        return None

    def _taken_now(self) -> T | None:
        try:
            item = self._take()
        except Exception as error:  # noqa: BLE001 - of any thread; raised again by `work`
            self._fail(error)
            return None
        if item is not None:
            self.taken += 1
            self._busy += 1
        return item

    def _handle(self, item: T) -> None:
        try:
            if not self._do(item):
                self._ended = True
        except Exception as error:  # noqa: BLE001 - as above
            self._fail(error)
        finally:
            with self._changed:
                self._busy -= 1
                self._changed.notify_all()

    def _fail(self, error: Exception) -> None:
        self._errors.append(error)
        self._ended = True
