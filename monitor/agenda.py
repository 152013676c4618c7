"""When each job is to be looked at again though nothing happened to it: a slot passes, a run takes too long.

Knows names and instants. Kept in memory, because the first look of a process is at everything. What is due
stays due until somebody has looked: a transaction that was rolled back looked at nothing.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable
from datetime import datetime

from monitor.detect.model import Decision

INSTANCE = ""
"""In place of a job: what concerns the instance as a whole."""

_STALE = 8


class Agenda:
    """Of one instance; not to be shared by threads."""

    def __init__(self) -> None:
        self._at: dict[str, datetime] = {}
        self._queue: list[tuple[datetime, str]] = []
        self._due: set[str] = set()

    def due(self, until: datetime) -> frozenset[str]:
        """Jobs whose instant has come, INSTANCE among them where its has."""
        while self._queue and self._queue[0][0] <= until:
            at, job_id = heapq.heappop(self._queue)
            if self._at.get(job_id) == at:
                del self._at[job_id]
                self._due.add(job_id)
        return frozenset(self._due)

    def note(self, looked_at: Collection[str], decisions: Iterable[Decision]) -> None:
        """These jobs (and the instance) were looked at, and this is what was decided."""
        instants: dict[str, datetime] = {}
        for decision in decisions:
            if decision.look_again is None:
                continue
            for job_id in decision.jobs or (INSTANCE,):
                known = instants.get(job_id)
                instants[job_id] = decision.look_again if known is None else min(known, decision.look_again)
        for job_id in {*looked_at, INSTANCE}:
            self._due.discard(job_id)
            at = instants.get(job_id)
            if at is None:
                self._at.pop(job_id, None)
            elif self._at.get(job_id) != at:
                self._at[job_id] = at
                heapq.heappush(self._queue, (at, job_id))
        if len(self._queue) > _STALE * (len(self._at) + 1):  # most of it was put off meanwhile
            self._queue = [(at, job_id) for job_id, at in self._at.items()]
            heapq.heapify(self._queue)
