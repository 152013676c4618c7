"""One agent after another in one process: new settings and new secrets without a restart.

Knows when files of secrets have changed and which settings are in force; how settings are read and how an
agent is built is told by the caller. The one idea: the next agent is built while the last one runs, so what
is wrong with it is found out before anything is stopped, and the last settings stay in force.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from pydantic import BaseModel

from monitor.errors import MonitorError
from monitor.settings import Loaded

log = logging.getLogger(__name__)

Mark = tuple[int, int, int] | None
"""Inode, size and time of change of a file; None where there is none to be seen."""


class Agent(Protocol):
    """What is needed of a `monitor.app.App`."""

    def start(self) -> None:
        """Raises `MonitorError` when it cannot."""
        ...

    def stop(self) -> bool:
        """Whether nothing had to be left behind."""
        ...

    def reloaded(self, *, successful: bool) -> None:
        """For the metric."""
        ...


Built = TypeVar("Built", bound=Agent)


class Succession(Generic[Built]):
    """Not to be shared by threads.

    load: reads the settings; build: an agent by them, not started. Both raise `MonitorError`.
    """

    def __init__(self, load: Callable[[], Loaded], build: Callable[[Loaded], Built]) -> None:
        self._load = load
        self._build = build
        self.loaded = load()
        self._marks = marks_of(self.loaded.settings)
        self.agent = build(self.loaded)

    def start(self) -> None:
        self.agent.start()

    def secrets_changed(self) -> bool:
        """Whether a file that the settings name is another one than when they were read."""
        return marks_of(self.loaded.settings) != self._marks

    def reload(self) -> bool:
        """Whether the settings as they are now are in force; else the last ones are, and the log says why."""
        try:
            loaded = self._load()
            self._marks = marks_of(loaded.settings)
            coming = self._build(loaded)
        except MonitorError as error:
            self._stay(error)
            return False
        last, self.loaded = self.loaded, loaded
        self.agent.stop()
        try:
            coming.start()
        except MonitorError as error:
            coming.stop()  # it may listen already, and hold leases
            self._return_to(last, error)
            return False
        self.agent = coming
        log.info("the settings of %s are in force", loaded.origin)
        return True

    def _stay(self, error: MonitorError) -> None:
        # Once for each change: what is wrong now is wrong until a file changes again.
        self._marks = marks_of(self.loaded.settings)
        self.agent.reloaded(successful=False)
        log.error("the new settings are not taken, the last ones stay in force: %s", error)

    def _return_to(self, last: Loaded, error: MonitorError) -> None:
        """Raises `MonitorError` where even they do not work any more."""
        self.loaded = last
        self.agent = self._build(last)
        self.agent.start()
        self._stay(error)


def marks_of(settings: BaseModel) -> Mapping[Path, Mark]:
    """Of each file that the settings name."""
    return {path: _mark(path) for path in _paths(settings)}


def _mark(path: Path) -> Mark:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _paths(value: object) -> Iterator[Path]:
    if isinstance(value, Path):
        yield value
    elif isinstance(value, BaseModel):
        for _, inner in value:
            yield from _paths(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _paths(inner)
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _paths(inner)
