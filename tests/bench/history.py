"""A poll with a million executions in the history, against one with ten thousand: the same recent days.

Both states begin as a real one after its first poll. What came before is written into the tables directly:
copies of a run that is there, of the polled jobs and of others, spread over four hundred days.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from monitor.app import App
from monitor.clock import ManualClock
from tests.bench.measure import Result, in_turns
from tests.bench.poll import settings_for
from tests.bench.world import MINUTE, START, busy_instance

MANY = 1_000_000
FEW = 10_000
SPAN = timedelta(days=400)
JOBS = 150
WARM_UP = 3
AIM = 1.1
WHY = """
What grows are the indexes of the executions, by a level each: the looks that a poll takes into the history
go one page deeper, and pages of the older days leave the cache of SQLite sooner.
"""


def compare(repeats: int) -> Result:
    with _polled(MANY) as many, _polled(FEW) as few:
        in_turns(many, few, WARM_UP)
        figures = in_turns(many, few, repeats)
    return Result(
        "History",
        f"`App.poll`, publishing included, with {MANY:,} executions of {SPAN.days} days, {JOBS} jobs",
        f"the same with the last {FEW:,} of them",
        *figures,
        AIM,
        why=WHY,
    )


@contextmanager
def _polled(executions: int) -> Iterator[Callable[[], None]]:
    with busy_instance() as instance, tempfile.TemporaryDirectory() as name:
        clock = ManualClock(START)
        settings = settings_for(instance.url, Path(name))
        app = App(settings, clock=clock, notifiers={})
        app.poll("production")
        app.engine.dispose()
        fill(Path(name) / "state.sqlite", executions)

        def poll() -> None:
            instance.tick()
            clock.advance(MINUTE)
            result = app.poll("production")
            if not result.complete:
                raise RuntimeError(f"the poll failed: {result.message}")

        yield poll
        app.engine.dispose()


def fill(state: Path, executions: int) -> None:
    """Copies of runs: one in a hundred failed, each judged long ago, every `SPAN / MANY` seconds back."""
    connection = sqlite3.connect(state, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    names = [row[1] for row in connection.execute("PRAGMA table_info(executions)")]
    values = [_VALUES.get(name, f't."{name}"') for name in names]
    good, bad = (
        connection.execute(
            f"SELECT rowid FROM executions WHERE {which} ORDER BY began_at LIMIT 1"
        ).fetchone()[0]
        for which in ("outcome = 'ok'", "outcome = 'failed'")
    )
    indexes = connection.execute(
        "SELECT name, sql FROM sqlite_master"
        " WHERE type = 'index' AND tbl_name = 'executions' AND sql IS NOT NULL"
    ).fetchall()
    connection.execute("BEGIN")
    for index, _ in indexes:
        connection.execute(f"DROP INDEX {index}")
    connection.execute(
        f"""
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :executions),
        first AS (SELECT min(began_at) AS at FROM executions)
        INSERT INTO executions ({", ".join(names)})
        SELECT {", ".join(values)} FROM n, first JOIN executions t
        ON t.rowid = CASE WHEN n.i % 100 = 0 THEN :bad ELSE :good END
        """,
        {
            "executions": executions,
            "good": good,
            "bad": bad,
            "gap": SPAN // timedelta(microseconds=1) // MANY,
            "jobs": JOBS,
        },
    )
    for _, statement in indexes:
        connection.execute(statement)
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


_BEGAN = "(first.at - n.i * :gap)"
_LASTED = "(60000000 + (n.i * 7919) % 600 * 1000000)"
_ENDED = f"({_BEGAN} + {_LASTED})"
_VALUES = {
    "job_id": "printf('Import-%02d', (n.i * 31) % :jobs)",
    "id": "printf('old-%07d', n.i)",
    "version": "printf('old-%07d', n.i)",
    "change": "1",
    "log_file_path": "'/LOGS/jobs/Import/Job-' || n.i || '.log'",
    "duration": _LASTED,
    "start_time": _BEGAN,
    "creation_date": _BEGAN,
    "began_at": _BEGAN,
    "first_seen": _BEGAN,
    "end_time": _ENDED,
    "ended_at": _ENDED,
    "last_modified": _ENDED,
    "last_seen": _ENDED,
}
