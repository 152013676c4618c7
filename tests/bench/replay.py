"""Months looked back at: `replay` of a busy instance, against reading the same rows and nothing else.

The history is that of `history`: 150 jobs, one run in a hundred failed, some ten of them at any time.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from monitor.app import App
from monitor.clock import ManualClock
from monitor.history.engine import open_state, prepare, reading
from monitor.replay import of_state
from monitor.settings import Settings
from tests.bench.history import fill
from tests.bench.measure import Figures, Held, Result, Unit, once
from tests.bench.poll import settings_for
from tests.bench.world import START, busy_instance

EXECUTIONS = 300_000
AIM = 60.0
"""Seconds of one core."""
WHY = """
Every condition looks at every run once; which of them take longest is said beside it.
"""
SLOWEST = 3
BARE = "SELECT * FROM executions WHERE instance = 'production'"

Clock = Callable[[], float]


def compare(repeats: int) -> Result:
    ours, bare, memory = [], [], []
    steps: Counter[str] = Counter()
    with _stored() as settings:
        for _ in range(repeats):
            watch = Watch(time.process_time)
            ours.append(once(_replayed(settings, watch)))
            bare.append(once(_read(settings)))
            steps += watch.seconds()
            memory.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0)
    slowest = ((name, Figures((took / repeats,)), Unit.SECONDS) for name, took in steps.most_common(SLOWEST))
    return Result(
        "Replay",
        f"`replay` of {EXECUTIONS:,} executions of a state, all conditions",
        "reading the same rows",
        Figures(tuple(ours)),
        Figures(tuple(bare)),
        AIM,
        held=Held.ITSELF,
        parts=(("most memory of the process", Figures((memory[0],)), Unit.BYTES), *slowest),
        note=f"{EXECUTIONS * 60 / Figures(tuple(ours)).middle:,.0f} executions a minute",
        why=WHY,
    )


class Watch:
    """How long each step took, as far as the next one says that it is its turn."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._said: list[tuple[str, float]] = []

    def notice(self, step: str) -> None:
        self._said.append((step.partition(": ")[2], self._clock()))

    def seconds(self) -> Counter[str]:
        found: Counter[str] = Counter()
        end = ("", self._clock())
        for (step, began), (_, ended) in pairwise([*self._said, end]):
            found[step] += ended - began  # type: ignore[assignment]  # seconds are counted as well
        return found


@contextmanager
def _stored() -> Iterator[Settings]:
    with busy_instance() as instance, tempfile.TemporaryDirectory() as name:
        settings = settings_for(instance.url, Path(name))
        app = App(settings, clock=ManualClock(START), notifiers={})
        app.poll("production")
        app.engine.dispose()
        fill(Path(name) / "state.sqlite", EXECUTIONS)
        yield settings


def _replayed(settings: Settings, watch: Watch) -> Callable[[], object]:
    def work() -> object:
        engine = open_state(settings.state)
        prepare(engine)
        with reading(engine) as connection:
            done = of_state(
                connection, [settings], ["production"], since=None, until=None, notice=watch.notice
            )
        engine.dispose()
        if done.executions < EXECUTIONS:
            raise RuntimeError(f"only {done.executions} executions were judged")
        return done

    return work


def _read(settings: Settings) -> Callable[[], object]:
    def work() -> object:
        engine = open_state(settings.state)
        with reading(engine) as connection:
            count = sum(1 for _ in connection.exec_driver_sql(BARE))
        engine.dispose()
        return count

    return work
