"""What a poll has to know of the runs it may be shown again, kept in memory from one poll to the next.

Knows rows, not documents. Every change of a run carries a number (`executions`), so that one small question
brings the memory up to date, whoever wrote: this poll, another agent, an import. What retention deletes is
not numbered; it ended long before anything that is kept here. Holds what began or ended within the window
of the search, and what is active or waits for its retry: some dozens of names for an instance.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, bindparam, case, or_, select

from monitor.history.executions import ACTIVE, AWAITS_RETRY
from monitor.history.schema import executions
from monitor.model import FINAL_WORDS, RunId

SLACK = timedelta(minutes=30)
"""The window moves in steps of this: a clock that is set back a little does not make all be read again."""


_NEVER = datetime.max.replace(tzinfo=UTC)


class _Known(NamedTuple):
    """last: when it ended, or began if that is later; None while it is active."""

    version: str
    last: datetime | None


class Recent:
    """The runs of one instance; empty until `follow`."""

    def __init__(self, instance: str) -> None:
        self._instance = instance
        self._change = 0
        self._since: datetime | None = None
        self._ended_since: datetime | None = None
        self._waiting_since = _NEVER
        self._runs: dict[RunId, _Known] = {}
        self._waiting: dict[RunId, datetime] = {}

    def follow(self, conn: Connection, change: int, since: datetime, ended_since: datetime) -> None:
        """Up to the stored change with this number, in the transaction that read it.

        since: of runs that began or ended before it, no version is needed. ended_since: nor is known
        whether one that ended before it waits for a retry.
        """
        if (
            self._since is None
            or self._ended_since is None
            or since < self._since
            or ended_since < self._ended_since
            or change < self._change
        ):
            self._reload(conn, since - SLACK, ended_since - SLACK)
        elif change > self._change:
            self._take(conn.execute(_CHANGED, {"of": self._instance, "after": self._change}))
        self._change = change
        self._waiting_since = ended_since
        self._forget(since - SLACK, ended_since - SLACK)

    @property
    def versions(self) -> Mapping[RunId, str]:
        """Of what a search may show unchanged; a vanished run is not among it, as it may come back."""
        return {run: known.version for run, known in self._runs.items()}

    @property
    def active(self) -> set[RunId]:
        return {run for run, known in self._runs.items() if known.last is None}

    def has_ended(self, run: RunId) -> bool:
        """Whether it is known to have."""
        return run in self._runs and self._runs[run].last is not None

    @property
    def waiting(self) -> dict[RunId, datetime]:
        """Failed attempts that the platform may repeat, oldest first, and when each ended."""
        waiting = [(ended, run) for run, ended in self._waiting.items() if ended >= self._waiting_since]
        return {run: ended for ended, run in sorted(waiting)}

    def _reload(self, conn: Connection, since: datetime, ended_since: datetime) -> None:
        self._runs, self._waiting = {}, {}
        self._since, self._ended_since = since, ended_since
        place = {"of": self._instance, "since": since, "ended_since": ended_since}
        for statement in (_WITHIN, _ACTIVE, _WAITING):
            self._take(conn.execute(statement, place))

    def _forget(self, since: datetime, ended_since: datetime) -> None:
        """Now and then, what lies before."""
        if self._since is None or since - self._since < SLACK:
            return
        self._since, self._ended_since = since, ended_since
        self._waiting = {run: ended for run, ended in self._waiting.items() if ended >= ended_since}
        self._runs = {
            run: known for run, known in self._runs.items() if known.last is None or known.last >= since
        }

    def _take(self, rows: Iterable[Any]) -> None:
        for job_id, identity, version, word, began, ended, awaits_retry in rows:
            run = RunId(job_id, identity)
            self._waiting.pop(run, None)
            if ended is None:
                self._runs[run] = _Known(version, None)
            elif word in FINAL_WORDS:
                self._runs[run] = _Known(version, max(began, ended))
            else:
                self._runs.pop(run, None)
            if awaits_retry and ended is not None:
                self._waiting[run] = ended


_ROWS = select(
    *(executions.c[name] for name in ("job_id", "id", "version", "execution_status", "began_at", "ended_at")),
    case((AWAITS_RETRY, 1), else_=0),
).where(executions.c.instance == bindparam("of"))
_CHANGED = _ROWS.where(executions.c.change > bindparam("after"))
_ACTIVE = _ROWS.where(ACTIVE)
_WITHIN = _ROWS.where(
    or_(executions.c.began_at >= bindparam("since"), executions.c.ended_at >= bindparam("since"))
)
_WAITING = _ROWS.where(and_(executions.c.ended_at >= bindparam("ended_since"), AWAITS_RETRY))
