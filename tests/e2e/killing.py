"""An agent that is killed again and again while a shop goes on failing, and the account of what it told.

Real time, real processes: `sfcc-job-monitor run`, and a signal it cannot catch. Knows what the world had, and
reads what a chat took; that the two agree is for a test to say.
"""

from __future__ import annotations

import random
import re
import signal
import subprocess
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from monitor.simulator import Run, World
from tests.e2e.harness import COMMAND, Chat, Received, until

ANSWERS_AFTER = 0.12
"""Seconds a chat holds back its answer: long enough to be killed in."""

_TITLE = re.compile(r"^(?P<resolved>resolved: )?(?:(?P<condition>\w+): )?(?P<name>.+) on production")
_INCIDENT = re.compile(r"^incident ([0-9a-f]{32})$")


class SlowChat(Chat):
    """Has a message some time before it says so."""

    def __init__(self) -> None:
        super().__init__()
        self.unanswered = 0
        self._lock = threading.Lock()
        self._calm = threading.Event()

    def take(self, document: dict[str, Any]) -> int:
        answer = super().take(document)
        with self._lock:
            self.unanswered += 1
        self._calm.wait(ANSWERS_AFTER)
        with self._lock:
            self.unanswered -= 1
        return answer

    def hurry(self) -> None:
        """From now on it answers at once."""
        self._calm.set()


class Load:
    """Failures that recover, and pairs of imports that overlap, several a second.

    As much as was asked for: how fast a machine kills shall not decide how much there is to tell.
    """

    PAUSE = 0.1

    def __init__(self, world: World) -> None:
        self.failed: list[str] = []
        self.overlapped: list[str] = []
        self._world = world
        self._waiting: list[str] = []
        self._pair: tuple[Run, Run] | None = None
        self._ended = threading.Event()
        self._wanted = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._go_on, name="load", daemon=True)
        self._thread.start()

    @property
    def names(self) -> set[str]:
        """What there is to tell of."""
        return {*self.failed, *self.overlapped}

    def more(self, turns: int) -> None:
        self._wanted.release(turns)

    def calm(self) -> None:
        """Nothing runs any more, and everything has recovered."""
        self._ended.set()
        self.more(1)
        self._thread.join()
        while self._waiting:
            self._recover()
        self._end_pair()

    def _go_on(self) -> None:
        turn = 0
        while not self._ended.wait(self.PAUSE):
            self._wanted.acquire()
            turn += 1
            if turn % 8 == 1:
                self._end_pair()
            elif turn % 8 == 2:
                self._begin_pair(turn)
            elif turn % 2 == 0:
                self._fail(turn)
            elif len(self._waiting) > 4:
                self._recover()

    def _fail(self, turn: int) -> None:
        name = f"import-{turn}"
        self._world.start(name).finish(code="ERROR", message=f"{name} met a locked table")
        self.failed.append(name)
        self._waiting.append(name)

    def _recover(self) -> None:
        self._world.start(self._waiting.pop(0)).finish()

    def _begin_pair(self, turn: int) -> None:
        earlier, later = (f"{kind}-{turn}-akeneo" for kind in ("differential", "full"))
        first = self._world.start(earlier)
        threading.Event().wait(0.01)  # or nobody could say which of them came later
        self._pair = first, self._world.start(later)
        self.overlapped.append(f"{later} with {earlier}")

    def _end_pair(self) -> None:
        for run in self._pair or ():
            run.finish()
        self._pair = None


@dataclass(frozen=True, slots=True)
class Killer:
    """Begins agents and ends them. draw: decides when, the same for the same seed."""

    environ: Mapping[str, str]
    directory: Path
    world: World
    chat: SlowChat
    draw: random.Random

    def kill_one(self) -> str:
        """Returns in the midst of what it was."""
        errors = self.directory / "killed.txt"
        with errors.open("wb") as stderr:
            process = subprocess.Popen(
                [COMMAND, "run"],
                env=dict(self.environ),
                cwd=self.directory,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
            )
        try:
            self._let_live(process, errors)
            return self._midst(errors)
        finally:
            process.send_signal(signal.SIGKILL)
            if process.wait() != -signal.SIGKILL:
                raise AssertionError(f"the agent ended by itself:\n{errors.read_text()}")

    def _let_live(self, process: subprocess.Popen[bytes], errors: Path) -> None:
        pause = threading.Event()
        kind = self.draw.random()
        if kind < 0.2:  # while it starts, which takes most of a second
            pause.wait(self.draw.uniform(0.0, 0.7))
            return
        until("the endpoint", lambda: process.poll() is not None or _is_up(errors))
        if kind < 0.4:  # while it sends, if it has anything to send
            deadline = time.monotonic() + 2
            while not self.chat.unanswered and time.monotonic() < deadline:
                pause.wait(0.005)
            pause.wait(self.draw.uniform(0.0, ANSWERS_AFTER))
            return
        pause.wait(self.draw.uniform(0.0, 0.5))

    def _midst(self, errors: Path) -> str:
        if not _is_up(errors):
            return "starting"
        if self.chat.unanswered:
            return "sending"
        with self.world.lock:
            asked = self.world.requests[-1].at if self.world.requests else None
        if asked is not None and (self.world.now() - asked).total_seconds() < 0.03:
            return "reading"
        return "between"


def _is_up(errors: Path) -> bool:
    return b"metrics at" in errors.read_bytes()


class Phase(StrEnum):
    """What a message says of its incident."""

    OPENED = "opened"
    ENDED = "ended"
    OVER = "over"  # that it had begun and ended, in one message


@dataclass(slots=True)
class Account:
    """What was told, by name. ids: of its incidents. files: how many came with it."""

    phases: defaultdict[str, Counter[Phase]] = field(default_factory=lambda: defaultdict(Counter))
    ids: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    files: Counter[str] = field(default_factory=Counter)

    def is_complete(self, name: str) -> bool:
        """Whether beginning and end were told."""
        told = self.phases[name]
        return bool(told[Phase.OVER] or (told[Phase.OPENED] and told[Phase.ENDED]))

    @property
    def repeated(self) -> int:
        """How many messages said what had been said before."""
        return sum(told.total() - (1 if told[Phase.OVER] else len(told)) for told in self.phases.values())


def account(messages: Sequence[Received]) -> Account:
    """Raises ValueError for a message that is not of one incident: no group has two, there is no summary."""
    found = Account()
    for message in messages:
        title = _TITLE.match(message.title)
        incidents = [line[1] for line in map(_INCIDENT.match, message.body.splitlines()) if line]
        if title is None or len(incidents) != 1:
            raise ValueError(f"not of one incident: {message.title}\n{message.body}")
        name = title["name"]
        found.phases[name][_phase(message, is_over=title["resolved"] is not None)] += 1
        found.ids[name].add(incidents[0])
        found.files[name] += len(message.files)
    return found


def _phase(message: Received, *, is_over: bool) -> Phase:
    """The end of something that was told before has no facts."""
    if not is_over:
        return Phase.OPENED
    return Phase.OVER if "\nSeverity: " in message.body else Phase.ENDED
