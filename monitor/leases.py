"""The leases of this process: which instances it polls, and whether it is the one that tells.

One agent on a state holds all of them. Of several each lease has one holder; the others stand by and take
over when it is gone. Knows nothing of what is done under a lease; its time is the database's.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection

from sqlalchemy import Connection, Engine

from alerts.owner import process_is_gone
from monitor.errors import LeaseLostError
from monitor.history import leases
from monitor.history.engine import reading
from monitor.history.leases import LENGTH_MS, Lease

RENEW_SECONDS = LENGTH_MS / 4000
"""Real ones: a lease survives three renewals that fail."""

DISPATCHER = "dispatcher"


_INSTANCE = "instance:"


def of_instance(instance: str) -> str:
    """The name of its lease."""
    return f"{_INSTANCE}{instance}"


def instance_of(name: str) -> str | None:
    """The instance that a lease of this name is for."""
    return name.removeprefix(_INSTANCE) if name.startswith(_INSTANCE) else None


class Leases:
    """Used by all threads."""

    def __init__(
        self, engine: Engine, holder: str, *, is_gone: Callable[[str], bool] = process_is_gone
    ) -> None:
        self.holder = holder
        self._engine = engine
        self.is_gone = is_gone
        self._held: dict[str, Lease] = {}
        self._extended: dict[str, float] = {}
        self._asking = threading.Lock()
        # Not held while the state is asked: who finds out in a transaction that a lease is lost needs it, and
        # on SQLite whoever asks waits for that transaction.
        self._lock = threading.Lock()

    def take(self, name: str) -> Lease | None:
        """None while another agent holds it. Asks the state only when it is not held already."""
        held = self._held.get(name)
        return held or self.take_all([name]).get(name)

    def take_all(self, names: Collection[str]) -> dict[str, Lease]:
        """Those of them that are held now."""
        with self._asking:
            missing = [name for name in names if name not in self._held]
            if free := self._free(missing):
                with self._engine.begin() as connection:
                    taken = leases.take(connection, free, self.holder, self.is_gone)
                with self._lock:
                    self._held |= taken
                    self._extended |= dict.fromkeys(taken, time.monotonic())
            with self._lock:
                return {name: self._held[name] for name in names if name in self._held}

    def other(self, name: str) -> str:
        """Who holds it, if not we; else empty."""
        with reading(self._engine) as connection:
            holder = leases.holders(connection).get(name, "")
        return "" if holder == self.holder else holder

    def fence(self, lease: Lease) -> Callable[[Connection], None]:
        """To be called first in each transaction under the lease; raises LeaseLostError."""

        def hold(connection: Connection) -> None:
            is_old = time.monotonic() - self._extended.get(lease.name, 0.0) >= RENEW_SECONDS
            if not (leases.extend if is_old else leases.hold)(connection, lease):
                self._lose(lease)
                raise LeaseLostError(f"another agent has taken over ({lease.name})")
            if is_old:
                self._extended[lease.name] = time.monotonic()

        return hold

    def renew(self) -> set[str]:
        """For those under which nothing happens for a while; returns those found to be lost."""
        with self._asking:
            with self._lock:
                names = set(self._held)
            if not names:
                return set()
            with self._engine.begin() as connection:
                lost = leases.renew(connection, self.holder, names)
            with self._lock:
                self._held = {name: lease for name, lease in self._held.items() if name not in lost}
                self._extended = dict.fromkeys(self._held, time.monotonic())
        return lost

    def release(self) -> None:
        """So that another agent need not wait for their end."""
        with self._asking:
            with self._lock:
                is_any, self._held = bool(self._held), {}
            if is_any:
                with self._engine.begin() as connection:
                    leases.release(connection, self.holder)

    def _free(self, names: Collection[str]) -> list[str]:
        """Who stands by asks every few seconds, and should not write each time.

        One that is ours without our knowing was taken by a commit whose answer never came.
        """
        if not names:
            return []
        with reading(self._engine) as connection:
            held = leases.holders(connection)
        return [name for name in names if held.get(name) in {None, self.holder} or self.is_gone(held[name])]

    def _lose(self, lease: Lease) -> None:
        with self._lock:
            if self._held.get(lease.name) == lease:
                del self._held[lease.name]
