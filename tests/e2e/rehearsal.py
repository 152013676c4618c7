"""One night of a shop, played step by step to an agent that may be killed at any crossing and begins anew.

The world, both chats and all clocks stand in this process and are moved by hand, so one night differs from
another by its kills alone. What a killed step left undone, the next life does in the same step: nobody who
starts an agent again tells it where it stopped. The night has turns; the state is kept as it was before
each, so that a kill in a late one needs not all of them: its agent begins one turn before.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, Self

from monitor.simulator import ManualClock, Run, Simulator, World
from tests.e2e.harness import Chat, Received

ROOT = Path(__file__).parents[2]
EVENING = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)

_INCIDENT = re.compile(r"\bincident ([0-9a-f]{32})")


@dataclass(frozen=True, slots=True)
class Kill:
    """At the `crossing`-th crossing, from 1, of a step of a turn; see `Night.kills`.

    again: the next life ends too, at that crossing of its own (0: it lives).
    """

    turn: int
    step: int
    crossing: int
    again: int = 0


@dataclass(frozen=True, slots=True)
class Told:
    """What a chat took, without the id by which a repetition is recognised."""

    chat: int
    title: str
    body: str
    files: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Crossed:
    """What was crossed in a step that came to its end."""

    turn: int
    step: int
    do: str
    crossings: tuple[str, ...]


@dataclass(slots=True)
class Night:
    """How it went. ids: those of the incidents a message names, once for each time it came."""

    crossed: list[Crossed] = field(default_factory=list)
    kills: int = 0
    told: list[tuple[int, Told]] = field(default_factory=list)
    ids: dict[Told, list[frozenset[str]]] = field(default_factory=dict)

    def messages(self, since: int = 0) -> Counter[Told]:
        """Those of that turn and later ones."""
        return Counter(told for turn, told in self.told if turn >= since)


class State(Protocol):
    """The database of an agent; it may be written to by one that dies."""

    @property
    def url(self) -> str: ...

    def empty(self) -> None: ...

    def keep(self, name: str) -> None: ...

    def restore(self, name: str) -> None: ...


class Stage:
    """The world of one night, and what runs in it."""

    def __init__(self) -> None:
        self.clock = ManualClock(EVENING)
        self.world = World(self.clock, history=timedelta(days=5))
        self._running: dict[str, Run] = {}
        for days in range(1, 5):  # what the first read finds and nobody is told
            at = EVENING - timedelta(days=days)
            code = "ERROR" if days == 1 else "OK"
            self.world.start("import-stock", at=at).finish(at=at + timedelta(minutes=5), code=code)

    def start(self, job: str) -> None:
        self._running[job] = self.world.start(job)

    def finish(self, job: str) -> None:
        self._running.pop(job).finish()

    def fail(self, job: str, message: str) -> None:
        self.world.start(job).finish(code="ERROR", status="error", message=message, failed_step="import")

    def recover(self, job: str) -> None:
        self.world.start(job).finish()


PRICES = "import-prices"
FULL = "3-2-1-Akeneo-Full-Import-Master"
DIFFERENTIAL = "3-1-2-Akeneo-Differential-Import-Storefront"


Turn = Callable[[Stage], object]


def _nothing(_stage: Stage) -> None:
    pass


def _a_failure_and_an_overlap(stage: Stage) -> None:
    stage.fail(PRICES, "read timed out")
    stage.start(DIFFERENTIAL)
    stage.start(FULL)


def _a_new_cause_an_end_and_what_is_over_already(stage: Stage) -> None:
    stage.fail(PRICES, "the catalog is locked by another process")
    stage.finish(DIFFERENTIAL)
    stage.fail("export-feed", "no space left")
    stage.recover("export-feed")


def _recovery(stage: Stage) -> None:
    stage.recover(PRICES)
    stage.finish(FULL)


FIRST_NIGHT: Sequence[Turn] = (
    _nothing,  # but what is there already: the first read
    lambda stage: stage.fail(PRICES, "read timed out"),
    lambda stage: stage.recover(PRICES),
)
LATER_NIGHT: Sequence[Turn] = (
    _nothing,
    _nothing,
    _a_failure_and_an_overlap,
    _a_new_cause_an_end_and_what_is_over_already,
    _recovery,
)
TURN = timedelta(minutes=6)
"""Longer than groups wait for more to tell."""


def steps(targets: Sequence[str]) -> Iterator[tuple[str, timedelta]]:
    """Of each turn: what is done, and how much time passes before."""
    at_once = timedelta()
    yield "poll", at_once
    yield "fetch_logs", at_once
    yield "dispatch", at_once
    yield "dispatch", timedelta(seconds=10)
    for target in targets:
        yield f"deliver {target}", at_once


class Nursery:
    """The process that bears agents; see `tests.e2e.nursery`. Ends with the block."""

    def __init__(self, directory: Path) -> None:
        self._errors = directory / "nursery.txt"

    def __enter__(self) -> Self:
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.e2e.nursery"],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=10)

    def order(self, **order: object) -> dict[str, Any]:
        """The answer to it. Fails with what the agent said where one ended in any way but by a kill."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline() or b'{"ended": "the nursery"}')
        if answer.get("ended", -9) not in {-9, 0}:
            raise AssertionError(f"an agent ended with {answer['ended']}:\n{self._errors.read_text()}")
        return answer


class Rehearsal:
    """Nights on one state. damage: a defect the agents shall have, see `tests.e2e.nursery`."""

    def __init__(self, nursery: Nursery, state: State, turns: Sequence[Turn], damage: str = "") -> None:
        self._nursery = nursery
        self._state = state
        self._turns = turns
        self._damage = damage
        self._chats = (Chat(), Chat())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for chat in self._chats:
            chat.down()

    def undisturbed(self) -> Night:
        """The whole night without a kill; keeps the state before each turn."""
        self._state.empty()
        with self._play(0) as player:
            for turn in range(len(self._turns)):
                self._state.keep(f"turn-{turn}")
                player.turn(turn, None)
            return player.night

    def killed(self, kill: Kill) -> Night:
        """From the turn before the kill to the end; needs `undisturbed` to have been played."""
        first = self.since(kill)
        self._state.restore(f"turn-{first}")
        with self._play(first) as player:
            for turn in range(first, len(self._turns)):
                player.turn(turn, kill)
            return player.night

    @staticmethod
    def since(kill: Kill) -> int:
        """The turn a night with this kill begins with."""
        return max(kill.turn - 1, 0)

    def _play(self, first: int) -> _Player:
        birth = {
            "state": self._state.url,
            "chats": [chat.url for chat in self._chats],
            "damage": self._damage,
        }
        return _Player(self._nursery, birth, self._turns, self._chats, first)


class _Player:
    """One night; a life at a time."""

    def __init__(
        self,
        nursery: Nursery,
        birth: dict[str, Any],
        turns: Sequence[Turn],
        chats: Sequence[Chat],
        first: int,
    ) -> None:
        self.night = Night()
        self._nursery = nursery
        self._chats = chats
        self._stage = Stage()
        self._simulator = Simulator(self._stage.world)
        self._birth = birth
        self._turns = turns
        self._second = 0
        self._first = first

    def __enter__(self) -> Self:
        self._simulator.start()
        for chat in self._chats:
            chat.messages.clear()
        for turn in range(self._first):
            self._begin(turn)
            for _, after in steps(()):
                self._stage.clock.advance(after)
        self._bear()
        return self

    def __exit__(self, *_: object) -> None:
        self._order(do="end")
        self._simulator.stop()

    def turn(self, number: int, kill: Kill | None) -> None:
        self._begin(number)
        for step, (do, after) in enumerate(steps(self._targets)):
            self._stage.clock.advance(after)
            is_here = kill is not None and (kill.turn, kill.step) == (number, step)
            kill_at = kill.crossing if kill is not None and is_here else self._second
            crossings = self._do(do, kill_at)
            while crossings is None:
                self.night.kills += 1
                self._second = kill.again if kill is not None and self.night.kills == 1 else 0
                self._bear()
                crossings = self._do(do, self._second)
            self._second = max(self._second - len(crossings), 0)
            self.night.crossed.append(Crossed(number, step, do, tuple(crossings)))
        self._listen(number)

    def _begin(self, number: int) -> None:
        self._stage.clock.advance(TURN)
        self._turns[number](self._stage)

    def _listen(self, turn: int) -> None:
        for number, chat in enumerate(self._chats):
            for message in chat.messages:
                told, ids = _told(number, message)
                self.night.told.append((turn, told))
                self.night.ids.setdefault(told, []).append(ids)
            chat.messages.clear()

    def _bear(self) -> None:
        self._targets: list[str] = self._order(server=self._simulator.url, **self._birth)["targets"]

    def _do(self, do: str, kill_at: int) -> list[str] | None:
        """What was crossed; None when that was the end."""
        return self._order(do=do, kill_at=kill_at).get("crossed")

    def _order(self, **order: object) -> dict[str, Any]:
        return self._nursery.order(at=self._stage.clock.now().isoformat(), **order)


def _told(chat: int, message: Received) -> tuple[Told, frozenset[str]]:
    body = _INCIDENT.sub("incident -", message.body)
    ids = frozenset(_INCIDENT.findall(message.body))
    return Told(chat, message.title, body, tuple(sorted(message.files.items()))), ids
