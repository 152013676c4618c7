"""Bad weather for an agent: what goes wrong around each poll of a week, drawn from a seed and counted.

Knows the simulator's faults and both clocks, nothing of what the agent makes of it. Quiet hours, rough ones
(some requests of each poll fail) and outages (none comes through) follow each other.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from monitor.simulator import Faults, World
from monitor.simulator import ManualClock as WorldClock
from tests.monitor.week import HOUR, MINUTE, Week

WRONG_DATES_APART = 3
"""Polls: fewer wrong dates in a row than the median of the last five believes."""

Strike = Callable[[Faults, str], None]

KINDS: tuple[Strike, ...] = (
    lambda faults, api: faults.throttle(api, retry_after=3),
    lambda faults, api: faults.throttle(api, retry_after=None),
    lambda faults, api: faults.throttle(api, retry_after=300),  # no further try in this poll
    lambda faults, api: faults.unavailable(api, load=95),
    lambda faults, api: faults.unavailable(api),
    lambda faults, api: faults.gateway_timeout(api),
    lambda faults, api: faults.server_error(api),
    lambda faults, api: faults.html(api),
    lambda faults, api: faults.empty(api),
    lambda faults, api: faults.truncated(api),
    lambda faults, api: faults.cut(api),
    lambda faults, api: faults.reset(api),
)
"""A request that meets one of these is asked again, three times in all."""

APIS = ("search",) * 8 + ("webdav", "webdav", "execution", "token", "*")

SLOW: tuple[Strike, ...] = (
    lambda faults, api: faults.stall(api, silence=0.05),
    lambda faults, api: faults.drip(api, pause=0.0),
)
"""These cost real time, and are rare for that reason."""


KIND_NAMES = (
    *("throttle", "unavailable", "gateway_timeout", "server_error", "html", "empty", "truncated"),
    *("cut", "reset", "stall", "drip", "short_page", "misdated", "revoked", "expired"),
    *("rows between pages", "clock step"),
)


class SteppingClock:
    """The agent's clock: goes on with the world's, is wrong by `off`, and is put right or wrong in one step.

    Waiting lets the world's time pass. `step_in`: after so many looks at it, even amid a request.
    """

    def __init__(self, world: WorldClock) -> None:
        self._world = world
        self._began = world.now()
        self._lock = threading.Lock()
        self._looks: int | None = None
        self._next = timedelta()
        self.off = timedelta()
        self.steps = 0

    def now(self) -> datetime:
        with self._lock:
            if self._looks is not None:
                self._looks -= 1
                if self._looks < 0:
                    self._step()
            return self._world.now() + self.off

    def monotonic(self) -> float:
        return (self._world.now() - self._began).total_seconds()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        self.advance(timedelta(seconds=max(seconds, 0.0)))
        return event.is_set()

    def advance(self, by: timedelta) -> None:
        with self._lock:
            self._world.advance(by)

    def step_in(self, looks: int, off: timedelta) -> None:
        with self._lock:
            self._looks, self._next = looks, off

    def settle(self) -> None:
        with self._lock:
            self._next = timedelta()
            self._step()

    def _step(self) -> None:
        self.steps += self._next != self.off
        self.off, self._looks = self._next, None


@dataclass(slots=True)
class Weather:
    """`injected` counts what really happened, by kind, beside what the simulator counts itself."""

    seed: int
    world: World
    clock: SteppingClock
    week: Week
    injected: Counter[str] = field(default_factory=Counter)
    chance: Random = field(init=False)
    mood: str = field(init=False, default="quiet")
    until: datetime = field(init=False)
    polls: int = field(init=False, default=0)
    wrong_date_at: int = field(init=False, default=-WRONG_DATES_APART)
    page_at: datetime | None = field(init=False, default=None)
    moved: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.chance = Random(f"weather of {self.seed}")
        self.until = (
            self.world.clock.now() + HOUR / 2
        )  # what was over before anybody watched is another story
        self.world.quirks.after_search = self._between_pages

    def before_poll(self) -> timedelta:
        """Prepares what goes wrong next; returns how long to wait for the poll after it."""
        self._turn()
        self.polls += 1
        self.page_at, self.moved = None, 0
        self.world.faults.clear()
        if self.mood == "quiet":
            return self.chance.uniform(15, 30) * MINUTE
        self._move_clock()
        if self.mood == "outage":
            self._outage()
        else:
            self._rough()
        return self.chance.uniform(6, 12) * MINUTE

    def clear_up(self) -> None:
        """The sun comes out."""
        self.world.faults.clear()
        self.world.quirks.after_search = None
        self.clock.settle()

    def count(self) -> Counter[str]:
        """All that was injected, by kind."""
        done = Counter(one.partition(" ")[2] for one in self.world.faults.done)
        refused = sum(one.status == 401 for one in self.world.requests)
        found = self.injected + done
        found["expired"] = max(refused - done["revoked"], 0)
        found["clock step"] = self.clock.steps
        return found

    def _turn(self) -> None:
        now = self.world.clock.now()
        if now < self.until:
            return
        if self.mood == "rough":
            self.mood = self.chance.choices(["quiet", "outage"], [1, 2])[0]
        else:
            self.mood = "rough"
        hours = {"quiet": (1, 4), "rough": (2, 8), "outage": (0.5, 1.5)}[self.mood]
        if self.mood == "outage" and self.chance.random() < 0.1:
            hours = (3, 5)
        self.until = now + self.chance.uniform(*hours) * HOUR

    def _move_clock(self) -> None:
        if self.chance.random() < 0.1:
            off = self.chance.choice([-HOUR, timedelta(), timedelta(), HOUR])
            self.clock.step_in(self.chance.randrange(40), off)

    def _outage(self) -> None:
        for _ in range(12):
            self.chance.choice(KINDS)(self.world.faults, "*")

    def _rough(self) -> None:
        faults = self.world.faults
        if self.polls - self.wrong_date_at >= WRONG_DATES_APART and self.chance.random() < 0.3:
            self.wrong_date_at = self.polls
            faults.misdated("search", by=self.chance.choice([-3600, 3600]), after=self.chance.randrange(3))
        if self.chance.random() < 0.3:
            self.chance.choice(SLOW)(faults, "search")
        if self.chance.random() < 0.4:
            faults.revoked(self.chance.choice(["search", "webdav"]), after=self.chance.randrange(6))
        for _ in range(self.chance.randrange(50, 85)):
            if self.chance.random() < 0.8:
                faults.short_page(keep=self.chance.randrange(1, 4))
            else:
                self.chance.choice(KINDS)(faults, self.chance.choice(APIS))

    def _between_pages(self) -> None:
        """Time passes after an answer; what comes or ends meanwhile lies between two requests of one poll."""
        now = self.world.clock.now()
        if self.page_at is not None:
            self.injected["rows between pages"] += self.week.happenings(self.page_at, now) > 0
        if self.mood != "quiet" and self.chance.random() < 0.5:
            self.clock.advance(timedelta(seconds=self.chance.uniform(1, 30)))
        self.page_at = now
